import type { Instant } from '../clock.ts'
import type { OwnFacts } from '../guards/guard.ts'
import type { TargetHistory } from '../incident/event.ts'
import type { QuietHold } from '../store/quiet-holds.ts'

const DAY_MS = 24 * 3_600_000

interface TargetRow {
  attempts: number
  heals: readonly Instant[]
  cooldownUntil: Instant
  cooldownBy: number | null
}

/** An attempt that begins. */
export interface Started {
  readonly incident: number
  readonly attempt: number
  readonly target: string
  readonly cluster: string
  readonly disruptive: boolean
  readonly firstStart: boolean
  /** Some step of it can leave something different behind. */
  readonly changes: boolean
}

type Recent = OwnFacts['recent'][number]
interface Held extends Started {
  readonly takenAt: Instant
}

/** The rows that guards over our own rows judge, as the store would keep them for one side of a replay. Storms are calm. */
export class Rows {
  readonly #rackOf: (target: string) => string | null
  readonly #targets = new Map<string, TargetRow>()
  /** Attempts whose holds last, by incident (S-4.2). */
  readonly #held = new Map<number, Held>()
  /** Of the last 24 h. The budgets exempt first starts of all targets but their own, so those are kept by target. */
  #recent: Recent[] = []
  readonly #firstStarts = new Map<string, Recent[]>()

  constructor(rackOf: (target: string) => string | null) {
    this.#rackOf = rackOf
  }

  history(target: string | null, now: Instant): TargetHistory {
    const row = target === null ? undefined : this.#targets.get(target)
    if (!row) return { attempts: 0, heals: 0, suspended: false }
    return { attempts: row.attempts, heals: row.heals.filter((at) => at > now - DAY_MS).length, suspended: false }
  }

  started(attempt: Started, now: Instant): void {
    const { target, cluster, disruptive, firstStart } = attempt
    this.#row(target).attempts += 1
    this.#held.set(attempt.incident, { ...attempt, takenAt: now })
    if (!attempt.changes) return
    const recent = { targetKey: target, cluster, rack: this.#rackOf(target), disruptive, firstStart, startedAt: now }
    const young = (all: readonly Recent[]) => all.filter(({ startedAt }) => startedAt > now - DAY_MS)
    if (firstStart) this.#firstStarts.set(target, [...young(this.#firstStarts.get(target) ?? []), recent])
    else this.#recent = [...young(this.#recent), recent]
  }

  release(incident: number): void {
    this.#held.delete(incident)
  }

  completeProbation(target: string, healedByUs: boolean, now: Instant): void {
    const row = this.#row(target)
    row.attempts = 0
    row.heals = [...row.heals.filter((at) => at > now - DAY_MS), ...(healedByUs ? [now] : [])]
  }

  /** A person lets it act again at once: heals are counted from nothing (S-4.10). */
  resume(target: string): void {
    this.#row(target).heals = []
  }

  cool(target: string, incident: number, until: Instant): void {
    const row = this.#row(target)
    if (row.cooldownUntil >= until) return
    row.cooldownUntil = until
    row.cooldownBy = incident
  }

  /** `quiet`: the holds that cover the incident now. */
  facts(
    {
      incident,
      target,
      cluster,
    }: { readonly incident: number; readonly target: string | null; readonly cluster: string | null },
    quiet: readonly QuietHold[],
    now: Instant,
  ): OwnFacts {
    const others = [...this.#held.values()].filter((one) => one.incident !== incident)
    const row = target === null ? undefined : this.#targets.get(target)
    const cooling = row !== undefined && row.cooldownUntil > now && row.cooldownBy !== incident
    return {
      pauses: quiet.flatMap((hold) => (hold.kind === 'pause' ? [{ ...hold.pause, by: hold.pause.author }] : [])),
      silences: quiet.flatMap((hold) =>
        hold.kind === 'silence' ? [{ ...hold.silence, by: hold.silence.author }] : [],
      ),
      windows: quiet.flatMap((hold) => (hold.kind === 'window' ? [hold.window] : [])),
      holds: others.flatMap((one) => [
        ...(one.target === target ? [hold(`target:${one.target}`, one)] : []),
        ...(one.disruptive && one.cluster === cluster ? [hold(`cluster:${one.cluster}`, one)] : []),
      ]),
      atWork: others
        .filter((one) => one.cluster === cluster && one.target !== target)
        .map(({ target: targetKey, firstStart, incident, attempt }) => ({
          targetKey,
          rack: this.#rackOf(targetKey),
          firstStart,
          incident,
          attempt,
          takenAt: now,
        })),
      recent: target === null ? this.#recent : [...this.#recent, ...(this.#firstStarts.get(target) ?? [])],
      cooldownUntil: cooling ? row.cooldownUntil : null,
      storm: null,
      blindAt: null,
      demotion: null,
    }
  }

  #row(target: string): TargetRow {
    const known = this.#targets.get(target)
    if (known) return known
    const made = { attempts: 0, heals: [], cooldownUntil: 0, cooldownBy: null }
    this.#targets.set(target, made)
    return made
  }
}

function hold(key: string, { incident, attempt, takenAt }: Held): OwnFacts['holds'][number] {
  return { key, incident, attempt, takenAt }
}
