import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { type Moved, type Store, StoreUnavailableError } from '../store/store.ts'
import { type AdvanceDeps, advance } from './advance.ts'
import type { Wake } from './wake.ts'

/** Never asleep for longer, whatever is planned: a jump of the clock must not put anybody to sleep. Milliseconds. */
const LONGEST_SLEEP_MS = 5_000
/** The same where other processes write as well, and nobody wakes us for what they wrote. */
const LONGEST_SHARED_SLEEP_MS = 1_000
/** A difference between wall clock and monotonic clock that is written to the log (design 4.3). */
const JUMP_MS = 30_000

export interface CoreDeps extends Omit<AdvanceDeps, 'onMoved'> {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly wake: Wake
  /** Several processes work on one database. */
  readonly shared: boolean
  readonly onMoved: (moved: Moved) => void
  readonly onFailure: (error: StoreUnavailableError) => void
}

/** Drives {@link advance}: does what is due, sleeps until the next due time or until woken, until `signal` aborts. */
export async function runCore(deps: CoreDeps): Promise<void> {
  const { store, clock, log, signal, wake } = deps
  const longest = deps.shared ? LONGEST_SHARED_SLEEP_MS : LONGEST_SLEEP_MS
  let offset = clock.now() - clock.monotonic()
  while (!signal.aborted) {
    const jumped = clock.now() - clock.monotonic() - offset
    if (Math.abs(jumped) > JUMP_MS) log.warn({ jumpedMs: Math.round(jumped) }, 'the wall clock jumped')
    offset += jumped
    let wait = longest
    try {
      const next = await advance(store, clock.now(), deps)
      if (next !== null) wait = Math.min(longest, Math.max(0, next - clock.now()))
    } catch (error) {
      if (error instanceof StoreUnavailableError) deps.onFailure(error)
      log.error({ err: error }, 'could not advance, will try again')
      wait = 1_000
    }
    await wake.wait(clock, wait, signal)
  }
}
