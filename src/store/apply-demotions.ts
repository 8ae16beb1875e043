import type { Instant } from '../clock.ts'
import { mayAct } from '../incident/plan.ts'
import { takeDemotions } from './demotions.ts'
import { applyEvent, loadOpenIncidents } from './incidents.ts'
import type { Moved } from './store.ts'
import type { Unit } from './unit.ts'

/** Open incidents hear that their rule may only inform from now on; those that wait for a person stay with the person (S-5.11). */
export function* applyDemotions(now: Instant): Unit<readonly Moved[]> {
  const taken = yield* takeDemotions()
  if (taken.length === 0) return []
  const moved: Moved[] = []
  for (const incident of yield* loadOpenIncidents()) {
    if (incident.state === 'escalated' || incident.state === 'settled' || !mayAct(incident.plan)) continue
    const demotion = taken.find(
      ({ rule, cluster, target }) =>
        rule === incident.plan.rule &&
        cluster === incident.subject.cluster &&
        (target === null || target === incident.target),
    )
    if (!demotion) continue
    const reason = `demoted to inform: ${demotion.reason}`
    const one = yield* applyEvent(incident, { type: 'restricted', to: 'inform', reason }, now)
    if (one) moved.push(one)
  }
  return moved
}
