import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../../test/support/cluster-view.ts'
import {
  blockingReassignments,
  confirmedBad,
  culprits,
  isComplete,
  isOutOfEverything,
  liveIsr,
  suffering,
  wouldBreakAvailability,
  wouldBreakQuorum,
} from './judge-view.ts'
import type { BrokerSeen, ClusterView, PartitionSeen } from './view.ts'

const IDS = [1, 2, 3, 4, 5]
const id = fc.constantFrom(...IDS)
const some = fc.subarray(IDS)

const partition: fc.Arbitrary<PartitionSeen> = fc
  .record({
    topic: fc.constantFrom('orders', 'payments', 'scratch-1', 'scratch-2'),
    partition: fc.nat(9),
    leader: fc.constantFrom(-1, ...IDS),
    replicas: fc.subarray(IDS, { minLength: 1 }),
    minIsr: fc.option(fc.integer({ min: 1, max: 4 })),
    elr: fc.option(some),
    lastKnownElr: fc.option(some),
  })
  .chain((fields) =>
    fc
      .record({ isr: fc.subarray(fields.replicas), offline: fc.subarray(fields.replicas) })
      .map((rest) => partitionSeen({ ...fields, ...rest })),
  )

const broker = (number: number): fc.Arbitrary<BrokerSeen> =>
  fc
    .record({
      liveness: fc
        .constantFrom('ok', 'refused', 'no-answer', 'tls-error', 'connect-timeout')
        .map((why) => liveness(why)),
      listed: fc.boolean(),
      fenced: fc.option(fc.boolean()),
    })
    .map((change) => brokerSeen(number, change))

const views: fc.Arbitrary<ClusterView> = fc
  .record({
    brokers: fc.tuple(...IDS.map(broker)),
    partitions: fc.array(partition, { maxLength: 12 }),
    voters: fc.array(fc.record({ id: fc.integer({ min: 1, max: 9 }), caughtUp: fc.boolean() }), {
      minLength: 1,
      maxLength: 7,
    }),
    reassignments: fc.array(
      fc.record({
        topic: fc.constantFrom('orders', 'payments'),
        partition: fc.nat(9),
        replicas: some,
        adding: some,
        removing: some,
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ voters, ...rest }) => {
    const unique = [...new Map(voters.map((voter) => [voter.id, { ...voter, lagMs: 0 }])).values()]
    return clusterView({ ...rest, quorum: { kind: 'kraft', leader: 1, voters: unique, controllers: [] } })
  })

const dead = (view: ClusterView) =>
  new Set(view.brokers.flatMap((one) => (one.liveness?.state === 'notServing' ? [one.id] : [])))

/** Taking the broker away for real: what is left in sync on brokers that serve. */
function without(view: ClusterView, target: number): (one: PartitionSeen) => number {
  return (one) =>
    one.isr.filter((each) => each !== target && !one.offline.includes(each) && !dead(view).has(each)).length
}

test('S-5.6 what is allowed leaves every partition that counts on the target with enough in sync', () => {
  fc.assert(
    fc.property(views, id, fc.subarray(['scratch-*', 'orders', 'payments']), (view, target, tolerate) => {
      const { breaks, approvable, tolerated } = wouldBreakAvailability(view, target, tolerate)
      const named = breaks.length + approvable.length + tolerated
      const left = without(view, target)
      const counting = view.partitions.filter(
        (one) =>
          (one.leader === -1 && [one.isr, one.elr, one.lastKnownElr].some((list) => list?.includes(target))) ||
          (one.leader !== -1 && liveIsr(one).includes(target) && (one.minIsr === null || left(one) < one.minIsr)),
      )
      expect(named).toBe(counting.length)
      for (const { topic } of approvable) expect(tolerate).not.toContain(topic)
    }),
  )
})

test('S-5.6 tolerating more never refuses more, and never changes what breaks', () => {
  fc.assert(
    fc.property(views, id, (view, target) => {
      const strict = wouldBreakAvailability(view, target, [])
      const lax = wouldBreakAvailability(view, target, ['*'])
      expect(lax.breaks).toEqual(strict.breaks)
      expect(lax.approvable).toEqual([])
      expect(lax.tolerated).toBe(strict.approvable.length)
    }),
  )
})

test('S-5.6 a broker that is out of everything breaks nothing', () => {
  fc.assert(
    fc.property(views, id, (view, target) => {
      fc.pre(isOutOfEverything(view, target))
      expect(wouldBreakAvailability(view, target, [])).toEqual({ breaks: [], approvable: [], tolerated: 0 })
    }),
  )
})

test('S-5.6 a broker more that is dead never makes anything allowed', () => {
  fc.assert(
    fc.property(views, id, id, (view, target, dying) => {
      fc.pre(target !== dying)
      const brokers = view.brokers.map((one) => (one.id === dying ? { ...one, liveness: liveness('refused') } : one))
      const before = wouldBreakAvailability(view, target, [])
      const after = wouldBreakAvailability({ ...view, brokers }, target, [])
      expect(after.breaks.length).toBeGreaterThanOrEqual(before.breaks.length)
      expect(after.approvable.length).toBeGreaterThanOrEqual(before.approvable.length)
      if (wouldBreakQuorum(view, target).verdict !== 'keeps')
        expect(wouldBreakQuorum({ ...view, brokers }, target).verdict).not.toBe('keeps')
    }),
  )
})

test('S-5.7 the quorum keeps exactly when the others that are caught up are more than half of all voters', () => {
  fc.assert(
    fc.property(views, fc.option(fc.integer({ min: 1, max: 9 })), (view, controller) => {
      if (view.quorum.kind !== 'kraft') throw new Error('not the quorum of this test')
      const { voters } = view.quorum
      const up = voters.filter((voter) => voter.caughtUp && !dead(view).has(voter.id) && voter.id !== controller).length
      expect(wouldBreakQuorum(view, controller).verdict === 'keeps').toBe(up > voters.length / 2)
    }),
  )
})

test('S-2.7 culprits are exactly the replicas that are not in a live ISR, where nothing is being moved', () => {
  fc.assert(
    fc.property(views, (view) => {
      const missing = view.partitions.flatMap((one) => one.replicas.filter((each) => !liveIsr(one).includes(each)))
      expect(culprits({ ...view, reassignments: [] })).toEqual([...new Set(missing)].toSorted((a, b) => a - b))
      expect(culprits(view).every((each) => missing.includes(each))).toBe(true)
    }),
  )
})

test('no order of partitions or brokers changes a judgement, and no part is counted twice', () => {
  fc.assert(
    fc.property(views, id, (view, target) => {
      const turned = { ...view, partitions: view.partitions.toReversed(), brokers: view.brokers.toReversed() }
      const { offline, underMinIsr } = suffering(view)
      expect(suffering(turned)).toMatchObject({ offline, underMinIsr })
      expect(offline + underMinIsr).toBeLessThanOrEqual(view.partitions.length)
      expect(isComplete(turned, target).ok).toBe(isComplete(view, target).ok)
      expect(isOutOfEverything(turned, target)).toBe(isOutOfEverything(view, target))
      expect(new Set(confirmedBad(turned).bad)).toEqual(new Set(confirmedBad(view).bad))
      expect(blockingReassignments(view, target).every((one) => view.reassignments?.includes(one))).toBe(true)
    }),
  )
})
