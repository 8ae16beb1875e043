import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { parseSender } from '../notify/addresses.ts'
import type { Route } from '../notify/deliver.ts'
import { CONNECTIONS } from '../notify/email.ts'
import { type Store, StoreUnavailableError } from '../store/store.ts'
import { type Made, type MailMaking, type MailStore, makeMails, type Receivers } from './make-mails.ts'
import { makeNotices, type NoticeMaking, type NoticeStore } from './make-notices.ts'
import { delayMs, type MailBackoff, type MailEnded, type MailSending, type Sweep, sendDue } from './send-mails.ts'
import type { Wake } from './wake.ts'

export type OutboxStore = Pick<
  Store,
  | 'inboxDepth'
  | 'dueEscalations'
  | 'dueEscalationCount'
  | 'toldByStorm'
  | 'dueNotices'
  | 'enqueueNotice'
  | 'enqueueMails'
  | 'incidentView'
  | 'issueToken'
  | 'claimMails'
  | 'mailSent'
  | 'mailDeferred'
  | 'mailFailed'
  | 'renewMails'
  | 'releaseMails'
>

export interface OutboxDeps {
  readonly store: OutboxStore
  readonly clock: Clock
  readonly log: Logger
  /** Our boot id. */
  readonly owner: string
  /** Both are asked anew each time, so that a reload takes effect. */
  readonly route: () => Route
  readonly settings: () => OutboxSettings
  /** Woken when escalations were written. */
  readonly wake: Wake
  /** Ends the loop; tries under way get `graceMs` to end. */
  readonly signal: AbortSignal
  readonly graceMs: number
  readonly onMade: (made: Made) => void
  readonly onSent: (ended: MailEnded) => void
  readonly onFailure: (error: StoreUnavailableError) => void
}

/** What making mails takes. */
export interface GatherDeps extends Pick<OutboxDeps, 'clock' | 'signal' | 'onMade'> {
  readonly store: MailStore & NoticeStore & Pick<Store, 'inboxDepth' | 'dueEscalationCount'>
}

export interface OutboxSettings {
  readonly receivers: Receivers
  readonly noticesTo: readonly string[]
  /** What is in force. */
  readonly revision: string
  readonly from: string
  readonly externalUrl: string | null
  /** Rows that come within this time are told together. Milliseconds. */
  readonly windowMs: number
  readonly digestAbove: number
  readonly linkMs: number
  readonly backoff: MailBackoff
}

/** What is not configured: one second to gather, five rows before a digest, links for a week, 5 s × 2 up to 5 min. */
export const OUTBOX_DEFAULTS = {
  windowMs: 1_000,
  digestAbove: 5,
  linkMs: 7 * 24 * 3_600_000,
  backoff: { initialMs: 5_000, multiplier: 2, maxMs: 5 * 60_000 },
} as const satisfies Partial<OutboxSettings>

/** Longest time without looking, in milliseconds: finds what was deferred before a restart or written by somebody else. */
const IDLE_MS = 5_000

/** A storm is one mail (S-6.3), but it is told after so long although the core has not worked through it. Milliseconds. */
const STORM_MS = 30_000

/** Turns escalations into mails and mails into sent ones until `signal` aborts. A store that is away is waited for. */
export async function runOutbox(deps: OutboxDeps): Promise<void> {
  const { store, clock, signal, graceMs } = deps
  const cut = new AbortController()
  let blockedTimes = 0
  await tryStore(deps, () => store.releaseMails(deps.owner, clock.now()))
  const stopping = stopAfterGrace(signal, graceMs, clock, cut)
  while (!signal.aborted) {
    const settings = deps.settings()
    const gathered = await tryStore(deps, () => gather(deps, settings))
    const sweep = await tryStore(deps, () => sendDue(sendingOf(deps, settings, cut.signal)))
    // What could not be done was waited for there.
    if (gathered === null || sweep === null) continue
    blockedTimes = sweep.blocked ? blockedTimes + 1 : 0
    await pause(deps, settings, sweep, blockedTimes)
  }
  cut.abort()
  await stopping
}

/** Rows that come together are told together: waits the window out once something is due, and a storm in the inbox. */
export async function gather(deps: GatherDeps, settings: OutboxSettings): Promise<number> {
  const { store, clock, signal } = deps
  const making = makingOf(deps, settings)
  // A storm's own mail goes before what it tells of.
  const noticed = await makeNotices(store, making, clock.now())
  const due = await store.dueEscalations(clock.now(), 1)
  if (due.length === 0) return noticed
  const began = clock.monotonic()
  for (let rows = 0; ; ) {
    await clock.sleep(settings.windowMs, signal)
    const count = await store.dueEscalationCount(clock.now())
    const comesAnyway = count > settings.digestAbove
    // Changes of alerts still wait for the core, or looks have just ended: this digest would be the first of many.
    const grows = count > rows || (await store.inboxDepth()) > 0
    rows = count
    if (!comesAnyway || !grows || signal.aborted || clock.monotonic() - began >= STORM_MS) break
  }
  return noticed + (await makeMails(store, making, clock.now()))
}

function makingOf(
  { onMade }: Pick<OutboxDeps, 'onMade'>,
  { receivers, noticesTo, revision, from, externalUrl, digestAbove, linkMs }: OutboxSettings,
): MailMaking & NoticeMaking {
  const domain = parseSender(from)?.domain ?? 'localhost'
  return { receivers, noticesTo, domain, revision, externalUrl, digestAbove, linkMs, onMade }
}

function sendingOf(deps: OutboxDeps, { receivers, backoff }: OutboxSettings, cut: AbortSignal): MailSending {
  const { store, clock, log, owner, signal, onSent, onFailure } = deps
  return {
    store,
    clock,
    log,
    owner,
    route: deps.route,
    signal,
    onSent,
    onFailure,
    receivers,
    backoff,
    cut,
    parallel: CONNECTIONS,
  }
}

/** Until the next mail is due or something new is written. With no server to ask, all mails wait together. */
async function pause(deps: OutboxDeps, { backoff }: OutboxSettings, sweep: Sweep, blocked: number): Promise<void> {
  const { clock, wake, signal } = deps
  if (blocked > 0) {
    // New rows still become mails meanwhile: only the sending waits.
    const until = clock.monotonic() + delayMs(backoff, blocked - 1)
    while (!signal.aborted && clock.monotonic() < until) {
      await wake.wait(clock, until - clock.monotonic(), signal)
      await tryStore(deps, () => gather(deps, deps.settings()))
    }
    return
  }
  const dueIn = sweep.nextDueAt === null ? IDLE_MS : sweep.nextDueAt - clock.now()
  await wake.wait(clock, Math.min(IDLE_MS, Math.max(50, dueIn)), signal)
}

async function stopAfterGrace(signal: AbortSignal, graceMs: number, clock: Clock, cut: AbortController): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await clock.sleep(graceMs, cut.signal)
  cut.abort()
}

/** Null when it could not be done now. Nothing stops telling people: what went wrong is logged, and it is tried again. */
async function tryStore<T>({ log, clock, signal, onFailure }: OutboxDeps, unit: () => Promise<T>): Promise<T | null> {
  try {
    return await unit()
  } catch (err) {
    if (err instanceof StoreUnavailableError) onFailure(err)
    log.error({ err }, 'the outbox could not go on, will try again')
    await clock.sleep(1_000, signal)
    return null
  }
}
