import { isDeepStrictEqual } from 'node:util'
import type { Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { MODES, type Plan } from '../incident/plan.ts'
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
  if (incident.target !== null && !inventory.targets.has(incident.target)) {
    return cancelled(`target ${incident.target} is not in the inventory of revision ${revision}`)
  }
  const lower = MODES.indexOf(plan.mode) < MODES.indexOf(incident.plan.mode)
  const guards = plan.runbook.guards.filter(
    (guard) => !incident.plan.runbook.guards.some((has) => isDeepStrictEqual(has, guard)),
  )
  if (!lower && guards.length === 0) return null
  const what = [
    ...(lower ? [`mode was lowered to ${plan.mode}`] : []),
    ...guards.map(({ type }) => `guard ${type} was added`),
  ]
  const to = lower ? plan.mode : incident.plan.mode
  return { type: 'restricted', to, guards, reason: `${what.join(', ')} by revision ${revision}` }
}

function cancelled(reason: string): Event {
  return { type: 'cancelled', by: 'configuration', reason, frees: true }
}
