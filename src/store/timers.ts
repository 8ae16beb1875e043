import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import { demotionsPending } from './demotions.ts'
import { applyToOpen } from './incidents.ts'
import { timerKind } from './json.ts'
import type { DueTimer, Moved } from './store.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

const dueTimer = fixed((db, p: { now: number }) =>
  db
    .selectFrom('timers')
    .selectAll()
    .where('due_at', '<=', p.now)
    .orderBy('due_at')
    .orderBy('incident')
    .orderBy('kind')
    .limit(1),
)
const takeTimer = fixed((db, p: { incident: number; kind: string; dueAt: number }) =>
  db.deleteFrom('timers').where('incident', '=', p.incident).where('kind', '=', p.kind).where('due_at', '=', p.dueAt),
)
const timersOf = fixed((db, p: { incident: number }) =>
  db.selectFrom('timers').selectAll().where('incident', '=', p.incident).orderBy('due_at').orderBy('kind'),
)
const firstTimer = fixed((db) => db.selectFrom('timers').select('due_at').orderBy('due_at').limit(1))
const anyPending = fixed((db) =>
  db
    .selectFrom('alert_changes')
    .select('id')
    .where('pending', '=', sql.lit(1 as const))
    .limit(1),
)
const boundaries = fixed((db) =>
  db
    .selectFrom('silences')
    .select(['starts_at', 'ends_at', 'applied'])
    .where('applied', '<>', sql.lit('end'))
    .unionAll(
      db.selectFrom('pauses').select(['starts_at', 'ends_at', 'applied']).where('applied', '<>', sql.lit('end')),
    )
    .unionAll(db.selectFrom('windows').select(['starts_at', 'ends_at', 'applied'])),
)
const firstTelling = fixed((db) =>
  db
    .selectFrom('pauses')
    .select('tell_at')
    .where('applied', '<>', sql.lit('end'))
    .where('tell_at', 'is not', sql.lit(null))
    .orderBy('tell_at')
    .limit(1),
)
const elections = fixed((db) => db.selectFrom('elections').select('target_key').orderBy('target_key'))
const dropElection = fixed((db, p: { target: string }) => db.deleteFrom('elections').where('target_key', '=', p.target))

export function* nextTimer(now: Instant): Unit<DueTimer | null> {
  const row = yield* one(dueTimer({ now }))
  return row ? toTimer(row) : null
}

/** Takes the timer and applies it; null when it was moved or taken meanwhile, or means nothing any more. */
export function* fireTimer({ incident, kind, dueAt }: DueTimer, now: Instant): Unit<Moved | null> {
  if ((yield* exec(takeTimer({ incident, kind, dueAt }))) === 0) return null
  return yield* applyToOpen(incident, { type: 'timerDue', timer: kind }, now)
}

/** 0 for what is due whatever the time: changes of alerts, elections, demotions. */
export function* nextDueAt(): Unit<Instant | null> {
  if (yield* one(anyPending({}))) return 0
  if ((yield* pendingElections()).length > 0 || (yield* demotionsPending())) return 0
  const due = (yield* all(boundaries({}))).map((row) => (row.applied === 'none' ? row.starts_at : row.ends_at))
  const timer = yield* one(firstTimer({}))
  if (timer) due.push(timer.due_at)
  const daily = yield* one(firstTelling({}))
  if (daily) due.push(daily.tell_at ?? 0)
  return due.length === 0 ? null : Math.min(...due)
}

export function* pendingElections(): Unit<readonly string[]> {
  return (yield* all(elections({}))).map((row) => row.target_key)
}

export function* takeElection(target: string): Unit<void> {
  yield* exec(dropElection({ target }))
}

export function* timersOfIncident(incident: number): Unit<readonly DueTimer[]> {
  return (yield* all(timersOf({ incident }))).map(toTimer)
}

function toTimer(row: { incident: number; kind: string; due_at: number }): DueTimer {
  return { incident: row.incident, kind: timerKind.parse(row.kind), dueAt: row.due_at }
}
