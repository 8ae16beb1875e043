import { isDeepStrictEqual } from 'node:util'
import type { Labels } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import type { Params } from '../incident/verdict.ts'
import { covers, type QuietHold } from '../store/quiet-holds.ts'
import type { RecordedGuards, RecordedVerdict } from '../store/recorded.ts'

/** The service evaluates a little later than it is due, and so does its record, in milliseconds. */
const SLACK_MS = 90_000
/** Of one target; older ones answer nothing any more. */
const MOST_KEPT = 50

/** What these guards ask is asked of disruptive rungs only; of any other they say `pass` by themselves. */
const OF_DISRUPTIVE: ReadonlySet<string> = new Set(['availability', 'quorum', 'no-recovery', 'no-reassignment'])

/** A guard's question, as a plan puts it. */
export interface Question {
  readonly guard: string
  /** Absent where it asks for nothing. */
  readonly params?: Params
}

/** The world as the record knows it, at the moment that is replayed. Both sides of a comparison see the same one. */
export class RecordedWorld {
  readonly #over = new Set<string>()
  readonly #guards = new Map<string, RecordedGuards[]>()
  readonly #culprits = new Map<string, RecordedGuards[]>()
  #holds: readonly QuietHold[] = []

  /** A new occurrence: what the alert says is so. */
  fires(fingerprint: string): void {
    this.#over.delete(fingerprint)
  }

  /** What the alerts say is not so any more, whatever was heard of them so far. */
  healed(fingerprints: readonly string[]): void {
    for (const one of fingerprints) this.#over.add(one)
  }

  brokenAgain(fingerprints: readonly string[]): void {
    for (const one of fingerprints) this.#over.delete(one)
  }

  /** It is known as resolved, so there is nothing left to know. */
  resolved(fingerprint: string): void {
    this.#over.delete(fingerprint)
  }

  /** Something that the incident is about is broken. */
  isBroken({ firing }: Incident): boolean {
    return firing.some(({ fingerprint }) => !this.#over.has(fingerprint))
  }

  /** May be told ahead of time. */
  learn(guards: RecordedGuards): void {
    keep(this.#guards, guards.target, guards)
    if (guards.culpritOf !== null) keep(this.#culprits, guards.culpritOf, guards)
  }

  /** What the guard said about the target at that time; null: the record does not say. */
  verdictOf(
    { guard, params }: Question,
    target: string,
    disruptive: boolean,
    now: Instant,
  ): RecordedVerdict | 'passes' | null {
    if (OF_DISRUPTIVE.has(guard) && !disruptive) return 'passes'
    const entries = this.#guards.get(target)
    if (!entries) return null
    for (const entry of at(entries, now)) {
      if (OF_DISRUPTIVE.has(guard) && entry.disruptive === false) continue
      const said = entry.verdicts.find((one) => one.guard === guard && isAsked(one.params, params))
      if (said) return said
    }
    return null
  }

  /** Whom the guards were asked about when a rule looked for the culprit in that cluster (S-2.7). */
  culpritOf(cluster: string, now: Instant): string | null {
    for (const { target } of at(this.#culprits.get(cluster) ?? [], now)) return target
    return null
  }

  begins(hold: QuietHold): void {
    this.#holds = [...this.#holds, hold]
  }

  ends(hold: QuietHold): void {
    this.#holds = this.#holds.filter((one) => one !== hold)
  }

  /** Silences, pauses and maintenance windows in force that cover an incident. `labels`: of its alerts, by fingerprint. */
  holdsOn(incident: Incident, labels: ReadonlyMap<string, Labels>): readonly QuietHold[] {
    if (this.#holds.length === 0) return this.#holds
    const alerts = [...labels.values()]
    return this.#holds.filter((hold) => covers(hold, incident, alerts))
  }
}

function keep(map: Map<string, RecordedGuards[]>, key: string, guards: RecordedGuards): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, [guards])
  else {
    known.push(guards)
    if (known.length > MOST_KEPT) known.splice(0, known.length - MOST_KEPT)
  }
}

/** What counts at that time, the newest first. */
function* at(entries: readonly RecordedGuards[], now: Instant): Generator<RecordedGuards> {
  for (let index = entries.length - 1; index >= 0; index -= 1) {
    const entry = entries[index]
    if (entry && entry.at - SLACK_MS <= now && (entry.until === null || now <= entry.until + SLACK_MS)) yield entry
  }
}

/** What was too long to be kept (`…`), and what an older build has kept without, stands for any. */
function isAsked(recorded: Params | undefined, asked: Params | undefined): boolean {
  return recorded === undefined || '…' in recorded || isDeepStrictEqual(recorded, asked ?? {})
}
