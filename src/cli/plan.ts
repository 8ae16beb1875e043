import { pino } from 'pino'
import { systemClock } from '../clock.ts'
import { BadConfigurationError, InForce } from '../in-force.ts'
import { configFile } from './config-file.ts'
import { alertsIn, readText } from './plan/alerts-file.ts'
import { evaluate, type PlannedAlert } from './plan/evaluate.ts'
import { renderJson, renderText } from './plan/render.ts'
import { verdictOf } from './plan/verdict.ts'
import { paintFor } from './terminal.ts'

export interface PlanOptions {
  readonly config?: string
  readonly json?: boolean
}

/**
 * `kafka-healing plan alert.json`: what would happen now. Guards and probes look at the world for real; nothing is run,
 * nothing stored, the database stays closed. Exit code 0: would act or inform; 3: would not act; 1: it could not be told.
 */
export async function plan(file: string, options: PlanOptions = {}): Promise<void> {
  const clock = systemClock
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  let inForce: InForce | null = null
  try {
    const parsed = alertsIn(await readText(file, process.stdin), clock.now())
    if ('problem' in parsed) return fail(`${file === '-' ? 'standard input' : file}: ${parsed.problem}`)
    inForce = InForce.load({
      configFile: configFile(options.config),
      clock,
      log: pino({ level: 'silent' }),
      env: process.env,
    })
    const planned = await evaluate(parsed.ok, inForce, clock, stop.signal)
    const { name } = inForce.configuration.revision
    const text =
      options.json === true
        ? renderJson(planned, name)
        : renderText(planned, name, paintFor(process.stdout, process.env))
    process.stdout.write(text)
    process.exitCode = exitCodeOf(planned)
  } catch (error) {
    if (!(error instanceof BadConfigurationError) && !isFileError(error)) throw error
    fail(error.message)
  } finally {
    await inForce?.close()
  }
}

function exitCodeOf(planned: readonly PlannedAlert[]): 0 | 3 {
  const does = planned.some(({ alert, looks }) => looks.some((look) => verdictOf(look, alert).would !== 'nothing'))
  return does ? 0 : 3
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
