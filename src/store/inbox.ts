import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import { labels, read } from './json.ts'
import { CHANGES, type InboxRow } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

/** The inbox: changes of alerts that the core has not seen. */

const pendingCount = fixed((db) =>
  db
    .selectFrom('alert_changes')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('pending', '=', sql.lit(1 as const)),
)
const firstPending = fixed((db, p: { limit: number }) =>
  db
    .selectFrom('alert_changes as c')
    .innerJoin('alerts as a', 'a.fingerprint', 'c.fingerprint')
    .select([
      'c.id',
      'c.fingerprint',
      'c.change',
      'c.starts_at',
      'c.ends_at',
      'c.annotations',
      'c.generator_url',
      'c.credential',
      'c.received_at',
      'a.labels',
    ])
    .where('c.pending', '=', sql.lit(1 as const))
    .orderBy('c.id')
    .limit(p.limit),
)
interface Pending extends Omit<Tables['alert_changes'], 'id' | 'delivery' | 'pending'> {
  readonly id: number
  readonly labels: string
}
const takeRow = fixed((db, p: { id: number }) =>
  db
    .updateTable('alert_changes')
    .set({ pending: null })
    .where('id', '=', p.id)
    .where('pending', '=', sql.lit(1 as const)),
)
const dropRequeued = fixed((db, p: { id: number }) =>
  db.deleteFrom('alert_changes').where('id', '=', p.id).where('delivery', 'is', null),
)
const requeue = fixed((db, p: { now: number }) =>
  db
    .insertInto('alert_changes')
    .columns([
      'fingerprint',
      'change',
      'starts_at',
      'ends_at',
      'annotations',
      'generator_url',
      'credential',
      'received_at',
      'pending',
    ])
    .expression((eb) =>
      eb
        .selectFrom('alerts as a')
        .select([
          'a.fingerprint',
          sql.lit('firing').as('change'),
          'a.starts_at',
          'a.ends_at',
          'a.annotations',
          'a.generator_url',
          'a.credential',
          sql<number>`${p.now}`.as('received_at'),
          sql.lit(1 as const).as('pending'),
        ])
        .where('a.status', '=', 'firing')
        .where((where) =>
          where.not(
            where.exists(
              where
                .selectFrom('incident_alerts as ia')
                .innerJoin('incidents as i', 'i.id', 'ia.incident')
                .select('i.id')
                .whereRef('ia.fingerprint', '=', 'a.fingerprint')
                .where('ia.firing', '=', 1)
                .where('i.state', '<>', sql.lit('closed')),
            ),
          ),
        )
        // Read once as a set: asked for each alert, a full inbox at a start would be read as often as it has rows.
        .where('a.fingerprint', 'not in', (where) =>
          where
            .selectFrom('alert_changes as c')
            .select('c.fingerprint')
            .where('c.pending', '=', sql.lit(1 as const)),
        )
        .orderBy('a.fingerprint'),
    ),
)

export function* inboxDepth(): Unit<number> {
  return (yield* one(pendingCount({})))?.count ?? 0
}

export function* nextInboxRow(): Unit<InboxRow | null> {
  return (yield* nextInboxRows(1))[0] ?? null
}

export function* nextInboxRows(limit: number): Unit<readonly InboxRow[]> {
  return (yield* all(firstPending({ limit }))).map(toInboxRow)
}

function toInboxRow(row: Pending): InboxRow {
  const change = CHANGES.find((known) => known === row.change) ?? 'firing'
  return {
    id: row.id,
    change,
    alert: {
      fingerprint: row.fingerprint,
      status: change === 'resolved' || change === 'gone' ? 'resolved' : 'firing',
      labels: read(labels, row.labels, 'alerts.labels'),
      annotations: read(labels, row.annotations, 'alert_changes.annotations'),
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      generatorURL: row.generator_url,
    },
    credential: row.credential,
    receivedAt: row.received_at,
  }
}

/** False when the row has been seen already. The change stays on record; a requeued one is none and goes. */
export function* takeInboxRow(id: number): Unit<boolean> {
  if ((yield* exec(takeRow({ id }))) === 0) return false
  yield* exec(dropRequeued({ id }))
  return true
}

export function* requeueOrphans(now: Instant): Unit<number> {
  return yield* exec(requeue({ now }))
}
