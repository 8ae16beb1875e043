import type { Alert } from '../../alert/alert.ts'
import type { Clock } from '../../clock.ts'
import { decideOwn } from '../../engine/looker.ts'
import { aim, askProbes, evaluateWorldGuards, intentOf, lookContext } from '../../engine/world.ts'
import { NO_ROWS } from '../../guards/guard.ts'
import { ownGuards } from '../../guards/index.ts'
import type { InForce } from '../../in-force.ts'
import type { Decision } from '../../incident/event.ts'
import type { Plan } from '../../incident/plan.ts'
import { decisionOf } from '../../incident/summary.ts'
import { open } from '../../incident/transition.ts'
import type { GuardResult, ProbeResult } from '../../incident/verdict.ts'
import type { Subject, Target } from '../../inventory/inventory.ts'
import { NO_MEMORY } from '../../probes/probe.ts'
import { type TriedRule, tryRules } from '../../rules/explain-match.ts'
import type { Opening } from '../../store/store.ts'

/** What was seen for one rule and what its labels name, now. */
export interface Look {
  readonly plan: Plan
  readonly subject: Subject
  /** Null when the subject is unresolved, or is no single thing to act on. */
  readonly target: Target | null
  readonly guards: readonly GuardResult[]
  readonly probes: readonly ProbeResult[]
  readonly decision: Decision | null
}

export interface PlannedAlert {
  readonly alert: Alert
  readonly tried: readonly TriedRule[]
  /** One for each rule that matches; empty for a resolved alert, which begins nothing (S-1.5). */
  readonly looks: readonly Look[]
}

/** Guards that judge our own rows, which are not read here. */
export const OWN_GUARDS: ReadonlySet<string> = new Set(ownGuards.map(({ type }) => type))

/** Looks at the world for every alert as if it had just arrived. Alerts of one incident are judged together, once. */
export async function evaluate(
  alerts: readonly Alert[],
  inForce: InForce,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly PlannedAlert[]> {
  const now = clock.now()
  const openings = alerts.map((alert) =>
    alert.status === 'firing'
      ? inForce.openings({ id: 0, change: 'firing', alert, credential: null, receivedAt: now })
      : [],
  )
  const keyOf = ({ plan, subject }: Opening) => JSON.stringify([plan.rule, subject.key])
  const together = new Map<string, { readonly opening: Opening; readonly alerts: Alert[] }>()
  for (const [index, found] of openings.entries()) {
    for (const opening of found) {
      const known = together.get(keyOf(opening)) ?? { opening, alerts: [] }
      known.alerts.push(...alerts.slice(index, index + 1))
      together.set(keyOf(opening), known)
    }
  }
  const looks = new Map(
    await Promise.all(
      [...together].map(
        async ([key, { opening, alerts: own }]) => [key, await look(opening, own, inForce, clock, signal)] as const,
      ),
    ),
  )
  return alerts.map((alert, index) => ({
    alert,
    tried: tryRules(inForce.configuration.rules, alert.labels),
    looks: (openings[index] ?? []).flatMap((opening) => looks.get(keyOf(opening)) ?? []),
  }))
}

async function look(
  { plan, subject }: Opening,
  alerts: readonly Alert[],
  inForce: InForce,
  clock: Clock,
  signal: AbortSignal,
): Promise<Look> {
  const now = clock.now()
  const { world } = inForce
  const firing = alerts.map(({ fingerprint, startsAt }) => ({ fingerprint, startsAt }))
  const [first] = firing
  const nothing: Look = { plan, subject, target: null, guards: [], probes: [], decision: null }
  if (first === undefined) return nothing
  const [opened] = open(0, plan, subject, first, null, now)
  const incident = { ...opened, firing }
  const { target, view, problem } = await aim(world, incident)
  if (!target)
    return problem.guard === 'culprit' ? { ...nothing, guards: [problem], decision: decisionOf([problem]) } : nothing
  const context = lookContext(world, target, NO_MEMORY, clock, signal, view)
  if (!context) return nothing
  const seen = alerts.map((alert) => ({ ...alert, seenAt: now, firstSeenAt: now }))
  const intent = intentOf(incident, target, seen)
  const [guards, probes] = await Promise.all([evaluateWorldGuards(intent, context), askProbes(plan, context)])
  const own = decideOwn(NO_ROWS, { ...intent, rack: target.rack, firstStart: true }, now)
  const all = [...own.results, ...guards]
  return { plan, subject, target, guards: all, probes, decision: decisionOf(all) }
}
