import type { Instant } from '../clock.ts'
import { releaseJitterMs } from '../incident/backoff.ts'
import {
  type FiredDue,
  type InboxRow,
  type Moved,
  type Opening,
  type Store,
  StoreUnavailableError,
} from '../store/store.ts'

/** Steps that share a commit. After each the event loop gets its turn: a storm must not keep webhooks waiting. */
const TOGETHER = 16

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
  for (let limit = TOGETHER; ; ) {
    const { moved, more } = await steps(store, now, deps, limit).catch((error: unknown) => {
      // One change that cannot be taken must not keep back the others: they go one by one, and it is set aside.
      if (limit === 1 || error instanceof StoreUnavailableError) throw error
      limit = 1
      return { moved: [], more: true }
    })
    for (const one of moved) deps.onMoved(one)
    if (!more) return store.nextDueAt()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Up to `limit` changes of alerts (one that breaks alone is set aside, S-3.8); when there are none, up to `limit` timers with all that comes before each. */
async function steps(store: Store, now: Instant, { openings }: AdvanceDeps, limit: number): Promise<FiredDue> {
  const rows = await store.nextInboxRows(limit)
  if (rows.length === 0) return store.fireDue(now, releaseJitterMs, limit)
  try {
    const admitted = rows.map((row) => ({ row, openings: row.alert.status === 'resolved' ? [] : openings(row) }))
    return { moved: await store.admitAll(admitted, now), more: true }
  } catch (error) {
    const [row] = rows
    if (limit > 1 || row === undefined || error instanceof StoreUnavailableError) throw error
    await store.setAside(row, `the core breaks on it: ${error instanceof Error ? error.message : String(error)}`, now)
    return { moved: [], more: true }
  }
}
