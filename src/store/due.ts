import type { Instant } from '../clock.ts'
import { admit, electLeader, holdBoundaries } from './admit.ts'
import { applyDemotions } from './apply-demotions.ts'
import type { FiredDue, InboxRow, Moved, Opening } from './store.ts'
import { fireTimer, nextTimer, pendingElections } from './timers.ts'
import type { Unit } from './unit.ts'

/** Several of the core's steps in one unit: a storm would otherwise spend its time on beginning and committing. */

/** As many calls of {@link admit}, in order. */
export function* admitAll(
  rows: readonly { readonly row: InboxRow; readonly openings: readonly Opening[] }[],
  now: Instant,
): Unit<readonly Moved[]> {
  const moved: Moved[] = []
  for (const { row, openings } of rows) moved.push(...(yield* admit(row, openings, now)))
  return moved
}

/** Boundaries of holds, then up to `limit` times: demotions and elections that are pending, and the next timer that is due. */
export function* fireDue(
  now: Instant,
  jitterMs: (incident: number, cluster: string | null) => number,
  limit: number,
): Unit<FiredDue> {
  // Once is enough: within a unit the time stands still and nobody else makes or ends a hold.
  const moved: Moved[] = [...(yield* holdBoundaries(now, jitterMs))]
  for (let fired = 0; fired < limit; fired++) {
    moved.push(...(yield* applyDemotions(now)))
    for (const target of yield* pendingElections()) moved.push(...(yield* electLeader(target, now)))
    const timer = yield* nextTimer(now)
    if (!timer) return { moved, more: false }
    const one = yield* fireTimer(timer, now)
    if (one) moved.push(one)
  }
  return { moved, more: true }
}
