import { afterEach, describe, expect, test } from 'vitest'
import { type Answering, answering, type FakeBroker, startFakeBroker } from '../../test/support/fake-broker.ts'
import { brokerTarget, clusterOf } from '../../test/support/look.ts'
import { systemClock } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import {
  type AnswerOf,
  CLUSTER_METADATA,
  describeCluster,
  describeConfigs,
  describeQuorum,
  describeTopicPartitions,
  listPartitionReassignments,
  metadata,
} from './apis.ts'
import { isComplete } from './judge-view.ts'
import { takeView } from './take-view.ts'
import type { ClusterView } from './view.ts'

const NO_UUID = Buffer.alloc(16).toString('base64url')
const ALL_RIGHTS = 0b1_1111_1010_0000
const fakes: FakeBroker[] = []
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.close()
})

async function start(known: readonly Answering[]): Promise<FakeBroker> {
  const fake = await startFakeBroker(known)
  fakes.push(fake)
  return fake
}

type Topic = AnswerOf<typeof metadata>['topics'][number]

function topicOf(name: string, isr: readonly number[], count = 1): Topic {
  const partitions = Array.from({ length: count }, (_, partition) => ({
    errorCode: 0,
    partition,
    leader: isr[0] ?? -1,
    leaderEpoch: 1,
    replicas: [1, 2, 3],
    isr,
    offline: [],
  }))
  return { errorCode: 0, name, id: NO_UUID, internal: false, partitions, operations: 0 }
}

interface Shown {
  readonly topics: readonly Topic[]
  readonly brokers?: readonly number[]
}

/** A broker that shows these topics, all with min.insync.replicas 2, and knows itself by what `at` says. */
function brokerAnswers({ topics, brokers = [1, 2] }: Shown, at: () => ReadonlyMap<number, HostPort>): Answering[] {
  const listed = () => brokers.map((id) => ({ id, host: '127.0.0.1', port: 1, rack: null, ...at().get(id) }))
  return [
    answering(metadata, () => ({
      throttleMs: 0,
      brokers: listed(),
      clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
      controllerId: 2,
      topics,
      clusterOperations: 0,
    })),
    answering(describeCluster, () => ({
      throttleMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
      controllerId: 2,
      brokers: listed().map((one) => ({ ...one, fenced: false })),
      clusterOperations: ALL_RIGHTS,
    })),
    answering(describeConfigs, ({ resources }) => ({
      throttleMs: 0,
      results: resources.map(({ type, name }) => ({
        errorCode: name === 'hidden' ? 29 : 0,
        errorMessage: null,
        type,
        name,
        configs: name === 'hidden' ? [] : [{ ...setting, name: 'min.insync.replicas', value: '2' }],
      })),
    })),
    answering(listPartitionReassignments, () => ({ throttleMs: 0, errorCode: 0, errorMessage: null, topics: [] })),
  ]
}
const setting = { readOnly: false, source: 5, sensitive: false, synonyms: [], valueType: 0, documentation: null }

/** Milliseconds behind the leader by node, of which the first three vote; null: this controller does not lead. */
function controllerAnswers(lags: () => ReadonlyMap<number, number> | null, epoch = 1, leader = 1): Answering[] {
  return [
    answering(describeQuorum, () => {
      const known = lags()
      const replicas = [...(known ?? [])].map(([id, lag]) => ({
        id,
        directoryId: NO_UUID,
        logEndOffset: 10n,
        lastFetchAt: 1_000_000n,
        lastCaughtUpAt: BigInt(1_000_000 - lag),
      }))
      const quorum = {
        partition: 0,
        errorCode: known === null ? 6 : 0,
        errorMessage: null,
        leader: known === null ? 0 : leader,
        leaderEpoch: epoch,
        highWatermark: 10n,
        voters: replicas.slice(0, 3),
        observers: replicas.slice(3),
      }
      return {
        errorCode: 0,
        errorMessage: null,
        topics: [{ topic: CLUSTER_METADATA, partitions: [quorum] }],
        nodes: [],
      }
    }),
  ]
}

/** What a controller says whose authorizer waits for a leader. */
const UNKNOWN_SERVER_ERROR = -1

const FRESH: readonly (readonly [number, number])[] = [
  [1, 0],
  [2, 300],
  [3, 400],
]

interface Fakes {
  readonly brokers: readonly Shown[]
  readonly controllers?: readonly Answering[][]
  /** So many more, which refuse connections. */
  readonly dead?: number
  /** Answered by every broker besides, or instead. */
  readonly more?: readonly Answering[]
}

async function look({
  brokers,
  controllers,
  dead = 0,
  more = [],
}: Fakes): Promise<ClusterView & { asked: readonly string[] }> {
  const at = new Map<number, HostPort>()
  const instead = new Set(more.map(({ api }) => api.key))
  for (const [index, shown] of brokers.entries()) {
    const own = brokerAnswers(shown, () => at).filter(({ api }) => !instead.has(api.key))
    at.set(index + 1, (await start([...own, ...more])).address)
  }
  const asked = [...fakes]
  const quorum = controllers ?? [controllerAnswers(() => new Map(FRESH))]
  const places = await Promise.all(quorum.map(start))
  const cluster = clusterOf(
    [...at].map(([id, address]) => brokerTarget(id, { address })),
    { controllers: [...places, ...(await deadPlaces(dead))].map(({ address }) => address) },
  )
  const view = await takeView(cluster, { clock: systemClock, security: {}, controllerSecurity: {} })
  return { ...view, asked: asked.flatMap((fake) => fake.asked) }
}

async function deadPlaces(count: number): Promise<readonly FakeBroker[]> {
  const places = await Promise.all(Array.from({ length: count }, () => startFakeBroker([])))
  for (const place of places) await place.close()
  return places
}

describe('the quorum', () => {
  const healthy: Shown = { topics: [topicOf('orders', [1, 2, 3])] }

  test('S-5.7 an election under way is waited for', async () => {
    let asked = 0
    const elected = () => {
      asked += 1
      return asked > 3 ? new Map(FRESH) : null
    }
    const { quorum, tookMs } = await look({
      brokers: [healthy],
      controllers: [controllerAnswers(elected), controllerAnswers(() => null)],
    })
    expect(quorum).toMatchObject({ kind: 'kraft', leader: 1, controllers: [{ says: 'leader' }, { says: 'follower' }] })
    expect(tookMs).toBeLessThan(2_300)
  })

  test('S-5.7 nobody leads: frozen, in under 2.5 s', async () => {
    const view = await look({
      brokers: [healthy],
      controllers: [controllerAnswers(() => null), controllerAnswers(() => null)],
    })
    expect(view.quorum).toMatchObject({ kind: 'frozen', controllers: [{ says: 'follower' }, { says: 'follower' }] })
    expect(view.tookMs).toBeLessThan(2_500)
    expect(isComplete(view, null).ok).toBe(false)
  })

  test.each([
    [2, 'frozen'],
    [1, 'unknown'],
  ])('S-5.7 of three controllers %i are dead, and one does not say whether it leads: %s', async (dead, kind) => {
    const mute = answering(describeQuorum, () => ({
      errorCode: UNKNOWN_SERVER_ERROR,
      errorMessage: null,
      topics: [],
      nodes: [],
    }))
    const alive = Array.from({ length: 3 - dead }, (_, at) => (at === 0 ? [mute] : controllerAnswers(() => null)))
    const view = await look({ brokers: [healthy], controllers: alive, dead })
    expect(view.quorum.kind).toBe(kind)
  })

  test('S-5.7 two that claim to lead are believed neither', async () => {
    const claims = [1, 2].map((id) => controllerAnswers(() => new Map(FRESH), 6 + id, id))
    const view = await look({ brokers: [healthy], controllers: claims })
    expect(view.quorum).toMatchObject({ kind: 'unknown', controllers: [{ says: 'leader' }, { says: 'leader' }] })
    expect(isComplete(view, null).ok).toBe(false)
  })

  test('S-5.7 one that used to lead and steps down leaves one', async () => {
    let asked = 0
    const former = () => {
      asked += 1
      return asked > 2 ? null : new Map(FRESH)
    }
    const controllers = [controllerAnswers(former, 6, 1), controllerAnswers(() => new Map(FRESH), 7, 2)]
    expect((await look({ brokers: [healthy], controllers })).quorum).toMatchObject({ kind: 'kraft', leader: 2 })
  })

  test('S-5.7 a voter that is behind by 2 s or more is not caught up', async () => {
    const lags = () =>
      new Map([
        [1, 0],
        [2, 1_999],
        [3, 2_000],
      ] as const)
    const { quorum } = await look({ brokers: [healthy], controllers: [controllerAnswers(lags)] })
    expect(quorum).toMatchObject({
      voters: [{ caughtUp: true }, { caughtUp: true, lagMs: 1_999 }, { caughtUp: false }],
    })
  })
})

describe('what brokers say', () => {
  test('S-5.5 a broker that is cut off from the controllers is not believed; one that follows them is', async () => {
    const stale: Shown = { topics: [topicOf('orders', [1, 2, 3])] }
    const fresh: Shown = { topics: [topicOf('orders', [2, 3])] }
    const controllers = [
      controllerAnswers(
        () =>
          new Map([
            [1, 60_000],
            [2, 0],
            [3, 0],
          ] as const),
        1,
        2,
      ),
    ]
    const view = await look({ brokers: [stale, fresh], controllers })
    expect(view.problems).toEqual([])
    expect(view.partitions[0]).toMatchObject({ isr: [2, 3] })
  })

  test('S-5.5 when only such a broker answers, the view is not complete', async () => {
    const controllers = [
      controllerAnswers(
        () =>
          new Map([
            [1, 60_000],
            [2, 0],
            [3, 0],
          ] as const),
        1,
        2,
      ),
    ]
    const view = await look({ brokers: [{ topics: [topicOf('orders', [1, 2, 3])] }], controllers })
    expect(view.problems).toMatchObject([
      { part: 'metadata', reason: expect.stringContaining('lags behind') as string },
    ])
  })

  test('S-5.5 a broker that answers the probe and nothing else is passed over', async () => {
    const silent = [answering(metadata, () => null)]
    const at = new Map<number, HostPort>()
    const good = brokerAnswers({ topics: [topicOf('orders', [1, 2, 3])] }, () => at)
    for (const [index, known] of [silent, good].entries()) at.set(index + 1, (await start(known)).address)
    const controller = await start(controllerAnswers(() => new Map(FRESH)))
    const cluster = clusterOf(
      [...at].map(([id, address]) => brokerTarget(id, { address })),
      {
        controllers: [controller.address],
      },
    )
    const view = await takeView(cluster, { clock: systemClock, security: {}, controllerSecurity: {} })
    expect(view.partitions).toHaveLength(1)
    expect(view.tookMs).toBeLessThan(2_500)
  })

  test('S-5.5 settings of thousands of topics are asked in parts, and those that are refused are named', async () => {
    const topics = [
      ...Array.from({ length: 2_500 }, (_, n) => topicOf(`t${n}`, [1, 2, 3])),
      topicOf('hidden', [1, 2, 3]),
    ]
    const view = await look({ brokers: [{ topics }] })
    expect(view.asked.filter((name) => name === 'DescribeConfigs')).toHaveLength(2)
    expect(view.problems).toEqual([{ part: 'minInsyncReplicas', reason: 'hidden: error 29' }])
    expect(view.partitions.filter(({ minIsr }) => minIsr === 2)).toHaveLength(2_500)
    expect(view.partitions.at(-1)).toMatchObject({ topic: 'hidden', minIsr: null })
  })

  test('S-5.5 eligible leaders are asked of topics that lack a replica, page by page', async () => {
    const seen: (readonly string[])[] = []
    const pages = answering(describeTopicPartitions, ({ topics, cursor }) => {
      seen.push(topics.map(({ name }) => name))
      const from = cursor?.partition ?? 0
      const partitions = [from, from + 1].map((partition) => ({
        errorCode: 0,
        partition,
        leader: 1,
        leaderEpoch: 1,
        replicas: [1, 2, 3],
        isr: [1],
        offline: [],
        elr: partition === 3 ? [3] : null,
        lastKnownElr: [],
      }))
      return {
        throttleMs: 0,
        topics: [{ errorCode: 0, name: 'short', id: NO_UUID, internal: false, partitions, operations: 0 }],
        next: from < 4 ? { topic: 'short', partition: from + 2 } : null,
      }
    })
    const topics = [topicOf('short', [1], 6), topicOf('whole', [1, 2, 3])]
    const view = await look({ brokers: [{ topics }], more: [pages] })
    expect(seen).toEqual([['short'], ['short'], ['short']])
    expect(view.problems).toEqual([])
    expect(view.partitions.map(({ elr }) => elr)).toEqual([[], [], [], [3], [], [], null])
  })

  test('S-5.5 a part that never comes is a problem of its own, and the rest is there', async () => {
    const mute = answering(listPartitionReassignments, () => null)
    const view = await look({ brokers: [{ topics: [topicOf('orders', [1, 2, 3])] }], more: [mute] })
    expect(view.problems).toMatchObject([{ part: 'reassignments' }])
    expect(view.reassignments).toBeNull()
    expect(view.partitions).toHaveLength(1)
    expect(view.tookMs).toBeLessThan(2_500)
  })

  test('S-5.5 a broker that the inventory does not name is probed where it says that it is', async () => {
    const view = await look({ brokers: [{ topics: [topicOf('orders', [1, 2, 3])], brokers: [1, 9] }] })
    expect(view.brokers.map(({ id, target, liveness }) => [id, target, liveness?.why])).toEqual([
      [1, 'orders/broker/1', 'ok'],
      [9, null, 'refused'],
    ])
  })

  test('S-5.5 no topic at all is believed of an account from which nothing is hidden, and of no other', async () => {
    expect((await look({ brokers: [{ topics: [] }] })).problems).toEqual([])
    const reader = answering(describeCluster, () => ({
      throttleMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
      controllerId: 1,
      brokers: [],
      clusterOperations: 0b101_0000_0000,
    }))
    const view = await look({ brokers: [{ topics: [] }], more: [reader] })
    expect(view.rights).toEqual(['DESCRIBE', 'DESCRIBE_CONFIGS'])
    expect(view.problems).toMatchObject([{ part: 'rights', reason: expect.stringContaining('no topic') as string }])
  })
})
