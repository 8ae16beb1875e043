import type { Occurrence } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Reason, TellKind, TimerKind } from './incident.ts'
import type { Check, Mode, Plan } from './plan.ts'
import type { UnitSeen } from './unit.ts'
import type { GuardVerdict, ProbeVerdict } from './verdict.ts'

/** All guards together, in what the reducer needs of them; the full results are stored beside it as a decision. */
export interface Decision {
  readonly verdict: GuardVerdict
  /** The guard that decided, null when all passed. */
  readonly guard: string | null
  readonly reason: string
  readonly quiet: boolean
  readonly until: Instant | null
  readonly escalate: 'identity' | 'permission' | 'unreachable' | 'busy' | 'humanChanged' | null
  readonly gone: boolean
  /** What decided is one of `asks` that is not approved, so nothing else stands in the way. */
  readonly approvable: boolean
  /** Every refusal or hold that a person may approve, approved or not (S-3.5). */
  readonly asks: readonly string[]
  /** Some partition is offline or under its min.insync.replicas (S-6.1). */
  readonly urgent: boolean
}

/** All probes together (S-4.9), plus whether the runbook's symptom holds. */
export interface Look {
  readonly verdict: ProbeVerdict
  readonly reason: string
  readonly mark: string | null
  readonly starting: boolean
  /** It answers, or it runs and does not answer yet, whatever else is missing. Null: neither was seen. */
  readonly process: 'serving' | 'starting' | null
  /** Broken, and it cannot heal by itself. */
  readonly conclusive: boolean
  /** The time without progress after which it counts as failed: `within` of the probe that decided. */
  readonly withinMs: number
  /** Does the runbook's symptom hold? Null: not asked, none defined, or it could not be told. */
  readonly symptom: boolean | null
  /** The unit's invocation at that moment, where it could be read: after an unknown step it is counted as ours. */
  readonly invocation: string | null
}

/** What the target's row said when the event was made (S-3.2, S-4.1, S-4.10). */
export interface TargetHistory {
  readonly attempts: number
  /** Completed heals within the last 24 h. */
  readonly heals: number
  /** Suspended by recurrence until a person resumes it. */
  readonly suspended: boolean
}

export interface AttemptEnd {
  readonly outcome: 'succeeded' | 'failed' | 'notRun' | 'unknown'
  readonly reason: string
  /** `notRun` only. */
  readonly notRun?: 'unreachable' | 'permission' | 'busy' | 'guards'
  /** A changing step has begun. With `notRun` then, a later step could not be sent. */
  readonly changed: boolean
  /** `unknown` only: when the step has surely ended, and whether all steps from it on may be repeated (S-4.4). */
  readonly surelyOverAt?: Instant
  readonly repeatable?: boolean
  /** The unit's invocation after the rung, where it could be read. */
  readonly invocation?: string | null
}

/** What happens to an incident. Facts from outside come in here; the reducer never asks. */
export type Event =
  | { readonly type: 'alertFiring'; readonly occurrence: Occurrence }
  | { readonly type: 'alertResolved'; readonly occurrence: Occurrence }
  | { readonly type: 'timerDue'; readonly timer: TimerKind }
  | {
      readonly type: 'guardsEvaluated'
      readonly look: number
      readonly decision: Decision
      readonly history: TargetHistory
      readonly unit: UnitSeen | null
      /** Rules that act on the culprit (S-2.7): the one target found, null when there is none or more than one. */
      readonly culprit?: string | null
    }
  | { readonly type: 'claimRefused'; readonly attempt: number; readonly decision: Decision }
  | { readonly type: 'attemptStarted'; readonly attempt: number }
  | { readonly type: 'attemptFinished'; readonly attempt: number; readonly end: AttemptEnd }
  /** The process that ran it is gone. `end.outcome` is `unknown` when a step had begun, else `failed`. */
  | { readonly type: 'attemptInterrupted'; readonly attempt: number; readonly end: AttemptEnd }
  | { readonly type: 'looked'; readonly look: number; readonly seen: Look; readonly history: TargetHistory }
  | { readonly type: 'held'; readonly by: string }
  /** The last quiet hold ended. `jitterMs` spreads the incidents of one cluster. */
  | { readonly type: 'released'; readonly jitterMs: number }
  | { readonly type: 'attached'; readonly leader: number }
  | { readonly type: 'leads' }
  | { readonly type: 'takenOver'; readonly by: string }
  /** With `plan`, the rule in force now takes the place of the one frozen at opening (S-3.6). */
  | { readonly type: 'retryRequested'; readonly by: string; readonly plan?: Plan }
  /** Data is offline or one fault away from it (S-6.1): a view of the cluster said so. */
  | { readonly type: 'urgent' }
  /** A person approves the request of that number (S-3.5). */
  | { readonly type: 'approved'; readonly by: string; readonly request: number }
  /** `frees`: what it was about is gone from the configuration, so it closes and other rules may have its alerts (S-3.6). */
  | { readonly type: 'cancelled'; readonly by: string; readonly reason: string; readonly frees?: true }
  /** The configuration in force allows less than the plan (S-3.6). */
  | {
      readonly type: 'restricted'
      readonly to: Mode
      readonly reason: string
      /** Guards that the rule in force has and the plan lacks. */
      readonly guards?: readonly Check[]
    }

/** What is to be done; each becomes a row in the transaction that saves the incident (design 4.2). */
export type Effect =
  | { readonly type: 'timer'; readonly kind: TimerKind; readonly dueAt: Instant }
  | { readonly type: 'cancelTimer'; readonly kind: TimerKind }
  /** Evaluate all guards and answer `guardsEvaluated`. */
  | { readonly type: 'evaluateGuards'; readonly look: number }
  /** Ask the runbook's probes (and its symptom) and answer `looked`. */
  | { readonly type: 'probe'; readonly look: number; readonly symptom: boolean }
  | { readonly type: 'scheduleAttempt'; readonly attempt: number; readonly rung: number; readonly byPerson: boolean }
  /** The verdict is in (or the attempt is withdrawn): free `target:` and `cluster:` (S-4.2). */
  | { readonly type: 'releaseHolds' }
  /** Nothing was run: take the attempt back from the target's count (S-4.7). */
  | { readonly type: 'refundAttempt'; readonly attempt: number }
  /** Probation completed: the target's attempt count returns to 0 (S-4.1); a heal of ours is counted (S-4.10). */
  | { readonly type: 'completeProbation'; readonly healedByUs: boolean }
  | { readonly type: 'suspendTarget' }
  /** No new incident acts on the target before (S-3.2). */
  | { readonly type: 'cooldown'; readonly until: Instant }
  /** One row in `escalations`, once per (incident, round, kind, level) (S-6.3). */
  | {
      readonly type: 'tell'
      readonly kind: TellKind
      readonly level: number
      readonly to: readonly string[]
      readonly reason: Reason
      readonly summary: string
      /** A mail is made of it from then on; rows of kind `digest` wait for the day's digest. */
      readonly dueAt: Instant
    }
  /** It may lead no longer, or newly can: find the target's leader again (S-3.1). */
  | { readonly type: 'electLeader' }
