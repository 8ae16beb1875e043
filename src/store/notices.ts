import { sql } from 'kysely'
import { z } from 'zod'
import type { Instant } from '../clock.ts'
import { line, tail } from '../notify/clean.ts'
import type { Document } from '../notify/document.ts'
import { NOTICE_KINDS, type Notice } from '../notify/notice.ts'
import { insertMails } from './escalations.ts'
import { read } from './json.ts'
import type { NewMail, NoticeRow } from './store.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

/** Mails that belong to no single incident: rows, written in the unit of what they tell. */

const insertNotice = fixed(
  (db, p: { key: string; kind: string; thread: string; body: string; dueAt: number; now: number }) =>
    db
      .insertInto('notices')
      .values({
        key: p.key,
        kind: p.kind,
        thread: p.thread,
        body: p.body,
        created_at: p.now,
        due_at: p.dueAt,
      })
      .onConflict((c) => c.column('key').doNothing()),
)
const dueRows = fixed((db, p: { now: number; limit: number }) =>
  db
    .selectFrom('notices')
    .selectAll()
    .where('told_at', 'is', sql.lit(null))
    .where('due_at', '<=', p.now)
    .orderBy('due_at')
    .orderBy('id')
    .limit(p.limit),
)
const tell = fixed((db, p: { id: number; now: number }) =>
  db.updateTable('notices').set({ told_at: p.now }).where('id', '=', p.id).where('told_at', 'is', null),
)
const oldestUntold = fixed((db) =>
  db.selectFrom('notices').select('due_at').where('told_at', 'is', sql.lit(null)).orderBy('due_at').limit(1),
)

const link = z.object({ label: z.string(), url: z.string() })
const block = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('facts'), rows: z.array(z.tuple([z.string(), z.string()])) }),
  z.object({ type: z.literal('list'), items: z.array(z.string()) }),
  z.object({ type: z.literal('output'), text: z.string() }),
  z.object({ type: z.literal('links'), links: z.array(link) }),
])
const documentBody: z.ZodType<Document> = z.object({
  subject: z.string(),
  lead: z.string(),
  tone: z.enum(['bad', 'waiting', 'good']),
  sections: z.array(z.object({ title: z.string(), blocks: z.array(block) })),
  foot: z.array(z.string()),
})
const noticeKind = z.enum(NOTICE_KINDS)

/** Tells people once, whatever is told again under the same key; from `dueAt` on. False: it was told before. */
export function* tellNotice({ key, kind, thread, document }: Notice, now: Instant, dueAt = now): Unit<boolean> {
  return (yield* exec(insertNotice({ key, kind, thread, body: JSON.stringify(document), dueAt, now }))) === 1
}

export function* dueNotices(now: Instant, limit: number): Unit<readonly NoticeRow[]> {
  return (yield* all(dueRows({ now, limit }))).map((row) => ({
    id: row.id,
    key: row.key,
    kind: noticeKind.parse(row.kind),
    thread: row.thread,
    document: documentOf(row),
    createdAt: row.created_at,
  }))
}

/** One that cannot be read must not keep back the others; it goes out as it is kept. */
function documentOf({ key, kind, body }: { key: string; kind: string; body: string }): Document {
  try {
    return read(documentBody, body, `notice ${key}`)
  } catch (error) {
    return {
      subject: `[kafka-healing] ${kind}`,
      lead: 'The full mail could not be made, so this shows what is kept of it.',
      tone: 'bad',
      sections: [{ title: 'As it is kept', blocks: [{ type: 'output', text: tail(body, 100, 1_000) }] }],
      foot: [line(String(error), 500)],
    }
  }
}

/** A notice that somebody else made mails of meanwhile yields no second ones. */
export function* enqueueNotice(id: number, mails: readonly NewMail[], now: Instant): Unit<void> {
  if ((yield* exec(tell({ id, now }))) === 0) return
  yield* insertMails(mails, [], now)
}

/** Since when the oldest one waits for its mail. */
export function* oldestNotice(): Unit<Instant | null> {
  return (yield* one(oldestUntold({})))?.due_at ?? null
}
