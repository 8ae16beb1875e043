import { formatDuration } from '../duration.ts'
import { BUDGET } from '../guards/budget.ts'
import type { OwnFacts } from '../guards/guard.ts'
import { type Plan, rungOf } from '../incident/plan.ts'

/**
 * Why the plan's last attempt can never begin (S-5.10), in words; null when it can. The attempts follow each other as fast
 * as back-off and budget let them, on a target that nobody else acts on; what waits longer than `give_up` is handed over.
 */
export function unfinishable(plan: Plan): string | null {
  const { max } = plan.attempts
  const { giveUpMs } = plan.escalation
  const began: OwnFacts['recent'][number][] = []
  let at = plan.afterMs
  for (let attempt = 1; attempt <= max; attempt += 1) {
    const disruptive = rungOf(plan, attempt).some(({ traits }) => traits.disruptive)
    const firstStart = attempt === 1 && !disruptive
    const free = budgetFreeAt(began, disruptive, firstStart, at)
    if (free > giveUpMs) {
      const why = free > at ? 'the budget lets it' : attempt === 1 ? '`after` lets it' : 'the back-off lets it'
      return `attempt ${attempt} of ${max} can never begin: ${why} ${formatDuration(free)} after the opening at the earliest, and what waits is given up after ${formatDuration(giveUpMs)} (give_up)`
    }
    began.push({ ...PLACE, disruptive, firstStart, startedAt: free })
    const { initialMs, multiplier, maxMs } = plan.attempts.backoff
    at = free + Math.min(maxMs, initialMs * multiplier ** (attempt - 1))
  }
  return null
}

const PLACE = { targetKey: 'target', cluster: 'cluster', rack: null }
const INTENT = { ...PLACE, incident: 0, attempt: 0, byPerson: false }

/** The first moment from `at` on at which no limit of the budget refuses. */
function budgetFreeAt(
  began: readonly OwnFacts['recent'][number][],
  disruptive: boolean,
  firstStart: boolean,
  at: number,
): number {
  const intent = { ...INTENT, disruptive, firstStart }
  for (const limit of BUDGET) {
    if (!limit.appliesTo(intent) || (limit.exempts && firstStart)) continue
    const counted = began.filter(
      (one) => limit.counts(one, intent) && !(limit.exempts && one.firstStart) && one.startedAt > at - limit.windowMs,
    )
    const oldest = counted[counted.length - limit.most]
    // Later than one limit allows, the others are asked again.
    if (oldest) return budgetFreeAt(began, disruptive, firstStart, oldest.startedAt + limit.windowMs)
  }
  return at
}
