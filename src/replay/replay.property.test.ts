import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { startStep } from '../../test/support/plan.ts'
import { firing, HOUR, inventoryOf, MINUTE, replayOf, ruleOf, SECOND, setOf, T0 } from '../../test/support/record.ts'
import type { Mode } from '../incident/plan.ts'
import type { Rule } from '../rules/match.ts'
import type { Recorded } from '../store/recorded.ts'
import type { Difference, Kind } from './differences.ts'
import type { RuleSet } from './rule-set.ts'

const inventory = inventoryOf({ orders: 3, billing: 2 })
const smaller = inventoryOf({ orders: 2, billing: 2 })
const restart = { ...startStep, params: { verb: 'restart' }, traits: { ...startStep.traits, disruptive: true } }

const rule = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    match: fc.constantFrom(
      ['alertname="Down"'],
      ['alertname="Hung"'],
      ['alertname=~"Down|Hung"', 'cluster="orders"'],
      ['cluster!="billing"'],
      ['broker_id=~"1|9"'],
    ),
    goesOn: fc.boolean(),
    mode: fc.constantFrom<Mode>('act', 'act', 'approve', 'inform'),
    rank: fc.constantFrom(10, 20),
    afterMs: fc.constantFrom(0, 30 * SECOND, 10 * MINUTE),
    max: fc.integer({ min: 1, max: 4 }),
    steps: fc.constantFrom([startStep], [restart]),
    runbook: fc.constantFrom('x', 'y'),
  })
  .map(({ name, match, goesOn, max, steps, runbook, ...plan }) => {
    const like = ruleOf(name, match, plan).plan
    const changed = {
      ...plan,
      attempts: { ...like.attempts, max },
      runbook: { ...like.runbook, name: runbook, rungs: [steps] },
    }
    return ruleOf(name, match, changed, goesOn)
  })

const rules: fc.Arbitrary<readonly Rule[]> = fc.uniqueArray(rule, { selector: ({ name }) => name, maxLength: 4 })
const ruleSet = (revision: string): fc.Arbitrary<RuleSet> =>
  fc.tuple(rules, fc.constantFrom(inventory, inventory, smaller)).map(([all, has]) => setOf(all, has, revision))

const alert = fc
  .record({
    alertname: fc.constantFrom('Down', 'Hung', 'Other'),
    cluster: fc.constantFrom('orders', 'billing', 'unknown'),
    broker_id: fc.constantFrom('1', '2', '3', '9'),
    at: fc.integer({ min: 0, max: 20 * 3_600 }),
    forS: fc.option(fc.integer({ min: 1, max: 7_200 })),
  })
  .map(({ at, forS, ...labels }) => firing(labels, T0 + at * SECOND, forS === null ? null : forS * SECOND))

const guards = fc
  .record({
    at: fc.integer({ min: 0, max: 20 * 3_600 }),
    target: fc.constantFrom('orders/broker/1', 'orders/broker/2', 'billing/broker/1'),
    guard: fc.constantFrom('symptom', 'identity', 'human-first', 'still-firing'),
    verdict: fc.constantFrom('pass' as const, 'refuse' as const, 'hold' as const, 'unknown' as const),
    quiet: fc.boolean(),
    forS: fc.option(fc.integer({ min: 1, max: 7_200 })),
  })
  .map(
    ({ at, target, guard, verdict, quiet, forS }): Recorded => ({
      kind: 'guards',
      at: T0 + at * SECOND,
      until: forS === null ? null : T0 + (at + forS) * SECOND,
      target,
      culpritOf: null,
      disruptive: null,
      verdicts: [{ guard, verdict, reason: 'as recorded', ...(quiet && { quiet }) }],
    }),
  )

const pause = fc
  .record({
    scope: fc.constantFrom('all', 'rule:a', 'rule:b', 'cluster:orders', 'target:orders/broker/1'),
    at: fc.integer({ min: 0, max: 20 * 3_600 }),
    forS: fc.integer({ min: 1, max: 7_200 }),
  })
  .map(({ scope, at, forS }): Recorded => {
    const [startsAt, endsAt] = [T0 + at * SECOND, T0 + (at + forS) * SECOND]
    return { kind: 'pause', at: T0, scope, startsAt, endsAt, author: 'ann', comment: '' }
  })

const record: fc.Arbitrary<readonly Recorded[]> = fc
  .tuple(fc.array(alert, { maxLength: 25 }), fc.array(guards, { maxLength: 4 }), fc.array(pause, { maxLength: 2 }))
  .map(([alerts, said, pauses]) => [...pauses, ...said, ...alerts.flat()])

test('the same rules under another revision do nothing differently, whatever was recorded', async () => {
  await fc.assert(
    fc.asyncProperty(ruleSet('before'), record, async (set, recorded) => {
      const { report, differences } = await replayOf(set, { ...set, revision: 'after' }, recorded, {
        until: T0 + 24 * HOUR,
      })
      expect(differences).toEqual([])
      expect({ ...report.after, revision: 'before' }).toEqual(report.before)
      expect(report.rules).toEqual([])
    }),
    { numRuns: 150 },
  )
})

const MIRRORED: Readonly<Partial<Record<Kind, Kind>>> = {
  newlyMatched: 'noLongerMatched',
  noLongerMatched: 'newlyMatched',
  moreAttempts: 'fewerAttempts',
  fewerAttempts: 'moreAttempts',
  newRefusal: 'refusalGone',
  refusalGone: 'newRefusal',
}

test('the other way round, every difference is there the other way round', async () => {
  let seen = 0
  await fc.assert(
    fc.asyncProperty(ruleSet('one'), ruleSet('other'), record, async (one, other, recorded) => {
      const until = T0 + 24 * HOUR
      const there = await replayOf(one, other, recorded, { until })
      const back = await replayOf(other, one, recorded, { until })
      const mirrored = there.differences.map(({ kinds, before, after, ...rest }) => ({
        ...rest,
        kinds: new Set(kinds.map((kind) => MIRRORED[kind] ?? kind)),
        before: unordered(after),
        after: unordered(before),
      }))
      const found = back.differences.map((one) => ({
        ...one,
        kinds: new Set(one.kinds),
        before: unordered(one.before),
        after: unordered(one.after),
      }))
      expect(found).toEqual(mirrored)
      expect(back.report).toMatchObject({ different: there.report.different, before: there.report.after })
      seen += found.length
    }),
    { numRuns: 150 },
  )
  expect(seen).toBeGreaterThan(100)
})

/** Rules of one name come first, in the order of either side. */
function unordered(treatments: Difference['before']): Difference['before'] {
  return treatments.toSorted((a, b) => (a.rule < b.rule ? -1 : 1))
}
