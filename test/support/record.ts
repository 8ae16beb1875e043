import { fingerprintOf } from '../../src/alert/fingerprint.ts'
import { parseMatcher } from '../../src/alert/matcher-syntax.ts'
import type { Plan } from '../../src/incident/plan.ts'
import type { Inventory, Target } from '../../src/inventory/inventory.ts'
import type { Difference } from '../../src/replay/differences.ts'
import { type ReplayOptions, replay } from '../../src/replay/replay.ts'
import type { RuleSet } from '../../src/replay/rule-set.ts'
import type { Rule } from '../../src/rules/match.ts'
import type { Recorded, RecordedAlert } from '../../src/store/recorded.ts'
import { brokerTarget, clusterOf } from './look.ts'
import { planOf } from './plan.ts'

/** 2026-10-01 00:00:00 UTC. */
export const T0 = Date.UTC(2026, 9, 1)
export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Clusters of so many brokers each, `orders/broker/1` and on. */
export function inventoryOf(clusters: Readonly<Record<string, number>>): Inventory {
  const made = Object.entries(clusters).map(([name, count]) => {
    const brokers = Array.from({ length: count }, (_, index) => brokerOf(name, index + 1))
    return clusterOf(brokers, { name })
  })
  return {
    clusters: new Map(made.map((cluster) => [cluster.name, cluster])),
    targets: new Map(made.flatMap(({ brokers }) => brokers.map((broker) => [broker.key, broker]))),
  }
}

function brokerOf(cluster: string, id: number): Target {
  return brokerTarget(id, { key: `${cluster}/broker/${id}`, cluster, host: `${cluster}-${id}`, address: null })
}

/** A rule for brokers that the labels name. */
export function ruleOf(name: string, match: readonly string[], change: Partial<Plan> = {}, goesOn = false): Rule {
  const matchers = match.map((text) => {
    const parsed = parseMatcher(text)
    if ('problem' in parsed) throw new Error(parsed.problem)
    return parsed.ok
  })
  const plan = planOf({ rule: name, ...change })
  return { name, matchers, selector: { kind: 'broker', from: 'labels' }, continue: goesOn, plan }
}

export function setOf(rules: readonly Rule[], inventory: Inventory, revision = 'test'): RuleSet {
  return { rules, inventory, revision, config: { webhookCredentials: [], alertmanagers: [] } }
}

/** An alert on a broker that fires for so long, as the two changes that are recorded of it; one that never ends is the first. */
export function firing(
  labels: Readonly<Record<string, string>>,
  at: number,
  forMs: number | null,
  change: Partial<RecordedAlert> = {},
): readonly RecordedAlert[] {
  const fired: RecordedAlert = {
    kind: 'alert',
    at,
    change: 'firing',
    fingerprint: fingerprintOf(labels),
    labels,
    annotations: null,
    startsAt: at - 15 * SECOND,
    endsAt: null,
    credential: null,
    ...change,
  }
  if (forMs === null) return [fired]
  return [fired, { ...fired, at: at + forMs, change: 'resolved', endsAt: at + forMs }]
}

/** Replays what is given in whatever order, piece by piece. */
export async function replayOf(
  before: RuleSet,
  after: RuleSet,
  recorded: readonly Recorded[],
  more: Partial<Pick<ReplayOptions, 'until' | 'maintenance'>> = {},
) {
  const differences: Difference[] = []
  const record = recorded.toSorted((a, b) => a.at - b.at).map((one) => [one])
  const report = await replay({
    before,
    after,
    record: (async function* () {
      yield* record
    })(),
    until: 0,
    maintenance: [],
    onDifference: (difference) => differences.push(difference),
    ...more,
  })
  return { report, differences }
}
