import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Wake } from './wake.ts'

/** Asked at least so often, in milliseconds: finds what was written by somebody who did not wake us. */
const IDLE_MS = 1_000
/** After a claim that failed, in milliseconds. */
const AFTER_FAILURE_MS = 500

export interface Parallel<T> {
  readonly clock: Clock
  readonly log: Logger
  readonly wake: Wake
  readonly signal: AbortSignal
  /** So many tasks at once. */
  readonly most: number
  /** Null: nothing to do now. A throw is logged and tried again. */
  readonly claim: () => Promise<T | null>
  /** A throw is a defect: it is logged, and the others go on. */
  readonly work: (task: T) => Promise<void>
  /** What the log knows a task by. */
  readonly facts: (task: T) => Readonly<Record<string, number>>
}

/** Claims tasks and works on them side by side until `signal` aborts. Returns what is still under way then. */
export async function inParallel<T>(options: Parallel<T>): Promise<ReadonlySet<Promise<void>>> {
  const { clock, log, wake, signal, most, work, facts } = options
  const running = new Set<Promise<void>>()
  while (!signal.aborted) {
    const task = running.size < most ? await claimed(options) : null
    if (task === null) {
      await wake.wait(clock, IDLE_MS, signal)
      continue
    }
    const one: Promise<void> = work(task)
      .catch((err: unknown) => log.error({ err, ...facts(task) }, 'a task broke off'))
      .finally(() => {
        running.delete(one)
        wake.wake()
      })
    running.add(one)
  }
  return running
}

async function claimed<T>({ claim, clock, log, signal }: Parallel<T>): Promise<T | null> {
  try {
    return await claim()
  } catch (err) {
    log.warn({ err }, 'could not claim')
    await clock.sleep(AFTER_FAILURE_MS, signal)
    return null
  }
}
