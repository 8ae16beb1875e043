import type { LoadedConfig } from '../config.ts'
import { complainTo } from '../document/document.ts'
import { type Problem, suggestion } from '../document/problem.ts'
import { formatDuration } from '../duration.ts'
import type { LoadedInventory } from '../inventory/load.ts'
import { shortestGapMs } from '../schedule.ts'

/** From here on the times of a schedule are looked at: any year will do, and loading does not depend on the day. */
const A_YEAR = Date.UTC(2026, 0, 1)
/** A year and some weeks of a weekly window, so that both changes of the clocks are among them. */
const TIMES = 60

/** Maintenance windows that name what the inventory does not have, never come, or run into the next of their own. */
export function maintenanceProblems(
  { config, document }: LoadedConfig,
  { inventory }: LoadedInventory,
): readonly Problem[] {
  const problems: Problem[] = []
  if (config === null || document === null) return problems
  const complain = complainTo(problems, document)
  const warn = complainTo(problems, document, 'warning')
  for (const [index, { begins, covers, durationMs }] of config.maintenance.entries()) {
    const at = ['maintenance', index]
    if ('schedule' in begins) {
      const gapMs = shortestGapMs(begins.schedule, A_YEAR, TIMES)
      if (begins.schedule.next(A_YEAR) === null) complain([...at, 'schedule'], 'this time never comes')
      else if (gapMs !== null && durationMs >= gapMs) {
        const often = formatDuration(gapMs)
        warn(
          [...at, 'duration'],
          `the next one begins ${often} after this one began: windows that touch hold without an end`,
        )
      }
    }
    if (inventory === null || 'matchers' in covers) continue
    const [field, names, known] =
      'clusters' in covers
        ? (['clusters', covers.clusters, inventory.clusters] as const)
        : (['targets', covers.targets, inventory.targets] as const)
    for (const [position, name] of names.entries()) {
      if (known.has(name)) continue
      complain(
        [...at, field, position],
        `the inventory has no ${field.slice(0, -1)} "${name}"${suggestion(name, known.keys())}`,
      )
    }
  }
  return problems
}
