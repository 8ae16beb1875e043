import { type Instant, iso } from '../clock.ts'
import type { Evidence } from '../incident/verdict.ts'
import { defineOwnGuard, type OwnFacts, type OwnIntent } from './guard.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

type Recent = OwnFacts['recent'][number]

interface Limit {
  readonly name: string
  readonly most: number
  readonly windowMs: number
  /** The first start of a crashed target is neither refused by it nor counted in it. */
  readonly exempts: boolean
  appliesTo(intent: OwnIntent): boolean
  counts(recent: Recent, intent: OwnIntent): boolean
}

/**
 * The numbers of S-5.10, over sliding windows. An attempt counts from the moment it began. The day's limit of a cluster
 * counts whatever was done there, not only what was disruptive: the exemption of first starts, which never are, would mean
 * nothing otherwise.
 */
export const BUDGET: readonly Limit[] = [
  {
    name: 'actions on the target per hour',
    most: 4,
    windowMs: HOUR,
    exempts: false,
    appliesTo: () => true,
    counts: (recent, intent) => recent.targetKey === intent.targetKey,
  },
  {
    name: 'actions on the target per day',
    most: 6,
    windowMs: DAY,
    exempts: false,
    appliesTo: () => true,
    counts: (recent, intent) => recent.targetKey === intent.targetKey,
  },
  {
    name: 'disruptive actions in the cluster per 15 min',
    most: 1,
    windowMs: 15 * MINUTE,
    exempts: true,
    appliesTo: (intent) => intent.disruptive,
    counts: (recent, intent) => recent.disruptive && recent.cluster === intent.cluster,
  },
  {
    name: 'actions in the cluster per day',
    most: 6,
    windowMs: DAY,
    exempts: true,
    appliesTo: () => true,
    counts: (recent, intent) => recent.cluster === intent.cluster,
  },
  {
    name: 'actions everywhere per hour',
    most: 10,
    windowMs: HOUR,
    exempts: true,
    appliesTo: () => true,
    counts: () => true,
  },
]

export const budget = defineOwnGuard({
  kind: 'own',
  type: 'budget',
  summary: 'Not too many actions on the target, in its cluster and rack, and everywhere (S-5.10).',
  decide(facts, intent, now) {
    const evidence: Evidence[] = []
    const refusals: string[] = []
    for (const limit of BUDGET.filter((one) => one.appliesTo(intent))) {
      const counted = countedBy(limit, facts, intent, now)
      evidence.push({
        name: limit.name,
        value: counted.length,
        wanted: `below ${limit.most}`,
        source: 'store',
        at: now,
      })
      const exempt = intent.byPerson || (limit.exempts && intent.firstStart)
      if (counted.length < limit.most || exempt) continue
      refusals.push(`${counted.length} ${limit.name}, at most ${limit.most}; again at ${iso(freeAt(counted, limit))}`)
    }
    const busy = busyInRack(facts, intent)
    if (busy !== null) {
      evidence.push({ name: 'at work in the rack', value: busy.targetKey, wanted: 'nobody', source: 'store', at: now })
      if (!intent.byPerson && !intent.firstStart)
        refusals.push(
          `incident ${busy.incident} is at work on ${busy.targetKey}, and one target at a time in rack ${intent.rack}`,
        )
    }
    if (refusals.length > 0) return { guard: 'budget', verdict: 'refuse', reason: refusals.join('; '), evidence }
    const reason = intent.byPerson ? 'a person asked: counted, not refused' : 'within the budget'
    return { guard: 'budget', verdict: 'pass', reason, evidence }
  },
})

/** S-5.10 "per rack one at a time": another target of the rack whose attempt runs, or is not verified yet. */
function busyInRack({ atWork }: OwnFacts, { rack }: OwnIntent): OwnFacts['atWork'][number] | null {
  if (rack === null) return null
  return atWork.find((one) => one.rack === rack && !one.firstStart) ?? null
}

function countedBy(limit: Limit, { recent }: OwnFacts, intent: OwnIntent, now: Instant): readonly Recent[] {
  return recent.filter(
    (one) => one.startedAt > now - limit.windowMs && limit.counts(one, intent) && !(limit.exempts && one.firstStart),
  )
}

/** When enough of the counted attempts have left the window for one more. */
function freeAt(counted: readonly Recent[], limit: Limit): Instant {
  const starts = counted.map(({ startedAt }) => startedAt).toSorted((a, b) => b - a)
  return (starts[limit.most - 1] ?? 0) + limit.windowMs
}

/**
 * When a budget that refuses has room again, if nothing else is done meanwhile; `now` where it does not refuse, null where
 * another target of the rack has to end first and nobody can tell when.
 */
export function budgetFreeAt(facts: OwnFacts, intent: OwnIntent, now: Instant): Instant | null {
  if (intent.byPerson) return now
  if (!intent.firstStart && busyInRack(facts, intent) !== null) return null
  return Math.max(
    now,
    ...BUDGET.filter((limit) => limit.appliesTo(intent) && !(limit.exempts && intent.firstStart)).map((limit) => {
      const counted = countedBy(limit, facts, intent, now)
      return counted.length < limit.most ? now : freeAt(counted, limit)
    }),
  )
}
