import { type Clock, type Instant, iso } from '../clock.ts'
import { addressText } from '../inventory/address.ts'
import type { Cluster, HostPort } from '../inventory/inventory.ts'
import { askQuorum, askQuorumThrough, type QuorumSeen } from './ask-quorum.ts'
import { brief } from './brief.ts'
import type { Liveness } from './clients.ts'
import { KafkaConnection, type KafkaSecurity } from './connection.ts'
import { askLiveness } from './liveness.ts'
import {
  BROKER_MS,
  type BrokersRead,
  inOrderOfAnswer,
  type Listener,
  type Open,
  readBrokers,
  readMoves,
  staleness,
} from './read-brokers.ts'
import type { BrokerSeen, ClusterView, PartitionSeen, ViewProblem } from './view.ts'
import { askZookeepers } from './zookeeper.ts'

export interface ViewDeps {
  readonly clock: Clock
  readonly security: KafkaSecurity
  readonly controllerSecurity: KafkaSecurity
}

/** A whole look, in milliseconds: it is taken right before acting, and hung brokers must not put that off. */
const WITHIN_MS = 2_300
/** For every direct probe, and for finding a leader. Live brokers answer in 2 to 12 ms; an election takes about a second. */
const PROBE_MS = 2_000
/** For each page of settings or eligible leaders, and for all of them: clusters beyond 100,000 partitions have dozens. */
const PAGE_MS = 2_000
const PAGES_MS = 8_000
/** A shorter probe would take a broker for hung that only takes a breath. */
const LEAST_PROBE_MS = 300

/** One fresh look at a whole cluster (S-5.5), everything side by side. Never rejects: what is missing stands in `problems`. */
export async function takeView(cluster: Cluster, deps: ViewDeps): Promise<ClusterView> {
  const { clock, security, controllerSecurity } = deps
  const at = clock.now()
  const startedAt = clock.monotonic()
  const left = (): number => Math.max(1, Math.ceil(WITHIN_MS - (clock.monotonic() - startedAt)))
  const probe = (address: HostPort, with_: KafkaSecurity, deadlineMs = PROBE_MS): Promise<Liveness> =>
    askLiveness(address, { clock, deadlineMs, ...(with_.ssl ? { ssl: with_.ssl } : {}) })

  const probes = listenersOf(cluster).map((listener) => ({
    ...listener,
    liveness: probe(listener.address, security),
  }))
  const serving = inOrderOfAnswer(probes)
  const question = askQuorum(cluster.controllers, (address) => probe(address, controllerSecurity), {
    clock,
    security: controllerSecurity,
    withinMs: PROBE_MS,
  })
  const leader = cluster.controllers.length > 0 ? question.leader : Promise.resolve(null)
  const open: Open = (address, deadlineMs) =>
    KafkaConnection.open(address, { ...security, deadlineMs: Math.min(deadlineMs, left()) })

  const paging = (): number => Math.max(1, Math.min(PAGE_MS, PAGES_MS - Math.ceil(clock.monotonic() - startedAt)))
  const reading = readBrokers(serving, open, { left, paging }, leader, clock)
  const [quorum, read, reassignments, strangers] = await Promise.all([
    quorumOf(cluster, question.everybody, serving, open, left, clock),
    reading,
    readMoves(serving, open, left, {
      areBrokers: cluster.zookeepers.length > 0,
      leader,
      open: (address, deadlineMs) => KafkaConnection.open(address, { ...controllerSecurity, deadlineMs }),
    }),
    reading.then((read) => probeStrangers(cluster, read, left, (address, ms) => probe(address, security, ms))),
  ])
  const problems = [
    ...read.problems,
    ...reassignments.problems,
    ...staleness(read, quorum),
    ...expiry(security, 'brokers', at),
    ...(controllerSecurity === security ? [] : expiry(controllerSecurity, 'controllers', at)),
  ]
  const own = await Promise.all(
    probes.map(async ({ address, liveness }) => [addressText(address), await liveness] as const),
  )
  return {
    cluster: cluster.name,
    at,
    clusterId: read.metadata?.clusterId ?? read.registration?.clusterId ?? null,
    brokers: brokersOf(cluster, read, new Map([...strangers, ...own])),
    quorum: quorum.quorum,
    topics: read.metadata?.topics ?? 0,
    partitions: partitionsOf(read),
    reassignments: reassignments.value,
    rights: read.registration?.operations ?? null,
    problems,
    tookMs: Math.round(clock.monotonic() - startedAt),
  }
}

function listenersOf({ brokers, bootstrap }: Cluster): readonly Listener[] {
  const named = brokers.flatMap(({ name, address }) => (address === null ? [] : [{ address, id: Number(name) }]))
  const all = [...named, ...bootstrap.map((address) => ({ address, id: null }))]
  const known = new Map<string, Listener>()
  for (const listener of all) {
    const text = addressText(listener.address)
    if (!known.has(text)) known.set(text, listener)
  }
  return [...known.values()]
}

/** A listener does not say that this is what it minds. */
function expiry({ certificateEndsAt }: KafkaSecurity, of: string, now: Instant): readonly ViewProblem[] {
  if (certificateEndsAt === undefined || certificateEndsAt > now) return []
  return [{ part: 'rights', reason: `our client certificate for the ${of} expired at ${iso(certificateEndsAt)}` }]
}

async function quorumOf(
  cluster: Cluster,
  everybody: Promise<QuorumSeen>,
  serving: readonly Promise<Listener | null>[],
  open: Open,
  left: () => number,
  clock: Clock,
): Promise<QuorumSeen> {
  if (cluster.zookeepers.length > 0)
    return { quorum: await askZookeepers(cluster.zookeepers, { clock, deadlineMs: PROBE_MS }), lags: null }
  if (cluster.controllers.length > 0) return everybody
  const unknown = (reason: string): QuorumSeen => ({
    quorum: { kind: 'unknown', reason, controllers: [] },
    lags: null,
  })
  const from = await serving[0]
  if (!from) return unknown('the inventory names no controllers, and no broker serves')
  let connection: KafkaConnection | null = null
  try {
    connection = await open(from.address, BROKER_MS)
    return await askQuorumThrough(connection, left())
  } catch (error) {
    return unknown(`the inventory names no controllers, and a broker does not say: ${brief(error)}`)
  } finally {
    connection?.close()
  }
}

function brokersOf(
  cluster: Cluster,
  { metadata, registration }: BrokersRead,
  livenesses: ReadonlyMap<string, Liveness>,
): readonly BrokerSeen[] {
  const listed = new Map((metadata?.brokers ?? []).map((broker) => [broker.id, broker]))
  const registered = registration?.registered ?? null
  const about = (id: number) => {
    const known = listed.get(id)
    return {
      id,
      listed: known !== undefined,
      fenced: registered === null ? null : (registered.get(id)?.fenced ?? false),
      ...(known === undefined ? {} : { advertised: { host: known.host, port: known.port } }),
    }
  }
  const rackOf = (id: number) => listed.get(id)?.rack ?? registered?.get(id)?.rack ?? null
  const named = cluster.brokers.map(({ name, key, address, rack }): BrokerSeen => {
    const liveness = address === null ? null : (livenesses.get(addressText(address)) ?? null)
    return { ...about(Number(name)), target: key, address, liveness, rack: rackOf(Number(name)) ?? rack }
  })
  const strangers = strangersIn(cluster, { metadata, registration }).map(
    ([id, address]): BrokerSeen => ({
      ...about(id),
      target: null,
      address,
      liveness: livenesses.get(addressText(address)) ?? null,
      rack: rackOf(id),
    }),
  )
  return [...named, ...strangers]
}

/** Brokers of the cluster that the inventory does not name, with the address that they advertise. */
function strangersIn(
  { brokers }: Cluster,
  { metadata, registration }: Pick<BrokersRead, 'metadata' | 'registration'>,
): readonly (readonly [number, HostPort])[] {
  const known = new Set(brokers.map(({ name }) => Number(name)))
  const seen = new Map<number, HostPort>(
    [...(registration?.registered ?? [])].map(([id, { host, port }]) => [id, { host, port }]),
  )
  for (const { id, host, port } of metadata?.brokers ?? []) seen.set(id, { host, port })
  return [...seen].filter(([id]) => !known.has(id))
}

async function probeStrangers(
  cluster: Cluster,
  read: BrokersRead,
  left: () => number,
  probe: (address: HostPort, deadlineMs: number) => Promise<Liveness>,
): Promise<readonly (readonly [string, Liveness])[]> {
  const deadlineMs = Math.min(PROBE_MS, left())
  if (deadlineMs < LEAST_PROBE_MS) return []
  return Promise.all(
    strangersIn(cluster, read).map(
      async ([, address]) => [addressText(address), await probe(address, deadlineMs)] as const,
    ),
  )
}

function partitionsOf({ metadata, minIsr, eligible }: BrokersRead): readonly PartitionSeen[] {
  return (metadata?.partitions ?? []).map((partition) => {
    const replicas = eligible?.get(`${partition.topic}/${partition.partition}`)
    return {
      ...partition,
      minIsr: minIsr.get(partition.topic) ?? null,
      elr: replicas?.elr ?? null,
      lastKnownElr: replicas?.lastKnownElr ?? null,
    }
  })
}
