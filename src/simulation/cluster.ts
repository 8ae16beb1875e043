import type { Instant } from '../clock.ts'
import { addressText } from '../inventory/address.ts'
import type { Cluster, HostPort } from '../inventory/inventory.ts'
import type { ClusterMetadata, KafkaClients, Liveness, PartitionState } from '../kafka/clients.ts'
import type { BrokerSeen, ClusterView, PartitionSeen, Reassignment, ViewProblem } from '../kafka/view.ts'
import { invocationsOf } from './apply.ts'
import { answerInside } from './inside.ts'
import { livenessFrom } from './listener.ts'
import type { ClusterModel, Model, Pin, TargetModel, TopicModel } from './model.ts'
import { controllerAt, quorumOf } from './quorum.ts'
import { serves } from './unit.ts'

/** How long a look takes by its own account; simulated time stands still in it. Milliseconds, as measured on a real cluster. */
const TOOK_MS = 20
const SESSION_MS = 9_000
const RIGHTS = ['DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER', 'ALTER_CONFIGS'] as const

/** The door to the simulated brokers. */
export function simulatedKafka(model: Model, now: () => Instant): KafkaClients {
  return {
    liveness: async (address) => livenessAt(model, address, now()),
    async livenessOver(stream) {
      const answer = answerInside(stream)
      stream.destroy()
      return answer
    },
    async metadata(cluster, from = listenersOf(cluster)) {
      const known = modelOf(model, cluster)
      const answers = from.map((address) => ({ address, liveness: livenessAt(model, address, now()) }))
      const first = answers.find(({ liveness }) => liveness.state === 'serving')
      const unread = known.said.unread?.includes('metadata') === true
      if (first && !unread) return metadataOf(known, first.address, now())
      const reasons = answers.map(
        ({ address, liveness }) => `${addressText(address)}: ${liveness.detail ?? liveness.why}`,
      )
      throw new Error(
        unread ? 'no broker answers: Metadata: no answer in time' : `no broker answers: ${reasons.join('; ')}`,
      )
    },
    view: async (cluster) => viewOf(modelOf(model, cluster), now()),
  }
}

function modelOf(model: Model, { name }: Cluster): ClusterModel {
  const known = model.clusters.get(name)
  if (!known) throw new Error(`the world has no cluster ${name}`)
  return known
}

function listenersOf({ brokers, bootstrap }: Cluster): readonly HostPort[] {
  const all = [...brokers.flatMap(({ address }) => address ?? []), ...bootstrap]
  return [...new Map(all.map((address) => [addressText(address), address])).values()]
}

function livenessAt(model: Model, address: HostPort, now: Instant): Liveness {
  for (const cluster of model.clusters.values()) {
    const broker = brokerAt(cluster, address)
    if (broker) return livenessOf(cluster, broker, now)
    const controller = controllerAt(cluster, address)
    if (controller) return controller.liveness
  }
  return livenessFrom('unreachable')
}

function brokerAt({ brokers }: ClusterModel, address: HostPort): TargetModel | undefined {
  return [...brokers.values()].find(
    ({ target }) => target.address?.host === address.host && target.address.port === address.port,
  )
}

/** What its listener says to kafka-healing. */
function livenessOf({ said: { reachable } }: ClusterModel, { unit, said }: TargetModel, now: Instant): Liveness {
  if (reachable === false) return livenessFrom('connect-timeout')
  return livenessFrom(said.listener ?? 'ok', unit, now)
}

/** The cluster counts it in: it serves, or has been silent for less than its session lasts. */
function isThere({ unit }: TargetModel, { said: { session = SESSION_MS } }: ClusterModel, now: Instant): boolean {
  if (unit.process.fenced) return false
  if (serves(unit, now)) return true
  const { silentSince, left } = unit.process
  return silentSince !== null && !left && now < silentSince + session
}

/** Whether the replica of the n-th of `total` partitions is in sync, as far as its broker is concerned: they catch up one by one. */
function isInSync(broker: TargetModel, cluster: ClusterModel, now: Instant, n: number, total: number): boolean {
  const { servesAt, inSyncAt, lagging, silentSince } = broker.unit.process
  if (lagging || servesAt === null || inSyncAt === null || !isThere(broker, cluster, now)) return false
  return servesAt + ((inSyncAt - servesAt) * (n + 1)) / total <= (silentSince ?? now)
}

/** Every partition as the cluster has it. */
export function partitionsOf(cluster: ClusterModel, now: Instant): readonly PartitionSeen[] {
  const shown = [...cluster.topics.values()].filter(({ hidden }) => !hidden)
  const total = shown.reduce((sum, { partitions }) => sum + partitions, 0)
  let n = 0
  return shown.flatMap((topic) =>
    Array.from({ length: topic.partitions }, (_, partition) => partitionOf(topic, partition, cluster, now, n++, total)),
  )
}

function partitionOf(
  topic: TopicModel,
  partition: number,
  cluster: ClusterModel,
  now: Instant,
  n: number,
  total: number,
): PartitionSeen {
  const { name, minIsr } = topic
  const replicas = topic.replicas.map((_, at) => topic.replicas[(at + partition) % topic.replicas.length] ?? 0)
  const there = replicas.filter((id) => isBrokerThere(id, cluster, now))
  const inSync = replicas.filter((id) => {
    const broker = cluster.brokers.get(id)
    if (!broker) return true
    const pin = topic.pinned.get(id)
    return pin && pin.invocation === broker.unit.invocation ? pin.inSync : isInSync(broker, cluster, now, n, total)
  })
  // The last one in sync stays so when it dies: nobody is left who could take it out.
  const isr = inSync.length > 0 ? inSync : [lastOf(replicas, cluster)]
  const held = <T>(pin: Pin<T> | null): T | null =>
    pin !== null && pin.invocations === invocationsOf(topic, cluster.brokers) ? pin.value : null
  const pinned = held(topic.leader)
  const leader =
    pinned !== null && (pinned === -1 || there.includes(pinned)) ? pinned : (isr.find((id) => there.includes(id)) ?? -1)
  const short = isr.length < replicas.length || leader === -1
  const eligible = short && cluster.cluster.zookeepers.length === 0
  return {
    topic: name,
    partition,
    leader,
    replicas,
    isr,
    offline: replicas.filter((id) => !there.includes(id)),
    minIsr,
    elr: eligible ? (held(topic.elr) ?? []) : null,
    lastKnownElr: eligible ? (held(topic.lastKnownElr) ?? []) : null,
  }
}

/** Brokers that the inventory does not know are well. */
function isBrokerThere(id: number, cluster: ClusterModel, now: Instant): boolean {
  const broker = cluster.brokers.get(id)
  return !broker || isThere(broker, cluster, now)
}

function lastOf(replicas: readonly number[], { brokers }: ClusterModel): number {
  const silentSince = (id: number): number => brokers.get(id)?.unit.process.silentSince ?? 0
  return replicas.reduce((last, id) => (silentSince(id) > silentSince(last) ? id : last), replicas[0] ?? 0)
}

function metadataOf(cluster: ClusterModel, answeredBy: HostPort, now: Instant): ClusterMetadata {
  const partitions = partitionsOf(cluster, now).map(
    ({ topic, partition, leader, replicas, isr, offline }): PartitionState => ({
      topic,
      partition,
      leader,
      replicas,
      isr,
      offline,
    }),
  )
  const brokers = [...cluster.brokers].flatMap(([id, broker]) => {
    const { address, rack } = broker.target
    return address && isThere(broker, cluster, now) ? [{ id, ...address, rack }] : []
  })
  return { answeredBy, clusterId: clusterIdOf(cluster), brokers, partitions }
}

function clusterIdOf({ said, cluster }: ClusterModel): string | null {
  return said.cluster_id ?? cluster.clusterId ?? 'simulatedClusterIdAAAA'
}

/** The cluster as `src/kafka/take-view.ts` would bring it together. */
export function viewOf(cluster: ClusterModel, now: Instant): ClusterView {
  const { said } = cluster
  const livenesses = new Map([...cluster.brokers].map(([id, broker]) => [id, livenessOf(cluster, broker, now)]))
  const answered = [...livenesses.values()].some(({ state }) => state === 'serving')
  const quorum = quorumOf(cluster, answered)
  const rights = said.rights ?? [...RIGHTS]
  const unread = new Set(said.unread)
  const problems: ViewProblem[] = []
  const reads = (part: ViewProblem['part'], reason = 'no answer in time'): boolean => {
    const silent = !answered || unread.has(part as never)
    if (silent) problems.push({ part, reason: answered ? reason : 'no broker could be read' })
    return !silent
  }
  const metadata = reads('metadata')
  const fencing = reads('fencing')
  if (!answered) problems.push({ part: 'rights', reason: 'no broker could be read' })
  const minIsr = answered && reads('minInsyncReplicas')
  const moves = answered || quorum.kind === 'kraft' ? !unread.has('reassignments') : false
  if (!moves) problems.push({ part: 'reassignments', reason: answered ? 'no answer in time' : 'no broker serves' })
  // Kafka hides what an account may not see, and reports no error.
  const describes = rights.includes('DESCRIBE')
  if (answered && !describes) problems.push({ part: 'rights', reason: 'this account may not DESCRIBE the cluster' })
  const partitions = metadata && describes ? partitionsOf(cluster, now) : []
  const eligible = !partitions.some(({ elr }) => elr !== null) || reads('eligibleReplicas')
  return {
    cluster: cluster.cluster.name,
    at: now,
    tookMs: TOOK_MS,
    clusterId: answered ? clusterIdOf(cluster) : null,
    brokers: [...cluster.brokers].map(([id, broker]) =>
      brokerSeen(id, broker, livenesses.get(id) ?? null, { cluster, metadata, fencing, now }),
    ),
    quorum,
    topics: new Set(partitions.map(({ topic }) => topic)).size,
    partitions: partitions.map((partition) => ({
      ...partition,
      ...(!minIsr && { minIsr: null }),
      ...(!eligible && { elr: null, lastKnownElr: null }),
    })),
    reassignments: moves ? reassignmentsOf(cluster) : null,
    rights: answered ? rights : null,
    problems,
  }
}

function brokerSeen(
  id: number,
  broker: TargetModel,
  liveness: Liveness | null,
  seen: {
    readonly cluster: ClusterModel
    readonly metadata: boolean
    readonly fencing: boolean
    readonly now: Instant
  },
): BrokerSeen {
  const { key, address, rack } = broker.target
  const there = isThere(broker, seen.cluster, seen.now)
  const listed = seen.metadata && there
  const tells = seen.fencing && seen.cluster.cluster.zookeepers.length === 0
  return {
    id,
    target: key,
    address,
    ...(listed && address && { advertised: address }),
    liveness: address === null ? null : liveness,
    listed,
    fenced: tells ? !there : null,
    rack,
  }
}

function reassignmentsOf({ said, topics }: ClusterModel): readonly Reassignment[] {
  return (said.reassignments ?? []).map(({ topic, partition, replicas, adding = [], removing = [] }) => ({
    topic,
    partition,
    replicas: replicas ?? [...new Set([...(topics.get(topic)?.replicas ?? []), ...adding])],
    adding,
    removing,
  }))
}
