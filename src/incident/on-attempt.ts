import { type Draft, TOLD } from './draft.ts'
import type { AttemptEnd, Decision } from './event.ts'
import { notNow } from './on-guards.ts'

/** The claim lost a hold or a guard over our own rows said no: nothing has run (S-5.2). */
export function claimRefused(draft: Draft, attempt: number, decision: Decision): void {
  const { incident } = draft
  if (incident.state !== 'attempting' || incident.reason !== 'scheduled' || incident.attempt !== attempt) return
  draft.set({ state: 'waiting', attempt: null })
  notNow(draft, decision)
}

export function attemptStarted(draft: Draft, attempt: number): void {
  const { incident } = draft
  if (incident.state !== 'attempting' || incident.reason !== 'scheduled' || incident.attempt !== attempt) return
  draft.set({
    reason: 'running',
    attempts: attempt,
    targetAttempts: incident.targetAttempts + 1,
    backoffUntil: null,
  })
}

/** The rung is over, or the process that ran it is gone. Whatever it said, the world is looked at (S-4.1, S-4.4). */
export function attemptEnded(draft: Draft, attempt: number, end: AttemptEnd): void {
  const { incident } = draft
  if (incident.state !== 'attempting' || incident.reason !== 'running' || incident.attempt !== attempt) return
  if (end.outcome === 'notRun') return notRun(draft, attempt, end)
  const invocation = end.invocation ? [...incident.ourInvocations, end.invocation] : incident.ourInvocations
  draft.set({
    changed: incident.changed || end.changed,
    ourInvocations: invocation,
    grants: Math.max(0, incident.grants - 1),
    refusals: 0,
    busySince: null,
    // It was given for one attempt (S-3.5).
    approval: null,
  })
  draft.cooldownAfterAction()
  // A step of unknown outcome may still run: its holds stay until it has surely ended (S-4.2).
  if (incident.cancelling !== null && end.outcome !== 'unknown') return endCancelled(draft, incident.cancelling)
  if (end.notRun === 'permission') return draft.escalate('permission', end.reason)
  if (end.outcome === 'unknown') {
    // Nobody knows whether the step took hold, and running it twice may hurt. Look before leaping.
    return draft.verify('attempt', end.reason, {
      notBefore: end.surelyOverAt ?? draft.now,
      repeatable: end.repeatable ?? false,
      learns: true,
    })
  }
  draft.verify('attempt', end.reason, { learns: !end.invocation })
}

/** What was cancelled while it ran is over (S-3.6). */
export function endCancelled(draft: Draft, reason: string): void {
  draft.tell('told', TOLD.cancelled, 'cancelled', reason)
  draft.settle('cancelled', reason)
}

/** Nothing reached the target: no attempt is spent (S-4.5, S-4.7). */
function notRun(draft: Draft, attempt: number, end: AttemptEnd): void {
  const { incident } = draft
  draft.effects.push({ type: 'refundAttempt', attempt })
  // A person's grant is used up only by what was run.
  draft.set({ targetAttempts: Math.max(0, incident.targetAttempts - 1), attempt: null, state: 'waiting' })
  draft.releaseHolds()
  if (incident.cancelling !== null) return draft.settle('cancelled', incident.cancelling)
  notNow(draft, {
    verdict: 'refuse',
    guard: null,
    reason: end.reason,
    quiet: false,
    until: null,
    escalate: end.notRun === undefined || end.notRun === 'guards' ? null : end.notRun,
    gone: false,
    approvable: false,
    asks: [],
    urgent: false,
  })
}
