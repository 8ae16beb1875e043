import { assertNever } from '../never.ts'
import { type Draft, SLOW_POLL_MS, TOLD } from './draft.ts'
import type { Incident, TimerKind } from './incident.ts'
import { mayAct } from './plan.ts'

/** A durable timer came due. One that means nothing in the state is dropped (S-3.8). */
export function timerDue(draft: Draft, timer: TimerKind): void {
  const { incident } = draft
  const { state, plan } = incident
  switch (timer) {
    case 'act':
      if (state !== 'waiting' || incident.reason === 'attached' || incident.held) return
      if (incident.subject.kind === 'unresolved') return unresolvable(draft, incident.subject.problem)
      return draft.check('evaluating the guards')
    case 'guard':
      if (state === 'waiting' && incident.reason !== 'attached')
        draft.check(`evaluating the guards again; before: ${incident.detail}`)
      // Entered without any step of ours: guards go on being evaluated, their passing is told, never acted on (S-6.2).
      else if (state === 'escalated' && !incident.changed) draft.evaluateGuards()
      return
    case 'verifyPoll':
      // Planned anew here, not with the answer: an answer that another look overtakes is dropped (S-3.8).
      if (state === 'escalated') draft.timer('verifyPoll', SLOW_POLL_MS)
      // Half-way to the next one, also after a downtime that made both due at once.
      if (state === 'escalated' && !incident.changed) draft.timer('guard', SLOW_POLL_MS / 2)
      if (
        state === 'verifying' ||
        state === 'probation' ||
        state === 'escalated' ||
        incident.reason === 'symptomWithoutAlert'
      ) {
        draft.probe(plan.runbook.symptom !== null)
      }
      return
    case 'probationEnd':
      if (state === 'probation') draft.probe(plan.runbook.symptom !== null)
      return
    case 'level':
      return nextLevel(draft)
    case 'reminder':
      return remind(draft)
    case 'escalateAfter':
      // Tried or looked at just now; when it comes to nothing, it is told.
      if ((state === 'attempting' || state === 'verifying') && incident.refusals > 0)
        return draft.timer('escalateAfter', SLOW_POLL_MS)
      if ((state === 'waiting' || state === 'checking') && incident.refusals > 0 && !incident.held) {
        draft.tell('refused', 0, incident.reason, incident.detail)
      }
      return
    case 'giveUp':
      return giveUp(draft)
    case 'tellBy':
      if (incident.told || incident.held || !mayAct(plan)) return
      if (state === 'escalated' || state === 'settled' || incident.reason === 'attached') return
      draft.tell('told', TOLD.tellBy, incident.reason, incident.detail)
      return
    default:
      return assertNever(timer, 'timer')
  }
}

/** Escalated, or looked at from there for a moment (S-6.2), and nobody has taken over. */
function waitsForPerson({ state, verifying, owner }: Incident): boolean {
  return owner === null && (state === 'escalated' || verifying?.because === 'escalation')
}

function nextLevel(draft: Draft): void {
  const { incident } = draft
  if (!waitsForPerson(incident)) return
  const { levels } = incident.plan.escalation
  const level = levels[incident.level - 1]
  if (!level) return
  draft.tell('escalated', incident.level, incident.reason, incident.detail, level.to)
  draft.set({ level: incident.level + 1 })
  const next = levels[incident.level]
  if (next) draft.timer('level', Math.max(0, next.afterMs - level.afterMs))
}

/** Reminders share the kind `escalated`; their level numbers start at 1000 so that they never meet a real level. */
function remind(draft: Draft): void {
  const { incident } = draft
  if (!waitsForPerson(incident)) return
  draft.set({ reminders: incident.reminders + 1 })
  draft.tell('escalated', 1000 + incident.reminders, incident.reason, incident.detail)
  draft.timer('reminder', incident.plan.escalation.repeatMs)
}

function giveUp(draft: Draft): void {
  const { incident } = draft
  if (!mayAct(incident.plan)) return giveUpLooking(draft)
  if (incident.held || incident.reason === 'attached') return
  // The guards are being asked this very moment: after a long downtime or a jump of the clock for the first time (S-3.7).
  const asksSince = draft.now - incident.stateSince
  if (incident.state === 'checking' && asksSince < incident.plan.escalation.giveUpMs)
    return draft.timer('giveUp', SLOW_POLL_MS / 2)
  if (incident.state === 'waiting' || incident.state === 'checking') {
    return draft.escalate('giveUp', `gave up waiting: ${incident.detail}`)
  }
  // Work is under way: its own bounds apply; the clock is asked again afterwards.
  if (incident.state !== 'escalated' && incident.state !== 'settled')
    draft.timer('giveUp', Math.max(SLOW_POLL_MS, incident.plan.escalation.giveUpMs))
}

/** In mode inform: still broken by its probes, with no alert. Nobody waits for it; what it saw is in the digest. */
function giveUpLooking(draft: Draft): void {
  const { incident } = draft
  if (incident.reason !== 'symptomWithoutAlert') return
  if (incident.held) return draft.timer('giveUp', incident.plan.escalation.giveUpMs)
  draft.settle('unverified', `no alert fires, but: ${incident.detail}`)
}

/** Nobody knows what to touch: in `approve` and `act` a person is called, in `inform` it is one line of a digest (S-2.1). */
function unresolvable(draft: Draft, problem: string): void {
  if (mayAct(draft.incident.plan)) return draft.escalate('unresolvable', problem)
  draft.set({ state: 'settled', reason: 'unresolvable', detail: problem, outcome: 'unverified' })
  draft.tell('digest', 0, 'unresolvable', problem)
}
