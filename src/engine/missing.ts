import type { Instant } from '../clock.ts'
import { formatDuration } from '../duration.ts'
import type { HeldAlert, MissingAlert } from '../store/store.ts'

/** A Watchdog that was there within this time must be there still: several Prometheus may speak to one Alertmanager. Milliseconds. */
const REMEMBERED_MS = 60 * 60_000
/** No Alertmanager has more Prometheus in front of it; what is beyond is not remembered. */
const MOST_WATCHDOGS = 1_000

/** What one Alertmanager answered to one poll. */
export interface Answer {
  readonly url: string
  /** Why it could not be asked; null when it answered all. */
  readonly problem: string | null
  readonly startedAt: Instant | null
  /** When each Watchdog was last heard of, by its fingerprint and the Alertmanager's clock. */
  readonly watchdogs: ReadonlyMap<string, Instant>
}

/** What is remembered of one Alertmanager from poll to poll. */
interface Instance {
  readonly startedAt: Instant
  /** When it was seen to have been started anew, by our clock: its own may be wrong. Null: never seen. */
  readonly restartedAt: Instant | null
  readonly watchdogs: ReadonlyMap<string, Instant>
}

interface Missed {
  readonly since: Instant
  /** The Watchdogs of every Alertmanager as they were then. */
  readonly answers: readonly Answer[]
}

/**
 * Which alerts are gone (S-1.4). A poll counts only when every Alertmanager answered it, none is young, and each has every
 * Watchdog it had within the last hour: of two that share the work, the one that is away may be the only one to know. An
 * alert is gone when two such polls in a row do not list it, and every Watchdog was renewed in between: then each Prometheus
 * has spoken after the alert was first missed, and has not named it. (When Prometheus dies, alerts and Watchdog run out
 * within its resend-delay of each other; without this the two polls could lie in between.)
 */
export class Missing {
  #instances = new Map<string, Instance>()
  #missed = new Map<string, Missed>()

  forget(): void {
    this.#instances = new Map()
    this.#missed = new Map()
  }

  judge(
    answers: readonly Answer[],
    held: Iterable<HeldAlert>,
    listed: ReadonlyMap<string, Instant>,
    now: Instant,
    settleMs: number,
  ): { readonly doubt: string | null; readonly due: readonly MissingAlert[] } {
    const doubts = answers.flatMap((answer) => this.#doubt(answer, now, settleMs) ?? [])
    this.#remember(answers, now)
    const before = this.#missed
    this.#missed = new Map()
    if (doubts.length > 0) return { doubt: doubts.join('; '), due: [] }
    const due: MissingAlert[] = []
    for (const { fingerprint, seenAt } of held) {
      if (listed.has(fingerprint)) continue
      const known = before.get(fingerprint)
      // Heard of since: it is asked about anew.
      const missed = known && seenAt < known.since ? known : { since: now, answers }
      this.#missed.set(fingerprint, missed)
      if (missed === known && allRenewed(known.answers, answers)) due.push({ fingerprint, since: known.since })
    }
    return { doubt: null, due }
  }

  #doubt({ url, problem, startedAt, watchdogs }: Answer, now: Instant, settleMs: number): string | null {
    if (problem !== null || startedAt === null) return `${url} does not answer`
    const known = this.#instances.get(url)
    const restarted = known !== undefined && known.startedAt !== startedAt
    const since = restarted ? now : Math.max(startedAt, known?.restartedAt ?? startedAt)
    if (now - since < settleMs) return `${url} is up for less than ${formatDuration(settleMs)}`
    if (watchdogs.size === 0) return `${url} has no Watchdog`
    const lost = [...(known?.watchdogs ?? [])].some(([each, at]) => now - at < REMEMBERED_MS && !watchdogs.has(each))
    return lost ? `${url} has lost one of its Watchdogs` : null
  }

  #remember(answers: readonly Answer[], now: Instant): void {
    const next = new Map<string, Instance>()
    for (const { url, startedAt, watchdogs } of answers) {
      const known = this.#instances.get(url)
      if (startedAt === null) {
        if (known) next.set(url, known)
        continue
      }
      const restarted = known !== undefined && known.startedAt !== startedAt
      const remembered = [...(known?.watchdogs ?? [])].filter(([, at]) => now - at < REMEMBERED_MS)
      const present = [...watchdogs.keys()].map((each): [string, Instant] => [each, now])
      next.set(url, {
        startedAt,
        restartedAt: restarted ? now : (known?.restartedAt ?? null),
        watchdogs: new Map([...remembered, ...present].slice(0, MOST_WATCHDOGS)),
      })
    }
    this.#instances = next
  }
}

function allRenewed(then: readonly Answer[], now: readonly Answer[]): boolean {
  return now.every(({ url, watchdogs }) => {
    const before = then.find((one) => one.url === url)
    return before !== undefined && [...before.watchdogs].every(([each, at]) => (watchdogs.get(each) ?? at) > at)
  })
}
