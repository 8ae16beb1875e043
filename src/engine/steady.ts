import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { StoreUnavailableError } from '../store/store.ts'

/** How a unit that must not be given up is repeated while the store is away, in milliseconds. */
const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5_000

export interface Steady {
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onFailure: (error: StoreUnavailableError) => void
}

/**
 * Runs a unit of the store until it commits: a full disk or a foreign lock passes, and what was seen or done meanwhile
 * must still be written. Other errors are defects and thrown. Throws the last failure when `signal` aborts.
 */
export async function untilCommitted<T>(unit: () => Promise<T>, { clock, log, signal, onFailure }: Steady): Promise<T> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
    try {
      return await unit()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || signal.aborted) throw error
      onFailure(error)
      log.warn({ err: error, waitMs: wait }, 'store unavailable, will try again')
      await clock.sleep(wait, signal)
    }
  }
}
