import { type Draft, SLOW_POLL_MS, TOLD } from './draft.ts'
import type { Event } from './event.ts'
import { type Check, firstTarget, MODES, mayAct, type Plan } from './plan.ts'

/** A quiet hold covers the incident from now on (S-3.4). A started attempt goes on. */
export function held(draft: Draft, by: string): void {
  if (draft.incident.held || draft.incident.reason === 'attached') {
    if (!draft.incident.held) draft.set({ held: { by, since: draft.now } })
    return
  }
  draft.hold(by)
}

/** No quiet hold covers it any more: what waits starts over at `after`, everything else stays as it is (S-3.4). */
export function released(draft: Draft, jitterMs: number): void {
  const { incident } = draft
  if (!incident.held) return
  draft.set({ held: null })
  if (incident.reason === 'attached') return
  if (incident.state !== 'escalated' && incident.state !== 'settled') draft.startClocks()
  if (incident.state !== 'waiting' && incident.state !== 'checking') return
  if (incident.firing.length === 0)
    return draft.verify('resolve', 'the hold ended and no alert fires; the probes decide')
  draft.startOver(jitterMs, 'the hold ended; starting over with fresh evidence')
}

/** Another incident on the same target leads: this one starts nothing and mails nothing of its own (S-3.1). */
export function attached(draft: Draft, leader: number): void {
  const { incident } = draft
  if (incident.state !== 'waiting' && incident.state !== 'checking') return
  if (incident.leader === leader) return
  draft.cancelTimers('act', 'guard', 'escalateAfter', 'giveUp', 'tellBy', 'verifyPoll')
  draft.set({
    state: 'waiting',
    reason: 'attached',
    leader,
    detail: `incident ${leader} leads on this target`,
    look: incident.look + 1,
  })
}

/** The leader is done: this one is evaluated anew (S-3.1). */
export function leads(draft: Draft): void {
  const { incident } = draft
  if (incident.leader === null) return
  draft.set({ leader: null })
  if (incident.reason !== 'attached') return
  // Only asking again shows when a hold that is not ours has ended.
  if (incident.held) return draft.hold(incident.held.by, SLOW_POLL_MS)
  draft.startClocks()
  if (incident.firing.length === 0)
    return draft.verify('resolve', 'its leader closed and no alert fires; the probes decide')
  draft.startOver(0, 'its leader closed')
}

/** Ack = take over: no further levels, no further attempts; left only by verified, retry, cancel (S-6.2). */
export function takenOver(draft: Draft, by: string): void {
  const { incident } = draft
  if (incident.owner === by || incident.state === 'settled' || incident.state === 'probation') return
  draft.set({ owner: by })
  switch (incident.state) {
    case 'escalated':
      return draft.cancelTimers('level', 'reminder')
    case 'waiting':
    case 'checking':
      return draft.escalate('takenOver', `taken over by ${by}`)
    case 'attempting':
      // What has started finishes and is verified; what has not is withdrawn.
      if (incident.reason === 'scheduled') draft.escalate('takenOver', `taken over by ${by}`)
      return
    default:
      return
  }
}

/**
 * A person grants exactly one more attempt, at the last rung; the guards run all the same (S-4.1). `plan` is the rule as it
 * is in force now, where they asked for that (S-3.6).
 */
export function retryRequested(draft: Draft, by: string, plan: Plan = draft.incident.plan): void {
  const { incident } = draft
  if (!mayAct(plan) || incident.subject.kind === 'unresolved' || incident.grants > 0) return
  const waits = incident.state === 'waiting' && incident.reason !== 'attached'
  const cancelledNow = incident.state === 'settled' && incident.reason === 'cancelled'
  if (incident.state !== 'escalated' && !waits && !cancelledNow) return
  draft.cancelTimers('level', 'reminder', 'verifyPoll')
  // Another rule by the same name may mean another target, and another rank (S-3.1).
  const target = plan.selects === incident.plan.selects ? incident.target : firstTarget(plan, incident.subject)
  if (plan !== incident.plan) draft.effects.push({ type: 'electLeader' })
  draft.set({ plan, target, grants: 1, owner: null, outcome: null, refusals: 0, held: null, approval: null })
  draft.startClocks()
  draft.check(`retry asked for by ${by}`)
}

/** Ends it without healing. What runs is finished first (S-3.6). */
export function cancelled(draft: Draft, by: string, reason: string, frees: boolean): void {
  const { incident } = draft
  const detail = `cancelled by ${by}: ${reason}`
  // Its alerts are free for other rules, so it closes although they fire (S-3.6).
  if (frees) draft.set({ firing: [] })
  if (frees && incident.state === 'settled') return draft.settle(incident.outcome ?? 'cancelled', detail)
  if (incident.state === 'settled')
    return incident.reason === 'cancelled' ? undefined : draft.settle('cancelled', detail)
  // A step that runs, or may still run, keeps its holds until it has surely ended (S-4.2, S-4.4).
  const running = incident.state === 'attempting' && incident.reason === 'running'
  if (running || (incident.verifying?.notBefore ?? 0) > draft.now) return draft.set({ cancelling: detail })
  draft.settle('cancelled', detail)
}

/** The rule may do less now than when the incident opened, or asks more guards: that counts at once (S-3.6). */
export function restricted(draft: Draft, { to, guards = [], reason }: Extract<Event, { type: 'restricted' }>): void {
  const { plan } = draft.incident
  const added = guards.filter((guard) => !plan.runbook.guards.some((has) => isSame(has, guard)))
  const lower = MODES.indexOf(to) < MODES.indexOf(plan.mode)
  if (!lower && added.length === 0) return
  const runbook = { ...plan.runbook, guards: [...plan.runbook.guards, ...added] }
  draft.set({ plan: { ...plan, mode: lower ? to : plan.mode, runbook } })
  const { incident } = draft
  if (mayAct(incident.plan)) {
    // Guards that are being asked this very moment are those of before.
    if (incident.state === 'checking' || (incident.state === 'attempting' && incident.reason === 'scheduled'))
      draft.check(reason)
    return
  }
  draft.cancelTimers('tellBy', 'giveUp', 'escalateAfter')
  // Nothing in mode inform leads or follows (S-3.1).
  draft.effects.push({ type: 'electLeader' })
  if (incident.leader !== null) return leads(draft)
  if (incident.state === 'attempting' && incident.reason === 'scheduled') draft.check(reason)
  else if (incident.state === 'waiting' && incident.attempts > 0) {
    draft.tell('told', TOLD.restricted, incident.reason, reason)
    draft.settle('informed', reason)
  }
}

function isSame(one: Check, other: Check): boolean {
  return one.type === other.type && JSON.stringify(one.params) === JSON.stringify(other.params)
}
