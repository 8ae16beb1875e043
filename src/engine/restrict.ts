import type { Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import type { Plan } from '../incident/plan.ts'
import type { Inventory } from '../inventory/inventory.ts'

/** The configuration in force, as far as it can take something away from an open incident. */
export interface InForce {
  readonly plans: ReadonlyMap<string, Plan>
  readonly inventory: Inventory
  readonly revision: string
}

/**
 * What a new configuration takes away from an open incident at once: its rule, its target, its permission to act (S-3.6).
 * Null when it may go on as planned; what a new configuration *adds* never changes a plan.
 */
export function restrictionOf(incident: Incident, { plans, inventory, revision }: InForce): Event | null {
  const plan = plans.get(incident.plan.rule)
  if (!plan) return cancelled(`rule ${incident.plan.rule} is not in revision ${revision}`)
  if (incident.subject.kind !== 'unresolved' && !inventory.targets.has(incident.subject.target)) {
    return cancelled(`target ${incident.subject.target} is not in the inventory of revision ${revision}`)
  }
  if (incident.plan.mode === 'act' && plan.mode === 'inform') {
    return { type: 'restricted', to: 'inform', reason: `mode was lowered to inform by revision ${revision}` }
  }
  return null
}

function cancelled(reason: string): Event {
  return { type: 'cancelled', by: 'configuration', reason, frees: true }
}
