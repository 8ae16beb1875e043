import type { Subject, TargetKind } from '../inventory/inventory.ts'

/** A rule's permission, from the least to the most. New rules start in `inform`. */
export const MODES = ['inform', 'approve', 'act'] as const

export type Mode = (typeof MODES)[number]

/** What a step does to its target; computed once at load by the action's `traits(params, targetKind)` (S-4.2). */
export interface Traits {
  /** It can lower what the cluster serves: needs the `cluster:` hold and all disruptive guards. */
  readonly disruptive: boolean
  /** Running it again after an unknown outcome does no harm (S-4.4). */
  readonly repeatable: boolean
  /** It leaves the target stopped until a later `start` of the same rung (S-4.1). */
  readonly stops: boolean
  /** It is a start: runs even after an earlier step of the rung failed, when one of them stopped the target. */
  readonly starts: boolean
  /** It can leave something different behind. An attempt that began none that does spends no budget (S-5.10). */
  readonly changes: boolean
  readonly limitSeconds: number
}

/** One action on one target, as validated data. `type` names an entry of src/actions/index.ts. */
export interface Step {
  readonly type: string
  readonly params: Readonly<Record<string, unknown>>
  readonly traits: Traits
}

/** A named check with its parameters: an entry of src/probes or src/guards. */
export interface Check {
  readonly type: string
  readonly params: Readonly<Record<string, unknown>>
}

export interface Verification extends Check {
  /** How long it may stay unhealed *without progress* (S-4.9). */
  readonly withinMs: number
}

export interface Backoff {
  readonly initialMs: number
  readonly multiplier: number
  readonly maxMs: number
}

/** Where "does it still fire?" is asked (S-5.3). */
export type FiringSource = 'alertmanager' | 'prometheus' | 'webhook'

/** Rule and runbook at one revision, frozen in the incident that it opened. */
export interface Plan {
  readonly rule: string
  /** Which revision of the files decided this: git SHA or content hash. */
  readonly revision: string
  /** Lower leads when several incidents are open on one target (S-3.1). */
  readonly rank: number
  readonly mode: Mode
  readonly afterMs: number
  readonly targetKind: TargetKind
  /** `labels`: the subject is the target. `culprit`: the subject is the cluster, the target is computed from its view (S-2.7). */
  readonly selects: 'labels' | 'culprit'
  readonly attempts: { readonly max: number; readonly backoff: Backoff; readonly stableMs: number }
  readonly escalation: {
    readonly to: readonly string[]
    /** Reminder interval while nobody has taken over. */
    readonly repeatMs: number
    /** Further levels: who else is told, how long after the escalation, until somebody takes over. */
    readonly levels: readonly { readonly to: readonly string[]; readonly afterMs: number }[]
    readonly tellByMs: number
    readonly escalateAfterMs: number
    readonly giveUpMs: number
    readonly startPatienceMs: number
    /** How long a request for approval can be granted, and how long the approval then holds (S-3.5). */
    readonly approvalMs: number
  }
  readonly firing: { readonly source: FiringSource; readonly maxAgeMs: number | null }
  readonly runbook: {
    readonly name: string
    readonly url: string | null
    readonly symptom: Check | null
    readonly guards: readonly Check[]
    /** Attempt n uses rung n; the last one repeats. */
    readonly rungs: readonly (readonly Step[])[]
    readonly verify: readonly Verification[]
  }
}

/** The rung of the n-th attempt (counted from 1). */
export function rungOf(plan: Plan, attempt: number): readonly Step[] {
  const { rungs } = plan.runbook
  return rungs[Math.min(attempt, rungs.length) - 1] ?? []
}

/** It may change something, by itself or once a person has approved. */
export function mayAct({ mode }: Pick<Plan, 'mode'>): boolean {
  return mode !== 'inform'
}

/** What is acted on as far as the labels alone tell; a culprit is found later (S-2.7). */
export function firstTarget({ selects }: Pick<Plan, 'selects'>, subject: Subject): string | null {
  return subject.kind === 'unresolved' || selects === 'culprit' ? null : subject.target
}
