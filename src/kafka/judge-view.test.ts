import { describe, expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../../test/support/cluster-view.ts'
import { brokerTarget, clusterOf } from '../../test/support/look.ts'
import {
  blockingReassignments,
  confirmedBad,
  culprits,
  drift,
  fragileTopics,
  isComplete,
  isOutOfEverything,
  liveIsr,
  suffering,
  vanished,
  wouldBreakAvailability,
  wouldBreakQuorum,
} from './judge-view.ts'
import type { BrokerSeen, ClusterView, ControllerSeen, PartitionSeen, Quorum } from './view.ts'

const at = (host: string) => ({ host, port: 9093 })
const refused: Partial<BrokerSeen> = { liveness: liveness('refused') }
const fenced: Partial<BrokerSeen> = { liveness: liveness('no-answer'), listed: false, fenced: true }

function withBrokers(...changes: readonly Partial<BrokerSeen>[]): ClusterView {
  return clusterView({ brokers: changes.map((change, index) => brokerSeen(index + 1, change)) })
}

function withPartition(change: Partial<PartitionSeen>): ClusterView {
  return clusterView({ partitions: [partitionSeen(change)] })
}

function quorumOf(caughtUp: readonly boolean[], controllers: readonly ControllerSeen[] = []): Quorum {
  const voters = caughtUp.map((is, index) => ({ id: index + 1, caughtUp: is, lagMs: is ? 100 : 90_000 }))
  return { kind: 'kraft', leader: 1, voters, controllers }
}

function controller(host: string, says: ControllerSeen['says'], more: Partial<ControllerSeen> = {}): ControllerSeen {
  return { address: at(host), says, reason: says, ...more }
}

test('S-5.5 the live ISR is the ISR without brokers that are offline', () => {
  expect(liveIsr(partitionSeen({ isr: [2, 1], offline: [2] }))).toEqual([1])
  expect(liveIsr(partitionSeen({ isr: [], offline: [2] }))).toEqual([])
})

describe('S-5.5 a view is complete', () => {
  const frozen: Quorum = { kind: 'frozen', reason: 'no controller leads', controllers: [] }
  test.each<[string, ClusterView, number | null, readonly string[]]>([
    ['when everything was read', clusterView(), null, []],
    ['with another broker known to be dead', withBrokers({}, refused, {}), null, []],
    ['when only the target cannot be told', withBrokers({}, { liveness: liveness('tls-error') }, {}), 2, []],
    [
      'but not when another broker cannot be told',
      withBrokers({}, { liveness: liveness('tls-error') }, {}),
      1,
      ['broker 2: tls-error'],
    ],
    [
      'but not without one of its parts',
      clusterView({ problems: [{ part: 'reassignments', reason: 'error 31' }] }),
      1,
      ['reassignments: error 31'],
    ],
    ['but not while nobody leads', clusterView({ quorum: frozen }), 1, ['quorum: no controller leads']],
  ])('%s', (_, view, target, missing) => {
    expect(isComplete(view, target)).toEqual(missing.length === 0 ? { ok: true } : { ok: false, missing })
  })
})

describe('S-5.6 availability', () => {
  test.each<[string, Partial<PartitionSeen>, 'allow' | 'break' | 'approve']>([
    ['allows when enough stay in sync', {}, 'allow'],
    ['refuses when the target is one of the last that are wanted', { isr: [1, 2], minIsr: 2 }, 'break'],
    ['allows when the target is out of sync already', { isr: [2, 3], minIsr: 2 }, 'allow'],
    ['refuses when the others in the ISR are offline', { isr: [1, 2, 3], offline: [3], minIsr: 2 }, 'break'],
    ['refuses when min.insync.replicas is not known', { minIsr: null }, 'break'],
    ['allows without it when the target is out of sync', { minIsr: null, isr: [2, 3] }, 'allow'],
    [
      'refuses when a leaderless partition has the target in its ISR (Kafka 3)',
      { leader: -1, isr: [1], offline: [1] },
      'break',
    ],
    ['refuses when it is eligible to lead one', { leader: -1, isr: [], elr: [1], lastKnownElr: [] }, 'break'],
    ['refuses when it was the last eligible one', { leader: -1, isr: [], elr: [], lastKnownElr: [1] }, 'break'],
    ['allows when others are to lead it', { leader: -1, isr: [], elr: [2], lastKnownElr: [2] }, 'allow'],
    ['asks when no replica can be missed by design', { replicas: [1, 2], isr: [1, 2], minIsr: 2 }, 'approve'],
    ['asks for a single replica', { replicas: [1], isr: [1], minIsr: 1 }, 'approve'],
    [
      'asks for a single replica that has no leader',
      { replicas: [1], isr: [], elr: [1], leader: -1, minIsr: 1 },
      'approve',
    ],
  ])('%s', (_, change, verdict) => {
    const { breaks, approvable, tolerated } = wouldBreakAvailability(withPartition(change), 1, [])
    expect([breaks.length, approvable.length, tolerated]).toEqual(
      { allow: [0, 0, 0], break: [1, 0, 0], approve: [0, 1, 0] }[verdict],
    )
  })

  test('counts a broker as gone that a probe found dead, although metadata names it in sync', () => {
    expect(wouldBreakAvailability(withBrokers({}, refused, {}), 1, []).breaks).toEqual([
      {
        topic: 'orders',
        partition: 0,
        why: '1 in sync without this broker, at least 2 wanted',
        wanted: 'at least 2 in sync without it',
        isr: [1, 2, 3],
        minIsr: 2,
      },
    ])
    expect(wouldBreakAvailability(withBrokers({}, { liveness: liveness('tls-error') }, {}), 1, []).breaks).toEqual([])
  })

  test.each([
    [['scratch-1'], 1],
    [['scratch-*'], 1],
    [['*scratch'], 0],
    [['scratch'], 0],
  ] as const)('tolerates %s: %i', (tolerate, tolerated) => {
    const view = withPartition({ topic: 'scratch-1', replicas: [1], isr: [1], minIsr: 1 })
    expect(wouldBreakAvailability(view, 1, tolerate)).toMatchObject({
      tolerated,
      approvable: { length: 1 - tolerated },
    })
  })

  test('a tolerated topic with replicas to spare is protected all the same: one of them is missing now', () => {
    const { breaks } = wouldBreakAvailability(withPartition({ isr: [1, 2] }), 1, ['orders'])
    expect(breaks).toHaveLength(1)
  })

  test('names the topics of which no replica can be missed', () => {
    const partitions = [
      partitionSeen(),
      partitionSeen({ topic: 'solo', replicas: [1], minIsr: 1 }),
      partitionSeen({ topic: 'solo', partition: 1, replicas: [2], minIsr: 1 }),
      partitionSeen({ topic: 'scratch-1', replicas: [1, 2], minIsr: 2 }),
    ]
    expect(fragileTopics(clusterView({ partitions }), ['scratch-*'])).toEqual(['solo'])
  })
})

describe('S-5.6 a broker is out of everything', () => {
  const gone = { isr: [2, 3], elr: [], lastKnownElr: [] }
  test.each<[string, Partial<BrokerSeen>, Partial<PartitionSeen>, boolean]>([
    ['when it is fenced and out of every ISR', fenced, gone, true],
    ['when it is not listed', { ...fenced, fenced: null }, gone, true],
    ['but not while it is let in', { fenced: false }, gone, false],
    ['but not while an ISR names it', fenced, {}, false],
    ['also when only the ISR without offline brokers leaves it out', fenced, { offline: [1] }, true],
    ['but not while it may lead', fenced, { ...gone, elr: [1] }, false],
    ['but not when it was the last that might', fenced, { ...gone, lastKnownElr: [1] }, false],
    ['but not when a leaderless partition of Kafka 3 names it', fenced, { leader: -1, isr: [1], offline: [1] }, false],
  ])('%s', (_, broker, partition, verdict) => {
    const view = { ...withBrokers(broker, {}, {}), partitions: [partitionSeen(partition)] }
    expect(isOutOfEverything(view, 1)).toBe(verdict)
  })

  test('is not said of a view that cannot tell', () => {
    const view = { ...withBrokers(fenced, {}, {}), partitions: [] }
    expect(isOutOfEverything(view, 1)).toBe(true)
    expect(isOutOfEverything({ ...view, problems: [{ part: 'metadata', reason: '' }] }, 1)).toBe(false)
    expect(isOutOfEverything({ ...view, problems: [{ part: 'eligibleReplicas', reason: '' }] }, 1)).toBe(false)
    expect(isOutOfEverything({ ...view, quorum: { kind: 'frozen', reason: '', controllers: [] } }, 1)).toBe(false)
  })
})

describe('S-5.7 the quorum', () => {
  test.each<[string, readonly boolean[], number | null, string]>([
    ['keeps two of three', [true, true, true], 1, 'keeps'],
    ['breaks with one of three behind', [true, true, false], 1, 'breaks'],
    ['keeps when the one that is behind is the target', [true, true, false], 3, 'keeps'],
    ['keeps for a target that is no voter', [true, true, false], 9, 'keeps'],
    ['keeps without a target', [true, true, false], null, 'keeps'],
    ['is frozen when most are behind already', [true, false, false], null, 'frozen'],
    ['breaks when most are behind already', [true, false, false], 3, 'breaks'],
    ['breaks when there are only two', [true, true], 2, 'breaks'],
    ['breaks when there is only one', [true], 1, 'breaks'],
    ['keeps three of five', [true, true, true, true, false], 4, 'keeps'],
    ['wants more than half of four', [true, true, true, false], 1, 'breaks'],
  ])('%s', (_, caughtUp, id, verdict) => {
    expect(wouldBreakQuorum(clusterView({ quorum: quorumOf(caughtUp) }), id).verdict).toBe(verdict)
  })

  test('a voter whose broker is dead does not count, although it was caught up a moment ago', () => {
    expect(wouldBreakQuorum(withBrokers({}, refused, {}), 1)).toEqual({
      verdict: 'breaks',
      reason: '1 of 3 voters are caught up without controller 1; not: 2',
    })
  })

  test('nobody leading, and nobody to ask, are said as they are', () => {
    for (const kind of ['frozen', 'unknown'] as const)
      expect(wouldBreakQuorum(clusterView({ quorum: { kind, reason: 'why', controllers: [] } }), 1)).toEqual({
        verdict: kind,
        reason: 'why',
      })
  })

  test.each([
    [['leader', 'follower', null], 'keeps'],
    [['follower', null, null], 'frozen'],
    [['standalone'], 'keeps'],
    [['leader', 'follower', null, 'observer'], 'keeps'],
    [['leader', null, 'observer', 'observer'], 'frozen'],
  ] as const)('ZooKeeper: %j %s', (modes, verdict) => {
    const members = modes.map((mode, index) => ({ address: at(`zk-${index}`), mode, reason: '' }))
    expect(wouldBreakQuorum(clusterView({ quorum: { kind: 'zookeeper', members } }), 1).verdict).toBe(verdict)
  })
})

describe('S-2.7 culprits', () => {
  test.each<[string, Partial<PartitionSeen>, readonly number[]]>([
    ['nobody while all are in sync', {}, []],
    ['the one that is missing', { isr: [1, 3] }, [2]],
    ['the one that is offline, although the ISR names it', { offline: [2] }, [2]],
    ['all that are missing', { isr: [1] }, [2, 3]],
  ])('%s', (_, change, ids) => {
    expect(culprits(withPartition(change))).toEqual(ids)
  })

  test('a replica that is only being added is missed by nobody', () => {
    const adding = { topic: 'orders', partition: 0, replicas: [1, 2, 3], adding: [3], removing: [] }
    const view = { ...withPartition({ isr: [1] }), reassignments: [adding] }
    expect(culprits(view)).toEqual([2])
    expect(culprits({ ...view, reassignments: null })).toEqual([2, 3])
  })
})

test('S-6.1 suffering is no leader, or fewer in sync than wanted', () => {
  const partitions = [
    partitionSeen(),
    partitionSeen({ partition: 1, leader: -1, isr: [] }),
    partitionSeen({ partition: 2, isr: [1] }),
    // One replica cannot be two: Kafka counts it as enough.
    partitionSeen({ topic: 'solo', replicas: [1], isr: [1], minIsr: 2 }),
    partitionSeen({ topic: 'unread', isr: [1], minIsr: null }),
  ]
  expect(suffering(clusterView({ partitions }))).toEqual({
    offline: 1,
    underMinIsr: 1,
    examples: ['orders-1 has no leader', 'orders-2 has 1 in sync, at least 2 wanted'],
  })
  const many = Array.from({ length: 100 }, (_, partition) => partitionSeen({ partition, leader: -1 }))
  expect(suffering(clusterView({ partitions: many }))).toMatchObject({ offline: 100, examples: { length: 5 } })
})

describe('S-5.9 confirmed bad', () => {
  const silent = (host: string, why: 'refused' | 'unreachable') =>
    controller(host, 'silent', { liveness: liveness(why) })

  test('a process that is broker and controller counts once', () => {
    const controllers = [controller('kafka-1', 'leader', { id: 1 }), { ...silent('kafka-2', 'refused'), id: 2 }]
    const view = { ...withBrokers({}, refused, {}), quorum: quorumOf([true, false, true], controllers) }
    expect(confirmedBad(view)).toEqual({ bad: ['broker 2'], total: 3, reachesNothing: false })
  })

  test('also while nobody leads and ids are not known, by their hosts', () => {
    const controllers = [silent('kafka-1', 'refused'), silent('kafka-2', 'refused'), controller('kafka-3', 'follower')]
    const view = { ...withBrokers(refused, refused, {}), quorum: { kind: 'frozen', reason: '', controllers } as const }
    expect(confirmedBad(view)).toEqual({ bad: ['broker 1', 'broker 2'], total: 3, reachesNothing: false })
  })

  test('controllers of their own count beside the brokers', () => {
    const controllers = [
      controller('c-1', 'leader', { id: 101 }),
      controller('c-2', 'follower', { id: 102 }),
      { ...silent('c-3', 'refused'), id: 103 },
    ]
    const voters = [101, 102, 103].map((id) => ({ id, caughtUp: id !== 103, lagMs: 0 }))
    const quorum: Quorum = { kind: 'kraft', leader: 101, voters, controllers }
    expect(confirmedBad({ ...withBrokers(refused, {}, {}), quorum })).toEqual({
      bad: ['broker 1', 'controller 103'],
      total: 6,
      reachesNothing: false,
    })
  })

  test('what cannot be told is not bad, and a prober that gets no answer at all reaches nothing', () => {
    const lost: Partial<BrokerSeen> = { liveness: liveness('connect-timeout') }
    const controllers = ['c-1', 'c-2'].map((host) => silent(host, 'unreachable'))
    const quorum: Quorum = { kind: 'unknown', reason: '', controllers }
    expect(confirmedBad({ ...withBrokers(lost, lost, lost), quorum })).toEqual({
      bad: [],
      total: 5,
      reachesNothing: true,
    })
    expect(confirmedBad({ ...withBrokers(lost, refused, lost), quorum })).toMatchObject({ reachesNothing: false })
    expect(confirmedBad({ ...withBrokers(refused, refused, refused), quorum })).toMatchObject({
      bad: { length: 3 },
      reachesNothing: false,
    })
  })
})

describe('S-5.8 reassignments', () => {
  const moving = { topic: 'orders', partition: 0, replicas: [1, 2, 3], adding: [3], removing: [1] }
  test.each<[string, Partial<PartitionSeen>, number]>([
    ['one that waits for the target only', { isr: [1, 2] }, 0],
    ['one that waits for another too', { isr: [1] }, 1],
    ['one that is about to end', { isr: [1, 2, 3] }, 1],
    ['one whose target is only to be removed', { isr: [2, 3] }, 1],
  ])('%s: %i', (_, change, count) => {
    const view = { ...withPartition(change), reassignments: [moving] }
    expect(blockingReassignments(view, 3)).toHaveLength(count)
  })

  test('one of a partition that the view does not show blocks', () => {
    expect(blockingReassignments(clusterView({ partitions: [], reassignments: [moving] }), 3)).toEqual([moving])
    expect(blockingReassignments(clusterView(), 3)).toEqual([])
  })
})

describe('S-5.5 what vanished', () => {
  test.each([
    [100, 100, null],
    [90, 90, null],
    [89, 100, '11 of 100 topics are gone since 2027-01-15T08:00:00.000Z'],
    [100, 80, '20 of 100 partitions are gone since 2027-01-15T08:00:00.000Z'],
    [0, 0, '100 of 100 topics and 100 of 100 partitions are gone since 2027-01-15T08:00:00.000Z'],
  ])('%i topics and %i partitions of 100', (topics, partitions, said) => {
    const view = clusterView({ topics, partitions: Array.from({ length: partitions }, () => partitionSeen()) })
    expect(vanished(view, { at: 1_800_000_000_000, topics: 100, partitions: 100 })).toBe(said)
    expect(vanished(view, null)).toBeNull()
  })

  test('an empty cluster has nothing to lose', () => {
    const empty = { at: 0, topics: 0, partitions: 0 }
    expect(vanished(clusterView({ topics: 0, partitions: [] }), empty)).toBeNull()
  })
})

describe('S-5.5 drift', () => {
  const cluster = clusterOf([1, 2, 3].map((id) => brokerTarget(id)))
  test.each<[string, ClusterView, readonly string[]]>([
    ['none', clusterView(), []],
    ['none in a broker that is down', withBrokers({}, fenced, {}), []],
    ['none in one that may be down, where Kafka does not say', withBrokers({}, { ...fenced, fenced: null }, {}), []],
    [
      'a broker that was removed',
      withBrokers({}, { ...refused, listed: false }, {}),
      ['orders/broker/2 is in the inventory and not in the cluster'],
    ],
    [
      'nothing about brokers where metadata is missing',
      {
        ...withBrokers({}, { listed: false }, {}),
        problems: [{ part: 'metadata', reason: '' }],
      },
      [],
    ],
    [
      'a stranger',
      withBrokers({}, {}, {}, { target: null }),
      ['broker 4 at kafka-4:9092 is in the cluster and not in the inventory'],
    ],
    [
      'an address that is another broker’s',
      withBrokers({}, { advertised: { host: 'kafka-1', port: 9092 } }, {}),
      ['orders/broker/1 has the address of broker 2'],
    ],
    [
      'another cluster',
      clusterView({ clusterId: 'AAAAAAAAAAAAAAAAAAAAAA' }),
      ['the cluster says id AAAAAAAAAAAAAAAAAAAAAA, the inventory pins MkU3OEVBNTcwNTJENDM2Qk'],
    ],
  ])('%s', (_, view, said) => {
    expect(drift(view, cluster)).toEqual(said)
  })

  test('racks and the number of voters', () => {
    const written = clusterOf([brokerTarget(1, { rack: 'a' }), brokerTarget(2), brokerTarget(3)], {
      controllers: ['kafka-1', 'kafka-2'].map(at),
    })
    expect(drift(withBrokers({ rack: 'b' }, { rack: 'b' }, {}), written)).toEqual([
      'orders/broker/1 is in rack b, the inventory says a',
      'the quorum has 3 voters, the inventory names 2 controllers',
    ])
  })
})
