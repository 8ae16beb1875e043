import type { Instant } from '../clock.ts'
import { fraction } from '../incident/backoff.ts'
import type { InboxRow, Moved, Opening, Store } from '../store/store.ts'

/** Incidents of one cluster start over spread across this many milliseconds when a hold ends (S-3.4). */
const RELEASE_JITTER_MS = 10_000

/** After so many steps the event loop gets its turn: a storm in the inbox must not keep webhooks waiting. */
const BREATH = 8

export interface AdvanceDeps {
  /** The rules in force that match the alert, with the subjects its labels name. */
  readonly openings: (row: InboxRow) => readonly Opening[]
  readonly onMoved: (moved: Moved) => void
}

/**
 * Does everything that is due: changes of alerts in the order they came, ends of holds, elections of leaders, timers in
 * (dueAt, id) order. Returns the next due time, null when nothing is planned. Production loops around it; rule tests and
 * simulations jump from due time to due time.
 */
export async function advance(store: Store, now: Instant, deps: AdvanceDeps): Promise<Instant | null> {
  const moved = (all: readonly (Moved | null)[]) => {
    for (const one of all) if (one) deps.onMoved(one)
  }
  for (let done = 1; ; done++) {
    if (done % BREATH === 0) await new Promise((resolve) => setImmediate(resolve))
    const row = await store.nextInboxRow()
    if (row) {
      moved(await store.admit(row, row.change === 'resolved' ? [] : deps.openings(row), now))
      continue
    }
    moved(await store.holdBoundaries(now, releaseJitterMs))
    for (const target of await store.pendingElections()) moved(await store.electLeader(target, now))
    const timer = await store.nextTimer(now)
    if (!timer) break
    moved([await store.fireTimer(timer, now)])
  }
  return store.nextDueAt()
}

function releaseJitterMs(incident: number, cluster: string | null): number {
  return Math.round(RELEASE_JITTER_MS * fraction(`${cluster ?? ''}/${incident}`))
}
