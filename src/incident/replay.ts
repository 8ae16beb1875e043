import type { Occurrence } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Subject } from '../inventory/inventory.ts'
import type { Event } from './event.ts'
import type { Incident } from './incident.ts'
import type { Plan } from './plan.ts'
import { open, transition } from './transition.ts'

export interface Opened {
  readonly type: 'opened'
  readonly plan: Plan
  readonly subject: Subject
  readonly leader: number | null
  readonly occurrence: Occurrence
}

/** The incident that a journal tells of; equals the stored one, `version` apart (S-3.8). Null for an empty journal. */
export function replay(
  id: number,
  journal: readonly { readonly at: Instant; readonly event: Event | Opened }[],
): Incident | null {
  let incident: Incident | null = null
  for (const { at, event } of journal) {
    if (event.type === 'opened') incident = open(id, event.plan, event.subject, event.occurrence, event.leader, at)[0]
    else if (incident) incident = transition(incident, event, at)[0]
  }
  return incident
}
