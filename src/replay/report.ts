import type { Instant } from '../clock.ts'
import type { Reason } from '../incident/incident.ts'
import { type Difference, KINDS, type Kind } from './differences.ts'
import type { SideName } from './occurrences.ts'
import { type RuleChange, type RuleSet, ruleChanges } from './rule-set.ts'
import type { AskedOfRecord } from './side.ts'

/** What one side did in all. */
export interface Totals {
  readonly revision: string
  /** Occurrences of alerts that some rule matched. */
  readonly matched: number
  readonly incidents: number
  readonly attempts: number
  /** How often it became a person's turn, by cause. */
  readonly escalated: Readonly<Partial<Record<Reason, number>>>
}

/** Alerts that are treated differently in the same way. */
export interface Group {
  readonly kinds: readonly Kind[]
  /** Names of the rules, empty for none. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly indirect: boolean
  readonly alerts: number
}

/** A guard over the world whose answers the record does not hold, so that it counted as passed. */
export interface NotRecorded {
  readonly side: SideName
  readonly rule: string
  readonly guard: string
  readonly asked: number
  /** How often of these the record had an answer. */
  readonly known: number
}

export interface Report {
  /** Of the first and the last change; null when there is none. */
  readonly from: Instant | null
  readonly to: Instant | null
  readonly changes: number
  /** Occurrences of alerts. */
  readonly alerts: number
  /** Those that are treated differently. */
  readonly different: number
  /** Of these, those whose own rules say the same on both sides. */
  readonly indirect: number
  readonly kinds: Readonly<Record<Kind, number>>
  /** The largest first. */
  readonly groups: readonly Group[]
  readonly rules: readonly RuleChange[]
  readonly before: Totals
  readonly after: Totals
  /** What really happened, to compare `before` with. */
  readonly recordedAttempts: number
  readonly notRecorded: readonly NotRecorded[]
}

interface Counts {
  matched: number
  incidents: number
  attempts: number
  readonly escalated: Partial<Record<Reason, number>>
}

/** Counts along; nothing of it grows with the record. */
export class Tally {
  readonly #sets: Readonly<Record<SideName, RuleSet>>
  readonly #counts: Readonly<Record<SideName, Counts>> = { before: none(), after: none() }
  readonly #groups = new Map<string, { group: Omit<Group, 'alerts'>; alerts: number }>()
  readonly #kinds: Record<Kind, number> = {
    newlyMatched: 0,
    noLongerMatched: 0,
    otherRule: 0,
    otherTarget: 0,
    otherRunbook: 0,
    otherMode: 0,
    moreAttempts: 0,
    fewerAttempts: 0,
    newRefusal: 0,
    refusalGone: 0,
  }
  changes = 0
  #alerts = 0
  #different = 0
  #indirect = 0
  #recordedAttempts = 0
  #from: Instant | null = null
  #to: Instant | null = null

  constructor(before: RuleSet, after: RuleSet) {
    this.#sets = { before, after }
  }

  heard(at: Instant): void {
    this.changes += 1
    this.#from ??= at
    this.#to = at
  }

  fired(matched: Readonly<Record<SideName, boolean>>): void {
    this.#alerts += 1
    if (matched.before) this.#counts.before.matched += 1
    if (matched.after) this.#counts.after.matched += 1
  }

  opened(side: SideName): void {
    this.#counts[side].incidents += 1
  }

  attempted(side: SideName): void {
    this.#counts[side].attempts += 1
  }

  escalated(side: SideName, reason: Reason): void {
    const { escalated } = this.#counts[side]
    escalated[reason] = (escalated[reason] ?? 0) + 1
  }

  recordedAttempt(): void {
    this.#recordedAttempts += 1
  }

  differs({ kinds, indirect, before, after }: Difference): void {
    this.#different += 1
    if (indirect) this.#indirect += 1
    for (const kind of kinds) this.#kinds[kind] += 1
    const rules = { before: before.map(({ rule }) => rule), after: after.map(({ rule }) => rule) }
    const key = JSON.stringify([kinds, rules, indirect])
    const known = this.#groups.get(key)
    if (known) known.alerts += 1
    else this.#groups.set(key, { group: { kinds, ...rules, indirect }, alerts: 1 })
  }

  report(asked: Readonly<Record<SideName, readonly AskedOfRecord[]>>): Report {
    return {
      from: this.#from,
      to: this.#to,
      changes: this.changes,
      alerts: this.#alerts,
      different: this.#different,
      indirect: this.#indirect,
      kinds: this.#kinds,
      groups: [...this.#groups.values()]
        .map(({ group, alerts }) => ({ ...group, alerts }))
        .toSorted((a, b) => b.alerts - a.alerts || orderOf(a) - orderOf(b)),
      rules: ruleChanges(this.#sets.before, this.#sets.after),
      before: this.#totals('before'),
      after: this.#totals('after'),
      recordedAttempts: this.#recordedAttempts,
      notRecorded: (['before', 'after'] as const).flatMap((side) =>
        asked[side]
          .filter((one) => one.known < one.asked)
          .map(({ rule, guard, asked, known }) => ({ side, rule, guard, asked, known })),
      ),
    }
  }

  #totals(side: SideName): Totals {
    const { matched, incidents, attempts, escalated } = this.#counts[side]
    return { revision: this.#sets[side].revision, matched, incidents, attempts, escalated }
  }
}

function none(): Counts {
  return { matched: 0, incidents: 0, attempts: 0, escalated: {} }
}

function orderOf({ kinds }: Group): number {
  const [first = KINDS[0]] = kinds
  return KINDS.indexOf(first)
}
