import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml'
import type { Parsed, Path } from './document.ts'
import type { Position } from './problem.ts'

/** How often anchors may be expanded in one file, so that a few lines cannot become gigabytes. */
const MOST_ALIASES = 100
const TOO_DEEP = 'nested too deeply to be read'

/** Parses YAML 1.2 (core schema), of which JSON is a part. Duplicate keys, tags, loops and odd keys are problems. */
export function parseYaml(text: string, complain: (position: Position, message: string) => void): Parsed | null {
  const lines = new LineCounter()
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
    const found = [...document.errors, ...document.warnings]
    // Nested beyond the stack, the library reports every level on its way out.
    if (found.some(({ message }) => /call stack|stack overflow/i.test(message)))
      complain({ line: 1, column: 1 }, TOO_DEEP)
    else
      for (const { pos, message } of withoutEchoes(found))
        complain(place(pos[0]), variableInFlow(text, pos[0]) ?? tidy(message))
    if (found.length > 0) return null
    if (!plain(document, (offset, message) => complain(place(offset), message))) return null
    return {
      value: document.toJS({ maxAliasCount: MOST_ALIASES }) as unknown,
      at: (path, part = 'value') => place(offsetOf(document, path, part)),
    }
  } catch (error) {
    // The library throws for alias bombs and for nesting beyond the stack.
    const bomb = error instanceof ReferenceError
    complain({ line: 1, column: 1 }, bomb ? `too many aliases (at most ${MOST_ALIASES})` : TOO_DEEP)
    return null
  }
}

/** No alias inside the very node it names, and only strings or numbers as keys. */
function plain(document: Document, complain: (offset: number, message: string) => void): boolean {
  let fine = true
  const refuse = (node: unknown, message: string): void => {
    fine = false
    complain(isNode(node) ? (node.range?.[0] ?? 0) : 0, message)
  }
  visit(document, {
    Alias: (_, alias, ancestors) => {
      const target = alias.resolve(document)
      if (target === undefined) refuse(alias, `no anchor "${alias.source}" before this alias`)
      else if (ancestors.includes(target)) refuse(alias, `the alias "${alias.source}" stands inside what it names`)
    },
    Pair: (_, { key }) => {
      if (isScalar(key) && (typeof key.value === 'string' || typeof key.value === 'number')) return
      refuse(key, 'a key must be a string')
    },
  })
  return fine
}

function offsetOf(document: Document, path: Path, part: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const [depth, step] of path.entries()) {
    const whole: unknown = isAlias(node) ? node.resolve(document) : node
    let next: unknown
    if (isSeq(whole)) next = whole.items[Number(step)]
    else if (isMap(whole)) {
      const pair = whole.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (pair === undefined) return offset
      next = pair.value
      // A key is where an absent or empty value belongs, and where a whole mapping begins for its reader.
      const last = depth === path.length - 1
      const keyOffset = startOf(pair.key)
      if (keyOffset !== null) offset = keyOffset
      const nothing = isScalar(next) && next.value === null && next.source === ''
      if (nothing || (last && (part === 'key' || isMap(next) || isSeq(next)))) return offset
    }
    if (next === undefined || next === null) return offset
    offset = startOf(next) ?? offset
    node = next
  }
  return offset
}

function startOf(node: unknown): number | null {
  return isNode(node) ? ((node as Node).range?.[0] ?? null) : null
}

/** Once the parser has lost its way it stumbles over every following token; only the first stumble means something. */
function withoutEchoes(found: readonly YAMLError[]): readonly YAMLError[] {
  const first = found.find(({ code }) => code === 'UNEXPECTED_TOKEN')
  return found.filter((error) => error.code !== 'UNEXPECTED_TOKEN' || error === first)
}

function variableInFlow(text: string, offset: number): string | null {
  return text.slice(offset - 1, offset + 1) === '${' ? 'inside { } and [ ] a ${…} must stand in quotes' : null
}

function tidy(message: string): string {
  if (message === 'Map keys must be unique') return 'this key is already there'
  return message.charAt(0).toLowerCase() + message.slice(1)
}
