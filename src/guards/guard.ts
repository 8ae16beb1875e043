import type { z } from 'zod'
import type { Alert } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Verifying } from '../incident/incident.ts'
import type { Plan } from '../incident/plan.ts'
import type { UnitSeen } from '../incident/unit.ts'
import type { GuardResult } from '../incident/verdict.ts'
import type { TargetKind } from '../inventory/inventory.ts'
import type { LookContext } from '../probes/probe.ts'

export type { UnitSeen } from '../incident/unit.ts'

/** What is about to be done, for a guard to judge. */
export interface Intent {
  readonly incident: number
  readonly plan: Plan
  readonly targetKey: string
  readonly cluster: string
  /** The attempt that would run, counted from 1 on this incident. */
  readonly attempt: number
  /** Some step of the rung is disruptive. */
  readonly disruptive: boolean
  /** Asked for by a person (`retry`): the budget counts it but does not refuse it (S-5.10). */
  readonly byPerson: boolean
  /** Firing alerts of the incident, newest statement of each; empty when all resolved. */
  readonly alerts: readonly (Alert & { readonly seenAt: Instant })[]
  /** The unit as the incident first saw it (S-2.5), null before the first check. */
  readonly firstSeenUnit: UnitSeen | null
  /** Unit invocations that our own attempts caused. */
  readonly ourInvocations: readonly string[]
  /** Whether one of our own attempts has begun a changing step on the target in this incident. */
  readonly changedByUs: boolean
}

/** A guard that looks at the world: facts by I/O, then a pure decision (design 4.4). One file, one line in index.ts. */
export interface WorldGuard<S extends z.ZodType = z.ZodType, F = unknown> {
  readonly kind: 'world'
  readonly type: string
  readonly summary: string
  readonly params: S
  readonly targets: readonly TargetKind[]
  /** Evaluated whether or not a runbook lists it. */
  readonly always: boolean
  facts(params: z.infer<S>, intent: Intent, context: LookContext): Promise<F>
  decide(facts: F, params: z.infer<S>, intent: Intent, now: Instant): GuardResult
}

/** A guard over our own rows: facts come out of the store, and it is decided again inside the claim (S-5.2). */
export interface OwnGuard {
  readonly kind: 'own'
  readonly type: string
  readonly summary: string
  decide(facts: OwnFacts, intent: OwnIntent, now: Instant): GuardResult
}

export type OwnIntent = Pick<Intent, 'incident' | 'targetKey' | 'cluster' | 'disruptive' | 'byPerson' | 'attempt'> & {
  readonly rack: string | null
  /** First start of a crashed target since its last completed heal: exempt from cluster, rack and global budgets. */
  readonly firstStart: boolean
}

/** Rows of ours that own guards judge, read in one unit. */
export interface OwnFacts {
  readonly pauses: readonly {
    readonly id: number
    readonly scope: string
    readonly endsAt: Instant
    readonly by: string
    readonly comment: string
  }[]
  /** Active silences that match an alert of the incident. */
  readonly silences: readonly {
    readonly id: string
    readonly endsAt: Instant
    readonly by: string
    readonly comment: string
  }[]
  /** Maintenance windows that last and cover the incident. */
  readonly windows: readonly {
    readonly id: string
    readonly name: string
    readonly endsAt: Instant
    readonly comment: string
  }[]
  /** Holds on this target and on its cluster by other attempts. */
  readonly holds: readonly {
    readonly key: string
    readonly incident: number
    readonly attempt: number
    readonly takenAt: Instant
  }[]
  /** Other targets of the cluster that another incident acts on, or has acted on and not yet verified. */
  readonly atWork: readonly {
    readonly targetKey: string
    readonly rack: string | null
    readonly firstStart: boolean
    readonly incident: number
    readonly attempt: number
    readonly takenAt: Instant
  }[]
  /** Attempts with at least one changing step, begun within the last 24 h, over everything. */
  readonly recent: readonly {
    readonly targetKey: string
    readonly cluster: string
    readonly rack: string | null
    readonly disruptive: boolean
    readonly firstStart: boolean
    readonly startedAt: Instant
  }[]
  /** Two minutes to fifteen after an action on the target by another incident (S-3.2). Null when there is none. */
  readonly cooldownUntil: Instant | null
  /** The storm over the cluster (S-5.9); null in calm. */
  readonly storm: StormFacts | null
  /** When a look at the cluster last got no answer from anything; null when the last one got some. */
  readonly blindAt: Instant | null
  /** The rule may only inform on this target (S-5.11); null when it was not demoted. */
  readonly demotion: { readonly at: Instant; readonly reason: string } | null
}

export interface StormFacts {
  readonly since: Instant
  /** What was confirmed bad when it was last seen to be a storm, e.g. `broker 2`. */
  readonly bad: readonly string[]
  readonly total: number
  /** Since when nothing that would make a storm was seen; null while it rages. */
  readonly calmSince: Instant | null
  /** The first start that failed in it, until a person resumes the cluster. */
  readonly failedStart: { readonly target: string; readonly reason: string } | null
  /** Whether this target is a member of the quorum. */
  readonly isVoter: boolean
  /** What is at work on other targets of the cluster, each with its process as its verification saw it last. */
  readonly starts: readonly (OwnFacts['atWork'][number] & Pick<Verifying, 'process'>)[]
  /** The quorum had no leader when the cluster was last looked at, and too few of its members run to elect one. */
  readonly lacksMajority: boolean
  /** Other members of the quorum whose open incidents can still start them. */
  readonly votersFirst: readonly string[]
}

/** Nothing of ours concerns the target. */
export const NO_ROWS: OwnFacts = {
  pauses: [],
  silences: [],
  windows: [],
  holds: [],
  atWork: [],
  recent: [],
  cooldownUntil: null,
  storm: null,
  blindAt: null,
  demotion: null,
}

export function defineWorldGuard<S extends z.ZodType, F>(guard: WorldGuard<S, F>): WorldGuard<S, F> {
  return guard
}

export function defineOwnGuard(guard: OwnGuard): OwnGuard {
  return guard
}
