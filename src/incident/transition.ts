import type { Occurrence } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Subject } from '../inventory/inventory.ts'
import { assertNever } from '../never.ts'
import { approved } from './approval.ts'
import { Draft } from './draft.ts'
import type { Effect, Event } from './event.ts'
import type { Incident } from './incident.ts'
import { alertFiring, alertResolved } from './on-alert.ts'
import { attemptEnded, attemptStarted, claimRefused } from './on-attempt.ts'
import { guardsEvaluated, hurry } from './on-guards.ts'
import { looked } from './on-look.ts'
import { attached, cancelled, held, leads, released, restricted, retryRequested, takenOver } from './on-person.ts'
import { timerDue } from './on-timer.ts'
import { firstTarget, type Plan } from './plan.ts'

/** Names the rules of this file and its neighbours; `replay` holds for the build that wrote the journal. */
export const reducerVersion = 3

/** A new incident for what a rule matched, and the first effects. `leader` is another open incident on the same target. */
export function open(
  id: number,
  plan: Plan,
  subject: Subject,
  occurrence: Occurrence,
  leader: number | null,
  now: Instant,
): readonly [Incident, readonly Effect[]] {
  const draft = new Draft(
    {
      id,
      version: 0,
      plan,
      subject,
      target: firstTarget(plan, subject),
      state: 'waiting',
      reason: 'after',
      detail: `waits ${plan.afterMs / 1000} s before the first look`,
      openedAt: now,
      stateSince: now,
      closedAt: null,
      outcome: null,
      firing: [occurrence],
      leader: null,
      attempts: 0,
      targetAttempts: 0,
      grants: 0,
      attempt: null,
      look: 0,
      verifying: null,
      round: 0,
      owner: null,
      level: 1,
      reminders: 0,
      changed: false,
      firstUnit: null,
      ourInvocations: [],
      held: null,
      refusals: 0,
      unreachableSince: null,
      busySince: null,
      clocksFrom: now,
      urgent: false,
      backoffUntil: null,
      healedAt: null,
      probationEndsAt: null,
      approval: null,
      requests: 0,
      cancelling: null,
      told: false,
    },
    now,
  )
  // Not at once: a silence that covers its alert must come first (S-3.4).
  if (subject.kind === 'unresolved') draft.timer('act', 0)
  else if (leader !== null) attached(draft, leader)
  else {
    draft.timer('act', plan.afterMs)
    draft.startClocks()
  }
  return [draft.incident, draft.effects]
}

/**
 * What an event makes of an incident: pure, no I/O, no clock, no chance. Returns the same object and no effects when the
 * event is late, foreign, duplicate or means nothing in this state (S-3.8). `version` is the store's.
 */
export function transition(incident: Incident, event: Event, now: Instant): readonly [Incident, readonly Effect[]] {
  if (incident.state === 'closed') return [incident, []]
  const draft = new Draft(incident, now)
  apply(draft, event)
  return [draft.incident, draft.effects]
}

function apply(draft: Draft, event: Event): void {
  switch (event.type) {
    case 'alertFiring':
      return alertFiring(draft, event.occurrence)
    case 'alertResolved':
      return alertResolved(draft, event.occurrence)
    case 'timerDue':
      return timerDue(draft, event.timer)
    case 'guardsEvaluated':
      return guardsEvaluated(draft, event)
    case 'claimRefused':
      return claimRefused(draft, event.attempt, event.decision)
    case 'attemptStarted':
      return attemptStarted(draft, event.attempt)
    case 'attemptFinished':
    case 'attemptInterrupted':
      return attemptEnded(draft, event.attempt, event.end)
    case 'looked':
      return looked(draft, event.look, event.seen, event.history)
    case 'held':
      return held(draft, event.by)
    case 'released':
      return released(draft, event.jitterMs)
    case 'attached':
      return attached(draft, event.leader)
    case 'leads':
      return leads(draft)
    case 'takenOver':
      return takenOver(draft, event.by)
    case 'retryRequested':
      return retryRequested(draft, event.by, event.plan)
    case 'urgent':
      return hurry(draft)
    case 'approved':
      return approved(draft, event.by, event.request)
    case 'cancelled':
      return cancelled(draft, event.by, event.reason, event.frees === true)
    case 'restricted':
      return restricted(draft, event)
    default:
      return assertNever(event, 'event')
  }
}
