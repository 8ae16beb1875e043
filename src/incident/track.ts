import type { Instant } from '../clock.ts'
import type { Decision, Event } from './event.ts'
import type { Incident, Outcome, Reason } from './incident.ts'
import type { Mode, Plan } from './plan.ts'

/**
 * Who made it well, as far as the unit's invocation tells: our attempt; a start by somebody else (a person, systemd), which
 * is what the runbook would have done; neither, the same process goes on; or it cannot be told.
 */
export const HEALERS = ['us', 'sameRemedy', 'otherwise', 'unknown'] as const

export type Healer = (typeof HEALERS)[number]

/** How a person overruled the rule while it was its turn; what happens once a person was asked to take over is no overruling. */
export const OVERRIDES = ['takenOver', 'cancelled', 'humanFirst', 'changedByHand'] as const

export type Override = (typeof OVERRIDES)[number]

export const WOULD = ['act', 'ask', 'refuse'] as const

/** What one incident says of its rule. Few values each, so that many incidents say the same. Lists are sorted. */
export interface Facts {
  /** What the rule was allowed when the incident opened. */
  readonly mode: Mode
  /** In mode `inform`: what the guards let it do at the moment it would have acted (S-3.3). Null: it never came to that. */
  readonly would: (typeof WOULD)[number] | null
  /** Guards that decided against acting, or that would have. */
  readonly refusedBy: readonly string[]
  /** Another incident led on its target (S-3.1). */
  readonly followed: boolean
  /** A silence, a window or a pause stopped it for a while (S-3.4). */
  readonly held: boolean
  /** A person's approval (S-3.5): `asked` until one is given. */
  readonly approval: 'asked' | 'given' | null
  /** Attempts that began to change something. */
  readonly attempts: number
  /** Healing did not work (S-5.11), whatever became of it later. */
  readonly failed: boolean
  /** Causes for which it was a person's turn. */
  readonly escalated: readonly Reason[]
  /** Well, and broken again within probation. */
  readonly relapsed: boolean
  readonly overridden: readonly Override[]
  readonly outcome: Outcome | null
  /** Null until it was verified as well. */
  readonly healer: Healer | null
}

/** An incident's part in the record of its rule. */
export interface Track {
  readonly facts: Facts
  /** Occurrences that it has held. */
  readonly alerts: number
  /** When the first attempt that changed something began. */
  readonly attemptAt: Instant | null
  /** When it was found well after an attempt, where that lasted. */
  readonly healedAt: Instant | null
}

/** One transition of an incident; `before` is null when it opened. */
export interface Transition {
  readonly before: Incident | null
  readonly after: Incident
  readonly event: Event | { readonly type: 'opened' }
}

/** Incidents of one rule in one cluster that say the same. */
export interface TrackGroup {
  readonly rule: string
  readonly cluster: string | null
  readonly facts: Facts
  readonly incidents: number
  /** That they held, together. */
  readonly alerts: number
  /** When the oldest of them opened. */
  readonly oldestAt: Instant
}

const FAILING: ReadonlySet<Reason> = new Set(['exhausted', 'unknownNotRepeatable', 'changedNotHealed', 'recurrence'])

/**
 * It became a person's turn because healing did not work (S-5.11); `verificationUnknown` too, after something was changed.
 * What only comes back from looking is in the same round (S-6.2).
 */
export function isFailure(before: Incident | null, after: Incident): boolean {
  if (after.state !== 'escalated' || before?.round === after.round) return false
  return isFailing(after.reason, after)
}

function isFailing(cause: Reason, { changed }: Incident): boolean {
  return FAILING.has(cause) || (cause === 'verificationUnknown' && changed)
}

/** Who healed it, when the unit shows this invocation now (S-3.3). */
export function healerOf({ changed, owner, firstUnit, plan }: Incident, invocation: string | null): Healer {
  if (changed) return owner === null ? 'us' : 'unknown'
  if (firstUnit === null || !invocation || !startsUnit(plan)) return 'unknown'
  return invocation === firstUnit.invocationId ? 'otherwise' : 'sameRemedy'
}

function startsUnit({ runbook }: Plan): boolean {
  return runbook.rungs.some((rung) => rung.some((step) => step.traits.starts))
}

/** Whether a transition can add to the record at all; most looks and timers cannot. */
export function isTracked({ before, after, event }: Transition): boolean {
  return before === null || before.state !== after.state || !UNTRACKED.has(event.type)
}

const UNTRACKED: ReadonlySet<Transition['event']['type']> = new Set([
  'timerDue',
  'looked',
  'alertResolved',
  'released',
  'urgent',
  'leads',
])

/** The incident's record after one more transition; `known` is null at its opening, or where an older build opened it. */
export function trackOf(known: Track | null, transition: Transition, now: Instant): Track {
  const { before, after, event } = transition
  const facts = known?.facts ?? firstFacts(before ?? after)
  const next: Facts = {
    mode: facts.mode,
    would: wouldOf(transition) ?? facts.would,
    refusedBy: added(facts.refusedBy, refusalOf(transition)),
    followed: facts.followed || after.reason === 'attached',
    held: facts.held || isHeldBack(transition),
    approval: approvalOf(transition) ?? facts.approval,
    attempts: facts.attempts + ('end' in event && event.end.changed ? 1 : 0),
    failed: facts.failed || isFailure(before, after),
    escalated: added(facts.escalated, causeOf(transition)),
    relapsed: facts.relapsed || isRelapse(transition),
    overridden: added(facts.overridden, overrideOf(transition)),
    outcome: after.outcome,
    healer: foundWell(transition) ?? facts.healer,
  }
  const attemptAt = event.type === 'attemptStarted' && facts.attempts === 0 ? now : (known?.attemptAt ?? null)
  const healed = after.outcome === 'healed' && next.healer === 'us'
  const alerts = (known?.alerts ?? 0) + (event.type === 'opened' || event.type === 'alertFiring' ? 1 : 0)
  return { facts: next, alerts, attemptAt, healedAt: healed ? after.healedAt : null }
}

/** Of one that an older build opened, as much as it still says of itself. */
function firstFacts(incident: Incident): Facts {
  const { plan, state, reason, verifying, changed, attempts } = incident
  const handedOver = state === 'escalated' ? reason : (verifying?.cause ?? null)
  const cause = handedOver === 'takenOver' ? null : handedOver
  return {
    mode: plan.mode,
    would: null,
    refusedBy: [],
    followed: false,
    held: false,
    approval: null,
    attempts: changed ? attempts : 0,
    failed: cause !== null && isFailing(cause, incident),
    escalated: cause === null ? [] : [cause],
    relapsed: false,
    overridden: [],
    outcome: null,
    healer: null,
  }
}

function added<T extends string>(known: readonly T[], one: T | null): readonly T[] {
  return one === null || known.includes(one) ? known : [...known, one].toSorted()
}

/** The decision that counts: asked for before anything was done, and answered. */
function decisionOf({ before, after, event }: Transition): Decision | null {
  if (event.type === 'claimRefused') return event.decision
  // A hold that ended meanwhile makes it start over, and a gone alert is a question to the probes.
  if (event.type !== 'guardsEvaluated' || before?.state !== 'checking' || after.reason === 'after') return null
  return event.decision.gone ? null : event.decision
}

function wouldOf(transition: Transition): Facts['would'] {
  const decision = decisionOf(transition)
  if (decision === null || decision.quiet || transition.after.reason !== 'informed') return null
  if (decision.verdict === 'pass') return 'act'
  return decision.approvable ? 'ask' : 'refuse'
}

function refusalOf(transition: Transition): string | null {
  const decision = decisionOf(transition)
  if (decision === null || decision.verdict === 'pass' || decision.quiet || decision.approvable) return null
  return decision.guard
}

function isHeldBack(transition: Transition): boolean {
  const { before, event } = transition
  if (event.type === 'held') return before?.state === 'waiting' || before?.state === 'checking'
  return decisionOf(transition)?.quiet === true
}

function approvalOf({ before, after, event }: Transition): Facts['approval'] {
  if (event.type === 'approved') return 'given'
  // One that was given stands; the next rung is another question.
  return before?.requests === 0 && after.requests > 0 ? 'asked' : null
}

function causeOf({ before, after }: Transition): Reason | null {
  // What a person took over by themselves is an override.
  if (after.state === 'escalated' && before?.round !== after.round)
    return after.reason === 'takenOver' ? null : after.reason
  return after.reason === 'unresolvable' ? 'unresolvable' : null
}

function isRelapse({ before, after, event }: Transition): boolean {
  if (event.type !== 'looked' || before === null || before.healedAt === null) return false
  if (before.state === 'probation') return after.state === 'verifying'
  return before.verifying?.because === 'refire' && (after.reason === 'backoff' || isFailure(before, after))
}

function overrideOf(transition: Transition): Override | null {
  const { before, after, event } = transition
  if (event.type === 'takenOver') return isTurnOfPerson(before) ? null : 'takenOver'
  if (event.type === 'cancelled') return event.frees || isTurnOfPerson(before) ? null : 'cancelled'
  if (after.state === 'escalated' && after.reason === 'humanChanged') return 'changedByHand'
  // What a guard wants approved begins with its name; this one says that somebody was at work (S-5.12).
  return decisionOf(transition)?.asks.some((ask) => ask.startsWith('human-first:')) ? 'humanFirst' : null
}

/** Handed over, looked at from there, or over. */
function isTurnOfPerson(incident: Incident | null): boolean {
  if (incident === null) return false
  const { state, verifying } = incident
  return state === 'escalated' || state === 'settled' || verifying?.because === 'escalation'
}

/** Verified as well just now, by this look. */
function foundWell({ before, after, event }: Transition): Healer | null {
  if (event.type !== 'looked' || event.seen.verdict !== 'healed' || before?.state === 'probation') return null
  const well = after.state === 'probation' || after.state === 'settled' || after.state === 'closed'
  return well ? healerOf(after, event.seen.invocation) : null
}
