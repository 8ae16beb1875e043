import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Cluster } from '../../src/inventory/inventory.ts'
import {
  culprits,
  drift,
  isComplete,
  isOutOfEverything,
  wouldBreakAvailability,
  wouldBreakQuorum,
} from '../../src/kafka/judge-view.ts'
import { openKafkaClients } from '../../src/kafka/open-clients.ts'
import { surveyCluster } from '../../src/kafka/survey.ts'
import { waitFor } from '../lab/wait.ts'
import { type Kafka3, startKafka3 } from '../support/kafka3.ts'
import { brokerTarget, clusterOf } from '../support/look.ts'

let kafka: Kafka3
let cluster: Cluster
const clients = openKafkaClients({ clock: systemClock })
const look = () => clients.view(cluster)

beforeAll(async () => {
  kafka = await startKafka3(3)
  const brokers = kafka.brokers.map((address, index) => brokerTarget(index + 1, { address }))
  cluster = clusterOf(brokers, { clusterId: null, zookeepers: kafka.zookeepers })
  const admin = new Kafka({
    brokers: kafka.brokers.map(({ host, port }) => `${host}:${port}`),
    logLevel: logLevel.NOTHING,
    retry: { retries: 5 },
  }).admin()
  await admin.connect()
  const configEntries = [{ name: 'min.insync.replicas', value: '2' }]
  const topics = [{ topic: 'orders', numPartitions: 6, replicationFactor: 3, configEntries }]
  // A broker serves before the controller counts it; and kafkajs gives up on one that has not heard of the topic yet.
  const created = async () => {
    await admin.createTopics({ waitForLeaders: false, topics })
    return true
  }
  await waitFor('the topic to be created', created, 30_000)
  await admin.disconnect()
  const inSync = ({ isr }: { readonly isr: readonly number[] }): boolean => isr.length === 3
  const known = async () => {
    const answers = await Promise.all(kafka.brokers.map((address) => clients.metadata(cluster, [address])))
    return answers.every(({ partitions }) => partitions.length === 6 && partitions.every(inSync))
  }
  await waitFor('every broker to know it', known, 30_000)
}, 180_000)
afterAll(() => kafka?.close())

describe('Kafka 3.9 with ZooKeeper', () => {
  test('S-5.5 is seen whole, with reassignments asked of the broker that is the controller', async () => {
    const view = await look()
    expect(view.problems).toEqual([])
    expect(isComplete(view, null)).toEqual({ ok: true })
    expect(view).toMatchObject({ topics: 1, reassignments: [], quorum: { kind: 'zookeeper' } })
    expect(view.partitions.map(({ minIsr, isr }) => [minIsr, isr.length])).toEqual(
      Array.from({ length: 6 }, () => [2, 3]),
    )
    // Kafka 3 does not list fenced brokers.
    expect(view.brokers.map(({ listed, fenced }) => [listed, fenced])).toEqual([1, 2, 3].map(() => [true, null]))
    expect(drift(view, cluster)).toEqual([])
    expect(wouldBreakQuorum(view, 1)).toEqual({ verdict: 'keeps', reason: '1 of 1 ZooKeeper servers serve' })
    expect(wouldBreakAvailability(view, 1, []).breaks).toEqual([])
  })

  test('tells init its brokers, where they keep their data, and its ZooKeeper servers', async () => {
    const [first] = kafka.brokers
    const survey = first && (await surveyCluster([first], { clock: systemClock, security: {} }))
    expect(survey).toMatchObject({
      brokers: kafka.brokers.map((address, index) => ({ id: index + 1, ...address, fenced: false, problem: null })),
      controllers: { kind: 'zookeeper', servers: kafka.zookeepers },
      unlisted: [],
      problems: [],
    })
    for (const { data } of survey?.brokers ?? []) expect(data).toEqual([expect.stringMatching(/^\/.*\/data$/)])
  })

  test('S-5.6 a dead broker makes the other two indispensable, before and after ZooKeeper has noticed', async () => {
    kafka.signal(3, 'SIGKILL')
    const dead = await waitFor('it is dead', async () => {
      const view = await look()
      return view.brokers[2]?.liveness?.state === 'notServing' ? view : null
    })
    expect(wouldBreakAvailability(dead, 1, []).breaks).toHaveLength(6)
    const noticed = await waitFor(
      'ZooKeeper has noticed, and a controller has taken it out of every ISR',
      async () => {
        const view = await look()
        return isOutOfEverything(view, 3) && isComplete(view, 3).ok ? view : null
      },
      60_000,
    )
    expect(culprits(noticed)).toEqual([3])
    expect(drift(noticed, cluster)).toEqual([])
    expect(wouldBreakAvailability(noticed, 1, []).breaks).toHaveLength(6)
    expect(wouldBreakAvailability(noticed, 3, []).breaks).toEqual([])
  }, 90_000)
})
