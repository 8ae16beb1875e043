import type { HostPort } from '../inventory/inventory.ts'
import {
  type AnswerOf,
  BROKER_RESOURCE,
  describeCluster,
  describeConfigs,
  describeLogDirs,
  describeTopicPartitions,
  listPartitionReassignments,
  metadata,
  NO_ERROR,
  TOPIC_RESOURCE,
} from './apis.ts'
import type { ClusterMetadata, PartitionState } from './clients.ts'
import type { KafkaConnection } from './connection.ts'
import { type ClusterOperation, isUnrestricted, operationsIn } from './rights.ts'
import type { Reassignment } from './view.ts'

/** What one broker answers, over a connection that is open already. Each rejects when it cannot be read. */

/** Topics in one DescribeConfigs; 300 of them take 15 to 33 ms. */
const TOPICS_AT_ONCE = 2_000
/** Kafka's own `max.request.partition.size.limit`: it sends no larger pages. */
const PARTITIONS_AT_ONCE = 2_000

export interface MetadataRead extends ClusterMetadata {
  readonly topics: number
  /** Topics that came with an error. */
  readonly troubled: readonly string[]
}

export async function readMetadata(connection: KafkaConnection, deadlineMs: number): Promise<MetadataRead> {
  const body = { topics: null, autoCreate: false, clusterOperations: false, topicOperations: false }
  const answer = await connection.request(metadata, body, deadlineMs)
  return {
    answeredBy: connection.address,
    clusterId: answer.clusterId,
    brokers: answer.brokers,
    topics: answer.topics.length,
    partitions: answer.topics.flatMap((topic) =>
      topic.partitions.map(({ partition, leader, replicas, isr, offline }) => ({
        topic: topic.name ?? '',
        partition,
        leader,
        replicas,
        isr,
        offline,
      })),
    ),
    troubled: answer.topics.flatMap(({ errorCode, name }) =>
      errorCode === NO_ERROR ? [] : [`${name}: error ${errorCode}`],
    ),
  }
}

/** min.insync.replicas by topic, and the topics whose settings may not or cannot be read. */
export async function readMinInsyncReplicas(
  connection: KafkaConnection,
  topics: readonly string[],
  left: () => number,
): Promise<{ readonly minIsr: ReadonlyMap<string, number>; readonly refused: readonly string[] }> {
  const minIsr = new Map<string, number>()
  const refused: string[] = []
  for (let at = 0; at < topics.length; at += TOPICS_AT_ONCE) {
    const resources = topics
      .slice(at, at + TOPICS_AT_ONCE)
      .map((name) => ({ type: TOPIC_RESOURCE, name, keys: ['min.insync.replicas'] }))
    const answer = await connection.request(
      describeConfigs,
      { resources, synonyms: false, documentation: false },
      left(),
    )
    for (const { errorCode, name, configs } of answer.results) {
      const value = Number(configs[0]?.value ?? Number.NaN)
      if (errorCode === NO_ERROR && Number.isInteger(value)) minIsr.set(name, value)
      else refused.push(`${name}: error ${errorCode}`)
    }
  }
  return { minIsr, refused }
}

export interface EligibleReplicas {
  readonly elr: readonly number[]
  readonly lastKnownElr: readonly number[]
}

/** By `<topic>/<partition>`; null where the broker does not know of eligible leaders (before Kafka 3.7). */
export async function readEligibleReplicas(
  connection: KafkaConnection,
  topics: readonly string[],
  left: () => number,
): Promise<ReadonlyMap<string, EligibleReplicas> | null> {
  if (connection.versionOf(describeTopicPartitions) === null) return null
  const eligible = new Map<string, EligibleReplicas>()
  const wanted = topics.toSorted().map((name) => ({ name }))
  let cursor: { readonly topic: string; readonly partition: number } | null = null
  do {
    const body = { topics: wanted, limit: PARTITIONS_AT_ONCE, cursor }
    const answer: AnswerOf<typeof describeTopicPartitions> = await connection.request(
      describeTopicPartitions,
      body,
      left(),
    )
    for (const { name, partitions } of answer.topics) {
      for (const { partition, elr, lastKnownElr } of partitions)
        eligible.set(`${name}/${partition}`, { elr: elr ?? [], lastKnownElr: lastKnownElr ?? [] })
    }
    cursor = answer.next
  } while (cursor !== null)
  return eligible
}

/** Topics of which a partition lacks a replica or a leader. */
export function shortTopics(partitions: readonly PartitionState[]): readonly string[] {
  const short = new Set<string>()
  for (const { topic, leader, replicas, isr, offline } of partitions) {
    if (leader === -1 || offline.length > 0 || isr.length < replicas.length) short.add(topic)
  }
  return [...short]
}

export async function readReassignments(
  connection: KafkaConnection,
  deadlineMs: number,
): Promise<readonly Reassignment[]> {
  const body = { timeoutMs: deadlineMs, topics: null }
  const answer = await connection.request(listPartitionReassignments, body, deadlineMs)
  if (answer.errorCode !== NO_ERROR) throw new Error(`ListPartitionReassignments: error ${answer.errorCode}`)
  return answer.topics.flatMap(({ topic, partitions }) => partitions.map((one) => ({ topic, ...one })))
}

/** The broker that is the controller of a cluster of ZooKeeper's time: reassignments are asked of it. */
export async function readControllerAddress(connection: KafkaConnection, deadlineMs: number): Promise<HostPort> {
  const body = { topics: [], autoCreate: false, clusterOperations: false, topicOperations: false }
  const { brokers, controllerId } = await connection.request(metadata, body, deadlineMs)
  const controller = brokers.find(({ id }) => id === controllerId)
  if (controller === undefined) throw new Error('no broker is the controller')
  return { host: controller.host, port: controller.port }
}

export interface Registration {
  readonly clusterId: string
  /** Every registered broker, fenced ones too; null where only the live ones are said (before Kafka 4). */
  readonly registered: ReadonlyMap<number, RegisteredBroker> | null
  readonly operations: readonly ClusterOperation[] | null
  /** Nothing is hidden from this account. */
  readonly unrestricted: boolean
}

export interface RegisteredBroker extends HostPort {
  readonly fenced: boolean
  readonly rack: string | null
}

/** Null where the broker does not know the request (before Kafka 2.8). */
export async function readRegistration(connection: KafkaConnection, deadlineMs: number): Promise<Registration | null> {
  const version = connection.versionOf(describeCluster)
  if (version === null) return null
  const body = { clusterOperations: true, endpointType: 1, includeFenced: true }
  const answer = await connection.request(describeCluster, body, deadlineMs)
  if (answer.errorCode !== NO_ERROR) throw new Error(`DescribeCluster: error ${answer.errorCode}`)
  return {
    clusterId: answer.clusterId,
    registered: version < 2 ? null : new Map(answer.brokers.map(({ id, ...broker }) => [id, broker])),
    operations: operationsIn(answer.clusterOperations),
    unrestricted: isUnrestricted(answer.clusterOperations),
  }
}

/** Settings of the broker itself by name; one that is not set is null. Kafka refuses the question put to another broker. */
export async function readBrokerSettings(
  connection: KafkaConnection,
  id: number,
  names: readonly string[],
  deadlineMs: number,
): Promise<ReadonlyMap<string, string | null>> {
  const resources = [{ type: BROKER_RESOURCE, name: String(id), keys: names }]
  const answer = await connection.request(
    describeConfigs,
    { resources, synonyms: false, documentation: false },
    deadlineMs,
  )
  const [own] = answer.results
  if (own === undefined || own.errorCode !== NO_ERROR)
    throw new Error(`DescribeConfigs of broker ${id}: error ${own?.errorCode}`)
  return new Map(own.configs.map(({ name, value }) => [name, value]))
}

/** The data directories that the broker uses now, in its own words: those that are offline are missing or come with an error. */
export async function readLogDirectories(connection: KafkaConnection, deadlineMs: number): Promise<readonly string[]> {
  const answer = await connection.request(describeLogDirs, { topics: [] }, deadlineMs)
  if (answer.errorCode !== NO_ERROR) throw new Error(`DescribeLogDirs: error ${answer.errorCode}`)
  return answer.results.map(({ path }) => path)
}
