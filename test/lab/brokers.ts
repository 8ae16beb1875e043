import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { brokerCommand, copyFormatted, fillCache } from './jars.ts'
import { type BrokerNode, type LabState, repository } from './state.ts'
import { startUnits } from './user-manager.ts'
import { waitFor } from './wait.ts'

const racks = ['a', 'b', 'c']
const breakage = '\n# Written by the lab: an option that Kafka refuses at start.\nnum.io.threads=many\n'

export function brokerNode(dir: string, id: number, ports: readonly [number, number, number]): BrokerNode {
  const [port, controllerPort, jmxPort] = ports
  return { id, unit: `kafka-${id}.service`, port, controllerPort, jmxPort, dir: join(dir, `kafka-${id}`) }
}

export function rackOf(node: BrokerNode): string {
  return racks[(node.id - 1) % racks.length] ?? 'a'
}

/** Starts all brokers as enabled units and returns when the cluster is healed. */
export async function startBrokers(state: LabState): Promise<void> {
  await fillCache(state.brokers.length)
  for (const node of state.brokers) {
    mkdirSync(node.dir, { recursive: true })
    copyFormatted(node.id, join(node.dir, 'data'), state.clusterId)
    writeFileSync(join(node.dir, 'server.properties'), serverProperties(state, node))
  }
  await startUnits(state, Object.fromEntries(state.brokers.map((node) => [node.unit, unitText(node)])))
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
  const seen = await Promise.all(state.brokers.map(async (node) => ({ node, metrics: await metrics(node) })))
  return seen.flatMap(({ node, metrics }) => {
    const name = `broker ${node.id}`
    if (metrics === null) return [`${name} has no metrics`]
    const of = (metric: string) => metrics.get(metric)
    const problems: string[] = []
    if (of('kafka_server_kafkaserver_brokerstate') !== 3)
      problems.push(`${name} is in state ${of('kafka_server_kafkaserver_brokerstate')}`)
    if (of('kafka_server_replicamanager_underreplicatedpartitions') !== 0)
      problems.push(`${name} leads partitions that lack replicas`)
    if (of('kafka_controller_kafkacontroller_fencedbrokercount') !== 0) problems.push(`${name} knows fenced brokers`)
    if (of('kafka_controller_kafkacontroller_activebrokercount') !== state.brokers.length)
      problems.push(`${name} misses brokers`)
    return problems
  })
}

/** The JMX agent's samples without labels, or null when it does not answer within a second. */
export async function metrics(node: BrokerNode): Promise<ReadonlyMap<string, number> | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${node.jmxPort}/metrics`, { signal: AbortSignal.timeout(1000) })
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
}

/** Creates a topic on the healthy cluster and waits until every partition has a leader. */
export async function createTopic(state: LabState, topic: string, shape: TopicShape = {}): Promise<void> {
  const brokers = state.brokers.map((node) => `127.0.0.1:${node.port}`)
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING, requestTimeout: 10_000 }).admin()
  await admin.connect()
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic,
          numPartitions: shape.partitions ?? 6,
          replicationFactor: shape.replicationFactor ?? state.brokers.length,
          configEntries: [{ name: 'min.insync.replicas', value: String(shape.minInsyncReplicas ?? 2) }],
        },
      ],
    })
  } finally {
    await admin.disconnect()
  }
}

function serverProperties(state: LabState, node: BrokerNode): string {
  const voters = state.brokers.map((voter) => `${voter.id}@127.0.0.1:${voter.controllerPort}`)
  const copies = state.brokers.length
  return `process.roles=broker,controller
node.id=${node.id}
broker.rack=${rackOf(node)}
controller.quorum.voters=${voters.join(',')}
listeners=PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${node.port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
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
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
auto.create.topics.enable=false
broker.session.timeout.ms=${state.sessionTimeoutMs}
broker.heartbeat.interval.ms=${Math.min(2000, Math.round(state.sessionTimeoutMs / 6))}
`
}

// Restart=no: healing is what is being tested. 143 is how a JVM ends on SIGTERM.
function unitText(node: BrokerNode): string {
  const rules = join(repository, 'deploy/prometheus/jmx-rules.yml')
  return `[Unit]
Description=Kafka broker ${node.id}
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
