import type { Instant } from '../clock.ts'
import type { Cluster, Inventory, Target } from '../inventory/inventory.ts'
import type { BrokerFacts, ClusterFacts, ExporterFacts, TopicFacts, WorldFacts } from './facts.ts'
import { type Pace, runningUnit, type Unit } from './unit.ts'

/** The simulated world as it is now: what facts have changed, and what has become of it since. */
export interface Model {
  readonly clusters: ReadonlyMap<string, ClusterModel>
  /** Every target of the inventory by its key. */
  readonly targets: ReadonlyMap<string, TargetModel>
  prometheus: NonNullable<WorldFacts['prometheus']>
  alertmanager: NonNullable<WorldFacts['alertmanager']>
  programs: NonNullable<WorldFacts['programs']>
}

/** What several targets on one host share. */
export interface Machine {
  readonly name: string
  bootedAt: Instant
  ssh: NonNullable<BrokerFacts['ssh']>
  hold: boolean
}

export interface TargetModel {
  readonly target: Target
  readonly machine: Machine
  readonly unit: Unit
  /** Facts as said last. What came over unit and process since is in {@link unit}. */
  said: BrokerFacts & ExporterFacts
  /** What its process wrote last. */
  log: string
  /** When it was last asked for a thread dump. */
  quitAt: Instant | null
}

export interface ClusterModel {
  readonly cluster: Cluster
  /** By id. */
  readonly brokers: ReadonlyMap<number, TargetModel>
  readonly topics: Map<string, TopicModel>
  said: ClusterFacts
}

export interface TopicModel {
  readonly name: string
  partitions: number
  replicas: readonly number[]
  minIsr: number
  hidden: boolean
  /** By broker: what a test says of its replicas, true as long as that process lives. */
  readonly pinned: Map<number, { readonly inSync: boolean; readonly invocation: string }>
  leader: Pin<number> | null
  elr: Pin<readonly number[]> | null
  lastKnownElr: Pin<readonly number[]> | null
}

/** What a test says of partitions, true until a broker that holds them is started anew. */
export interface Pin<T> {
  readonly value: T
  readonly invocations: string
}

const MONTH_MS = 30 * 86_400_000
const REPLICAS = 3

/** A healthy world with the clusters, hosts and units of the inventory, and the topics of a test. */
export function healthyModel({ clusters }: Inventory, facts: WorldFacts, now: Instant): Model {
  const machines = new Map<string, Machine>()
  const machineOf = ({ connection, host }: Target): Machine => {
    const name = connection.driver === 'local' ? 'local' : host
    const known = machines.get(name) ?? { name, bootedAt: now - 2 * MONTH_MS, ssh: 'ok', hold: false }
    machines.set(name, known)
    return known
  }
  const targets = new Map<string, TargetModel>()
  const modelOf = (target: Target): TargetModel => {
    const unit = runningUnit(target.key, now - MONTH_MS)
    const log =
      target.kind === 'broker' ? `INFO [KafkaRaftServer nodeId=${target.name}] Kafka Server started` : 'listening'
    const model = { target, machine: machineOf(target), unit, said: {}, log, quitAt: null }
    targets.set(target.key, model)
    return model
  }
  const models = [...clusters.values()].map((cluster): [string, ClusterModel] => {
    const brokers = new Map(cluster.brokers.map((broker) => [Number(broker.name), modelOf(broker)]))
    for (const exporter of cluster.exporters) modelOf(exporter)
    const model: ClusterModel = { cluster, brokers, topics: new Map(), said: {} }
    const written = facts[cluster.name]?.topics ?? { events: { partitions: brokers.size } }
    for (const [name, topic] of Object.entries(written)) model.topics.set(name, topicOf(name, topic, brokers))
    return [cluster.name, model]
  })
  return { clusters: new Map(models), targets, prometheus: {}, alertmanager: {}, programs: {} }
}

/** As its facts shape it; what they say of who is in sync comes later. */
export function topicOf(name: string, facts: TopicFacts, brokers: ClusterModel['brokers']): TopicModel {
  const replicas = facts.replicas ?? [...brokers.keys()].slice(0, REPLICAS)
  return {
    name,
    partitions: facts.partitions ?? 1,
    replicas,
    minIsr: facts.min_isr ?? Math.min(2, Math.max(1, replicas.length - 1)),
    hidden: false,
    pinned: new Map(),
    leader: null,
    elr: null,
    lastKnownElr: null,
  }
}

const STARTUP_MS = 20_000
const EXPORTER_STARTUP_MS = 2_000
const CATCH_UP_MS = 30_000

/** How long a new process of this target takes. */
export function paceOf({ target, said }: TargetModel, { said: ofAll }: ClusterModel): Pace {
  const startup = said.startup ?? ofAll.startup ?? (target.kind === 'exporter' ? EXPORTER_STARTUP_MS : STARTUP_MS)
  const catchUp = said.catch_up ?? ofAll.catch_up ?? CATCH_UP_MS
  return { startupMs: startup === 'never' ? null : startup, catchUpMs: catchUp === 'never' ? null : catchUp }
}

/** The cluster that a target belongs to. */
export function clusterOf(model: Model, { cluster }: Target): ClusterModel {
  const found = model.clusters.get(cluster)
  if (!found) throw new Error(`the world has no cluster ${cluster}`)
  return found
}
