import type { Instant } from '../clock.ts'
import type { Maintenance } from '../config.ts'
import { toSilenceMatcher } from '../store/silence-matcher.ts'
import type { NewMaintenanceWindow, Store, WindowScope } from '../store/store.ts'
import { type Steady, untilCommitted } from './steady.ts'

/** How far ahead windows become rows, in milliseconds. */
const AHEAD_MS = 48 * 3_600_000
/** How often they are planned anew, in milliseconds. */
const EVERY_MS = 3_600_000
/** The wall clock may jump while we sleep, so it is asked again after this many milliseconds. */
const ASK_MS = 60_000
/** Rows for one entry: over eight hours of a window that comes each minute. */
const MOST = 500

/** The windows that last now or begin within 48 hours. */
export function upcomingWindows(maintenance: readonly Maintenance[], now: Instant): readonly NewMaintenanceWindow[] {
  return maintenance.flatMap(({ name, begins, durationMs, covers, comment }) =>
    startsOf(begins, now - durationMs, now + AHEAD_MS).map((startsAt) => ({
      name,
      covers: scopeOf(covers),
      startsAt,
      endsAt: startsAt + durationMs,
      comment,
    })),
  )
}

function startsOf(begins: Maintenance['begins'], after: Instant, until: Instant): readonly Instant[] {
  if ('at' in begins) return begins.at > after && begins.at <= until ? [begins.at] : []
  const starts: Instant[] = []
  let at = begins.schedule.next(after)
  while (at !== null && at <= until && starts.length < MOST) {
    starts.push(at)
    at = begins.schedule.next(at)
  }
  return starts
}

function scopeOf(covers: Maintenance['covers']): WindowScope {
  return 'matchers' in covers ? { matchers: covers.matchers.map(toSilenceMatcher) } : covers
}

export interface MaintenanceDeps extends Steady {
  readonly store: Store
  /** As the configuration in force plans it. */
  readonly maintenance: () => readonly Maintenance[]
  /** Something was planned or taken back: the core's next due time has changed. */
  readonly onPlanned: () => void
}

/** Makes rows of what the configuration plans. For the start, for after a reload, and for once an hour. */
export async function planMaintenance({ store, clock, log, maintenance, onPlanned }: MaintenanceDeps): Promise<void> {
  const now = clock.now()
  const { added, gone } = await store.planWindows(upcomingWindows(maintenance(), now), now)
  if (added + gone === 0) return
  log.info({ added, gone }, 'maintenance windows planned')
  onPlanned()
}

/** {@link planMaintenance} once an hour by the wall clock, until `signal` aborts. */
export async function runMaintenance(deps: MaintenanceDeps): Promise<void> {
  const { clock, signal } = deps
  let plannedAt = clock.now()
  while (!signal.aborted) {
    await clock.sleep(ASK_MS, signal)
    const passed = clock.now() - plannedAt
    // A clock that was set back is as good a reason as an hour gone by.
    if (signal.aborted || (passed >= 0 && passed < EVERY_MS)) continue
    plannedAt = clock.now()
    await untilCommitted(() => planMaintenance(deps), deps)
  }
}
