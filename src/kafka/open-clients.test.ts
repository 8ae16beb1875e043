import http from 'node:http'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { type KafkaCluster, startKafka } from '../../test/support/kafka.ts'
import { systemClock } from '../clock.ts'
import type { Cluster, HostPort } from '../inventory/inventory.ts'
import { apiVersions, describeCluster, metadata } from './apis.ts'
import type { PartitionState } from './clients.ts'
import { KafkaConnection, KafkaError } from './connection.ts'
import { listeners, openKafkaClients } from './open-clients.ts'

const START_MS = 180_000
const clients = openKafkaClients({ clock: systemClock })

function clusterOf(bootstrap: readonly HostPort[]): Cluster {
  return {
    name: 'test',
    clusterId: null,
    bootstrap,
    controllers: [],
    zookeepers: [],
    security: null,
    brokers: [],
    exporters: [],
    tolerateUnavailable: [],
  }
}

async function listening(server: net.Server): Promise<HostPort> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (!address || typeof address === 'string') throw new Error('no port')
  return { host: '127.0.0.1', port: address.port }
}

describe('listeners that are not Kafka', () => {
  const servers: net.Server[] = []
  const sockets = new Set<net.Socket>()
  const serve = (server: net.Server) => {
    servers.push(server)
    server.on('connection', (socket: net.Socket) => sockets.add(socket))
    return listening(server)
  }
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
  })

  test('a closed port is refused: not serving', async () => {
    const server = net.createServer()
    const address = await listening(server)
    await new Promise((resolve) => server.close(resolve))
    expect(await clients.liveness(address)).toMatchObject({ state: 'notServing', why: 'refused' })
  })

  test('a server that accepts and says nothing gives no answer: not serving', async () => {
    const address = await serve(net.createServer(() => undefined))
    expect(await clients.liveness(address, 200)).toMatchObject({ state: 'notServing', why: 'no-answer' })
  })

  test('S-5.4 a server that closes at once is unknown, not dead', async () => {
    const address = await serve(net.createServer((socket) => socket.destroy()))
    expect(await clients.liveness(address)).toMatchObject({ state: 'unknown', why: 'closed' })
  })

  test('S-5.4 an HTTP server is unknown, not dead', async () => {
    const address = await serve(http.createServer((_, response) => response.end('hello')))
    expect(await clients.liveness(address)).toMatchObject({ state: 'unknown', why: 'not-kafka' })
  })

  test('S-5.4 a name that does not resolve is unknown, not dead', async () => {
    const answer = await clients.liveness({ host: 'no-such-host.invalid', port: 9092 })
    expect(answer).toMatchObject({ state: 'unknown', why: 'unreachable' })
  })

  test('S-5.4 TLS asked of a plain listener is unknown, not dead', async () => {
    const secure = openKafkaClients({ clock: systemClock, security: new Map([['test', { ssl: {} }]]) })
    const address = await serve(net.createServer((socket) => socket.end('not TLS at all')))
    expect(await secure.liveness(address, 1000, 'test')).toMatchObject({ state: 'unknown', why: 'tls-error' })
  })

  test('a connection to something mute rejects at its deadline and closes the socket', async () => {
    let closed = false
    const address = await serve(net.createServer((socket) => socket.on('close', () => (closed = true)).resume()))
    await expect(KafkaConnection.open(address, { deadlineMs: 100 })).rejects.toMatchObject({ code: 'timeout' })
    await waitFor('the socket is closed', () => closed)
  })

  test('a frame of hundreds of megabytes is not waited for', async () => {
    // What a TLS listener answers to plain text: an alert, whose first four bytes read as a length of 352 MB.
    const address = await serve(net.createServer((socket) => socket.write(Buffer.from('15030300020228', 'hex'))))
    await expect(KafkaConnection.open(address, { deadlineMs: 2000 })).rejects.toMatchObject({ code: 'not-kafka' })
  })

  test('nobody answers: the error names every listener and its reason', async () => {
    const dead = net.createServer()
    const refused = await listening(dead)
    await new Promise((resolve) => dead.close(resolve))
    const mute = await serve(net.createServer(() => undefined))
    const impatient = openKafkaClients({ clock: systemClock, deadlineMs: 100 })
    const asked = impatient.metadata(clusterOf([refused, mute]))
    await expect(asked).rejects.toThrow(new RegExp(`${refused.port}.*ECONNREFUSED.*${mute.port}.*100 ms`))
  })

  test('no listener at all is an error, not an empty cluster', async () => {
    await expect(clients.metadata(clusterOf([]))).rejects.toThrow('no broker to ask')
  })
})

describe('three real brokers', () => {
  let kafka: KafkaCluster
  let cluster: Cluster
  const partition = async (topic: string, number = 0): Promise<PartitionState | undefined> => {
    const { partitions } = await clients.metadata(cluster)
    return partitions.find((one) => one.topic === topic && one.partition === number)
  }

  beforeAll(async () => {
    kafka = await startKafka({ nodes: 3 })
    cluster = clusterOf(kafka.nodes.map((node) => node.address))
    await kafka.createTopic('orders', [
      [1, 2, 3],
      [2, 3, 1],
    ])
    await kafka.createTopic('solo', [[3]])
  }, START_MS)
  afterAll(() => kafka?.close())

  test('a broker and a controller listener both serve', async () => {
    expect(await clients.liveness(kafka.node(1).address)).toMatchObject({ state: 'serving', why: 'ok' })
    expect(await clients.liveness(kafka.node(1).controller)).toMatchObject({ state: 'serving', why: 'ok' })
  })

  test('metadata tells cluster id, brokers, leaders and replicas', async () => {
    const seen = await clients.metadata(cluster)
    expect(seen.clusterId).toBe(kafka.clusterId)
    expect(seen.brokers.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    expect(await partition('orders')).toMatchObject({ leader: 1, replicas: [1, 2, 3], isr: [1, 2, 3], offline: [] })
  })

  test('DescribeCluster is spoken in the highest version that both sides know', async () => {
    const connection = await KafkaConnection.open(kafka.node(2).address, { deadlineMs: 3000 })
    const body = { clusterOperations: false, endpointType: 1, includeFenced: true }
    const answer = await connection.request(describeCluster, body)
    expect(answer).toMatchObject({ errorCode: 0, clusterId: kafka.clusterId })
    expect(answer.brokers).toHaveLength(3)
    connection.close()
    await expect(connection.request(describeCluster, body)).rejects.toBeInstanceOf(KafkaError)
  })

  test.each([5, 6, 7, 8, 9, 10, 11, 12])('Metadata version %i reads the same cluster', async (version) => {
    const connection = await KafkaConnection.open(kafka.node(1).address, { deadlineMs: 3000 })
    const body = { topics: null, autoCreate: false, clusterOperations: false, topicOperations: false }
    const answer = await connection.request({ ...metadata, min: version, max: version }, body)
    connection.close()
    expect(answer.clusterId).toBe(kafka.clusterId)
    expect(answer.topics.find(({ name }) => name === 'orders')?.partitions).toHaveLength(2)
  })

  test('a version that the broker does not offer is not sent', async () => {
    const connection = await KafkaConnection.open(kafka.node(1).address, { deadlineMs: 3000 })
    const future = { ...apiVersions, min: 98, max: 99 }
    const asked = connection.request(future, { softwareName: 'x', softwareVersion: '1' })
    await expect(asked).rejects.toMatchObject({ code: 'unsupported-version' })
    connection.close()
  })

  test('S-2.6 a stopped process gives no answer; continued, it serves again', async () => {
    kafka.node(2).signal('SIGSTOP')
    try {
      expect(await clients.liveness(kafka.node(2).address, 500)).toMatchObject({
        state: 'notServing',
        why: 'no-answer',
      })
      // The stopped broker stands first in the list and must not keep the others' answer waiting for its deadline.
      const others = [kafka.node(2).address, kafka.node(1).address]
      expect((await clients.metadata(cluster, others)).answeredBy).toEqual(kafka.node(1).address)
    } finally {
      kafka.node(2).signal('SIGCONT')
    }
    await waitFor('it serves', async () => (await clients.liveness(kafka.node(2).address)).state === 'serving')
  })

  test('a killed broker is refused, its partition of one replica has no leader, and metadata is still answered', async () => {
    kafka.node(3).signal('SIGKILL')
    await waitFor('the port is closed', async () => (await clients.liveness(kafka.node(3).address)).why === 'refused')
    await waitFor('solo is leaderless', async () => (await partition('solo'))?.leader === -1, 30_000)
    expect(await partition('solo')).toMatchObject({ leader: -1, replicas: [3], offline: [3] })
    const { isr = [] } = (await partition('orders')) ?? {}
    expect([...isr].toSorted((a, b) => a - b)).toEqual([1, 2])
    kafka.node(3).start()
    await kafka.serving([3])
    await waitFor('it is back in sync', async () => (await partition('orders'))?.isr.length === 3, 60_000)
  }, 120_000)
})

test('every listener of a cluster is asked once', () => {
  const one = { host: 'kafka-1', port: 9092 }
  expect(listeners(clusterOf([one, { ...one }, { host: 'kafka-2', port: 9092 }]))).toHaveLength(2)
})
