import type { Instant } from '../clock.ts'
import { type Draft, TOLD } from './draft.ts'
import type { Decision } from './event.ts'
import type { Incident } from './incident.ts'

/** What a person has to approve before the rung may run, in words; null when nothing is left to approve (S-3.5). */
export function wantsApproval(incident: Incident, decision: Decision, rung: number, suspended: boolean): string | null {
  const wanted = [...decision.asks]
  // One who asks for a retry has decided that it shall be tried; what the guards object to is another question.
  if (incident.grants === 0) {
    if (incident.plan.mode === 'approve') wanted.push(`rule ${incident.plan.rule} is in mode approve`)
    if (suspended) wanted.push('heals but does not stay: suspended until a person resumes the target (S-4.10)')
  }
  if (wanted.length === 0) return null
  return `rung ${rung} of ${incident.plan.runbook.name} on ${incident.target}: ${wanted.join('; ')}`
}

/** The guards' refusals that a person's approval covers right now. */
export function waivedBy({ approval }: Incident, now: Instant): readonly string[] {
  return approval !== null && approval.by !== null && now < approval.expiresAt ? approval.waives : []
}

/** Exactly this was approved, and not too long ago. */
export function isApproved({ approval }: Incident, about: string, now: Instant): boolean {
  return approval !== null && approval.by !== null && approval.about === about && now < approval.expiresAt
}

/**
 * Asks a person, with a mail at once. The same question stands for `approval`; after that it is asked under a new number, so
 * that what is approved is never older. A question that only comes again is mailed as rarely as any reminder; another one
 * always, for the link in the last mail does not answer it.
 */
export function askApproval(draft: Draft, about: string, waives: readonly string[]): void {
  const { incident, now } = draft
  const { approvalMs, repeatMs } = incident.plan.escalation
  const last = incident.approval
  const same = last?.about === about
  if (!same || last.by !== null || now >= last.expiresAt) {
    const mailed = same && now - last.toldAt < repeatMs
    const request = incident.requests + 1
    const toldAt = mailed ? last.toldAt : now
    draft.set({
      requests: request,
      approval: { request, about, waives, askedAt: now, expiresAt: now + approvalMs, by: null, toldAt },
    })
    if (!mailed) draft.tell('told', TOLD.approval + request, 'approval', `waits for approval of ${about}`)
  }
  draft.waitForGuards('approval', `waits for approval of ${about}`)
}

/** A person says yes to the question of that number; too late, or to another one, changes nothing. The guards run again. */
export function approved(draft: Draft, by: string, request: number): void {
  const { incident, now } = draft
  const { approval } = incident
  if (approval?.request !== request || approval.by !== null || now >= approval.expiresAt) return
  const waits = incident.state === 'waiting' && incident.reason !== 'attached'
  if (!waits && incident.state !== 'checking') return
  draft.set({ approval: { ...approval, by, expiresAt: now + incident.plan.escalation.approvalMs } })
  draft.check(`approved by ${by}; the guards run again`)
}
