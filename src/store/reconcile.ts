import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import { type Change, recordDelivery, storeAlert } from './deliveries.ts'
import { labels, read } from './json.ts'
import type { DeliveryReceipt, HeldAlert, MissingAlert, ShownAlert } from './store.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

/** What the Alertmanagers themselves show, against what is known here (S-1.4). */

/** The group of deliveries under which it is recorded. */
const GROUP = 'reconcile'

const firingRows = fixed((db) =>
  db
    .selectFrom('alerts')
    .select(['fingerprint', 'starts_at', 'seen_at'])
    .where('status', '=', sql.lit('firing'))
    .orderBy('fingerprint'),
)
const firingRow = fixed((db, p: { fingerprint: string; since: number }) =>
  db
    .selectFrom('alerts')
    .selectAll()
    .where('fingerprint', '=', p.fingerprint)
    .where('status', '=', sql.lit('firing'))
    .where('seen_at', '<', p.since),
)
const endRow = fixed((db, p: { fingerprint: string; now: number }) =>
  db
    .updateTable('alerts')
    .set({ status: 'resolved', ends_at: p.now, seen_at: p.now })
    .where('fingerprint', '=', p.fingerprint),
)

export function* heldAlerts(): Unit<readonly HeldAlert[]> {
  const rows = yield* all(firingRows({}))
  return rows.map(({ fingerprint, starts_at, seen_at }) => ({ fingerprint, startsAt: starts_at, seenAt: seen_at }))
}

export function* adopt(
  shown: readonly ShownAlert[],
  { receiver, graceMs }: { readonly receiver: string; readonly graceMs: number },
  now: Instant,
): Unit<DeliveryReceipt | null> {
  const changes: Change[] = []
  for (const { updatedAt, credential, ...alert } of shown) {
    const change = yield* storeAlert(alert, credential, now, (endedAt) => updatedAt - endedAt > graceMs)
    if (change) changes.push(change)
  }
  if (changes.length === 0) return null
  const counts = { firing: changes.length, resolved: 0, repeats: shown.length - changes.length }
  return yield* recordDelivery({ ...reconciled(receiver), status: 'firing', counts }, changes, now)
}

export function* markGone(missing: readonly MissingAlert[], receiver: string, now: Instant): Unit<number> {
  const changes: Change[] = []
  for (const { fingerprint, since } of missing) {
    const row = yield* one(firingRow({ fingerprint, since }))
    if (!row) continue
    yield* exec(endRow({ fingerprint, now }))
    const alert = {
      fingerprint,
      status: 'resolved',
      labels: read(labels, row.labels, 'alerts.labels'),
      annotations: read(labels, row.annotations, 'alerts.annotations'),
      startsAt: row.starts_at,
      endsAt: now,
      generatorURL: row.generator_url,
    } as const
    changes.push({
      change: 'gone',
      alert,
      startsAt: row.starts_at,
      annotations: row.annotations,
      credential: row.credential,
    })
  }
  if (changes.length === 0) return 0
  const counts = { firing: 0, resolved: changes.length, repeats: 0 }
  yield* recordDelivery({ ...reconciled(receiver), status: 'resolved', counts }, changes, now)
  return changes.length
}

function reconciled(receiver: string) {
  return { groupKey: GROUP, receiver, externalUrl: '', credential: null, truncated: 0, rawBody: null } as const
}
