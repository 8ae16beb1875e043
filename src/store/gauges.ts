import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { State } from '../incident/incident.ts'
import { demotions } from './demotions.ts'
import { inboxDepth } from './inbox.ts'
import { state } from './json.ts'
import { oldestNotice } from './notices.ts'
import type { Gauges } from './store.ts'
import { storms } from './storms.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

/** A timer is late when it is overdue by more than this, in milliseconds. */
const LATE_MS = 30_000

const openByState = fixed((db) =>
  db
    .selectFrom('incidents')
    .select(['state', (eb) => eb.fn.countAll<number>().as('count')])
    .where('state', '<>', sql.lit('closed'))
    .groupBy('state'),
)
const closedCount = fixed((db) => db.selectFrom('counters').select('value').where('name', '=', 'closedIncidents'))
const queued = fixed((db) =>
  db
    .selectFrom('mails')
    .select((eb) => [eb.fn.countAll<number>().as('count'), eb.fn.min<number | null>('created_at').as('oldest')])
    .where('state', '=', sql.lit('queued')),
)
const untold = fixed((db) =>
  db.selectFrom('escalations').select('due_at').where('told_at', 'is', sql.lit(null)).orderBy('due_at').limit(1),
)
const failedMails = fixed((db) =>
  db
    .selectFrom('mails')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('state', '=', sql.lit('failed')),
)
const lateTimers = fixed((db, p: { before: number }) =>
  db
    .selectFrom('timers')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('due_at', '<', p.before),
)
const writePing = fixed((db, p: { now: number }) =>
  db
    .insertInto('pings')
    .values({ one: 1, at: p.now })
    .onConflict((c) => c.column('one').doUpdateSet((eb) => ({ at: eb.ref('excluded.at') }))),
)

export function* gauges(now: Instant): Unit<Gauges> {
  const incidents: Record<State, number> = {
    waiting: 0,
    checking: 0,
    attempting: 0,
    verifying: 0,
    probation: 0,
    escalated: 0,
    settled: 0,
    closed: (yield* one(closedCount({})))?.value ?? 0,
  }
  for (const row of yield* all(openByState({}))) incidents[state.parse(row.state)] = row.count
  const mails = yield* one(queued({}))
  const oldestRow = yield* one(untold({}))
  const oldest = Math.min(mails?.oldest ?? now, oldestRow?.due_at ?? now, (yield* oldestNotice()) ?? now)
  return {
    inboxDepth: yield* inboxDepth(),
    incidents,
    outboxDepth: mails?.count ?? 0,
    outboxOldestMs: Math.max(0, now - oldest),
    timersLate: (yield* one(lateTimers({ before: now - LATE_MS })))?.count ?? 0,
    failedMails: (yield* one(failedMails({})))?.count ?? 0,
    demotions: (yield* demotions()).length,
    storms: (yield* storms()).map(({ cluster }) => cluster),
  }
}

export function* ping(now: Instant): Unit<void> {
  yield* exec(writePing({ now }))
}
