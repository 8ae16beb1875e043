import type { Logger } from 'pino'
import type { Clock, Instant } from '../clock.ts'
import type { Alertmanager } from '../probes/alertmanager.ts'
import type { SeenAlert } from '../probes/probe.ts'
import type { HeldAlert, MissingAlert, ShownAlert, Store } from '../store/store.ts'
import { type Answer, Missing } from './missing.ts'
import { Wake } from './wake.ts'

/** Requests within this many milliseconds share one fetch. */
const GATHER_MS = 1_000

/** Alerts that one poll adopts; the rest is taken by the next ones. */
const MOST_NEWS = 10_000

/** Alerts in one unit, so that intake never waits long behind it. */
const TOGETHER = 500

export interface ReconcileSettings {
  /** Each with the name under which its alerts are taken; null: they may speak for every cluster (S-2.2). */
  readonly alertmanagers: readonly { readonly alertmanager: Alertmanager; readonly credential: string | null }[]
  /** Our name among Alertmanager's receivers. */
  readonly receiver: string
  /** The name of the alert that always fires. */
  readonly watchdog: string
  readonly everyMs: number
  readonly groupWaitMs: number
  /** An Alertmanager that is up for less has not heard of everything. Milliseconds. */
  readonly settleMs: number
  /** With more changes than this waiting for the core nothing is adopted. */
  readonly inboxDepth: number
}

/** What one poll found, for `/status`, metrics and the log. */
export interface Poll {
  readonly at: Instant
  readonly alertmanagers: readonly {
    readonly url: string
    /** Why it could not be asked, or null. */
    readonly problem: string | null
    readonly startedAt: Instant | null
    readonly watchdog: boolean
  }[]
  /** Why no alert can be called gone now; null when it could. */
  readonly doubt: string | null
  readonly adopted: number
  readonly gone: number
}

export interface ReconcileStatus {
  readonly lastPoll: Poll | null
  /** Last poll by which an alert could have been called gone. */
  readonly lastSureAt: Instant | null
}

export interface ReconcileDeps {
  readonly store: Pick<Store, 'heldAlerts' | 'adopt' | 'markGone' | 'inboxDepth'>
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly settings: () => ReconcileSettings
  /** Wakes the core; called after each commit that changed an alert. */
  readonly onStored: () => void
  readonly onPolled: (poll: Poll) => void
}

/**
 * Compares what is known with what every Alertmanager shows, at start and each minute (S-1.4): alerts whose webhook was lost
 * are adopted, alerts whose end was lost are gone. With several instances each does it: all that follows is idempotent.
 */
export class Reconcile {
  readonly #deps: ReconcileDeps
  readonly #wake = new Wake()
  readonly #missing = new Missing()
  #wanted: string | null = null
  #lastPoll: Poll | null = null
  #lastSureAt: Instant | null = null
  #troubles = ''

  constructor(deps: ReconcileDeps) {
    this.#deps = deps
  }

  /** Asks for a fetch soon: alerts are missing from a delivery. `why` is for the log. */
  want(why: string): void {
    this.#wanted = why
    this.#wake.wake()
  }

  status(): ReconcileStatus {
    return { lastPoll: this.#lastPoll, lastSureAt: this.#lastSureAt }
  }

  async run(): Promise<void> {
    const { clock, log, signal, settings } = this.#deps
    let pollAt = clock.monotonic()
    while (!signal.aborted) {
      const why = this.#wanted
      const configured = settings().alertmanagers.length > 0
      if (why !== null) {
        await clock.sleep(GATHER_MS, signal)
        this.#wanted = null
        if (!configured) log.warn({ why }, 'no Alertmanager is configured, so what was cut off cannot be fetched')
      }
      const due = clock.monotonic() >= pollAt
      if (due) pollAt = clock.monotonic() + settings().everyMs
      if (configured && (due || why !== null)) await this.poll(why, due)
      else if (!configured) this.#rest()
      if (this.#wanted !== null) continue
      await this.#wake.wait(clock, Math.min(settings().everyMs, Math.max(0, pollAt - clock.monotonic())), signal)
    }
  }

  /** No Alertmanager is configured, or none any more. */
  #rest(): void {
    this.#missing.forget()
    this.#lastPoll = null
    this.#lastSureAt = null
    const doubt = 'no Alertmanager is configured'
    this.#deps.onPolled({ at: this.#deps.clock.now(), alertmanagers: [], doubt, adopted: 0, gone: 0 })
  }

  /** `why`: alerts are known to be lost. Not `due`: a fetch in between. */
  async poll(why: string | null, due: boolean): Promise<void> {
    const { log, signal, onPolled } = this.#deps
    try {
      const poll = await this.#reconcile(why !== null, due)
      if (signal.aborted) return
      this.#lastPoll = poll
      if (due && poll.doubt === null) this.#lastSureAt = poll.at
      onPolled(poll)
      this.#tell(poll, why)
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'could not reconcile with Alertmanager, will try again')
    }
  }

  /**
   * `all`: takes also alerts that are so young that their webhook may still be on its way; some are known to be lost. Not
   * `due`: a fetch in between, which says nothing about gone, for two of them may be a second apart.
   */
  async #reconcile(all: boolean, due: boolean): Promise<Poll> {
    const { store, clock, settings } = this.#deps
    const now = settings()
    const at = clock.now()
    const graceMs = now.groupWaitMs + now.everyMs
    const held = new Map((await store.heldAlerts()).map((alert) => [alert.fingerprint, alert]))
    const seen = new Shown(held, now.receiver, all ? Number.POSITIVE_INFINITY : at - graceMs)
    const answers: Answer[] = []
    // One after another, and only what is needed is kept: tens of thousands of alerts are tens of megabytes.
    for (const { alertmanager, credential } of now.alertmanagers) {
      answers.push(await this.#ask(alertmanager, now, (alert) => seen.add(alert, credential)))
    }
    const adopted = await this.#adopt(seen.news(), { receiver: now.receiver, graceMs }, now.inboxDepth)
    const judged = due ? this.#missing.judge(answers, held.values(), seen.listed, at, now.settleMs) : null
    const marked = judged && judged.due.length > 0 ? await this.#markGone(judged.due, now) : { gone: 0, doubt: null }
    const doubt = judged ? (judged.doubt ?? marked.doubt) : (this.#lastPoll?.doubt ?? null)
    const alertmanagers = answers.map(({ url, problem, startedAt, watchdogs }) => ({
      url,
      problem,
      startedAt,
      watchdog: watchdogs.size > 0,
    }))
    return { at, alertmanagers, doubt, adopted, gone: marked.gone }
  }

  /**
   * Watchdog is asked for after the alerts, so that a copy renewed since the last poll was sent after an alert was missed; the
   * start last, so that one that was started anew meanwhile is seen as young.
   */
  async #ask(
    alertmanager: Alertmanager,
    { receiver, watchdog }: ReconcileSettings,
    take: (alert: SeenAlert) => void,
  ): Promise<Answer> {
    const { signal } = this.#deps
    const { url } = alertmanager
    try {
      await alertmanager.alerts(receiver, take, signal)
      const watchdogs = new Map(
        (await alertmanager.named(watchdog, signal)).map((alert) => [alert.fingerprint, alert.updatedAt]),
      )
      const startedAt = await alertmanager.startedAt(signal)
      return { url, problem: null, startedAt, watchdogs }
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      return { url, problem, startedAt: null, watchdogs: new Map() }
    }
  }

  async #adopt(
    news: readonly ShownAlert[],
    from: { readonly receiver: string; readonly graceMs: number },
    inboxDepth: number,
  ): Promise<number> {
    const { store, clock, onStored } = this.#deps
    let adopted = 0
    for (let begin = 0; begin < news.length; begin += TOGETHER) {
      // The rest is taken at the next poll.
      if ((await store.inboxDepth()) > inboxDepth) break
      const receipt = await store.adopt(news.slice(begin, begin + TOGETHER), from, clock.now())
      adopted += receipt?.firing ?? 0
      if (receipt) onStored()
    }
    return adopted
  }

  async #markGone(
    due: readonly MissingAlert[],
    { alertmanagers, receiver }: ReconcileSettings,
  ): Promise<{ readonly gone: number; readonly doubt: string | null }> {
    const { store, clock, signal, onStored } = this.#deps
    // One that fires on but is routed elsewhere is not gone. Asked only now: it is all that Alertmanager has.
    const missing = new Map(due.map((one) => [one.fingerprint, one]))
    for (const { alertmanager } of alertmanagers) {
      try {
        await alertmanager.alerts(null, ({ fingerprint }) => missing.delete(fingerprint), signal)
      } catch (error) {
        return { gone: 0, doubt: error instanceof Error ? error.message : String(error) }
      }
    }
    const left = [...missing.values()]
    let gone = 0
    for (let begin = 0; begin < left.length; begin += TOGETHER) {
      gone += await store.markGone(left.slice(begin, begin + TOGETHER), receiver, clock.now())
      onStored()
    }
    return { gone, doubt: null }
  }

  /** Trouble is logged when it begins, changes and ends, not each minute. */
  #tell({ alertmanagers, doubt, adopted, gone }: Poll, why: string | null): void {
    const { log } = this.#deps
    if (why !== null || adopted > 0 || gone > 0) log.info({ why, adopted, gone }, 'reconciled with Alertmanager')
    const problems = alertmanagers.flatMap(({ problem }) => problem ?? [])
    const troubles = [...problems, doubt ?? ''].join('\n')
    if (troubles === this.#troubles) return
    this.#troubles = troubles
    if (doubt === null) log.info('every Alertmanager answers; what they no longer show is gone')
    else log.warn({ doubt, problems }, 'no alert can be called gone for now')
  }
}

/** What the Alertmanagers list together, and what of it is news. */
class Shown {
  /** The earliest start that is shown of each alert. */
  readonly listed = new Map<string, Instant>()
  readonly #held: ReadonlyMap<string, HeldAlert>
  readonly #receiver: string
  readonly #before: Instant
  readonly #news = new Map<string, ShownAlert>()

  constructor(held: ReadonlyMap<string, HeldAlert>, receiver: string, before: Instant) {
    this.#held = held
    this.#receiver = receiver
    this.#before = before
  }

  add(alert: SeenAlert, credential: string | null): void {
    const { fingerprint, startsAt } = alert
    this.listed.set(fingerprint, Math.min(startsAt, this.listed.get(fingerprint) ?? startsAt))
    // What is silenced or inhibited is delivered when that ends (S-1.4).
    if (alert.state !== 'active' || !alert.receivers.includes(this.#receiver)) return
    if (startsAt > this.#before || startsAt <= (this.#held.get(fingerprint)?.startsAt ?? Number.NEGATIVE_INFINITY))
      return
    const other = this.#news.get(fingerprint)
    if (!other && this.#news.size >= MOST_NEWS) return
    this.#news.set(fingerprint, other ? joined(other, alert, credential) : asShown(alert, credential))
  }

  /** Of one that fires here already only a later occurrence: two Alertmanagers may name two starts of the same one. */
  news(): readonly ShownAlert[] {
    return [...this.#news.values()].filter(({ fingerprint }) => {
      const known = this.#held.get(fingerprint)
      return known === undefined || (this.listed.get(fingerprint) ?? 0) > known.startsAt
    })
  }
}

function asShown(alert: SeenAlert, credential: string | null): ShownAlert {
  const { fingerprint, labels, annotations, startsAt, updatedAt } = alert
  const stated = { fingerprint, labels, annotations, startsAt, updatedAt, credential }
  return { ...stated, status: 'firing', endsAt: null, generatorURL: '' }
}

/** The same alert in a second Alertmanager: the earlier start, the later news, and the word of who may speak for all. */
function joined(one: ShownAlert, { startsAt, updatedAt }: SeenAlert, credential: string | null): ShownAlert {
  return {
    ...one,
    startsAt: Math.min(one.startsAt, startsAt),
    updatedAt: Math.max(one.updatedAt, updatedAt),
    credential: credential === null ? null : one.credential,
  }
}
