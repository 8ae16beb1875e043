import { isDeepStrictEqual } from 'node:util'
import type { Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { type Check, MODES, type Plan } from '../incident/plan.ts'
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
  const lower = isLower(plan, incident.plan)
  const guards = addedGuards(plan, incident.plan)
  if (!lower && guards.length === 0) return null
  const what = [
    ...(lower ? [`mode was lowered to ${plan.mode}`] : []),
    ...guards.map(({ type }) => `guard ${type} was added`),
  ]
  const to = lower ? plan.mode : incident.plan.mode
  return { type: 'restricted', to, guards, reason: `${what.join(', ')} by revision ${revision}` }
}

/**
 * Whether `after` can take anything away from incidents that are held to `before` already. Where it cannot, none has to be
 * read: most reloads change little, and thousands of incidents may be open.
 */
export function takesAway(before: InForce, after: InForce): boolean {
  if ([...before.inventory.targets.keys()].some((key) => !after.inventory.targets.has(key))) return true
  return [...before.plans].some(([rule, was]) => {
    const plan = after.plans.get(rule)
    return !plan || isLower(plan, was) || addedGuards(plan, was).length > 0
  })
}

function isLower(plan: Plan, was: Plan): boolean {
  return MODES.indexOf(plan.mode) < MODES.indexOf(was.mode)
}

function addedGuards(plan: Plan, was: Plan): readonly Check[] {
  return plan.runbook.guards.filter((guard) => !was.runbook.guards.some((has) => isDeepStrictEqual(has, guard)))
}

function cancelled(reason: string): Event {
  return { type: 'cancelled', by: 'configuration', reason, frees: true }
}
