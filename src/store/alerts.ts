import { labels, read } from './json.ts'
import type { AlertSeen, StoredAlert } from './store.ts'
import type { Tables } from './tables.ts'
import { all, fixed, one, query, type Unit } from './unit.ts'

const alertsOf = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('alerts')
    .selectAll()
    .where('fingerprint', 'in', (eb) =>
      eb.selectFrom('incident_alerts').select('fingerprint').where('incident', '=', p.incident),
    )
    .orderBy('status')
    .orderBy('starts_at')
    .orderBy('fingerprint'),
)

/** Newest statement of each alert of the incident; firing ones first, then by their start. */
export function* alertsOfIncident(incident: number): Unit<readonly StoredAlert[]> {
  return (yield* all(alertsOf({ incident }))).map(toAlert)
}

export function* storedAlerts({ firingOnly }: { readonly firingOnly: boolean }): Unit<readonly StoredAlert[]> {
  const rows = yield* all(
    query((db) => {
      const some = db.selectFrom('alerts').selectAll().orderBy('starts_at').orderBy('fingerprint')
      return firingOnly ? some.where('status', '=', 'firing') : some
    }),
  )
  return rows.map(toAlert)
}

const alertOf = fixed((db, p: { fingerprint: string }) =>
  db.selectFrom('alerts').selectAll().where('fingerprint', '=', p.fingerprint),
)
const incidentsOf = fixed((db, p: { fingerprint: string; limit: number }) =>
  db
    .selectFrom('incident_alerts')
    .select('incident')
    .distinct()
    .where('fingerprint', '=', p.fingerprint)
    .orderBy('incident', 'desc')
    .limit(p.limit),
)

export function* alertSeen(fingerprint: string, limit: number): Unit<AlertSeen | null> {
  const row = yield* one(alertOf({ fingerprint }))
  if (!row) return null
  const incidents = (yield* all(incidentsOf({ fingerprint, limit }))).map(({ incident }) => incident)
  return { ...toAlert(row), credential: row.credential, incidents }
}

function toAlert(row: Tables['alerts']): StoredAlert {
  return {
    fingerprint: row.fingerprint,
    status: row.status === 'firing' ? 'firing' : 'resolved',
    labels: read(labels, row.labels, 'alerts.labels'),
    annotations: read(labels, row.annotations, 'alerts.annotations'),
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    generatorURL: row.generator_url,
    seenAt: row.seen_at,
    firstSeenAt: row.first_seen_at,
  }
}
