import { type Moved, type Store, StoreUnavailableError } from '../store/store.ts'
import { RENEW_MS } from './runner.ts'
import type { Steady } from './steady.ts'

/** Between looks for leases that ran out, in milliseconds. */
const EVERY_MS = 3_000
/**
 * A database that was away was away for everybody, while leases ran out: whoever lives renews within this time of its
 * return, in milliseconds, and only then anybody is judged.
 */
const PATIENCE_MS = RENEW_MS + 5_000

export interface ReaperDeps extends Steady {
  readonly store: Pick<Store, 'interruptForeign' | 'inboxDepth'>
  readonly owner: string
  /** Ids of the attempts this process works on: never judged here, whatever became of their lease (design 4.3). */
  readonly running: ReadonlySet<number>
  readonly onMoved: (moved: Moved) => void
}

/** Where several processes share the database: interrupts the attempts of those that are gone, until `signal` aborts. */
export async function runReaper(deps: ReaperDeps): Promise<void> {
  const { store, clock, log, signal, owner, running, onMoved, onFailure } = deps
  let thereSince = clock.monotonic()
  for (;;) {
    await clock.sleep(EVERY_MS, signal)
    if (signal.aborted) return
    try {
      await store.inboxDepth()
      if (clock.monotonic() - thereSince < PATIENCE_MS) continue
      for (const moved of await store.interruptForeign(owner, clock.now(), running)) {
        log.warn({ incident: moved.incident.id, attempt: moved.incident.attempt }, 'the process of an attempt is gone')
        onMoved(moved)
      }
    } catch (err) {
      if (err instanceof StoreUnavailableError) onFailure(err)
      log.warn({ err }, 'could not look for leases that ran out')
      thereSince = clock.monotonic()
    }
  }
}
