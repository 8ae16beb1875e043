import { assertNever } from '../never.ts'
import { askApproval, isApproved, wantsApproval } from './approval.ts'
import { releaseJitterMs } from './backoff.ts'
import { type Draft, SLOW_POLL_MS, TOLD } from './draft.ts'
import type { Decision, Event } from './event.ts'
import { mayAct, type Plan } from './plan.ts'

/** Some partition is offline or under its min.insync.replicas (S-6.1), in milliseconds. */
const URGENT_TELL_BY_MS = 2 * 60_000
/** Kill grace and margin after a limit (S-4.4), in milliseconds. */
const HOLDER_GRACE_MS = 15_000
/** A host that cannot be reached for this long, in milliseconds, is a person's turn (S-4.7). */
const UNREACHABLE_MS = 2 * 60_000

/** Between finding a culprit and acting on it, in milliseconds: an election takes one commit. */
const AIMED_MS = 1_000

type GuardsEvaluated = Extract<Event, { type: 'guardsEvaluated' }>

/** The guards' answer to the last question asked. */
export function guardsEvaluated(draft: Draft, { look, decision, history, unit, culprit }: GuardsEvaluated): void {
  if (look !== draft.incident.look) return
  if (draft.incident.state === 'escalated') return whileEscalated(draft, decision)
  if (draft.incident.state !== 'checking') return
  const aimed = culprit !== undefined && aimAt(draft, culprit)
  draft.set({ targetAttempts: history.attempts, firstUnit: draft.incident.firstUnit ?? unit })
  const { incident } = draft
  if (incident.held && !decision.quiet) return startOverAfterHold(draft)
  if (decision.urgent) hurry(draft)
  if (decision.gone) {
    if (incident.target === null) return draft.settle('unverified', `${decision.reason}; it had no target to verify`)
    return draft.verify('resolve', decision.reason)
  }
  if (incident.plan.mode === 'inform') return inform(draft, decision)
  // Taken over while something ran or was verified: it does not go on by itself (S-6.2).
  if (incident.owner !== null) return draft.escalate('takenOver', `taken over by ${incident.owner}`)
  if (decision.quiet && incident.firing.length === 0 && !incident.changed)
    return heldWithoutAlert(draft, decision.reason)
  if (decision.verdict !== 'pass' && !decision.approvable) return notNow(draft, decision)
  if (incident.grants === 0 && history.attempts >= incident.plan.attempts.max) {
    return draft.escalate(
      'exhausted',
      `${history.attempts} attempts on this target, ${incident.plan.attempts.max} allowed`,
    )
  }
  if (aimed) return lookAgain(draft)
  const { rungs } = incident.plan.runbook
  const rung = incident.grants > 0 ? rungs.length : Math.min(history.attempts + 1, rungs.length)
  const about = wantsApproval(incident, decision, rung, history.suspended)
  if (about !== null && !isApproved(incident, about, draft.now)) return askApproval(draft, about, decision.asks)
  // Asked before the approval was given.
  if (decision.verdict !== 'pass') return draft.check('approved; the guards run again')
  schedule(draft, rung)
}

function schedule(draft: Draft, rung: number): void {
  const { incident } = draft
  const byPerson = incident.grants > 0
  const attempt = incident.attempts + 1
  draft.set({
    state: 'attempting',
    reason: 'scheduled',
    detail: `attempt ${attempt}, rung ${rung}`,
    attempt,
    unreachableSince: null,
  })
  draft.effects.push({ type: 'scheduleAttempt', attempt, rung, byPerson })
}

/** A decision that is not `pass`: hold, refuse or unknown. None of them spends an attempt (S-5.2). */
export function notNow(draft: Draft, decision: Decision): void {
  const { incident, now } = draft
  if (decision.quiet) {
    return draft.hold(
      decision.reason,
      Math.max(1_000, Math.min(SLOW_POLL_MS, (decision.until ?? now + SLOW_POLL_MS) - now)),
    )
  }
  switch (decision.escalate) {
    case 'identity':
    case 'permission':
    case 'humanChanged':
      return draft.escalate(decision.escalate, decision.reason)
    case 'unreachable': {
      const since = incident.unreachableSince ?? now
      if (now - since >= UNREACHABLE_MS) return draft.escalate('unreachable', decision.reason)
      draft.set({ unreachableSince: since })
      return draft.waitForGuards('evidenceMissing', decision.reason)
    }
    case 'busy': {
      const since = incident.busySince ?? now
      if (now - since >= holderBoundMs(incident.plan)) return draft.escalate('busy', decision.reason)
      draft.set({ busySince: since })
      return draft.waitForGuards('refused', decision.reason)
    }
    case null:
      draft.set({ unreachableSince: null, busySince: null })
      return draft.waitForGuards(
        decision.verdict === 'hold' ? 'onHold' : decision.verdict === 'unknown' ? 'evidenceMissing' : 'refused',
        decision.reason,
      )
    default:
      return assertNever(decision.escalate, 'cause')
  }
}

/** As long as a command of ours, of whichever rung, may keep a unit: its limit and the kill grace (S-4.4, S-4.5). */
function holderBoundMs({ runbook }: Plan): number {
  const limits = runbook.rungs.flat().map((step) => step.traits.limitSeconds)
  return Math.max(60, ...limits) * 1_000 + HOLDER_GRACE_MS
}

/** The culprit is computed anew at each look, until something was changed on one (S-2.7). True when it is another one. */
function aimAt(draft: Draft, culprit: string | null): boolean {
  const { incident } = draft
  if (incident.plan.selects !== 'culprit' || incident.changed || incident.target === culprit) return false
  // A retry was asked for on the one that the mail named.
  if (incident.target !== null && culprit !== null) draft.set({ grants: 0 })
  draft.set({ target: culprit, firstUnit: null, ourInvocations: [] })
  draft.effects.push({ type: 'electLeader' })
  return true
}

/** Another incident may lead on the culprit that was just found: the election comes first (S-3.1). */
function lookAgain(draft: Draft): void {
  const detail = `${draft.incident.target} is the culprit; looks again once it is known who leads there`
  draft.set({ state: 'waiting', reason: 'after', detail })
  draft.timer('act', AIMED_MS)
}

/** Data is out of reach or one fault away from it: people hear of it within two minutes (S-6.1). */
export function hurry(draft: Draft): void {
  const { plan, told, held, clocksFrom, urgent, state, reason } = draft.incident
  if (urgent || told || held || !mayAct(plan) || reason === 'attached') return
  if (state === 'escalated' || state === 'settled') return
  draft.set({ urgent: true })
  const tellBy = clocksFrom + Math.min(plan.escalation.tellByMs, URGENT_TELL_BY_MS)
  draft.timer('tellBy', Math.max(0, tellBy - draft.now))
}

/** Says what it would have done and leaves it at that (S-3.3). */
function inform(draft: Draft, decision: Decision): void {
  const { runbook } = draft.incident.plan
  const did =
    decision.verdict === 'pass'
      ? `would have run ${runbook.name}: all guards passed`
      : `would not have run ${runbook.name}: ${decision.reason}`
  draft.settle('informed', did)
  draft.tell('digest', 0, 'informed', did)
}

/** The silence or pause ended between two looks: everything starts over (S-3.4). */
function startOverAfterHold(draft: Draft): void {
  const { id, subject } = draft.incident
  draft.set({ held: null })
  draft.startClocks()
  draft.startOver(releaseJitterMs(id, subject.cluster), 'the hold ended; starting over with fresh evidence')
}

/** The hold goes on and nothing fires: until it ends the probes may still find it well (S-1.3, S-3.4). */
function heldWithoutAlert(draft: Draft, by: string): void {
  draft.hold(by)
  draft.verify('resolve', by)
}

function whileEscalated(draft: Draft, decision: Decision): void {
  if (decision.verdict !== 'pass' || draft.incident.owner !== null) return
  draft.tell(
    'told',
    TOLD.guardsPass,
    draft.incident.reason,
    'all guards pass now; it will not act by itself any more, but a retry would',
  )
}
