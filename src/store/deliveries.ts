import type { Alert } from '../alert/alert.ts'
import { type AlertChange, changeOf } from '../alert/occurrence.ts'
import type { Instant } from '../clock.ts'
import { takeInboxRow } from './inbox.ts'
import type { DeliveryReceipt, InboxRow, IncomingDelivery, RejectedDelivery } from './store.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

const groupOf = fixed((db, p: { groupKey: string; receiver: string }) =>
  db.selectFrom('delivery_groups').select('id').where('group_key', '=', p.groupKey).where('receiver', '=', p.receiver),
)
const insertGroup = fixed((db, p: { groupKey: string; receiver: string; externalUrl: string; now: number }) =>
  db
    .insertInto('delivery_groups')
    .values({ group_key: p.groupKey, receiver: p.receiver, external_url: p.externalUrl, first_at: p.now })
    .returning('id'),
)
const insertDelivery = fixed(
  (
    db,
    p: {
      group: number
      status: string
      credential: string | null
      now: number
      truncated: number
      firing: number
      resolved: number
      repeats: number
      rawBody: string | null
    },
  ) =>
    db
      .insertInto('deliveries')
      .values({
        group_id: p.group,
        status: p.status,
        credential: p.credential,
        received_at: p.now,
        truncated: p.truncated,
        firing: p.firing,
        resolved: p.resolved,
        repeats: p.repeats,
        raw_body: p.rawBody,
      })
      .returning('id'),
)
const insertRejected = fixed((db, p: { problem: string; rawBody: string; credential: string | null; now: number }) =>
  db
    .insertInto('rejected')
    .values({ problem: p.problem, raw_body: p.rawBody, credential: p.credential, received_at: p.now }),
)
const knownAlert = fixed((db, p: { fingerprint: string }) =>
  db
    .selectFrom('alerts')
    .select(['status', 'starts_at', 'ends_at', 'seen_at'])
    .where('fingerprint', '=', p.fingerprint),
)
const insertAlert = fixed(
  (
    db,
    p: {
      fingerprint: string
      status: string
      labels: string
      annotations: string
      startsAt: number
      endsAt: number | null
      generatorUrl: string
      credential: string | null
      now: number
    },
  ) =>
    db.insertInto('alerts').values({
      fingerprint: p.fingerprint,
      status: p.status,
      labels: p.labels,
      annotations: p.annotations,
      starts_at: p.startsAt,
      ends_at: p.endsAt,
      generator_url: p.generatorUrl,
      first_seen_at: p.now,
      seen_at: p.now,
      credential: p.credential,
    }),
)
const updateAlert = fixed(
  (
    db,
    p: {
      fingerprint: string
      status: string
      annotations: string
      startsAt: number
      endsAt: number | null
      generatorUrl: string
      credential: string | null
      now: number
    },
  ) =>
    db
      .updateTable('alerts')
      .set({
        status: p.status,
        annotations: p.annotations,
        starts_at: p.startsAt,
        ends_at: p.endsAt,
        generator_url: p.generatorUrl,
        seen_at: p.now,
        credential: p.credential,
      })
      .where('fingerprint', '=', p.fingerprint),
)
const insertChange = fixed(
  (
    db,
    p: {
      delivery: number
      fingerprint: string
      change: string
      startsAt: number
      endsAt: number | null
      annotations: string
      generatorUrl: string
      credential: string | null
      now: number
    },
  ) =>
    db.insertInto('alert_changes').values({
      delivery: p.delivery,
      fingerprint: p.fingerprint,
      change: p.change,
      starts_at: p.startsAt,
      ends_at: p.endsAt,
      annotations: p.annotations,
      generator_url: p.generatorUrl,
      credential: p.credential,
      received_at: p.now,
      pending: 1,
    }),
)

/** All deliveries of the batch in order; alerts of one delivery in order. */
export function* storeDeliveries(batch: readonly IncomingDelivery[], now: Instant): Unit<readonly DeliveryReceipt[]> {
  const receipts: DeliveryReceipt[] = []
  for (const incoming of batch) receipts.push(yield* storeDelivery(incoming, now))
  return receipts
}

/** A change of an alert that the core has to hear of. */
export interface Change {
  readonly change: InboxRow['change']
  readonly alert: Alert
  /** Of the occurrence that began or ended, as it is known to the core. */
  readonly startsAt: Instant
  readonly annotations: string
  readonly credential: string | null
}

/** One row of `deliveries`. */
export interface DeliveryHeader {
  readonly groupKey: string
  readonly receiver: string
  readonly externalUrl: string
  readonly status: string
  readonly credential: string | null
  readonly truncated: number
  readonly counts: Omit<DeliveryReceipt, 'delivery'>
  /** Kept when it is the first of its group, or truncated. */
  readonly rawBody: string | null
}

function* storeDelivery({ delivery, rawBody, credential }: IncomingDelivery, now: Instant): Unit<DeliveryReceipt> {
  const changes: Change[] = []
  for (const alert of delivery.alerts) {
    const change = yield* storeAlert(alert, credential, now)
    if (change) changes.push(change)
  }
  const resolved = changes.filter(({ change }) => change === 'resolved').length
  const header = {
    groupKey: delivery.groupKey,
    receiver: delivery.receiver,
    externalUrl: delivery.externalURL,
    status: delivery.status,
    credential,
    truncated: delivery.truncatedAlerts,
    counts: { firing: changes.length - resolved, resolved, repeats: delivery.alerts.length - changes.length },
    rawBody,
  }
  return yield* recordDelivery(header, changes, now)
}

/** Keeps a delivery and puts its changes into the inbox, in their order. */
export function* recordDelivery(
  { groupKey, receiver, externalUrl, counts, rawBody, ...header }: DeliveryHeader,
  changes: readonly Change[],
  now: Instant,
): Unit<DeliveryReceipt> {
  const known = yield* one(groupOf({ groupKey, receiver }))
  const made = known ?? (yield* one(insertGroup({ groupKey, receiver, externalUrl, now })))
  const row = yield* one(
    insertDelivery({
      group: made?.id ?? 0,
      ...header,
      now,
      ...counts,
      rawBody: known === undefined || header.truncated > 0 ? rawBody : null,
    }),
  )
  const id = row?.id ?? 0
  for (const { change, alert, startsAt, annotations, credential } of changes) {
    yield* exec(
      insertChange({
        delivery: id,
        fingerprint: alert.fingerprint,
        change,
        startsAt,
        endsAt: alert.endsAt,
        annotations,
        generatorUrl: alert.generatorURL,
        credential,
        now,
      }),
    )
  }
  return { delivery: id, ...counts }
}

/**
 * Brings the alert's row up to date. Returns the change that the core has to hear of, if there is one. `fires` says whether
 * a firing that is no newer than what ended at `endedAt` is believed nevertheless; a webhook's body is not, it may be late.
 */
export function* storeAlert(
  alert: Alert,
  credential: string | null,
  now: Instant,
  fires: (endedAt: Instant) => boolean = () => false,
): Unit<Change | null> {
  const row = yield* one(knownAlert({ fingerprint: alert.fingerprint }))
  const known = row
    ? ({ startsAt: row.starts_at, status: row.status === 'firing' ? 'firing' : 'resolved' } as const)
    : null
  const said = changeOf(known, alert)
  const again = row && said === 'late' && alert.status === 'firing' && fires(row.ends_at ?? row.seen_at)
  const change = again ? 'refired' : said
  const annotations = JSON.stringify(alert.annotations)
  if (known && change === 'late') return null
  const values = {
    fingerprint: alert.fingerprint,
    status: alert.status,
    annotations,
    startsAt: known ? startOf(change, known, alert) : alert.startsAt,
    endsAt: alert.endsAt,
    generatorUrl: alert.generatorURL,
    credential,
    now,
  }
  yield* exec(known ? updateAlert(values) : insertAlert({ ...values, labels: JSON.stringify(alert.labels) }))
  if (change === 'repeat' || change === 'late') return null
  const startsAt = change === 'resolved' && known ? known.startsAt : alert.startsAt
  return { change, alert, startsAt, annotations, credential }
}

/** The earliest start named for a firing occurrence; the latest one that is known to be over. */
function startOf(change: AlertChange, known: { startsAt: Instant; status: string }, alert: Alert): Instant {
  if (change === 'repeat' && alert.status === 'firing') return Math.min(known.startsAt, alert.startsAt)
  return Math.max(known.startsAt, alert.startsAt)
}

export function* setAside(row: InboxRow, problem: string, now: Instant): Unit<void> {
  if (!(yield* takeInboxRow(row.id))) return
  yield* exec(insertRejected({ problem, rawBody: JSON.stringify(row.alert), credential: row.credential, now }))
}

export function* storeRejected({ problem, rawBody, credential }: RejectedDelivery, now: Instant): Unit<void> {
  yield* exec(insertRejected({ problem, rawBody, credential, now }))
}
