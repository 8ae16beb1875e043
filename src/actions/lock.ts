import type { Target } from '../inventory/inventory.ts'

/** The lock on the host under which every changing command on a target's unit runs, one at a time (S-4.5). */
export function unitLock(target: Target): string {
  return `unit ${target.unit.manager} ${target.unit.name}`
}
