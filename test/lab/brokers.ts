import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { brokerCommand, copyFormatted, fillCache } from './jars.ts'
import { isKnown } from './quorum.ts'
import { type BrokerNode, type KafkaNode, type LabState, repository } from './state.ts'
import { startUnits } from './user-manager.ts'
import { waitFor } from './wait.ts'

const racks = ['a', 'b', 'c']
const breakage = '\n# Written by the lab: an option that Kafka refuses at start.\nnum.io.threads=many\n'

export function brokerNode(
  dir: string,
  id: number,
  ports: readonly [port: number, controllerPort: number | null, jmxPort: number],
): BrokerNode {
  const [port, controllerPort, jmxPort] = ports
  return { id, unit: `kafka-${id}.service`, port, controllerPort, jmxPort, dir: join(dir, `kafka-${id}`) }
}

export function controllerNode(dir: string, id: number, ports: readonly [number, number]): KafkaNode {
  const [controllerPort, jmxPort] = ports
  return { id, unit: `kafka-controller-${id}.service`, controllerPort, jmxPort, dir: join(dir, `controller-${id}`) }
}

export function rackOf(node: KafkaNode): string {
  return racks[(node.id - 1) % racks.length] ?? 'a'
}

function nodesOf(state: LabState): readonly KafkaNode[] {
  return [...state.brokers, ...state.controllers]
}

/** Starts all nodes as enabled units and returns when the cluster is healed. */
export async function startBrokers(state: LabState): Promise<void> {
  const nodes = nodesOf(state)
  await fillCache(nodes.length)
  for (const node of nodes) {
    mkdirSync(node.dir, { recursive: true })
    copyFormatted(node.id, join(node.dir, 'data'), state.clusterId)
    writeFileSync(join(node.dir, 'server.properties'), serverProperties(state, node))
  }
  await startUnits(state, Object.fromEntries(nodes.map((node) => [node.unit, unitText(node)])))
  await waitHealed(state, 120_000)
}

/**
 * Healed is: every broker says it runs (brokerstate 3), no partition lacks a replica and no broker is fenced. `up` and a
 * resolved alert prove nothing: the JMX agent answers seconds before the broker is let back in.
 */
export function waitHealed(state: LabState, deadlineMs: number): Promise<true> {
  const look = async () => {
    const problems = await unhealed(state)
    if (problems.length === 0) return true
    throw new Error(problems.join('; '))
  }
  return waitFor('a healed cluster', look, deadlineMs, 100)
}

async function unhealed(state: LabState): Promise<string[]> {
  const seen = await Promise.all(nodesOf(state).map(async (node) => ({ node, metrics: await metrics(node) })))
  return seen.flatMap(({ node, metrics }) => {
    const name = `node ${node.id}`
    if (metrics === null) return [`${name} has no metrics`]
    const of = (metric: string) => metrics.get(metric)
    const problems: string[] = []
    if ('port' in node && of('kafka_server_kafkaserver_brokerstate') !== 3)
      problems.push(`${name} is in state ${of('kafka_server_kafkaserver_brokerstate')}`)
    if ('port' in node && of('kafka_server_replicamanager_underreplicatedpartitions') !== 0)
      problems.push(`${name} leads partitions that lack replicas`)
    if (node.controllerPort === null) return problems
    if (of('kafka_controller_kafkacontroller_fencedbrokercount') !== 0) problems.push(`${name} knows fenced brokers`)
    if (of('kafka_controller_kafkacontroller_activebrokercount') !== state.brokers.length)
      problems.push(`${name} misses brokers`)
    return problems
  })
}

/** The JMX agent's samples by name and labels, or null when it does not answer in time. */
export async function metrics(node: KafkaNode, limitMs = 1_000): Promise<ReadonlyMap<string, number> | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${node.jmxPort}/metrics`, { signal: AbortSignal.timeout(limitMs) })
    const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    )
  } catch {
    return null
  }
}

/** Makes the broker refuse its next start; the one that runs is not touched. */
export function breakConfiguration(node: BrokerNode): void {
  appendFileSync(join(node.dir, 'server.properties'), breakage)
}

export function mendConfiguration(node: BrokerNode): void {
  const file = join(node.dir, 'server.properties')
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(breakage, ''))
}

export interface TopicShape {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly minInsyncReplicas?: number
  /** `assignment[partition]` lists its replicas; stands for `partitions` and `replicationFactor`. */
  readonly assignment?: readonly (readonly number[])[]
  /** More settings of the topic. */
  readonly config?: Readonly<Record<string, string>>
}

/** Creates a topic on the healthy cluster and waits until every broker knows a leader of each of its partitions. */
export async function createTopic(state: LabState, topic: string, shape: TopicShape = {}): Promise<void> {
  const admin = kafkaClient(state).admin()
  const { assignment, config } = shape
  const size = {
    numPartitions: shape.partitions ?? 6,
    replicationFactor: shape.replicationFactor ?? state.brokers.length,
  }
  const settings = { 'min.insync.replicas': String(shape.minInsyncReplicas ?? 2), ...config }
  await admin.connect()
  try {
    await admin.createTopics({
      // kafkajs gives up on the first broker that has not heard of it yet.
      waitForLeaders: false,
      topics: [
        {
          topic,
          ...(assignment === undefined ? size : { replicaAssignment: placed(assignment) }),
          configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
        },
      ],
    })
  } finally {
    await admin.disconnect()
  }
  await waitFor(`every broker to know ${topic}`, () => isKnown(state, topic), 30_000)
}

function placed(assignment: readonly (readonly number[])[]): { partition: number; replicas: number[] }[] {
  return assignment.map((replicas, partition) => ({ partition, replicas: [...replicas] }))
}

/** kafkajs with the brokers' real addresses, whatever stands in the inventory. */
export function kafkaClient(state: LabState): Kafka {
  const brokers = state.brokers.map((node) => `127.0.0.1:${node.port}`)
  return new Kafka({ brokers, logLevel: logLevel.NOTHING, requestTimeout: 10_000 })
}

function serverProperties(state: LabState, node: KafkaNode): string {
  const voters = nodesOf(state)
    .filter(({ controllerPort }) => controllerPort !== null)
    .map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`)
  const copies = state.brokers.length
  const client = 'port' in node && typeof node.port === 'number' ? `PLAINTEXT://127.0.0.1:${node.port}` : null
  const controller = node.controllerPort === null ? null : `CONTROLLER://127.0.0.1:${node.controllerPort}`
  const roles = [client && 'broker', controller && 'controller'].filter(Boolean).join(',')
  return `process.roles=${roles}
node.id=${node.id}
broker.rack=${rackOf(node)}
controller.quorum.voters=${voters.join(',')}
listeners=${[client, controller].filter(Boolean).join(',')}
controller.listener.names=CONTROLLER
${client === null ? '' : `advertised.listeners=${client}\ninter.broker.listener.name=PLAINTEXT`}
log.dirs=${join(node.dir, 'data')}
default.replication.factor=${copies}
min.insync.replicas=${Math.min(2, copies)}
offsets.topic.num.partitions=3
offsets.topic.replication.factor=${copies}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=${copies}
transaction.state.log.min.isr=${Math.min(2, copies)}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=${copies}
share.coordinator.state.topic.min.isr=${Math.min(2, copies)}
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
auto.create.topics.enable=false
broker.session.timeout.ms=${state.sessionTimeoutMs}
broker.heartbeat.interval.ms=${Math.min(2000, Math.round(state.sessionTimeoutMs / 6))}
`
}

// Restart=no: healing is what is being tested. 143 is how a JVM ends on SIGTERM.
function unitText(node: KafkaNode): string {
  const rules = join(repository, 'deploy/prometheus/jmx-rules.yml')
  return `[Unit]
Description=Kafka node ${node.id}
[Service]
Type=exec
WorkingDirectory=${node.dir}
Environment=MALLOC_ARENA_MAX=2
ExecStart=${brokerCommand(join(node.dir, 'server.properties'), node.jmxPort, rules).join(' ')}
StandardOutput=append:${join(node.dir, 'log')}
StandardError=append:${join(node.dir, 'log')}
Restart=no
SuccessExitStatus=143
TimeoutStopSec=60
LimitNOFILE=65536`
}
