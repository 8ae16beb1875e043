import { readFileSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { parseIni } from './ini.ts'
import type { Position, Problem } from './problem.ts'
import { parseYaml } from './yaml.ts'

export type Path = readonly (string | number)[]

/** A parsed file that still knows where each of its values stands. */
export interface SourceDocument {
  readonly file: string
  readonly text: string
  readonly value: unknown
  /** Where the value at `path` stands, or its key; for what is absent, the nearest parent that is there. */
  at(path: Path, part?: 'key' | 'value'): Position
}

export type Parsed = Pick<SourceDocument, 'value' | 'at'>

/** Makes a problem at `path` of the document. `absent`: of a file that it names and that is not there. */
export type Complain = (path: Path, message: string, part?: 'key' | 'value', absent?: boolean) => void

export interface ReadDocument {
  /** Null when the text cannot be read as its format at all. */
  readonly document: SourceDocument | null
  readonly problems: readonly Problem[]
}

/** Nothing that people write by hand is larger; what is larger is a mistake or an attack. */
const LARGEST_FILE = 1024 * 1024

/** Reads a YAML, JSON or INI file (by its ending). Never throws for what the file holds or for its absence. */
export function readDocument(file: string): ReadDocument {
  const failed = (message: string): ReadDocument => ({
    document: null,
    problems: [problemIn(file, { line: 1, column: 1 }, message)],
  })
  let text: string
  try {
    const stat = statSync(file)
    // Reading a pipe or a terminal would wait for whoever writes to it.
    if (!stat.isFile() && !stat.isDirectory()) return failed('this is not a file')
    const { size } = stat
    if (size > LARGEST_FILE) return failed(`the file has ${size} bytes; at most ${LARGEST_FILE} are read`)
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    return failed(unreadable(error))
  }
  return parseDocument(file, text)
}

export function parseDocument(file: string, text: string): ReadDocument {
  const parse = extname(file) === '.ini' ? parseIni : parseYaml
  const problems: Problem[] = []
  const parsed = parse(text, (position, message) => problems.push(problemIn(file, position, message)))
  return { document: parsed === null ? null : { file, text, ...parsed }, problems }
}

export function problemIn(
  file: string,
  { line, column }: Position,
  message: string,
  severity: Problem['severity'] = 'error',
): Problem {
  return { file, line, column, message, severity }
}

/** A {@link Complain} that appends to `problems`. */
export function complainTo(
  problems: Problem[],
  document: Pick<SourceDocument, 'file' | 'at'>,
  severity: Problem['severity'] = 'error',
): Complain {
  return (path, message, part = 'value', absent = false) => {
    const problem = problemIn(document.file, document.at(path, part), message, severity)
    problems.push(absent ? { ...problem, absent } : problem)
  }
}

function unreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code === 'ENOENT') return 'the file does not exist'
  if (code === 'EACCES') return 'the file may not be read by this user'
  if (code === 'EISDIR') return 'this is a directory'
  if (error instanceof TypeError) return 'the file is not UTF-8'
  return `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`
}
