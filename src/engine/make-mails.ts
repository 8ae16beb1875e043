import type { Instant } from '../clock.ts'
import type { TellKind } from '../incident/incident.ts'
import { isAddress } from '../notify/addresses.ts'
import { type Composed, compose } from '../notify/compose.ts'
import { digest, inDigestOrder, LISTED } from '../notify/digest.ts'
import { digestId, mailId, rootId } from '../notify/message-id.ts'
import { offered } from '../notify/needs.ts'
import { plain } from '../notify/plain.ts'
import type { Links } from '../notify/story.ts'
import {
  type DueEscalation,
  type EscalationRow,
  type IncidentView,
  type NewMail,
  type Store,
  StoreUnavailableError,
} from '../store/store.ts'

/** E-mail addresses by receiver name, in the order of the configuration: the first one stands in for unknown names. */
export type Receivers = ReadonlyMap<string, readonly string[]>

export interface MailMaking {
  readonly receivers: Receivers
  /** Receivers of what belongs to no single incident, a storm among it. */
  readonly noticesTo: readonly string[]
  /** Host part of Message-IDs: the domain of the sender's address. */
  readonly domain: string
  /** Null: mails carry no links and say what to call instead. */
  readonly externalUrl: string | null
  /** More due rows than this for one receiver become one digest. */
  readonly digestAbove: number
  /** How long a link in a mail works, in milliseconds. */
  readonly linkMs: number
  readonly onMade: (made: Made) => void
}

/** `plain`: formatting failed and the summary went out alone. `redirected`: a receiver was unknown or had no address. */
export type Made = 'mail' | 'digest' | 'plain' | 'redirected'

export type MailStore = Pick<Store, 'dueEscalations' | 'toldByStorm' | 'enqueueMails' | 'incidentView' | 'issueToken'>

/** Rows taken in one go; what is beyond comes with the next. */
const AT_ONCE = 50_000

/** One receiver with the rows that are due for it. */
interface Addressed {
  readonly receiver: string
  readonly recipients: readonly string[]
  readonly rows: EscalationRow[]
  readonly notes: Map<number, string>
}

/**
 * Makes mails of all due escalations and returns how many rows were told. Rows and their mails are committed together,
 * so that each row is told exactly once (S-6.3). Without any usable receiver rows stay due, and their age shows.
 */
export async function makeMails(store: MailStore, making: MailMaking, now: Instant): Promise<number> {
  const due = await store.dueEscalations(now, AT_ONCE)
  const rows = due.filter((row) => !isToldByStorm(row, making))
  await leaveToStorms(due, rows, store, now)
  if (rows.length === 0) return due.length
  const addressed = address(rows, making)
  if (addressed.length === 0) return due.length - rows.length
  const digests = addressed
    .filter((one) => isDigest(one, making))
    .map((one) => ({ ...one, rows: digestRows(one, making) }))
  const digested = new Set(digests.flatMap((one) => one.rows.map((row) => row.id)))
  const toldIn = new Map(digests.map((one) => [one.receiver, new Set(one.rows.map((row) => row.id))]))

  for (const row of rows) {
    if (digested.has(row.id)) continue
    await store.enqueueMails([row.id], await single(row, addressed, store, making, now), now)
  }
  if (digests.length === 0) return due.length
  // A row of one receiver's digest may be a mail of its own for another: both are committed with the row.
  const mails: NewMail[] = []
  for (const one of digests) mails.push(...(await digestMails(one, store, making, now)))
  for (const row of rows) {
    if (!digested.has(row.id)) continue
    const others = addressed.filter((one) => !toldIn.get(one.receiver)?.has(row.id))
    mails.push(...(await single(row, others, store, making, now)))
  }
  await store.enqueueMails([...digested], mails, now)
  return due.length
}

/** Kinds that a storm's mails tell of. What is escalated asks for a person, and so does a question: those go out as usual. */
const IN_A_STORM: readonly TellKind[] = ['told', 'refused', 'recovered']

/** A storm is one mail (S-5.9): to whoever gets the storm's. */
function isToldByStorm({ storm, kind, reason, to }: DueEscalation, { receivers, noticesTo }: MailMaking): boolean {
  if (storm === null || !IN_A_STORM.includes(kind) || reason === 'approval') return false
  return to.length > 0 && to.every((name) => noticesTo.includes(name) && receivers.has(name))
}

async function leaveToStorms(
  due: readonly DueEscalation[],
  mailed: readonly DueEscalation[],
  store: MailStore,
  now: Instant,
): Promise<void> {
  const left = due.filter((row) => !mailed.includes(row))
  for (const storm of new Set(left.flatMap((row) => row.storm ?? []))) {
    const rows = left.filter((row) => row.storm === storm).map((row) => row.id)
    await store.toldByStorm(rows, storm, now)
  }
}

/** Who is to be told which rows. A name that is not configured, or has no address, falls to the first receiver that has one. */
function address(rows: readonly EscalationRow[], making: MailMaking): readonly Addressed[] {
  const usable = [...making.receivers]
    .map(([receiver, to]) => ({ receiver, recipients: [...new Set(to.filter(isAddress))] }))
    .filter((one) => one.recipients.length > 0)
  const first = usable[0]
  if (!first) return []
  const byName = new Map(
    usable.map((one): [string, Addressed] => [one.receiver, { ...one, rows: [], notes: new Map() }]),
  )
  for (const row of rows) {
    const names = row.to.length > 0 ? [...new Set(row.to)] : ['']
    for (const name of names) {
      const known = byName.get(name)
      const to = known ?? byName.get(first.receiver)
      if (!to) continue
      if (to.rows.at(-1) !== row) to.rows.push(row)
      if (known) continue
      making.onMade('redirected')
      to.notes.set(
        row.id,
        name === ''
          ? `The rule names no receiver, so this came to ${first.receiver}.`
          : `The rule's receiver ${JSON.stringify(name)} is not configured or has no address, so this came to ${first.receiver}.`,
      )
    }
  }
  return [...byName.values()].filter((one) => one.rows.length > 0)
}

function isDigest({ rows }: Addressed, { digestAbove }: MailMaking): boolean {
  return rows.length > digestAbove || rows.some((row) => row.kind === 'digest')
}

/** Above the bound everything is listed; below it only what is meant to be read in passing. */
function digestRows({ rows }: Addressed, { digestAbove }: MailMaking): EscalationRow[] {
  const urgent = rows.filter((row) => row.kind !== 'digest')
  return urgent.length > digestAbove ? rows : rows.filter((row) => row.kind === 'digest')
}

async function single(
  row: EscalationRow,
  addressed: readonly Addressed[],
  store: MailStore,
  making: MailMaking,
  now: Instant,
): Promise<readonly NewMail[]> {
  const concerned = addressed.filter((one) => one.rows.includes(row))
  if (concerned.length === 0) return []
  const view = await viewOf(row.incident, store)
  const opened = { id: row.incident, openedAt: view instanceof Error ? 0 : view.incident.openedAt }
  const mails = new Map<string, NewMail>()
  for (const { receiver, recipients, notes } of concerned) {
    for (const recipient of recipients) {
      if (mails.has(recipient)) continue
      const note = notes.get(row.id)
      const composed = await composeRow(row, view, note === undefined ? [] : [note], store, making, now)
      mails.set(recipient, {
        receiver,
        recipient,
        thread: `incident-${row.incident}`,
        messageId: mailId(opened, row, recipient, making.domain),
        references: [rootId(opened, making.domain)],
        ...composed,
      })
    }
  }
  return [...mails.values()]
}

async function composeRow(
  row: EscalationRow,
  view: IncidentView | Error,
  notes: readonly string[],
  store: MailStore,
  making: MailMaking,
  now: Instant,
): Promise<Composed> {
  const page = making.externalUrl === null ? null : `${making.externalUrl}/incidents/${row.incident}`
  try {
    if (view instanceof Error) throw view
    const made = compose(view, row, await linksOf(view, row, store, making, now), notes, now)
    making.onMade('mail')
    return made
  } catch (error) {
    if (error instanceof StoreUnavailableError) throw error
    making.onMade('plain')
    return plain(row, page, error)
  }
}

async function linksOf(
  view: IncidentView,
  row: EscalationRow,
  store: MailStore,
  { externalUrl, linkMs }: MailMaking,
  now: Instant,
): Promise<Links> {
  if (externalUrl === null) return {}
  const links: { -readonly [K in keyof Links]: Links[K] } = { incident: `${externalUrl}/incidents/${row.incident}` }
  for (const action of offered(view, row)) {
    const { approval } = view.incident
    // A question lapses by itself, and its link with it (S-3.5).
    const token =
      action === 'approve' && approval
        ? await store.issueToken(row.incident, action, approval.expiresAt, now, approval.request)
        : await store.issueToken(row.incident, action, now + linkMs, now)
    links[action] = `${externalUrl}/link/${token}`
  }
  return links
}

async function digestMails(
  { receiver, recipients, rows, notes }: Addressed,
  store: MailStore,
  making: MailMaking,
  now: Instant,
): Promise<readonly NewMail[]> {
  const ordered = inDigestOrder(rows)
  const listed = []
  for (const [index, telling] of ordered.entries()) {
    const view = index < LISTED ? await viewOf(telling.incident, store) : null
    listed.push({ telling, story: view instanceof Error ? null : view })
  }
  const redirected = rows.filter((row) => notes.has(row.id)).length
  const note =
    redirected === 0
      ? []
      : [`${redirected} of these came to ${receiver} because their rules' receivers are not configured.`]
  making.onMade('digest')
  const composed = digest(listed, making.externalUrl, note, now)
  return recipients.map((recipient) => ({
    receiver,
    recipient,
    thread: `digest-${receiver}`,
    messageId: digestId(ordered, recipient, making.domain),
    references: [],
    ...composed,
  }))
}

/** An incident that cannot be read makes a plain mail; a store that is away makes us come again. */
async function viewOf(incident: number, store: MailStore): Promise<IncidentView | Error> {
  try {
    return (await store.incidentView(incident)) ?? new Error(`incident ${incident} is not in the store`)
  } catch (error) {
    if (error instanceof StoreUnavailableError) throw error
    return error instanceof Error ? error : new Error(String(error))
  }
}
