import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import { read, reason, strings, tellKind } from './json.ts'
import type { EscalationRow, NewMail } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

const dueRows = fixed((db, p: { now: number; limit: number }) =>
  db
    .selectFrom('escalations')
    .selectAll()
    .where('told_at', 'is', sql.lit(null))
    .where('due_at', '<=', p.now)
    .orderBy('due_at')
    .orderBy('id')
    .limit(p.limit),
)
const tell = fixed((db, p: { id: number; now: number }) =>
  db
    .updateTable('escalations')
    .set({ told_at: p.now })
    .where('id', '=', p.id)
    .where('told_at', 'is', null)
    .returning('incident'),
)
const insertMail = fixed(
  (
    db,
    p: {
      receiver: string
      recipient: string
      thread: string
      messageId: string
      refs: string
      subject: string
      text: string
      html: string | null
      now: number
    },
  ) =>
    db
      .insertInto('mails')
      .values({
        receiver: p.receiver,
        recipient: p.recipient,
        thread: p.thread,
        message_id: p.messageId,
        refs: p.refs,
        subject: p.subject,
        text: p.text,
        html: p.html,
        state: 'queued',
        tries: 0,
        created_at: p.now,
        due_at: p.now,
      })
      .onConflict((c) => c.columns(['message_id', 'recipient']).doNothing())
      .returning('id'),
)
const linkMail = fixed((db, p: { mail: number; incident: number }) =>
  db
    .insertInto('mail_incidents')
    .values({ mail: p.mail, incident: p.incident })
    .onConflict((c) => c.doNothing()),
)
const rowsOf = fixed((db, p: { incident: number }) =>
  db.selectFrom('escalations').selectAll().where('incident', '=', p.incident).orderBy('id'),
)

export function* dueEscalations(now: Instant, limit: number): Unit<readonly EscalationRow[]> {
  return (yield* all(dueRows({ now, limit }))).map(toEscalation)
}

/** Rows that somebody else made mails of meanwhile yield no second ones. */
export function* enqueueMails(escalations: readonly number[], mails: readonly NewMail[], now: Instant): Unit<void> {
  const incidents = new Set<number>()
  for (const id of [...escalations].toSorted((a, b) => a - b)) {
    const told = yield* one(tell({ id, now }))
    if (told) incidents.add(told.incident)
  }
  if (incidents.size === 0 && escalations.length > 0) return
  for (const mail of mails) {
    const { receiver, recipient, thread, messageId, subject, text, html } = mail
    const refs = JSON.stringify(mail.references)
    const row = yield* one(insertMail({ receiver, recipient, thread, messageId, refs, subject, text, html, now }))
    if (!row) continue
    for (const incident of incidents) yield* exec(linkMail({ mail: row.id, incident }))
  }
}

export function* escalationsOfIncident(
  incident: number,
): Unit<readonly (EscalationRow & { readonly toldAt: Instant | null })[]> {
  return (yield* all(rowsOf({ incident }))).map((row) => ({ ...toEscalation(row), toldAt: row.told_at }))
}

function toEscalation(row: Omit<Tables['escalations'], 'id'> & { id: number }): EscalationRow {
  return {
    id: row.id,
    incident: row.incident,
    round: row.round,
    kind: tellKind.parse(row.kind),
    level: row.level,
    to: read(strings, row.receivers, 'escalations.receivers'),
    reason: reason.parse(row.reason),
    summary: row.summary,
    createdAt: row.created_at,
  }
}
