import { assertNever } from '../never.ts'
import { type Draft, SLOW_POLL_MS, TOLD } from './draft.ts'
import type { Decision, Event } from './event.ts'

/** A host that cannot be reached for this long, in milliseconds, is a person's turn (S-4.7). */
const UNREACHABLE_MS = 2 * 60_000

type GuardsEvaluated = Extract<Event, { type: 'guardsEvaluated' }>

/** The guards' answer to the last question asked. */
export function guardsEvaluated(draft: Draft, { look, decision, history, unit }: GuardsEvaluated): void {
  const { incident } = draft
  if (look !== incident.look) return
  if (incident.state === 'escalated') return whileEscalated(draft, decision)
  if (incident.state !== 'checking') return
  draft.set({ targetAttempts: history.attempts, firstUnit: incident.firstUnit ?? unit })
  if (incident.held && !decision.quiet) return startOverAfterHold(draft)
  if (decision.gone) return draft.verify('resolve', decision.reason)
  if (incident.plan.mode === 'inform') return inform(draft, decision)
  // Taken over while something ran or was verified: it does not go on by itself (S-6.2).
  if (incident.owner !== null) return draft.escalate('takenOver', `taken over by ${incident.owner}`)
  if (decision.quiet && incident.firing.length === 0 && !incident.changed)
    return heldWithoutAlert(draft, decision.reason)
  if (decision.verdict !== 'pass') return notNow(draft, decision)
  if (incident.grants === 0) {
    if (history.suspended)
      return draft.escalate('recurrence', 'heals but does not stay: suspended until a person resumes the target')
    if (history.attempts >= incident.plan.attempts.max) {
      return draft.escalate(
        'exhausted',
        `${history.attempts} attempts on this target, ${incident.plan.attempts.max} allowed`,
      )
    }
  }
  schedule(draft, history.attempts)
}

function schedule(draft: Draft, spent: number): void {
  const { incident } = draft
  const byPerson = incident.grants > 0
  const { rungs } = incident.plan.runbook
  const attempt = incident.attempts + 1
  const rung = byPerson ? rungs.length : Math.min(spent + 1, rungs.length)
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
    case 'stoppedOnPurpose':
    case null:
      draft.set({ unreachableSince: null })
      return draft.waitForGuards(
        decision.verdict === 'hold' ? 'onHold' : decision.verdict === 'unknown' ? 'evidenceMissing' : 'refused',
        decision.reason,
      )
    default:
      return assertNever(decision.escalate, 'cause')
  }
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
  draft.set({ held: null })
  draft.startClocks()
  draft.startOver(0, 'the hold ended; starting over with fresh evidence')
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
