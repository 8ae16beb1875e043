import { assertNever } from '../never.ts'
import { backoffMs, pollGapMs } from './backoff.ts'
import { type Draft, SLOW_POLL_MS, TOLD } from './draft.ts'
import type { Look, TargetHistory } from './event.ts'
import type { Incident, Verifying } from './incident.ts'
import { endCancelled } from './on-attempt.ts'
import { mayAct } from './plan.ts'
import { type Healer, healerOf } from './track.ts'

/** Progress other than starting that stands still this long, in milliseconds, is told (S-4.9). */
const STANDS_STILL_MS = 15 * 60_000
/** So many heals of one target in 24 h mean that healing does not help (S-4.10). */
const RECURRENCE = 3
/** Relapses begin a new round of telling up to this round; after that only the end of probation is told. */
const MOST_ROUNDS_BY_RELAPSE = 10
const LAST_WORD = 1_000
/** The longest gap between two looks within probation, in milliseconds. */
const PROBATION_POLL_MS = 30_000

/** What the probes saw, in answer to the last question asked. */
export function looked(draft: Draft, look: number, seen: Look, history: TargetHistory): void {
  const { incident } = draft
  if (look !== incident.look) return
  draft.set({ targetAttempts: history.attempts })
  if (incident.state === 'verifying' && incident.verifying)
    return whileVerifying(draft, incident.verifying, seen, history)
  if (incident.state === 'probation') return whileInProbation(draft, seen, history)
  if (incident.state === 'escalated') {
    if (seen.verdict === 'healed') healed(draft, seen, history)
    return
  }
  if (incident.state === 'waiting' && incident.reason === 'symptomWithoutAlert') {
    if (seen.verdict === 'healed') return cleared(draft, seen)
    return draft.timer('verifyPoll', SLOW_POLL_MS)
  }
}

function whileVerifying(draft: Draft, verifying: Verifying, seen: Look, history: TargetHistory): void {
  const { incident } = draft
  if (verifying.notBefore !== null && draft.now < verifying.notBefore) return poll(draft, verifying, seen)
  if (verifying.learns && seen.invocation !== null)
    return whileVerifying(draft, learned(draft, verifying, seen.invocation), seen, history)
  if (incident.cancelling !== null) return endCancelled(draft, incident.cancelling)
  if (seen.verdict === 'healed') {
    if (incident.attempts === 0 && verifying.because === 'resolve') return cleared(draft, seen)
    return healed(draft, seen, history)
  }
  // Looking did not help: back to the person whose turn it is, same round, no new mail (S-6.2).
  if (verifying.because === 'escalation')
    return draft.escalate(verifying.cause ?? 'changedNotHealed', seen.reason, true)
  switch (seen.verdict) {
    case 'progressing':
      return progressing(draft, verifying, seen)
    case 'unknown':
      if (draft.now - verifying.progressAt < seen.withinMs) return poll(draft, verifying, seen)
      if (incident.plan.mode === 'inform') return draft.settle('unverified', seen.reason)
      return draft.escalate('verificationUnknown', seen.reason)
    case 'broken':
      return broken(draft, verifying, seen)
    default:
      return assertNever(seen.verdict, 'verdict')
  }
}

function learned(draft: Draft, verifying: Verifying, invocation: string): Verifying {
  const { ourInvocations } = draft.incident
  const known = { ...verifying, learns: false }
  draft.set({
    verifying: known,
    ourInvocations: ourInvocations.includes(invocation) ? ourInvocations : [...ourInvocations, invocation],
  })
  return known
}

function poll(draft: Draft, verifying: Verifying, seen: Look): void {
  draft.set({ verifying: { ...verifying, process: seen.process, polls: verifying.polls + 1 }, detail: seen.reason })
  const wait = verifying.notBefore !== null ? verifying.notBefore - draft.now : 0
  draft.timer('verifyPoll', Math.max(wait, pollGapMs(verifying.polls)))
}

/** It moves: `within` bounds the time without progress, not the whole (S-4.9). */
function progressing(draft: Draft, verifying: Verifying, seen: Look): void {
  const { incident, now } = draft
  const moved = seen.mark !== verifying.mark
  const next = moved ? { ...verifying, mark: seen.mark, progressAt: now } : verifying
  if (seen.starting) {
    if (now - verifying.since >= incident.plan.escalation.startPatienceMs)
      draft.tell('told', TOLD.startPatience, incident.reason, seen.reason)
  } else if (now - next.progressAt >= STANDS_STILL_MS) {
    draft.tell('told', TOLD.standsStill, incident.reason, `no progress for 15 minutes: ${seen.reason}`)
  }
  poll(draft, next, seen)
}

function broken(draft: Draft, verifying: Verifying, seen: Look): void {
  const { incident } = draft
  // What was not run was no first attempt (S-1.5, S-4.7).
  if (!incident.changed && verifying.because === 'resolve') return symptomWithoutAlert(draft, seen)
  if (!incident.changed && verifying.because === 'refire' && incident.healedAt === null)
    return cameBackAfterCancel(draft, seen)
  const late = draft.now - verifying.progressAt >= seen.withinMs
  const dead = seen.conclusive && seen.symptom === true
  if (!late && !dead) return poll(draft, verifying, seen)
  if (incident.plan.runbook.symptom !== null && seen.symptom !== true) {
    if (seen.symptom === null)
      return draft.escalate(
        'verificationUnknown',
        `still broken, and the symptom could not be looked at: ${seen.reason}`,
      )
    return draft.escalate('changedNotHealed', `still broken, but no longer by the runbook's symptom: ${seen.reason}`)
  }
  nextAttempt(draft, verifying, seen)
}

/** The attempt did not heal: back off and try the next rung, or a person's turn (S-4.1, S-4.4, S-4.9). */
function nextAttempt(draft: Draft, verifying: Verifying, seen: Look): void {
  const { incident } = draft
  const { attempts } = incident.plan
  const spent = incident.targetAttempts
  if (incident.owner !== null) return draft.escalate('takenOver', seen.reason)
  if (!mayAct(incident.plan)) {
    const left = `still broken, and the rule may no longer act: ${seen.reason}`
    draft.tell('told', TOLD.restricted, incident.reason, left)
    return draft.settle('informed', left)
  }
  if (!verifying.repeatable)
    return draft.escalate(
      'unknownNotRepeatable',
      `a step's outcome is unknown and it must not run twice: ${seen.reason}`,
    )
  if (spent >= attempts.max && incident.grants === 0)
    return draft.escalate('exhausted', `${spent} of ${attempts.max} attempts spent: ${seen.reason}`)
  const planned = verifying.because === 'resolve' ? incident.backoffUntil : null
  const backoffUntil =
    planned ?? draft.now + backoffMs(attempts.backoff, Math.max(1, spent), `${incident.id}.${incident.attempts}`)
  draft.releaseHolds()
  draft.set({
    state: 'waiting',
    reason: 'backoff',
    detail: seen.reason,
    verifying: null,
    attempt: null,
    refusals: 0,
    backoffUntil,
  })
  if (incident.held) return draft.hold(incident.held.by, SLOW_POLL_MS)
  draft.timer('act', Math.max(0, backoffUntil - draft.now))
}

/** No alert, but the probes still find it broken: before the first attempt it only tells (S-1.3). */
function symptomWithoutAlert(draft: Draft, seen: Look): void {
  const { incident } = draft
  if (incident.firing.length > 0) return draft.waitForGuards('refused', seen.reason)
  draft.set({ state: 'waiting', reason: 'symptomWithoutAlert', detail: seen.reason, verifying: null })
  if (!mayAct(incident.plan)) {
    draft.tell('digest', TOLD.withoutAlert, 'symptomWithoutAlert', `no alert fires, but: ${seen.reason}`)
    draft.timer('giveUp', incident.plan.escalation.giveUpMs)
  }
  // The end of a hold that is not ours is only seen by asking; until then every clock stands still (S-3.4).
  draft.timer(incident.held ? 'guard' : 'verifyPoll', SLOW_POLL_MS)
}

/** A cancelled incident whose alert began anew acts again only when the symptom holds (design 4.2). */
function cameBackAfterCancel(draft: Draft, seen: Look): void {
  if (seen.symptom !== true)
    return draft.settle('cancelled', `fires again, but the symptom is not there: ${seen.reason}`)
  draft.startOver(0, 'fires again with the symptom, after it was cancelled')
  draft.effects.push({ type: 'electLeader' })
}

/** How it got well, where nothing of ours had changed anything (S-3.3). */
const HEALED_BY: Readonly<Record<Healer, string>> = {
  us: 'by an attempt of ours',
  sameRemedy: 'the unit was begun anew by somebody else',
  otherwise: 'the same process goes on',
  unknown: 'it cannot be told by whom it was healed',
}

/** Nobody acted and it is well: closed by the runbook's own probes (S-1.3). */
function cleared(draft: Draft, seen: Look): void {
  const { incident } = draft
  const told = incident.told
  draft.settle(
    incident.plan.mode === 'inform' ? 'informed' : 'cleared',
    `${seen.reason}; nothing was done by kafka-healing, ${HEALED_BY[healerOf(incident, seen.invocation)]}`,
  )
  if (told) draft.tell('recovered', 0, 'cleared', 'recovered without an action of kafka-healing')
}

/** Verified: watched for a while before it counts (S-4.10). A heal of the same target within 24 h doubles the while. */
function healed(draft: Draft, seen: Look, history: TargetHistory): void {
  const { incident, now } = draft
  const watchMs = incident.plan.attempts.stableMs * 2 ** Math.min(history.heals, 4)
  draft.releaseHolds()
  draft.cancelTimers('act', 'guard', 'escalateAfter', 'level', 'reminder', 'giveUp', 'verifyPoll')
  const who =
    incident.changed && incident.owner === null ? `healed by attempt ${incident.attempts}` : 'healed by somebody else'
  draft.set({
    state: 'probation',
    reason: 'watching',
    detail: `${who}; ${seen.reason}`,
    verifying: null,
    attempt: null,
    healedAt: now,
    probationEndsAt: now + watchMs,
    refusals: 0,
    // What was asked before was about what is over.
    approval: null,
  })
  draft.tell('recovered', incident.attempts, 'watching', draft.incident.detail)
  draft.timer('probationEnd', watchMs)
  draft.timer('verifyPoll', Math.min(PROBATION_POLL_MS, Math.ceil(watchMs / 4)))
}

function whileInProbation(draft: Draft, seen: Look, history: TargetHistory): void {
  const { incident, now } = draft
  const endsAt = incident.probationEndsAt ?? now
  if (seen.verdict === 'broken' || (seen.symptom === true && seen.verdict !== 'healed')) {
    draft.cancelTimers('probationEnd')
    // What follows is told anew, but one that flaps is not told of without end.
    const round = incident.round < MOST_ROUNDS_BY_RELAPSE ? incident.round + 1 : incident.round
    draft.set({ probationEndsAt: null, round })
    draft.tell('told', TOLD.relapse + incident.attempts, 'watching', `broken again within probation: ${seen.reason}`)
    return draft.verify('refire', seen.reason)
  }
  if (now < endsAt)
    return draft.timer(
      'verifyPoll',
      Math.max(250, Math.min(PROBATION_POLL_MS, Math.ceil(incident.plan.attempts.stableMs / 4), endsAt - now)),
    )
  if (seen.verdict === 'healed') return completed(draft, history)
  if (now - endsAt >= STANDS_STILL_MS)
    return draft.escalate('verificationUnknown', `probation is over, but it cannot be said to be well: ${seen.reason}`)
  draft.timer('verifyPoll', PROBATION_POLL_MS)
}

/** Probation completed: only now the target's attempts are forgiven (S-4.1). */
function completed(draft: Draft, history: TargetHistory): void {
  const { incident } = draft
  // A suspended target has had this heal counted.
  const byUs = incident.changed && !history.suspended
  draft.effects.push({ type: 'completeProbation', healedByUs: byUs })
  draft.set({ targetAttempts: 0 })
  if (byUs && history.heals + 1 >= RECURRENCE) {
    draft.effects.push({ type: 'suspendTarget' })
    return draft.escalate('recurrence', `heals but does not stay: ${history.heals + 1} heals in 24 h`)
  }
  if (incident.round >= MOST_ROUNDS_BY_RELAPSE) draft.tell('recovered', LAST_WORD, 'healed', incident.detail)
  draft.settle(outcomeOf(incident), incident.detail)
  if (draft.incident.state === 'settled') {
    draft.tell('told', TOLD.disagree, 'healed', 'the probes say it is well, but the alert still fires')
  }
}

function outcomeOf(incident: Incident): 'healed' | 'cleared' {
  return incident.changed ? 'healed' : 'cleared'
}
