import type { Instant } from '../clock.ts'
import { isAddress } from '../notify/addresses.ts'
import { noticeId, noticeRootId } from '../notify/message-id.ts'
import { composeNotice } from '../notify/notice.ts'
import type { NewMail, NoticeRow, Store } from '../store/store.ts'
import type { Receivers } from './make-mails.ts'

export interface NoticeMaking {
  readonly receivers: Receivers
  /** Receivers of what belongs to no single incident (configuration `notices.to`). */
  readonly noticesTo: readonly string[]
  /** Host part of Message-IDs: the domain of the sender's address. */
  readonly domain: string
  /** What is in force. */
  readonly revision: string
}

export type NoticeStore = Pick<Store, 'dueNotices' | 'enqueueNotice'>

/** Rows taken in one go; what is beyond comes with the next. */
const AT_ONCE = 1_000

/**
 * Makes mails of all due notices and returns how many were told. A notice and its mails are committed together (S-6.3).
 * Without any usable receiver notices stay due, and their age shows.
 */
export async function makeNotices(store: NoticeStore, making: NoticeMaking, now: Instant): Promise<number> {
  const rows = await store.dueNotices(now, AT_ONCE)
  if (rows.length === 0) return 0
  const to = addressees(making)
  if (to.size === 0) return 0
  for (const row of rows) await store.enqueueNotice(row.id, mailsOf(row, to, making, now), now)
  return rows.length
}

/** Receiver by address. When none of those named is configured or has an address, the first receiver that has one. */
function addressees({ receivers, noticesTo }: NoticeMaking): ReadonlyMap<string, string> {
  const usable = [...receivers].map(([receiver, to]) => ({ receiver, recipients: to.filter(isAddress) }))
  const named = usable.filter(({ receiver, recipients }) => noticesTo.includes(receiver) && recipients.length > 0)
  const chosen = named.length > 0 ? named : usable.filter(({ recipients }) => recipients.length > 0).slice(0, 1)
  const to = new Map<string, string>()
  for (const { receiver, recipients } of chosen)
    for (const recipient of recipients) if (!to.has(recipient)) to.set(recipient, receiver)
  return to
}

function mailsOf(
  row: NoticeRow,
  to: ReadonlyMap<string, string>,
  { noticesTo, domain, revision }: NoticeMaking,
  now: Instant,
): readonly NewMail[] {
  return [...to].map(([recipient, receiver]) => {
    const stray = !noticesTo.includes(receiver)
    const notes = stray ? [`No receiver of notices is configured or has an address, so this came to ${receiver}.`] : []
    return {
      receiver,
      recipient,
      thread: `notice-${row.thread}`,
      messageId: noticeId(row, recipient, domain),
      references: [noticeRootId(row.thread, domain)],
      ...composeNotice(row, notes, revision, now),
    }
  })
}
