import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../../test/support/cluster-view.ts'
import { compared } from '../../test/support/compared.ts'
import { brokerTarget, clusterOf, intentOf, lookContext, memoryOf } from '../../test/support/look.ts'
import type { GuardResult } from '../incident/verdict.ts'
import type { Liveness } from '../kafka/clients.ts'
import type { ClusterView } from '../kafka/view.ts'
import type { BrokerState } from '../probes/broker-state.ts'
import { type AvailabilityFacts, availability } from './availability.ts'
import { noReassignment } from './no-reassignment.ts'
import { noRecovery } from './no-recovery.ts'
import { quorum } from './quorum.ts'

const NOW = 1_800_000_000_000
const facts: AvailabilityFacts = { view: clusterView(), node: 2, baseline: null, tolerate: [] }
const stop = intentOf({ disruptive: true })
const start = intentOf({ disruptive: false })
const seeing = (view: Partial<ClusterView>): Partial<AvailabilityFacts> => ({ view: clusterView(view) })
const available = (change: Partial<AvailabilityFacts> = {}, intent = stop) =>
  availability.decide({ ...facts, ...change }, {}, intent, NOW)
const inQuorum = (change: Partial<AvailabilityFacts> = {}, intent = stop) =>
  quorum.decide({ ...facts, ...change }, {}, intent, NOW)
const moved = (change: Partial<AvailabilityFacts> = {}, intent = stop) =>
  noReassignment.decide({ ...facts, ...change }, {}, intent, NOW)
const three = [
  ['availability', available],
  ['quorum', inQuorum],
  ['no-reassignment', moved],
] as const

const frozen = { kind: 'frozen', reason: 'no controller leads', controllers: [] } as const
const voters = (caughtUp: readonly number[]) =>
  ({
    kind: 'kraft',
    leader: 1,
    voters: [1, 2, 3].map((id) => ({ id, caughtUp: caughtUp.includes(id), lagMs: caughtUp.includes(id) ? 0 : 90_000 })),
    controllers: [],
  }) as const

describe.each(three)('%s', (_, decide) => {
  test('passes where nothing is wrong, and says on what it looked', () => {
    expect(decide()).toMatchObject({ verdict: 'pass' })
  })

  test('a start passes at once, whatever the cluster looks like', () => {
    expect(decide(seeing({ quorum: frozen }), start).verdict).toBe('pass')
    expect(decide({ view: 'not seen' }, start).verdict).toBe('pass')
  })

  test.each<[string, Partial<AvailabilityFacts>, RegExp]>([
    ['the cluster could not be looked at', { view: 'no answer within 10 s' }, /no answer within 10 s/],
    ['the target has no node id', { node: null }, /node id/],
    ['S-5.2 the look is older than ten seconds', seeing({ at: NOW - 11_000 }), /11 s old/],
    [
      'S-5.5 a part could not be read',
      seeing({ problems: [{ part: 'fencing', reason: 'closed' }] }),
      /fencing: closed/,
    ],
    [
      'S-5.5 another broker cannot be told',
      seeing({ brokers: [brokerSeen(1, { liveness: liveness('tls-error') }), brokerSeen(2), brokerSeen(3)] }),
      /broker 1: tls-error/,
    ],
    [
      'S-5.7 nobody could be asked about the quorum',
      seeing({ quorum: { kind: 'unknown', reason: 'no right', controllers: [] } }),
      /no right/,
    ],
  ])('S-5.1 does not act when %s, and names it', (_what, change, wanted) => {
    const result = decide(change)
    expect(result.verdict).toBe('unknown')
    expect(result.reason).toMatch(wanted)
  })

  test.each<[string, Partial<AvailabilityFacts>, RegExp]>([
    ['our account may not DESCRIBE the cluster', seeing({ rights: ['ALTER'] }), /may not DESCRIBE/],
    ['the cluster shows no topic', seeing({ topics: 0, partitions: [] }), /no topic/],
    ['S-5.5 topics vanished', { baseline: { at: NOW - 60_000, topics: 2, partitions: 1 } }, /1 of 2 topics are gone/],
  ])('refuses when %s', (_what, change, wanted) => {
    const result = decide(change)
    expect(result.verdict).toBe('refuse')
    expect(result.reason).toMatch(wanted)
  })

  test('S-5.5 the target itself need not answer', () => {
    const brokers = [brokerSeen(1), brokerSeen(2, { liveness: liveness('connect-timeout') }), brokerSeen(3)]
    expect(decide(seeing({ brokers })).verdict).toBe('pass')
  })

  test('S-5.5 what vanished and was confirmed is the baseline, and passes', () => {
    expect(decide({ baseline: { at: NOW - 30_000, topics: 1, partitions: 1 } }).verdict).toBe('pass')
  })
})

describe('S-5.6 availability', () => {
  test('in a live ISR that would fall under min.insync.replicas: refuse, and name the partition', () => {
    const result = available(seeing({ partitions: [partitionSeen({ isr: [1, 2] })] }))
    expect(result).toMatchObject({ verdict: 'refuse', guard: 'availability' })
    expect(result.approvable).toBeUndefined()
    expect(result.reason).toContain('orders-0')
    expect(result.evidence.map(({ name }) => name)).toContain('orders-0')
  })

  test('out of that ISR already: it takes nothing more away', () => {
    expect(available(seeing({ partitions: [partitionSeen({ isr: [1, 3] })] })).verdict).toBe('pass')
  })

  test.each(['isr', 'elr', 'lastKnownElr'] as const)(
    'a leaderless partition that it could revive by its %s: refuse',
    (which) => {
      const orphan = partitionSeen({ leader: -1, isr: [], elr: [], lastKnownElr: [], [which]: [2] })
      expect(available(seeing({ partitions: [orphan] })).verdict).toBe('refuse')
    },
  )

  const alone = (topic: string, partition = 0) =>
    partitionSeen({ topic, partition, leader: 2, replicas: [2], isr: [2], minIsr: 1 })

  test('replicas that cannot be spared: a person is asked, by the names of the topics', () => {
    const result = available(seeing({ partitions: [alone('scratch'), alone('audit'), alone('audit', 1)] }))
    expect(result).toMatchObject({ verdict: 'refuse', approvable: true })
    expect(result.reason).toContain('2 topics')
    expect(result.reason).toContain('audit, scratch')
  })

  test('S-3.5 the question stays the same while the topics do, in whatever order they come', () => {
    const names = Array.from({ length: 25 }, (_, n) => `t${String(n).padStart(2, '0')}`)
    const asked = (all: readonly string[]) => available(seeing({ partitions: all.map((name) => alone(name)) })).reason
    expect(asked(names.toReversed())).toBe(asked(names))
    expect(asked(names)).toContain('25 topics')
    expect(asked(names)).toContain('t19 and 5 more')
    expect(asked([...names, 't25'])).not.toBe(asked(names))
  })

  test('what the inventory tolerates is not asked about', () => {
    const result = available({ ...seeing({ partitions: [alone('scratch-1')] }), tolerate: ['scratch-*'] })
    expect(result.verdict).toBe('pass')
  })

  test('a partition that would break goes before one that may be asked about', () => {
    const result = available(seeing({ partitions: [alone('audit'), partitionSeen({ isr: [1, 2] })] }))
    expect(result.verdict).toBe('refuse')
    expect(result.approvable).toBeUndefined()
  })

  const fencedOut = {
    brokers: [
      brokerSeen(1),
      brokerSeen(2, { listed: false, fenced: true, liveness: liveness('no-answer') }),
      brokerSeen(3),
    ],
    partitions: [partitionSeen({ isr: [1, 3], offline: [2] })],
  }

  test('fenced and out of every ISR: nobody misses it', () => {
    expect(available(seeing(fencedOut))).toMatchObject({ verdict: 'pass', reason: 'no partition counts on it' })
  })

  test('fenced and out of every ISR, but another broker is dead: that one first', () => {
    const [first, second] = fencedOut.brokers
    if (!first || !second) throw new Error('no brokers')
    const brokers = [first, second, brokerSeen(3, { listed: false, fenced: true, liveness: liveness('refused') })]
    // Kafka 4 keeps who left last as eligible, once the ISR is under min.insync.replicas.
    for (const elr of [[], [2]]) {
      const partitions = [partitionSeen({ isr: [1], offline: [2, 3], elr, lastKnownElr: [] })]
      expect(available(seeing({ brokers, partitions }))).toMatchObject({
        verdict: 'refuse',
        reason: 'start broker 3 first',
      })
    }
  })

  test.each([
    ['offline', partitionSeen({ leader: -1, isr: [], offline: [1, 2, 3] })],
    ['under min.insync.replicas', partitionSeen({ isr: [1], offline: [2, 3] })],
  ])('S-6.1 a partition %s is urgent, for a start as well', (_, partition) => {
    expect(available(seeing({ partitions: [partition] }), start)).toMatchObject({ verdict: 'pass', urgent: true })
    expect(available(seeing({ partitions: [partition] }))).toMatchObject({ urgent: true })
    expect(available({}, start).urgent).toBeUndefined()
  })

  test('S-6.1 the cluster is looked at for a start too, and one that cannot be seen hinders no start', async () => {
    const look = async (change: Parameters<typeof lookContext>[0]) =>
      availability.decide(await availability.facts({}, start, lookContext(change)), {}, start, NOW)
    const offline = clusterView({ partitions: [partitionSeen({ leader: -1, isr: [] })] })
    expect(await look({ view: async () => offline })).toMatchObject({ verdict: 'pass', urgent: true })
    expect(await look({})).toMatchObject({ verdict: 'pass' })
  })

  test('a controller that is no broker takes no partition away', () => {
    expect(available({ node: 101 }).verdict).toBe('pass')
  })
})

describe('S-5.7 quorum', () => {
  test('nobody leads: refuse, whatever the brokers still show', () => {
    expect(inQuorum(seeing({ quorum: frozen }))).toMatchObject({
      verdict: 'refuse',
      reason: expect.stringContaining('no controller leads'),
    })
  })

  test('the majority hangs on the target: refuse', () => {
    expect(inQuorum(seeing({ quorum: voters([1, 2]) })).verdict).toBe('refuse')
    expect(inQuorum(seeing({ quorum: voters([1, 3]) })).verdict).toBe('pass')
  })

  test('a broker that is no voter takes none away, as long as there is a majority', () => {
    expect(inQuorum({ ...seeing({ quorum: voters([1, 2]) }), node: 7 }).verdict).toBe('pass')
    expect(inQuorum({ ...seeing({ quorum: voters([1]) }), node: 7 }).verdict).toBe('refuse')
  })
})

describe('S-5.8 no-reassignment', () => {
  const moving = (change: object = {}) => ({
    topic: 'orders',
    partition: 0,
    replicas: [1, 2, 3],
    adding: [3],
    removing: [],
    ...change,
  })

  test('one that progresses refuses', () => {
    const result = moved(seeing({ reassignments: [moving()], partitions: [partitionSeen({ isr: [1, 2] })] }))
    expect(result).toMatchObject({ verdict: 'refuse', reason: expect.stringContaining('orders-0') })
  })

  test('one that waits for the target alone does not', () => {
    const waits = seeing({ reassignments: [moving({ adding: [2] })], partitions: [partitionSeen({ isr: [1, 3] })] })
    expect(moved(waits)).toMatchObject({ verdict: 'pass' })
  })

  test('unread reassignments are no empty ones', () => {
    expect(moved(seeing({ reassignments: null })).verdict).toBe('unknown')
  })
})

describe('S-2.6 no-recovery', () => {
  const said: BrokerState = { state: 3, remaining: null, journal: null, began: null, problems: [], at: NOW }
  const recovery = (change: Partial<BrokerState> = {}, intent = stop) =>
    noRecovery.decide({ ...said, ...change }, {}, intent, NOW)

  test.each<[GuardResult['verdict'], string, Partial<BrokerState>]>([
    ['pass', 'it runs', {}],
    ['pass', 'it runs, and has recovered all', { remaining: 0 }],
    ['pass', 'Prometheus has nothing, its journal says that it started', { state: null, journal: 'started' }],
    ['pass', 'it is shutting down', { state: 6 }],
    ['refuse', 'it is not up yet', { state: 0 }],
    ['refuse', 'it starts', { state: 1 }],
    ['refuse', 'it recovers', { state: 2 }],
    ['refuse', 'logs remain, whatever its state', { remaining: 9 }],
    ['refuse', 'logs remain, whatever its journal says', { state: null, journal: 'started', remaining: 1 }],
    ['refuse', 'a number that is none', { remaining: Number.NaN }],
    ['refuse', 'its journal has not seen it start', { state: null, journal: 'starting' }],
    ['refuse', 'neither can be read', { state: null, problems: ['Prometheus is not configured'] }],
    ['refuse', 'no logs remain, but nothing says that it runs', { state: null, remaining: 0 }],
    ['refuse', 'a state that nobody knows', { state: 127 }],
  ])('%s: %s', (verdict, _, change) => {
    expect(recovery(change).verdict).toBe(verdict)
  })

  test('a start is no restart', () => {
    expect(recovery({ state: 2 }, start).verdict).toBe('pass')
  })

  test('no facts, no restart', () => {
    expect(noRecovery.decide(null, {}, stop, NOW).verdict).toBe('unknown')
  })
})

test('S-5.5 no facts let a disruptive step pass when the view is incomplete, old, frozen, or the target starting', () => {
  const some = <T>(...values: readonly T[]) => fc.constantFrom(...values)
  const states = some(null, 0, 1, 2, 3, 6, 127)
  const view = fc.record({
    at: some(NOW, NOW - 5_000, NOW - 20_000, NOW + 60_000),
    problems: some<ClusterView['problems']>(
      [],
      [],
      [{ part: 'metadata', reason: 'x' }],
      [{ part: 'rights', reason: 'y' }],
    ),
    quorum: some<ClusterView['quorum']>(voters([1, 2, 3]), voters([1, 2]), frozen, {
      kind: 'unknown',
      reason: 'z',
      controllers: [],
    }),
    other: some<Liveness['why']>('ok', 'refused', 'no-answer', 'connect-timeout', 'closed'),
    isr: some([1, 2, 3], [1, 3], [1, 2], [1]),
    topics: some(0, 1, 1, 1),
    rights: some<ClusterView['rights']>(null, ['DESCRIBE'], []),
  })
  const state = fc.record({
    state: states,
    remaining: some(null, 0, 3),
    journal: some<BrokerState['journal']>(null, 'started', 'starting'),
  })
  fc.assert(
    fc.property(view, state, ({ other, isr, ...seen }, process) => {
      const brokers = [brokerSeen(1), brokerSeen(2), brokerSeen(3, { liveness: liveness(other) })]
      const judged = { ...facts, view: clusterView({ ...seen, brokers, partitions: [partitionSeen({ isr })] }) }
      const broker: BrokerState = { ...process, began: null, problems: [], at: NOW }
      const verdicts = [
        availability.decide(judged, {}, stop, NOW),
        quorum.decide(judged, {}, stop, NOW),
        noReassignment.decide(judged, {}, stop, NOW),
        noRecovery.decide(broker, {}, stop, NOW),
      ].map(({ verdict }) => verdict)
      const starting =
        (process.state === null ? process.journal !== 'started' : [0, 1, 2, 127].includes(process.state)) ||
        process.journal === 'starting' ||
        (process.remaining ?? 0) > 0
      const blind =
        seen.problems.length > 0 ||
        Math.abs(NOW - seen.at) > 11_000 ||
        seen.quorum.kind !== 'kraft' ||
        other === 'connect-timeout' ||
        other === 'closed' ||
        seen.topics === 0 ||
        seen.rights?.length === 0
      if (starting || blind) expect(verdicts.every((verdict) => verdict === 'pass')).toBe(false)
      // It must be able to pass, or the property says nothing.
      else if (other === 'ok' && isr.length === 3 && seen.quorum.kind === 'kraft') {
        const majority = seen.quorum.voters.filter(({ caughtUp, id }) => caughtUp && id !== 2).length >= 2
        expect(verdicts.every((verdict) => verdict === 'pass')).toBe(majority)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('S-5.1 `on_error: allow` is a mistake for the four that protect the cluster', () => {
  for (const guard of [availability, quorum, noRecovery, noReassignment])
    expect(guard.params.safeParse({ on_error: 'allow' }).success).toBe(false)
})

test('the look brings the node id, what is tolerated, and what was there before', async () => {
  const target = brokerTarget(2)
  const baseline = { at: NOW, topics: 4, partitions: 8 }
  const context = lookContext({
    target,
    cluster: clusterOf([target], { tolerateUnavailable: ['scratch-*'] }),
    memory: memoryOf({ baseline }),
    view: async () => clusterView(),
  })
  expect(await availability.facts({}, stop, context)).toEqual({
    view: clusterView(),
    node: 2,
    baseline,
    tolerate: ['scratch-*'],
  })
  expect(await quorum.facts({}, stop, context)).toMatchObject({ node: 2, baseline })
  expect(await quorum.facts({}, start, context)).toBeNull()
})

describe('S-5.1 each value with what was wanted', () => {
  const baseline = { at: NOW - 60_000, topics: 20, partitions: 31 }
  const whole = [
    ['topics', 1, 'at least 18'],
    ['partitions', 1, 'at least 28'],
  ]

  test('S-5.5 topics and partitions against the last complete view, else any topic at all', () => {
    expect(compared(available({ baseline }))).toEqual(whole)
    expect(compared(available())).toEqual([['topics', 1, 'at least 1']])
  })

  test('a start compares nothing', () => {
    expect(compared(available({ baseline }, start))).toEqual([])
    expect(available({ baseline }, start).evidence.map(({ name }) => name)).toContain('topics before')
  })

  test('S-5.5 what could not be read, and what our account may do', () => {
    const problems = [{ part: 'fencing' as const, reason: 'closed' }]
    expect(compared(available(seeing({ problems, rights: ['ALTER'] })))).toEqual([
      ['topics', 1, 'at least 1'],
      ['fencing', 'closed', 'read'],
      ['our rights', 'ALTER', 'DESCRIBE'],
    ])
  })

  test.each<[string, Partial<ClusterView['partitions'][number]>, string, string]>([
    [
      'S-5.6 the ISR against min.insync.replicas',
      { isr: [1, 2] },
      '1 in sync without this broker, at least 2 wanted; ISR 1,2, min.insync.replicas 2',
      'at least 2 in sync without it',
    ],
    [
      'S-5.6 a leader',
      { leader: -1, isr: [2] },
      'it has no leader, and this broker is in its ISR; ISR 2, min.insync.replicas 2',
      'a leader first',
    ],
    [
      'S-5.6 a min.insync.replicas that is known',
      { minIsr: null },
      'its min.insync.replicas is not known; ISR 1,2,3, min.insync.replicas unknown',
      'min.insync.replicas known',
    ],
  ])('%s', (_, change, value, wanted) => {
    const seen = compared(available(seeing({ partitions: [partitionSeen(change)] })))
    expect(seen).toContainEqual(['orders-0', value, wanted])
  })

  test('S-5.7 voters caught up without it against the majority', () => {
    expect(compared(inQuorum(seeing({ quorum: voters([1, 3]) })))).toEqual([
      ['voters caught up without it', 2, 'at least 2 of 3'],
    ])
    expect(compared(inQuorum(seeing({ quorum: voters([1, 2]) })))).toEqual([
      ['voters caught up without it', 1, 'at least 2 of 3'],
    ])
    expect(compared(inQuorum(seeing({ quorum: frozen })))).toEqual([])
    const members = [{ address: { host: 'z', port: 2181 }, mode: 'leader', reason: '' }]
    expect(compared(inQuorum(seeing({ quorum: { kind: 'zookeeper', members } })))).toEqual([
      ['ZooKeeper servers that serve', 1, 'at least 1 of 1'],
    ])
  })

  test('S-5.8 moves that do not wait for it', () => {
    const move = { topic: 'orders', partition: 0, replicas: [1, 2, 3], adding: [], removing: [] }
    expect(compared(moved(seeing({ reassignments: [move] })))).toEqual([['moves that do not wait for it', 1, 0]])
    expect(compared(moved())).toEqual([['moves that do not wait for it', 0, 0]])
  })

  test('S-2.6 the state of the broker, and logs to recover', () => {
    const state: BrokerState = { state: 2, remaining: 7, journal: null, began: null, problems: [], at: NOW }
    expect(compared(noRecovery.decide(state, {}, stop, NOW))).toEqual([
      ['BrokerState', 2, '3 (running), 6 or 7 (shutting down)'],
      ['logs to recover', 7, 'none'],
    ])
    expect(compared(noRecovery.decide({ ...state, state: null, journal: 'starting' }, {}, stop, NOW))).toContainEqual([
      'started',
      'starting',
      'started',
    ])
  })

  test('S-5.2 the age of the look, in the reason', () => {
    expect(available(seeing({ at: NOW - 11_000 })).reason).toBe(
      'the look at the cluster is 11 s old, at most 10 s wanted',
    )
  })
})
