import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { type KafkaCluster, startKafka } from '../../test/support/kafka.ts'
import {
  brokerTarget,
  clusterOf,
  fakeHost,
  killedUnit,
  lookContext,
  memoryOf,
  runningUnit,
} from '../../test/support/look.ts'
import { systemClock } from '../clock.ts'
import type { Host } from '../hosts/host.ts'
import type { ProbeResult } from '../incident/verdict.ts'
import type { ClusterMetadata, PartitionState } from '../kafka/clients.ts'
import { openKafkaClients } from '../kafka/open-clients.ts'
import { inSync, judgeInSync, othersFirst } from './in-sync.ts'
import { kafkaApi, type ServingFacts } from './kafka-api.ts'
import type { LookContext } from './probe.ts'

const NOW = 1_800_000_000_000
const serving: ServingFacts = {
  address: { host: 'kafka-1', port: 9092 },
  liveness: { state: 'serving', why: 'ok', detail: null, ms: 1 },
  unit: runningUnit(),
  unitProblem: '',
  hostName: 'local',
  memory: memoryOf(),
  brokerState: null,
}
const refused: ServingFacts = { ...serving, liveness: { state: 'notServing', why: 'refused', detail: null, ms: 1 } }
const partition = (change: Partial<PartitionState> = {}): PartitionState => ({
  topic: 'orders',
  partition: 0,
  leader: 2,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
  offline: [],
  ...change,
})
const seen = (partitions: readonly PartitionState[], ids: readonly number[] = [1, 2, 3]): ClusterMetadata => ({
  answeredBy: { host: 'kafka-2', port: 9092 },
  clusterId: 'x',
  brokers: ids.map((id) => ({ id, host: `kafka-${id}`, port: 9092, rack: null })),
  partitions,
})
const judge = (view: ClusterMetadata | string | null, facts = serving) =>
  judgeInSync(facts, '1', view === null ? null : [view], NOW)

describe('S-4.9 in-sync decides', () => {
  test('in every ISR: healed', () => {
    expect(judge(seen([partition(), partition({ partition: 1 })])).verdict).toBe('healed')
  })

  test('serving with missing replicas is progress, marked by how many are missing', () => {
    const two = seen([partition({ isr: [2, 3] }), partition({ partition: 1, isr: [2] }), partition({ partition: 2 })])
    expect(judge(two)).toMatchObject({ verdict: 'progressing', mark: '2' })
  })

  test('an offline replica is not in the live ISR, although ZooKeeper-age brokers still list it there', () => {
    expect(judge(seen([partition({ offline: [1] })]))).toMatchObject({ verdict: 'progressing', mark: '1' })
  })

  test('partitions of others do not matter, and none at all is healed', () => {
    expect(judge(seen([partition({ replicas: [2, 3], isr: [2] })])).verdict).toBe('healed')
  })

  test('serving but not listed yet is progress', () => {
    expect(judge(seen([partition()], [2, 3]))).toMatchObject({ verdict: 'progressing', mark: 'unlisted' })
  })

  test('nobody answers: unknown, with the reason', () => {
    expect(judge('no broker answers')).toMatchObject({ verdict: 'unknown', reason: 'no broker answers' })
  })

  test('both views must say so: the others’ picture may be old, and so may its own', () => {
    const [good, bad] = [seen([partition()]), seen([partition({ isr: [2, 3] })])]
    expect(judgeInSync(serving, '1', [good, good], NOW).verdict).toBe('healed')
    expect(judgeInSync(serving, '1', [good, bad], NOW)).toMatchObject({ verdict: 'progressing', mark: '1' })
    expect(judgeInSync(serving, '1', [bad, good], NOW)).toMatchObject({ verdict: 'progressing', mark: '1' })
    expect(judgeInSync(serving, '1', [good, 'no answer'], NOW).verdict).toBe('unknown')
  })

  test('a broker that does not serve is judged by that, even where metadata still shows it in sync', () => {
    const dead = judge(seen([partition()]), { ...refused, unit: killedUnit() })
    expect(dead).toMatchObject({ probe: 'in-sync', verdict: 'broken', conclusive: true })
    expect(judge(seen([partition()]), refused)).toMatchObject({ verdict: 'progressing', starting: true })
  })

  test('the others are asked, the target itself only where it is alone', () => {
    const [one, two] = [brokerTarget(1), brokerTarget(2, { address: { host: 'kafka-2', port: 9092 } })]
    expect(othersFirst(clusterOf([one, two]), one)).toEqual([two.address])
    expect(othersFirst(clusterOf([one]), one)).toEqual([one.address])
    const listed = clusterOf([one], {
      bootstrap: [
        { host: '127.0.0.1', port: 9092 },
        { host: 'kafka-9', port: 9092 },
      ],
    })
    expect(othersFirst(listed, one)).toEqual([{ host: 'kafka-9', port: 9092 }])
  })
})

describe('real brokers', () => {
  let kafka: KafkaCluster
  let contextOf: (id: number, unit: ReturnType<typeof runningUnit>) => LookContext
  const look = (probe: typeof kafkaApi | typeof inSync, id: number, unit = runningUnit()): Promise<ProbeResult> =>
    probe.look({ deadline_ms: 1000 }, contextOf(id, unit))

  beforeAll(async () => {
    kafka = await startKafka({ nodes: 3 })
    await kafka.createTopic('orders', [[3, 1, 2]])
    const brokers = kafka.nodes.map(({ id, address }) => brokerTarget(id, { address }))
    const cluster = clusterOf(brokers, { clusterId: kafka.clusterId })
    contextOf = (id, unit) => {
      const target = brokers[id - 1]
      if (!target) throw new Error(`no broker ${id}`)
      const host = hostShowing(unit)
      return lookContext({ target, cluster, host, kafka: openKafkaClients({ clock: systemClock }) })
    }
  }, 180_000)
  afterAll(() => kafka?.close())

  test('killed: broken at once, although the others still show it in sync; started: progress until in sync', async () => {
    await waitFor('all in sync', async () => (await look(inSync, 3)).verdict === 'healed', 30_000)
    kafka.node(3).signal('SIGKILL')
    await waitFor('it is gone', () => kafka.node(3).pid() === null)
    expect(await look(inSync, 3, killedUnit())).toMatchObject({ verdict: 'broken', conclusive: true })
    expect(await look(kafkaApi, 3, killedUnit())).toMatchObject({ verdict: 'broken', conclusive: true })
    await waitFor(
      'the others have noticed',
      async () => {
        const { partitions } = await openKafkaClients({ clock: systemClock }).metadata(
          contextOf(1, runningUnit()).cluster,
        )
        return partitions.every(({ isr }) => !isr.includes(3))
      },
      30_000,
    )

    kafka.node(3).start()
    const verdicts: string[] = []
    await waitFor(
      'healed',
      async () => {
        const { verdict } = await look(inSync, 3)
        verdicts.push(verdict)
        return verdict === 'healed'
      },
      60_000,
    )
    expect(verdicts[0]).toBe('progressing')
    // Closing its port for moments while starting is progress; broken would spend an attempt.
    expect(verdicts).not.toContain('broken')
  }, 120_000)

  test('killed and started at once, it is not called healed before it is', async () => {
    await waitFor('all in sync', async () => (await look(inSync, 3)).verdict === 'healed', 30_000)
    kafka.node(3).signal('SIGKILL')
    await waitFor('it is gone', () => kafka.node(3).pid() === null)
    kafka.node(3).start()
    await waitFor('healed', async () => (await look(inSync, 3)).verdict === 'healed', 60_000)
    const after: string[] = []
    await waitFor('twenty looks', async () => after.push((await look(inSync, 3)).verdict) >= 20, 30_000)
    expect(new Set(after)).toEqual(new Set(['healed']))
  }, 120_000)

  test('S-2.6 stopped in its tracks: a hang once it was seen serving, a start before', async () => {
    kafka.node(2).signal('SIGSTOP')
    try {
      expect(await look(kafkaApi, 2)).toMatchObject({ verdict: 'progressing', starting: true })
      const context = contextOf(2, runningUnit())
      const memory = memoryOf({ servingAt: systemClock.now(), servingInvocation: runningUnit().invocationId })
      expect((await kafkaApi.look({ deadline_ms: 500 }, { ...context, memory })).verdict).toBe('broken')
    } finally {
      kafka.node(2).signal('SIGCONT')
    }
  }, 30_000)
})

/** A host on which `systemctl show` prints one unit. */
function hostShowing(unit: ReturnType<typeof runningUnit>): Host {
  const stdout = [
    `ActiveState=${unit.activeState}`,
    `SubState=${unit.subState}`,
    `LoadState=${unit.loadState}`,
    `UnitFileState=${unit.unitFileState}`,
    `Result=${unit.result}`,
    `ExecMainCode=${unit.execMainCode}`,
    `ExecMainStatus=${unit.execMainStatus}`,
    `InvocationID=${unit.invocationId}`,
    `NRestarts=${unit.nRestarts}`,
    'Job=',
  ].join('\n')
  const exited = { kind: 'exited', exitCode: 0, signal: null, timedOut: false, stdout, stderr: '' } as const
  return fakeHost(async () => exited)
}
