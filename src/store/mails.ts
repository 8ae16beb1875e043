import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import { type Dialect, leaseClock } from './dialect.ts'
import { mailState, read, strings } from './json.ts'
import type { MailView, OutboxMail } from './store.ts'
import { all, exec, fixed, type Unit } from './unit.ts'

/** Due, not leased, and the first of its thread and recipient that is neither sent nor given up on. */
const claimable = fixed((db, p: { now: number; clock: number; limit: number }) =>
  db
    .selectFrom('mails as m')
    .selectAll('m')
    .where('m.state', '=', sql.lit('queued'))
    .where('m.due_at', '<=', p.now)
    .where((eb) => eb.or([eb('m.owner', 'is', null), eb('m.lease_until', '<=', p.clock)]))
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('mails as e')
            .select('e.id')
            .where('e.state', '=', sql.lit('queued'))
            .whereRef('e.thread', '=', 'm.thread')
            .whereRef('e.recipient', '=', 'm.recipient')
            .whereRef('e.id', '<', 'm.id'),
        ),
      ),
    )
    .orderBy('m.due_at')
    .orderBy('m.id')
    .limit(p.limit)
    .forUpdate()
    .skipLocked(),
)
const lease = fixed((db, p: { id: number; owner: string; until: number }) =>
  db.updateTable('mails').set({ owner: p.owner, lease_until: p.until }).where('id', '=', p.id),
)
const sent = fixed((db, p: { id: number; owner: string; response: string; now: number }) =>
  db
    .updateTable('mails')
    .set((eb) => ({
      state: 'sent',
      tries: eb('tries', '+', 1),
      sent_at: p.now,
      response: p.response,
      owner: null,
      lease_until: null,
    }))
    .where('id', '=', p.id)
    .where('owner', '=', p.owner)
    .where('state', '=', sql.lit('queued')),
)
const deferred = fixed((db, p: { id: number; owner: string; error: string; dueAt: number }) =>
  db
    .updateTable('mails')
    .set((eb) => ({
      tries: eb('tries', '+', 1),
      last_error: p.error,
      due_at: p.dueAt,
      owner: null,
      lease_until: null,
    }))
    .where('id', '=', p.id)
    .where('owner', '=', p.owner)
    .where('state', '=', sql.lit('queued')),
)
const failed = fixed((db, p: { id: number; owner: string; error: string }) =>
  db
    .updateTable('mails')
    .set((eb) => ({ state: 'failed', tries: eb('tries', '+', 1), last_error: p.error, owner: null, lease_until: null }))
    .where('id', '=', p.id)
    .where('owner', '=', p.owner)
    .where('state', '=', sql.lit('queued')),
)
const renew = fixed((db, p: { owner: string; until: number }) =>
  db
    .updateTable('mails')
    .set({ lease_until: p.until })
    .where('owner', '=', p.owner)
    .where('state', '=', sql.lit('queued')),
)
const release = fixed((db, p: { owner: string; exclusive: 0 | 1; now: number }) =>
  db
    .updateTable('mails')
    .set({ owner: null, lease_until: null })
    .where('state', '=', sql.lit('queued'))
    .where('owner', '<>', p.owner)
    .where((eb) => eb.or([eb(eb.val(p.exclusive), '=', 1), eb('lease_until', '<=', p.now)])),
)
const mailsOf = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('mails')
    .innerJoin('mail_incidents', 'mail_incidents.mail', 'mails.id')
    .select(['id', 'message_id', 'recipient', 'subject', 'state', 'created_at', 'sent_at', 'tries', 'last_error'])
    .where('mail_incidents.incident', '=', p.incident)
    .orderBy('id'),
)

export function* claimMails(
  dialect: Dialect,
  owner: string,
  now: Instant,
  leaseMs: number,
  limit: number,
): Unit<readonly OutboxMail[]> {
  const clock = yield* leaseClock(dialect, now)
  const rows = yield* all(claimable({ now, clock, limit }))
  for (const { id } of rows) yield* exec(lease({ id, owner, until: clock + leaseMs }))
  return rows.map((row) => ({
    id: row.id,
    receiver: row.receiver,
    recipient: row.recipient,
    thread: row.thread,
    messageId: row.message_id,
    references: read(strings, row.refs, 'mails.refs'),
    subject: row.subject,
    text: row.text,
    html: row.html,
    tries: row.tries,
    createdAt: row.created_at,
    lastError: row.last_error,
  }))
}

export function* mailSent(id: number, owner: string, response: string, now: Instant): Unit<void> {
  yield* exec(sent({ id, owner, response, now }))
}

export function* mailDeferred(id: number, owner: string, error: string, dueAt: Instant): Unit<void> {
  yield* exec(deferred({ id, owner, error, dueAt }))
}

export function* mailFailed(id: number, owner: string, error: string): Unit<void> {
  yield* exec(failed({ id, owner, error }))
}

export function* renewMails(dialect: Dialect, owner: string, now: Instant, leaseMs: number): Unit<void> {
  yield* exec(renew({ owner, until: (yield* leaseClock(dialect, now)) + leaseMs }))
}

export function* releaseMails(dialect: Dialect, owner: string, now: Instant): Unit<number> {
  const exclusive = dialect.exclusive ? 1 : 0
  return yield* exec(release({ owner, exclusive, now: yield* leaseClock(dialect, now) }))
}

export function* mailsOfIncident(incident: number): Unit<readonly MailView[]> {
  return (yield* all(mailsOf({ incident }))).map((row) => ({
    id: row.id,
    messageId: row.message_id,
    recipient: row.recipient,
    subject: row.subject,
    state: mailState.parse(row.state),
    createdAt: row.created_at,
    sentAt: row.sent_at,
    tries: row.tries,
    lastError: row.last_error,
  }))
}
