import { userInfo } from 'node:os'
import type { z } from 'zod'
import { systemClock } from '../../clock.ts'
import { jsonText } from '../json.ts'
import { withProgress } from '../progress.ts'
import { type Paint, paintFor, printable, shown } from '../terminal.ts'
import { type Answered, askApi, type Request } from './api.ts'
import { ClientError } from './error.ts'
import { findServer, type Server, type ServerOptions } from './server.ts'
import type { Watch } from './times.ts'

export interface ClientOptions extends ServerOptions {
  readonly json?: boolean
}

/** What renders for people needs to know of the terminal. */
export interface Screen extends Watch {
  readonly paint: Paint
  /** Cells of a line; null where nobody's terminal shows it, so that nothing is cut. */
  readonly columns: number | null
}

/** One command's conversation with a service. */
export interface Session {
  readonly server: Server
  readonly screen: Screen
  readonly ask: <T>(request: Request, shape: z.ZodType<T>) => Promise<Answered<T>>
  /** Prints the service's own JSON with `--json`, else what `lines` makes of it for people. */
  readonly print: <T>(answered: Answered<T>, lines: (value: T) => readonly string[]) => void
  /** A command line that reaches the same service. */
  readonly propose: (...args: readonly string[]) => string
}

/** Does what a command does with a service. What it cannot do is said on standard error, with the exit code. */
export async function withService(options: ClientOptions, work: (session: Session) => Promise<void>): Promise<void> {
  try {
    const server = findServer(options, process.env)
    const screen = screenOf(process.stdout, process.env)
    await work({
      server,
      screen,
      ask: (request, shape) =>
        withProgress(`waiting for ${server.source.url}`, () => askApi(server, request, shape), { clock: systemClock }),
      print: ({ value, json }, lines) => {
        process.stdout.write(options.json === true ? jsonText(json) : `${lines(value).join('\n')}\n`)
      },
      propose: (...args) => shown(['kafka-healing', ...args, ...server.again]),
    })
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    console.error(error.message.split('\n').map(printable).join('\n'))
    process.exitCode = error.exitCode
  }
}

export function screenOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: NodeJS.ProcessEnv,
): Screen {
  const columns = stream.columns || Number.parseInt(env['COLUMNS'] ?? '', 10) || null
  return { now: systemClock.now(), paint: paintFor(stream, env), columns }
}

/** Who decides: the person at the keyboard, also behind sudo. */
export function personHere(env: NodeJS.ProcessEnv = process.env): string {
  return env['SUDO_USER'] || env['USER'] || userInfo().username
}
