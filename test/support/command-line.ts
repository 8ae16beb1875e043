import { commandLine } from '../../src/cli/main.ts'
import type { Ended } from './cli.ts'

export interface Here {
  /** Instead of the process's own; a variable that is undefined is not there. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** A terminal of so many columns; else a pipe. */
  readonly columns?: number
}

class Exit extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

/** Nothing of whoever runs the tests decides. */
const CLEAN = {
  KAFKA_HEALING_URL: undefined,
  KAFKA_HEALING_TOKEN: undefined,
  KAFKA_HEALING_CA_FILE: undefined,
  NO_COLOR: undefined,
  COLUMNS: undefined,
  TERM: 'xterm',
}

/**
 * Runs a command line within this process, a hundred times faster than {@link cli}: its output, and the exit code that it
 * would have ended with. One at a time.
 */
export async function commandLineHere(args: readonly string[], { env = {}, columns }: Here = {}): Promise<Ended> {
  let [stdout, stderr] = ['', '']
  const before = { env: process.env, code: process.exitCode }
  const restore = [
    replace(process, 'exit', (code?: number) => {
      throw new Exit(code ?? 0)
    }),
    replace(console, 'error', (text: string) => void (stderr += `${text}\n`)),
    replace(process.stdout, 'write', (text: string) => Boolean((stdout += text))),
    replace(process.stderr, 'write', (text: string) => Boolean((stderr += text))),
    replace(process.stdout, 'isTTY', columns !== undefined),
    replace(process.stdout, 'columns', columns),
  ]
  process.env = { ...process.env, ...CLEAN, ...env }
  for (const [name, value] of Object.entries(process.env)) if (value === undefined) delete process.env[name]
  process.exitCode = undefined
  let code: number
  try {
    await commandLine().parseAsync(['node', 'kafka-healing', ...args])
    code = exitCode()
  } catch (error) {
    if (!(error instanceof Exit)) throw error
    code = error.code
  } finally {
    process.env = before.env
    process.exitCode = before.code
    for (const undo of restore) undo()
  }
  return { code, stdout, stderr }
}

/** Words of a command line that name a command or an option that there is not; values in quotes are passed over. */
export function unknownIn(line: string): readonly string[] {
  const words = line.replaceAll(/'[^']*'|"[^"]*"/g, 'TEXT').split(/\s+/)
  if (words[0] === 'help') return []
  const program = commandLine()
  let command = program
  for (const word of words) command = command.commands.find((each) => each.name() === word) ?? command
  if (command === program) return words.slice(0, 1)
  const options = words.flatMap((word) => /^--[a-z-]+/.exec(word)?.[0] ?? [])
  return options.filter((name) => name !== '--help' && !command.options.some(({ long }) => long === name))
}

/** Written by the command meanwhile. */
function exitCode(): number {
  return Number(process.exitCode ?? 0)
}

function replace(object: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { value, configurable: true, writable: true })
  return () => {
    if (own === undefined) Reflect.deleteProperty(object, name)
    else Object.defineProperty(object, name, own)
  }
}
