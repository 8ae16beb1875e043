import type { Clock, Instant } from '../clock.ts'
import { assertNever } from '../never.ts'
import { isAddress } from '../notify/addresses.ts'
import { line } from '../notify/clean.ts'
import { type Delivered, deliver, type Route } from '../notify/deliver.ts'
import { handedOnId } from '../notify/message-id.ts'
import type { NewMail, OutboxMail, Store } from '../store/store.ts'
import type { Receivers } from './make-mails.ts'
import { type Steady, untilCommitted } from './steady.ts'

/** Waits between the tries of one mail, in milliseconds. */
export interface MailBackoff {
  readonly initialMs: number
  readonly multiplier: number
  readonly maxMs: number
}

export interface MailSending extends Steady {
  readonly store: Pick<
    Store,
    'claimMails' | 'renewMails' | 'mailSent' | 'mailDeferred' | 'mailFailed' | 'enqueueMails' | 'incidentView'
  >
  readonly clock: Clock
  readonly owner: string
  /** Asked for each mail: a reload may close the one before. */
  readonly route: () => Route
  readonly receivers: Receivers
  readonly backoff: MailBackoff
  /** Mails under way at once. */
  readonly parallel: number
  /** Cuts tries that are under way; `signal` only keeps new ones from beginning. */
  readonly cut: AbortSignal
  readonly onSent: (ended: MailEnded) => void
}

export interface MailEnded {
  readonly outcome: 'sent' | 'deferred' | 'failed' | 'handedOn'
  readonly via: 'primary' | 'backup'
  /** What kind of trouble, `none` when it was sent. */
  readonly trouble: 'none' | 'retry' | 'reject' | 'configuration'
}

export interface Sweep {
  readonly sent: number
  readonly deferred: number
  readonly failed: number
  /** No server could be asked, or none is set up rightly: further mails would fail in the same way. */
  readonly blocked: boolean
  /** When the earliest mail deferred here is due, null when none was. */
  readonly nextDueAt: Instant | null
}

/** Renewed while tries go on: a mail is not sent by two of us at once, nor held up for long by one that is gone. */
const LEASE_MS = 60_000
const RENEW_MS = 15_000

/** The last recipient's mail is tried for so long after every server refused it for everybody, in milliseconds. */
const LAST_HOPE_MS = 3 * 24 * 3_600_000

/** Claims and sends what is due, a few at a time, until nothing is due or no server can be asked. */
export async function sendDue(sending: MailSending): Promise<Sweep> {
  const { store, clock, owner, parallel, signal } = sending
  const total = { sent: 0, deferred: 0, failed: 0, blocked: false, nextDueAt: null as Instant | null }
  while (!signal.aborted && !total.blocked) {
    // As many as are sent at once: a claimed mail never waits for its turn while its lease runs.
    const mails = await store.claimMails(owner, clock.now(), LEASE_MS, parallel)
    if (mails.length === 0) break
    const over = new AbortController()
    const renewing = renew(sending, over.signal)
    const ended = await Promise.all(mails.map((mail) => sendOne(mail, sending))).finally(() => over.abort())
    await renewing
    total.blocked = ended.some((one) => one.blocked) && !ended.some((one) => one.outcome === 'sent')
    for (const one of ended) {
      total[one.outcome] += 1
      if (one.dueAt !== null) total.nextDueAt = Math.min(total.nextDueAt ?? one.dueAt, one.dueAt)
    }
  }
  return total
}

async function renew({ store, owner, clock, log }: MailSending, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await clock.sleep(RENEW_MS, over)
    if (over.aborted) return
    // What cannot be renewed may be sent a second time, under the same Message-ID (S-6.3).
    await store
      .renewMails(owner, clock.now(), LEASE_MS)
      .catch((err: unknown) => log.warn({ err }, 'could not renew the leases of mails'))
  }
}

interface Ended {
  readonly outcome: 'sent' | 'deferred' | 'failed'
  readonly blocked: boolean
  readonly dueAt: Instant | null
}

async function sendOne(mail: OutboxMail, sending: MailSending): Promise<Ended> {
  const { store, clock, owner, log, onSent } = sending
  const delivered = await attempt(mail, sending)
  const fields = { mail: mail.id, messageId: mail.messageId, recipient: mail.recipient, via: delivered.via }
  // Committing goes on through a shutdown: what was sent must be written, or it is sent again at the next start.
  const commit: Steady = { ...sending, signal: sending.cut }
  switch (delivered.outcome) {
    case 'sent':
      // Sent first, committed after: a crash in between repeats it under the same Message-ID, and never loses it.
      await untilCommitted(() => store.mailSent(mail.id, owner, delivered.response, clock.now()), commit)
      log.info(fields, 'mail sent')
      onSent({ outcome: 'sent', via: delivered.via, trouble: 'none' })
      return { outcome: 'sent', blocked: false, dueAt: null }
    case 'retry':
    case 'configuration': {
      // Trouble of ours or the server's concerns every mail: giving them up would lose them all to one wrong password.
      const dueAt = clock.now() + delayMs(sending.backoff, mail.tries)
      await untilCommitted(() => store.mailDeferred(mail.id, owner, delivered.error, dueAt, clock.now()), commit)
      log[delivered.outcome === 'configuration' ? 'error' : 'warn'](
        { ...fields, error: delivered.error, dueAt },
        'mail deferred',
      )
      onSent({ outcome: 'deferred', via: delivered.via, trouble: delivered.outcome })
      const blocked = delivered.outcome === 'configuration' || delivered.scope === 'server'
      return { outcome: 'deferred', blocked, dueAt }
    }
    case 'reject': {
      const next = await handOn(mail, delivered, sending, commit)
      if (next === 'nobody' && clock.now() - mail.createdAt < LAST_HOPE_MS) {
        // Refused for all of us: more likely a matter of setting up than of each recipient. Kept, and tried again.
        const dueAt = clock.now() + sending.backoff.maxMs
        await untilCommitted(() => store.mailDeferred(mail.id, owner, delivered.error, dueAt, clock.now()), commit)
        log.error({ ...fields, error: delivered.error, dueAt }, 'mail refused, and nobody else is left to tell')
        onSent({ outcome: 'deferred', via: delivered.via, trouble: 'reject' })
        return { outcome: 'deferred', blocked: false, dueAt }
      }
      await untilCommitted(() => store.mailFailed(mail.id, owner, delivered.error, clock.now()), commit)
      log.error({ ...fields, error: delivered.error, handedOn: next }, 'mail refused for good')
      onSent({ outcome: next === 'next' ? 'handedOn' : 'failed', via: delivered.via, trouble: 'reject' })
      return { outcome: 'failed', blocked: false, dueAt: null }
    }
    default:
      return assertNever(delivered, 'outcome')
  }
}

/** A defect on the way must not keep the mail under lease, nor the others from being sent. */
async function attempt(mail: OutboxMail, { route, cut }: MailSending): Promise<Delivered> {
  try {
    return await deliver(route(), mail, mail.tries, { signal: cut })
  } catch (error) {
    return { outcome: 'retry', error: String(error), code: null, scope: 'message', via: 'primary' }
  }
}

/** The next wait, 5 s × 2 up to 5 min as configured, after `tries` earlier ones. */
export function delayMs({ initialMs, multiplier, maxMs }: MailBackoff, tries: number): number {
  return Math.min(maxMs, initialMs * multiplier ** Math.min(tries, 60))
}

/**
 * Somebody must hear of it: unless the same mail reaches another recipient of its own accord, it goes to the next one,
 * first of the same receiver, then of the others, in one direction, so that it never goes round in circles. Committed
 * before the mail is given up; a repeat after a crash has the same Message-ID and recipient, which the outbox keeps once.
 * `reached`: somebody has it or will; `nobody`: all were tried.
 */
async function handOn(
  mail: OutboxMail,
  refused: Delivered & { outcome: 'reject' },
  { store, receivers, clock }: MailSending,
  commit: Steady,
): Promise<'reached' | 'next' | 'nobody'> {
  const others = [...receivers.values()].flat()
  const everybody = [...new Set([...(receivers.get(mail.receiver) ?? []), ...others])].filter(isAddress)
  const incident = /^incident-(\d+)$/.exec(mail.thread)?.[1]
  const view = incident === undefined ? null : await untilCommitted(() => store.incidentView(Number(incident)), commit)
  const made = new Map(view?.mails.map((one) => [one.messageId, one.state]))
  const stateOf = (recipient: string) => made.get(handedOnId(mail.messageId, recipient))
  const siblings = everybody.filter((recipient) => recipient !== mail.recipient).map(stateOf)
  if (siblings.some((state) => state === 'sent' || state === 'queued')) return 'reached'
  const after = everybody.slice(everybody.indexOf(mail.recipient) + 1)
  const next = after.find((recipient) => recipient !== mail.recipient && stateOf(recipient) === undefined)
  if (next === undefined) return 'nobody'
  const note = `For ${mail.recipient}, whose mail server refuses it (${line(refused.error, 200)}); so it came to you.`
  const { receiver, messageId, thread, references, subject, text } = mail
  const handed: NewMail = {
    receiver,
    recipient: next,
    thread,
    messageId: handedOnId(messageId, next),
    references,
    subject,
    text: `${note}\n\n${text}`,
    html: null,
  }
  await untilCommitted(() => store.enqueueMails([], [handed], clock.now()), commit)
  return 'next'
}
