import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { Dialect } from './dialect.ts'
import { all, exec, fixed, one, type Query, type Unit } from './unit.ts'

/**
 * The oldest closed incident that nobody has still to be told of. What is open, untold or unsent stays whatever its age.
 */
const oldestClosed = fixed((db, p: { before: number }) =>
  db
    .selectFrom('incidents as i')
    .select('i.id')
    .where('i.state', '=', sql.lit('closed'))
    .where('i.closed_at', '<', p.before)
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('escalations as e')
            .select('e.id')
            .whereRef('e.incident', '=', 'i.id')
            .where('e.told_at', 'is', sql.lit(null)),
        ),
      ),
    )
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('mail_incidents as l')
            .innerJoin('mails as m', 'm.id', 'l.mail')
            .select('m.id')
            .whereRef('l.incident', '=', 'i.id')
            .where('m.state', '=', sql.lit('queued')),
        ),
      ),
    )
    .orderBy('i.closed_at')
    .limit(1),
)
const rowsOfIncident = fixed((db, p: { incident: number }) =>
  db.selectNoFrom((eb) => [
    eb
      .selectFrom('journal')
      .select((c) => c.fn.countAll<number>().as('n'))
      .where('incident', '=', p.incident)
      .as('journal'),
    eb
      .selectFrom('decisions')
      .select((c) => c.fn.countAll<number>().as('n'))
      .where('incident', '=', p.incident)
      .as('decisions'),
    eb
      .selectFrom('attempts')
      .select((c) => c.fn.countAll<number>().as('n'))
      .where('incident', '=', p.incident)
      .as('attempts'),
  ]),
)

const dropOfIncident: readonly ((p: { incident: number }) => Query<unknown>)[] = [
  fixed((db, p: { incident: number }) =>
    db
      .deleteFrom('steps')
      .where('attempt', 'in', (eb) => eb.selectFrom('attempts').select('id').where('incident', '=', p.incident)),
  ),
  fixed((db, p: { incident: number }) => db.deleteFrom('holds').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('attempts').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('incident_alerts').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('journal').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('decisions').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('timers').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('looks').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('escalations').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('tokens').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('mail_incidents').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('track_records').where('incident', '=', p.incident)),
  fixed((db, p: { incident: number }) => db.deleteFrom('incidents').where('id', '=', p.incident)),
]
const uncountClosed = fixed((db) =>
  db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '-', 1) }))
    .where('name', '=', 'closedIncidents'),
)

/** Ids are given in the order of time, so the oldest rows are found without an index on it. */
const oldestDeliveries = fixed((db, p: { limit: number }) =>
  db.selectFrom('deliveries').select(['id', 'received_at']).orderBy('id').limit(p.limit),
)
const dropDeliveries = fixed((db, p: { upTo: number }) => db.deleteFrom('deliveries').where('id', '<=', p.upTo))
const oldestChanges = fixed((db, p: { limit: number }) =>
  db.selectFrom('alert_changes').select(['id', 'received_at']).orderBy('id').limit(p.limit),
)
const dropChanges = fixed((db, p: { upTo: number }) =>
  db.deleteFrom('alert_changes').where('id', '<=', p.upTo).where('pending', 'is', null),
)
const oldestRejected = fixed((db, p: { limit: number }) =>
  db.selectFrom('rejected').select(['id', 'received_at']).orderBy('id').limit(p.limit),
)
const dropRejected = fixed((db, p: { upTo: number }) => db.deleteFrom('rejected').where('id', '<=', p.upTo))

/** What nothing names any more; each takes at most `limit` rows. */
const leftovers: readonly ((p: { before: number; limit: number }) => Query<unknown>)[] = [
  fixed((db, p: { before: number; limit: number }) =>
    db.deleteFrom('mails').where('id', 'in', (eb) =>
      eb
        .selectFrom('mails as m')
        .select('m.id')
        .where('m.created_at', '<', p.before)
        .where('m.state', '<>', sql.lit('queued'))
        .where((where) =>
          where.not(
            where.exists(where.selectFrom('mail_incidents as l').select('l.mail').whereRef('l.mail', '=', 'm.id')),
          ),
        )
        .limit(p.limit),
    ),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db.deleteFrom('alerts').where('fingerprint', 'in', (eb) =>
      eb
        .selectFrom('alerts as a')
        .select('a.fingerprint')
        .where('a.status', '=', sql.lit('resolved'))
        .where('a.seen_at', '<', p.before)
        .where((where) =>
          where.not(
            where.exists(
              where
                .selectFrom('incident_alerts as i')
                .select('i.incident')
                .whereRef('i.fingerprint', '=', 'a.fingerprint'),
            ),
          ),
        )
        .where((where) =>
          where.not(
            where.exists(
              where
                .selectFrom('alert_changes as c')
                .select('c.id')
                .whereRef('c.fingerprint', '=', 'a.fingerprint')
                .where('c.pending', '=', sql.lit(1 as const)),
            ),
          ),
        )
        .limit(p.limit),
    ),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db
      .deleteFrom('tokens')
      .where('hash', 'in', (eb) =>
        eb.selectFrom('tokens').select('hash').where('expires_at', '<', p.before).limit(p.limit),
      ),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db
      .deleteFrom('silences')
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('silences')
          .select('id')
          .where('ends_at', '<', p.before)
          .where('applied', '=', 'end')
          .limit(p.limit),
      ),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db
      .deleteFrom('pauses')
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('pauses')
          .select('id')
          .where('ends_at', '<', p.before)
          .where('applied', '=', 'end')
          .limit(p.limit),
      ),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db.deleteFrom('delivery_groups').where('id', 'in', (eb) =>
      eb
        .selectFrom('delivery_groups as g')
        .select('g.id')
        .where('g.first_at', '<', p.before)
        .where((where) =>
          where.not(
            where.exists(where.selectFrom('deliveries as d').select('d.id').whereRef('d.group_id', '=', 'g.id')),
          ),
        )
        .limit(p.limit),
    ),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db.deleteFrom('plans').where('hash', 'in', (eb) =>
      eb
        .selectFrom('plans as p')
        .select('p.hash')
        .where((where) =>
          where.not(where.exists(where.selectFrom('incidents as i').select('i.id').whereRef('i.plan', '=', 'p.hash'))),
        )
        .where((where) =>
          where.not(
            where.exists(where.selectFrom('incidents as i').select('i.id').whereRef('i.opened_plan', '=', 'p.hash')),
          ),
        )
        .where((where) =>
          where.not(where.exists(where.selectFrom('attempts as a').select('a.id').whereRef('a.plan', '=', 'p.hash'))),
        )
        .limit(p.limit),
    ),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db
      .deleteFrom('notices')
      .where('id', 'in', (eb) => eb.selectFrom('notices').select('id').where('told_at', '<', p.before).limit(p.limit)),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db
      .deleteFrom('storms')
      .where('id', 'in', (eb) => eb.selectFrom('storms').select('id').where('ended_at', '<', p.before).limit(p.limit)),
  ),
  fixed((db, p: { before: number; limit: number }) =>
    db
      .deleteFrom('failures')
      .where('incident', 'in', (eb) =>
        eb.selectFrom('failures').select('incident').where('at', '<', p.before).limit(p.limit),
      ),
  ),
  // One that nobody has lifted is in force whatever its age (S-5.11).
  fixed((db, p: { before: number; limit: number }) =>
    db
      .deleteFrom('demotions')
      .where('id', 'in', (eb) =>
        eb.selectFrom('demotions').select('id').where('resumed_at', '<', p.before).limit(p.limit),
      ),
  ),
  // A count of attempts and a suspension are never forgotten by age (S-4.1, S-4.10).
  fixed((db, p: { before: number; limit: number }) =>
    db.deleteFrom('targets').where('key', 'in', (eb) =>
      eb
        .selectFrom('targets as t')
        .select('t.key')
        .where('t.attempts', '=', 0)
        .where('t.suspended_at', 'is', null)
        .where((w) => w.or([w('t.serving_at', 'is', null), w('t.serving_at', '<', p.before)]))
        .where((w) => w.or([w('t.cooldown_until', 'is', null), w('t.cooldown_until', '<', p.before)]))
        .where((where) =>
          where.not(
            where.exists(where.selectFrom('incidents as i').select('i.id').whereRef('i.target_key', '=', 't.key')),
          ),
        )
        .limit(p.limit),
    ),
  ),
]

/**
 * Deletes about `limit` rows of what is older than `before`; of whatever is oldest while more than `maxBytes` are in use.
 * An incident goes as a whole, with its journal, so a single large one may take more than `limit`.
 */
export function* prune(dialect: Dialect, before: Instant, maxBytes: number | null, limit: number): Unit<number> {
  const tight = maxBytes !== null && (yield* dialect.usedBytes()) > maxBytes
  const horizon = tight ? Number.MAX_SAFE_INTEGER : before
  let gone = yield* pruneIncidents(horizon, tight ? Math.ceil(limit / 2) : limit)
  for (const [oldest, drop] of [
    [oldestChanges, dropChanges],
    [oldestDeliveries, dropDeliveries],
    [oldestRejected, dropRejected],
  ] as const) {
    if (gone >= limit) return gone
    const rows = yield* all(oldest({ limit: limit - gone }))
    const upTo = rows.filter((row) => row.received_at < horizon).at(-1)?.id
    if (upTo !== undefined) gone += yield* exec(drop({ upTo }))
  }
  for (const drop of leftovers) {
    if (gone >= limit) return gone
    gone += yield* exec(drop({ before, limit: limit - gone }))
  }
  return gone
}

function* pruneIncidents(before: Instant, limit: number): Unit<number> {
  let gone = 0
  while (gone < limit) {
    const incident = (yield* one(oldestClosed({ before })))?.id
    if (incident === undefined) return gone
    const counts = yield* one(rowsOfIncident({ incident }))
    const size = (counts?.journal ?? 0) + (counts?.decisions ?? 0) + (counts?.attempts ?? 0)
    if (gone > 0 && gone + size > limit) return gone
    for (const drop of dropOfIncident) gone += yield* exec(drop({ incident }))
    yield* exec(uncountClosed({}))
  }
  return gone
}
