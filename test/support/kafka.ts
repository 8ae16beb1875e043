/**
 * Real Kafka for tests: one or three KRaft nodes from Maven's jars, each in its own session so that it can be killed,
 * stopped and continued alone. Needs Java 17 and Maven.
 */
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { systemClock } from '../../src/clock.ts'
import type { HostPort } from '../../src/inventory/inventory.ts'
import { askLiveness } from '../../src/kafka/liveness.ts'
import { openKafkaClients } from '../../src/kafka/open-clients.ts'
import { kafkaJars, log4j } from '../lab/jars.ts'
import { waitFor } from '../lab/wait.ts'
import { clusterOf } from './look.ts'

export interface KafkaOptions {
  readonly nodes?: 1 | 3
  /** Replication of topics that Kafka makes itself. */
  readonly minInsyncReplicas?: number
  /** Default 3 s; Kafka's own is 9 s. */
  readonly sessionTimeoutMs?: number
  /** More lines for every node's server.properties; `{node}` is replaced by the node's id. */
  readonly properties?: readonly string[]
  /** More listeners by name, each on a free port; `listener.security.protocol.map` gets their protocol. */
  readonly listeners?: Readonly<Record<string, 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL'>>
  /** `SCRAM-SHA-512=[name=…,password=…]`, known before the first start. */
  readonly scram?: readonly string[]
}

export interface KafkaNode {
  readonly id: number
  readonly address: HostPort
  readonly controller: HostPort
  readonly listeners: Readonly<Record<string, HostPort>>
  readonly data: string
  readonly log: string
  readonly pid: () => number | null
  start(): void
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void
}

export interface KafkaCluster {
  readonly clusterId: string
  readonly nodes: readonly KafkaNode[]
  node(id: number): KafkaNode
  /** Waits until every node answers. */
  serving(ids?: readonly number[]): Promise<void>
  /** `assignment[partition]` lists the replicas. */
  createTopic(
    topic: string,
    assignment: readonly (readonly number[])[],
    config?: Readonly<Record<string, string>>,
  ): Promise<void>
  close(): Promise<void>
}

const CLUSTER_ID = 'QUFBQUFBQUFBQUFBQUFBQQ'

export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const count = options.nodes ?? 1
  const jars = await kafkaJars()
  const home = mkdtempSync(path.join(tmpdir(), 'kafka-healing-kafka-'))
  writeFileSync(path.join(home, 'log4j2.yaml'), log4j)
  const java = ['-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=file:${home}/log4j2.yaml`, '-cp', `${jars}/*`]
  const extra = Object.entries(options.listeners ?? {})
  const ports = await freePorts(count * (2 + extra.length))
  const local = (): HostPort => ({ host: '127.0.0.1', port: ports.pop() ?? 0 })
  const places = Array.from({ length: count }, (_, at) => ({
    id: at + 1,
    address: local(),
    controller: local(),
    listeners: Object.fromEntries(extra.map(([name]) => [name, local()])),
  }))
  const voters = places.map(({ id, controller }) => `${id}@127.0.0.1:${controller.port}`).join(',')
  const exits: Promise<void>[] = []

  const nodes = places.map(({ id, address, controller, listeners }): KafkaNode => {
    const directory = path.join(home, `node${id}`)
    mkdirSync(directory)
    const data = path.join(directory, 'data')
    const log = path.join(directory, 'log')
    const file = path.join(directory, 'server.properties')
    const named = [['PLAINTEXT', address] as const, ...Object.entries(listeners)]
    const open = named.map(([name, { port }]) => `${name}://127.0.0.1:${port}`).join(',')
    const protocols = [['PLAINTEXT', 'PLAINTEXT'], ['CONTROLLER', 'PLAINTEXT'], ...extra].map((pair) => pair.join(':'))
    const lines = [
      'process.roles=broker,controller',
      `node.id=${id}`,
      `controller.quorum.voters=${voters}`,
      `listeners=${open},CONTROLLER://127.0.0.1:${controller.port}`,
      `advertised.listeners=${open}`,
      `listener.security.protocol.map=${protocols.join(',')}`,
      'controller.listener.names=CONTROLLER',
      'inter.broker.listener.name=PLAINTEXT',
      `log.dirs=${data}`,
      `default.replication.factor=${count}`,
      `min.insync.replicas=${options.minInsyncReplicas ?? 1}`,
      'offsets.topic.num.partitions=1',
      `offsets.topic.replication.factor=${count}`,
      'group.initial.rebalance.delay.ms=0',
      'num.network.threads=2',
      'num.io.threads=2',
      'log.cleaner.dedupe.buffer.size=4194304',
      'log.segment.bytes=16777216',
      'auto.create.topics.enable=false',
      `broker.session.timeout.ms=${options.sessionTimeoutMs ?? 3000}`,
      'broker.heartbeat.interval.ms=500',
      ...(options.properties ?? []).map((line) => line.replaceAll('{node}', String(id))),
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    const scram = (options.scram ?? []).flatMap((user) => ['-S', user])
    const formatted = spawnSync(
      'java',
      [...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', file, ...scram],
      { encoding: 'utf8' },
    )
    if (formatted.status !== 0) {
      rmSync(home, { recursive: true, force: true })
      throw new Error(`format failed: ${formatted.stdout}${formatted.stderr}`)
    }

    let pid: number | null = null
    return {
      id,
      address,
      controller,
      listeners,
      data,
      log,
      pid: () => pid,
      start() {
        const out = openSync(log, 'a')
        // Detached: its own session, or a stopped process would be woken when the starter's process group ends.
        const child = spawn('java', ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', ...java, 'kafka.Kafka', file], {
          detached: true,
          stdio: ['ignore', out, out],
          cwd: directory,
        })
        closeSync(out)
        pid = child.pid ?? null
        const mine = pid
        exits.push(
          new Promise((resolve) => {
            child.once('exit', () => {
              if (pid === mine) pid = null
              resolve()
            })
          }),
        )
      },
      signal(signal) {
        if (pid === null) throw new Error(`node ${id} does not run`)
        process.kill(pid, signal)
      },
    }
  })

  const cluster: KafkaCluster = {
    clusterId: CLUSTER_ID,
    nodes,
    node(id) {
      const node = nodes[id - 1]
      if (!node) throw new Error(`no node ${id}`)
      return node
    },
    async serving(ids = nodes.map(({ id }) => id)) {
      for (const id of ids) {
        const node = cluster.node(id)
        await waitFor(
          `node ${id} serves`,
          async () => {
            const { state } = await askLiveness(node.address, { clock: systemClock })
            if (state !== 'serving' && node.pid() === null) throw new Error(`node ${id} ended: ${tail(node.log)}`)
            return state === 'serving'
          },
          90_000,
        )
      }
    },
    async createTopic(topic, assignment, config = {}) {
      const brokers = nodes.map(({ address }) => `${address.host}:${address.port}`)
      const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, requestTimeout: 5000, retry: { retries: 8 } })
      const admin = kafka.admin()
      await admin.connect()
      try {
        await admin.createTopics({
          // kafkajs gives up on the first broker that has not heard of it yet.
          waitForLeaders: false,
          topics: [
            {
              topic,
              replicaAssignment: assignment.map((replicas, partition) => ({ partition, replicas: [...replicas] })),
              configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
            },
          ],
        })
      } finally {
        await admin.disconnect()
      }
      const known = async ({ address }: KafkaNode): Promise<boolean> => {
        const { partitions } = await openKafkaClients({ clock: systemClock }).metadata(clusterOf([]), [address])
        return partitions.filter((one) => one.topic === topic && one.leader >= 0).length === assignment.length
      }
      for (const node of nodes.filter((one) => one.pid() !== null))
        await waitFor(`a broker to know ${topic}`, () => known(node), 30_000)
    },
    async close() {
      for (const node of nodes) if (node.pid() !== null) node.signal('SIGKILL')
      await Promise.all(exits)
      rmSync(home, { recursive: true, force: true })
    },
  }
  try {
    for (const node of nodes) node.start()
    await cluster.serving()
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').slice(-2000)
}

/** Ports that were free a moment ago. Kafka must know its port before it listens, so port 0 is no choice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<net.Server>((resolve, reject) => {
          const server = net.createServer()
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => resolve(server))
        }),
    ),
  )
  return Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          const address = server.address()
          server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
        }),
    ),
  )
}
