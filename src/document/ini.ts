import { parse } from 'ini'
import type { Parsed, Path } from './document.ts'
import type { Position } from './problem.ts'

/**
 * Parses INI. Sections nest by dots (`[smtp.backup]`), lists are written `key[] = value`, lists of sections by number
 * (`[alertmanagers.0]`). Every value is text; the schemas read numbers and yes/no from it.
 */
export function parseIni(text: string, complain: (position: Position, message: string) => void): Parsed | null {
  const places = new Map<string, Position>()
  let section: readonly string[] = []
  let fine = true
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const content = line.trim()
    const position = { line: index + 1, column: line.length - line.trimStart().length + 1 }
    if (content === '' || content.startsWith(';') || content.startsWith('#')) continue
    const header = /^\[([^\]]+)\]$/.exec(content)
    if (header !== null) {
      section = (header[1] ?? '').split('.').map((name) => name.trim())
      for (let depth = 1; depth <= section.length; depth += 1) remember(section.slice(0, depth), position)
      continue
    }
    const name = (content.split('=')[0] ?? '').trim()
    if (!content.includes('=') || name === '') {
      complain(position, 'expected "key = value", "[section]" or a comment')
      fine = false
    } else if (name.endsWith('[]')) {
      const list = [...section, name.slice(0, -2)]
      remember(list, position)
      let item = 0
      while (places.has(keyOf([...list, item]))) item += 1
      remember([...list, item], position)
    } else if (places.has(keyOf([...section, name]))) {
      complain(position, 'this key is already there')
      fine = false
    } else remember([...section, name], position)
  }
  return fine ? { value: withLists(parse(text)), at: placeOf } : null

  function remember(path: Path, position: Position): void {
    if (!places.has(keyOf(path))) places.set(keyOf(path), position)
  }

  function placeOf(path: Path): Position {
    for (let length = path.length; length > 0; length -= 1) {
      const position = places.get(keyOf(path.slice(0, length)))
      if (position !== undefined) return position
    }
    return { line: 1, column: 1 }
  }
}

function keyOf(path: Path): string {
  return path.join('\0')
}

/** Sections named 0, 1, 2, … are a list. */
function withLists(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, withLists(inner)])
  const numbered = entries.length > 0 && entries.every(([key], index) => key === String(index))
  return numbered ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
}
