import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import { ToldMeanwhileError } from './errors.ts'
import { read, reason, strings, tellKind } from './json.ts'
import type { DueEscalation, EscalationRow, NewMail } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

const dueRows = fixed((db, p: { now: number; limit: number }) =>
  db
    .selectFrom('escalations as e')
    .innerJoin('incidents as i', 'i.id', 'e.incident')
    .leftJoin('storms as s', (join) => join.onRef('s.cluster', '=', 'i.cluster').on('s.ended_at', 'is', sql.lit(null)))
    .selectAll('e')
    .select('s.id as over')
    .where('e.told_at', 'is', sql.lit(null))
    .where('e.due_at', '<=', p.now)
    .orderBy('e.due_at')
    .orderBy('e.id')
    .limit(p.limit),
)
const dueCount = fixed((db, p: { now: number }) =>
  db
    .selectFrom('escalations')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('told_at', 'is', sql.lit(null))
    .where('due_at', '<=', p.now),
)
const tellByStorm = fixed((db, p: { id: number; storm: number; now: number }) =>
  db
    .updateTable('escalations')
    .set({ told_at: p.now, storm: p.storm })
    .where('id', '=', p.id)
    .where('told_at', 'is', null)
    // Once it is over its last mail has been made, and nobody would tell of the row any more.
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('storms')
          .select('storms.id')
          .where('storms.id', '=', p.storm)
          .where('ended_at', 'is', sql.lit(null)),
      ),
    ),
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

export function* dueEscalations(now: Instant, limit: number): Unit<readonly DueEscalation[]> {
  return (yield* all(dueRows({ now, limit }))).map((row) => ({ ...toEscalation(row), storm: row.over }))
}

export function* dueEscalationCount(now: Instant): Unit<number> {
  return (yield* one(dueCount({ now })))?.count ?? 0
}

/** A row that has been told meanwhile stays with its own mail. */
export function* toldByStorm(rows: readonly number[], storm: number, now: Instant): Unit<void> {
  for (const id of [...rows].toSorted((a, b) => a - b)) yield* exec(tellByStorm({ id, storm, now }))
}

/**
 * Rows that somebody else made mails of meanwhile yield no second ones: throws {@link ToldMeanwhileError}, so that nothing
 * of the unit stays, and what was still to be told is told by mails of its own.
 */
export function* enqueueMails(escalations: readonly number[], mails: readonly NewMail[], now: Instant): Unit<void> {
  const incidents = new Set<number>()
  for (const id of [...escalations].toSorted((a, b) => a - b)) {
    const told = yield* one(tell({ id, now }))
    if (!told) throw new ToldMeanwhileError(id)
    incidents.add(told.incident)
  }
  yield* insertMails(mails, [...incidents], now)
}

/** Puts mails in the outbox; one that is there already stays alone. */
export function* insertMails(mails: readonly NewMail[], incidents: readonly number[], now: Instant): Unit<void> {
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
    revision: row.revision,
    createdAt: row.created_at,
  }
}
