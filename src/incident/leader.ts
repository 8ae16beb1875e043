import type { Incident } from './incident.ts'
import { mayAct } from './plan.ts'

/**
 * Who leads among the open incidents of one target (S-3.1). `candidates` are those that may: in mode `approve` or `act`, not
 * settled, the lowest rank first and then the oldest.
 */

/** A leader that has begun something keeps the lead whatever its rank. */
export function isEngaged({ state }: Incident): boolean {
  return state !== 'waiting' && state !== 'checking'
}

/** One that only waits for a silence or a pause to end must not keep those waiting that it does not cover (S-3.4). */
export function canLead(incident: Incident): boolean {
  return incident.held === null || isEngaged(incident)
}

/** Whom a new incident follows: one that is engaged, else the one that the others follow, else the first in order. */
export function leaderOf(candidates: readonly Incident[]): Incident | undefined {
  const able = candidates.filter(canLead)
  const free = able.filter(({ leader }) => leader === null)
  return free.find(isEngaged) ?? free[0] ?? able[0]
}

/** Who is to lead from now on: one that is engaged keeps the lead, else the first in order that can. */
export function electedOf(candidates: readonly Incident[]): Incident | undefined {
  return candidates.find((one) => one.leader === null && isEngaged(one)) ?? candidates.find(canLead) ?? candidates[0]
}

/** A new incident of a lower rank takes the lead from one that has begun nothing. */
export function unseats({ plan }: Pick<Incident, 'plan'>, leader: Incident): boolean {
  return plan.rank < leader.plan.rank && !isEngaged(leader)
}

/** Targets whose leader must be found again because an incident moved; effects `electLeader` say so by themselves. */
export function electionsAfter(before: Incident | null, after: Incident): readonly string[] {
  if (before === null) return []
  const targets: string[] = []
  if (after.target !== null && mayAct(after.plan) && after.state !== 'closed') {
    // Back from where nobody leads: another one may lead by now.
    const back = before.state === 'settled' && after.state !== 'settled'
    // A hold begins or ends: others on the target need not wait for it, or wait again (S-3.4).
    const turned = (before.held === null) !== (after.held === null)
    if (back || turned) targets.push(after.target)
  }
  // Another target than before (S-2.7): who followed it there is on its own.
  if (before.target !== null && before.target !== after.target) targets.push(before.target)
  return targets
}
