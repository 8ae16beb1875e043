import type { Occurrence } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Subject } from '../inventory/inventory.ts'
import type { Plan } from './plan.ts'
import type { UnitSeen } from './unit.ts'

/**
 * Where an incident stands (S-3.3).
 *
 * `waiting` for its time, for a guard or for its leader · `checking` guards are being evaluated · `attempting` a rung is
 * scheduled or runs · `verifying` probes are asked · `probation` healed, being watched · `escalated` a person's turn ·
 * `settled` nothing more to do, an alert still fires · `closed`.
 */
export const STATES = [
  'waiting',
  'checking',
  'attempting',
  'verifying',
  'probation',
  'escalated',
  'settled',
  'closed',
] as const

export type State = (typeof STATES)[number]

/** Why it stands there. A bounded vocabulary: it labels metrics. */
export type Reason =
  // waiting
  | 'after'
  | 'held'
  | 'onHold'
  | 'refused'
  | 'evidenceMissing'
  | 'approval'
  | 'backoff'
  | 'attached'
  | 'symptomWithoutAlert'
  // checking, attempting, verifying, probation
  | 'guards'
  | 'scheduled'
  | 'running'
  | 'afterAttempt'
  | 'afterResolve'
  | 'afterEscalation'
  | 'watching'
  // escalated (S-6.2)
  | 'exhausted'
  | 'unknownNotRepeatable'
  | 'permission'
  | 'identity'
  | 'unreachable'
  | 'busy'
  | 'humanChanged'
  | 'verificationUnknown'
  | 'changedNotHealed'
  | 'recurrence'
  | 'unresolvable'
  | 'giveUp'
  | 'takenOver'
  // settled, closed
  | Outcome

/** How it ended: `healed` after an attempt, `cleared` without one, `informed` in mode inform, `unverified` without a target. */
export const OUTCOMES = ['healed', 'cleared', 'informed', 'cancelled', 'unverified'] as const

export type Outcome = (typeof OUTCOMES)[number]

export interface Verifying {
  readonly because: 'attempt' | 'resolve' | 'escalation' | 'refire'
  readonly since: Instant
  /** Last time something moved forward; `within` counts from here (S-4.9). */
  readonly progressAt: Instant
  readonly mark: string | null
  /** {@link Look.process} of the last look. */
  readonly process: 'serving' | 'starting' | null
  readonly polls: number
  /** Nothing is judged as failed before (an unknown step may still run until then, S-4.4). Null when no step is unknown. */
  readonly notBefore: Instant | null
  /** Why it was escalated, where it came from there: it goes back for the same cause (S-6.2). */
  readonly cause: Reason | null
  /** The unit's invocation after the rung could not be read: the first one seen now is ours, not a person's (S-2.5). */
  readonly learns: boolean
  /** All steps from the unknown one on may be run again. */
  readonly repeatable: boolean
}

/** What a person is asked to approve, and whether one has (S-3.5). Bound to plan, target and what the guards said. */
export interface Approval {
  /** Counted from 1 within the incident; a link or a call names it. */
  readonly request: number
  /** Target, rung and everything that is asked for: another one needs another approval. */
  readonly about: string
  /** The guards' refusals that it covers. */
  readonly waives: readonly string[]
  readonly askedAt: Instant
  /** Asked: until when it can be given. Given: until when it holds. */
  readonly expiresAt: Instant
  readonly by: string | null
  readonly toldAt: Instant
}

export interface Incident {
  readonly id: number
  readonly version: number
  readonly plan: Plan
  readonly subject: Subject
  /** What is acted on: the subject itself, or the culprit once it is found (S-2.7). Null: nothing yet, or unresolvable. */
  readonly target: string | null
  readonly state: State
  readonly reason: Reason
  /** A sentence for people: what exactly was seen, refused, or decided last. */
  readonly detail: string
  readonly openedAt: Instant
  readonly stateSince: Instant
  readonly closedAt: Instant | null
  readonly outcome: Outcome | null
  /** Its firing occurrences (S-1.2); unfired when empty. */
  readonly firing: readonly Occurrence[]
  /** The incident on the same target that leads (S-3.1); null when this one leads or none may act. */
  readonly leader: number | null
  /** Attempts begun by this incident. */
  readonly attempts: number
  /** Attempts that count against `max` on the target, as last read (S-4.1). */
  readonly targetAttempts: number
  /** Further attempts that a person asked for and that have not begun. */
  readonly grants: number
  /** Number of the attempt under way or under verification. */
  readonly attempt: number | null
  /** Serial of the last look or evaluation asked for; answers to earlier ones change nothing (S-3.8). */
  readonly look: number
  readonly verifying: Verifying | null
  /** Round of telling: each entry into `escalated` from another state begins one (S-6.3). */
  readonly round: number
  readonly owner: string | null
  /** Next further level of this round's escalation, counted from 1; and how many reminders it has had. */
  readonly level: number
  readonly reminders: number
  /** Whether a changing step of ours has begun on the target in this incident. */
  readonly changed: boolean
  readonly firstUnit: UnitSeen | null
  readonly ourInvocations: readonly string[]
  /** A quiet hold stops every clock until it is released (S-3.4). */
  readonly held: { readonly by: string; readonly since: Instant } | null
  /** Consecutive evaluations that did not pass; spaces the next ones (S-5.2). */
  readonly refusals: number
  /** Since when the host cannot be reached, or somebody else's command holds the unit. */
  readonly unreachableSince: Instant | null
  readonly busySince: Instant | null
  /** Since when its clocks run: its opening, or the end of the last quiet hold. */
  readonly clocksFrom: Instant
  /** People are told within two minutes from there (S-6.1). */
  readonly urgent: boolean
  /** When the back-off after the last failed attempt ends; a resolve and its verification in between do not move it. */
  readonly backoffUntil: Instant | null
  readonly healedAt: Instant | null
  readonly probationEndsAt: Instant | null
  readonly approval: Approval | null
  /** Questions asked of people so far: the number of the last one, which is never given again. */
  readonly requests: number
  /** Set while the rule or the target is gone or a person cancelled during an attempt: it closes cancelled once the attempt is over. */
  readonly cancelling: string | null
  /** Something was mailed in this incident, so a recovery is worth a mail. */
  readonly told: boolean
}

/** Timers are rows: (incident, kind, dueAt). */
export const TIMER_KINDS = [
  'act',
  'guard',
  'verifyPoll',
  'probationEnd',
  'level',
  'reminder',
  'escalateAfter',
  'giveUp',
  'tellBy',
] as const

export type TimerKind = (typeof TIMER_KINDS)[number]

/** Kinds of rows in `escalations` (S-6.3). */
export type TellKind = 'told' | 'refused' | 'escalated' | 'recovered' | 'digest'
