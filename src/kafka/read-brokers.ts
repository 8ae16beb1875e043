import type { Clock } from '../clock.ts'
import { addressText } from '../inventory/address.ts'
import type { HostPort } from '../inventory/inventory.ts'
import {
  type EligibleReplicas,
  type MetadataRead,
  type Registration,
  readControllerAddress,
  readEligibleReplicas,
  readMetadata,
  readMinInsyncReplicas,
  readReassignments,
  readRegistration,
  shortTopics,
} from './ask-broker.ts'
import { CAUGHT_UP_MS, type QuorumAnswer, type QuorumSeen } from './ask-quorum.ts'
import { brief } from './brief.ts'
import type { Liveness } from './clients.ts'
import type { KafkaConnection } from './connection.ts'
import type { Reassignment, ViewProblem } from './view.ts'

/** For reaching one broker, and for what it passes on, so that another one can still be asked in the same look. Milliseconds. */
export const BROKER_MS = 900
/** How long the first metadata may wait for the leader to say whether that broker follows it. */
const LEADER_MS = 200

export interface Deadlines {
  readonly left: () => number
  readonly paging: () => number
}

export type Open = (address: HostPort, deadlineMs: number) => Promise<KafkaConnection>

export interface Listener {
  readonly address: HostPort
  /** Null for an entry of the bootstrap list that is no broker's own. */
  readonly id: number | null
}

/** The n-th promise is for the n-th listener that serves; null where fewer do. */
export function inOrderOfAnswer(
  probes: readonly (Listener & { readonly liveness: Promise<Liveness> })[],
): readonly Promise<Listener | null>[] {
  const places = probes.map(() => Promise.withResolvers<Listener | null>())
  let next = 0
  const all = probes.map(async ({ address, id, liveness }) => {
    if ((await liveness).state !== 'serving') return
    places[next]?.resolve({ address, id })
    next += 1
  })
  void Promise.all(all).then(() => {
    for (const place of places) place.resolve(null)
  })
  return places.map(({ promise }) => promise)
}

export interface BrokersRead {
  readonly from: Listener | null
  readonly metadata: MetadataRead | null
  readonly registration: Registration | null
  readonly minIsr: ReadonlyMap<string, number>
  /** Null where brokers do not know of eligible leaders, or they could not be read. */
  readonly eligible: ReadonlyMap<string, EligibleReplicas> | null
  readonly problems: readonly ViewProblem[]
}

interface Answered {
  readonly from: Listener
  readonly connection: KafkaConnection
  readonly metadata: MetadataRead
}

/** All that one broker says: of two that serve the one that answers first, unless the leader says that it lags behind. */
export async function readBrokers(
  serving: readonly Promise<Listener | null>[],
  open: Open,
  { left, paging }: Deadlines,
  leader: Promise<QuorumAnswer | null>,
  clock: Clock,
): Promise<BrokersRead> {
  const problems: ViewProblem[] = []
  const part = async <T>(name: ViewProblem['part'], work: Promise<T>): Promise<T | null> => {
    try {
      return await work
    } catch (error) {
      problems.push({ part: name, reason: brief(error) })
      return null
    }
  }
  const opened: KafkaConnection[] = []
  let over = false
  const ask = async (place: Promise<Listener | null>): Promise<Answered> => {
    const from = await place
    if (from === null) throw new Error('no broker serves')
    const connection = await open(from.address, BROKER_MS)
    opened.push(connection)
    if (over) connection.close()
    const metadata = await readMetadata(connection, left())
    // The inventory may give it a wrong id; that is drift, and not its fault.
    const own = metadata.brokers.find((broker) => addressText(broker) === addressText(from.address))
    return { from: { ...from, id: own?.id ?? from.id }, connection, metadata }
  }
  try {
    const answered = await part('metadata', chooseAnswer(serving, ask, leader, left, clock))
    const none = { from: null, metadata: null, registration: null, minIsr: new Map<string, number>(), eligible: null }
    if (answered === null) {
      const reason = 'no broker could be read'
      problems.push({ part: 'fencing', reason }, { part: 'rights', reason })
      return { ...none, problems }
    }
    const { from, connection, metadata } = answered
    if (metadata.troubled.length > 0) problems.push({ part: 'metadata', reason: some(metadata.troubled) })
    const topics = [...new Set(metadata.partitions.map(({ topic }) => topic))]
    const short = shortTopics(metadata.partitions)
    const [registration, configs, eligible] = await Promise.all([
      part('fencing', readRegistration(connection, left())),
      part('minInsyncReplicas', readMinInsyncReplicas(connection, topics, paging)),
      short.length === 0 ? null : part('eligibleReplicas', readEligibleReplicas(connection, short, paging)),
    ])
    if (configs && configs.refused.length > 0)
      problems.push({ part: 'minInsyncReplicas', reason: some(configs.refused) })
    problems.push(...rightsProblems(registration, metadata))
    return { from, metadata, registration, minIsr: configs?.minIsr ?? none.minIsr, eligible, problems }
  } finally {
    over = true
    for (const connection of opened) connection.close()
  }
}

/** Asks two brokers at a time. Rejects with every reason when none can be read. */
async function chooseAnswer(
  serving: readonly Promise<Listener | null>[],
  ask: (place: Promise<Listener | null>) => Promise<Answered>,
  leader: Promise<QuorumAnswer | null>,
  left: () => number,
  clock: Clock,
): Promise<Answered> {
  const reasons = new Set<string>()
  for (let at = 0; at < serving.length && left() > 1; at += 2) {
    const asked = serving.slice(at, at + 2).map(ask)
    for (const one of asked) one.catch((error: unknown) => reasons.add(brief(error)))
    let first: Answered
    try {
      first = await Promise.any(asked)
    } catch {
      continue
    }
    const quorum = await Promise.race([leader, clock.sleep(LEADER_MS)])
    if (!quorum || !lagsBehind(first.from, quorum.lags)) return first
    const others = await Promise.allSettled(asked)
    const fresh = others.flatMap((other) =>
      other.status === 'fulfilled' && !lagsBehind(other.value.from, quorum.lags) ? [other.value] : [],
    )
    return fresh[0] ?? first
  }
  throw new Error(reasons.size === 0 ? 'no broker to ask' : [...reasons].join('; '))
}

/** Cut off from the controllers, a broker goes on answering with the last picture it got. */
function lagsBehind({ id }: Listener, lags: QuorumAnswer['lags']): boolean {
  const lag = id === null ? 0 : lags.get(id)
  return lag === undefined || lag === null || lag >= CAUGHT_UP_MS
}

export function staleness({ from, metadata }: BrokersRead, { lags }: QuorumSeen): readonly ViewProblem[] {
  if (from === null || metadata === null || lags === null || !lagsBehind(from, lags)) return []
  return [{ part: 'metadata', reason: `${addressText(from.address)} answered, and lags behind the controllers` }]
}

/** Kafka hides what an account may not see, and an empty list looks as if nothing stood in the way. */
function rightsProblems(registration: Registration | null, { topics }: MetadataRead): readonly ViewProblem[] {
  const operations = registration?.operations ?? null
  const problems: ViewProblem[] = []
  if (operations !== null && !operations.includes('DESCRIBE'))
    problems.push({ part: 'rights', reason: 'this account may not DESCRIBE the cluster' })
  if (topics === 0 && registration?.unrestricted !== true)
    problems.push({ part: 'rights', reason: 'no topic is visible: there is none, or this account may describe none' })
  return problems
}

const NAMED = 3

function some(reasons: readonly string[]): string {
  const named = reasons.slice(0, NAMED).join(', ')
  return reasons.length > NAMED ? `${named} and ${reasons.length - NAMED} more` : named
}

/**
 * A broker passes the question on to the leader and may hang for half a minute when it still waits for another one; then the
 * leader is asked itself. In ZooKeeper's time only the broker that is the controller knows.
 */
export async function readMoves(
  serving: readonly Promise<Listener | null>[],
  open: Open,
  left: () => number,
  controllers: { readonly areBrokers: boolean; readonly leader: Promise<QuorumAnswer | null>; readonly open: Open },
): Promise<{ readonly value: readonly Reassignment[] | null; readonly problems: readonly ViewProblem[] }> {
  const throughBroker = async (): Promise<readonly Reassignment[]> => {
    const from = await serving[0]
    if (!from) throw new Error('no broker serves')
    if (!controllers.areBrokers) return within(open(from.address, BROKER_MS), readReassignments)
    const controller = await within(open(from.address, BROKER_MS), readControllerAddress)
    return within(open(controller, BROKER_MS), readReassignments)
  }
  const fromLeader = async (): Promise<readonly Reassignment[]> => {
    const quorum = await controllers.leader
    if (quorum === null) throw new Error('no leader to ask')
    return within(controllers.open(quorum.answeredBy, left()), readReassignments)
  }
  const within = async <T>(
    opening: Promise<KafkaConnection>,
    read: (connection: KafkaConnection, deadlineMs: number) => Promise<T>,
  ): Promise<T> => {
    const connection = await opening
    try {
      return await read(connection, Math.min(BROKER_MS, left()))
    } finally {
      connection.close()
    }
  }
  const reasons: string[] = []
  for (const ask of [throughBroker, ...(controllers.areBrokers ? [] : [fromLeader])]) {
    try {
      return { value: await ask(), problems: [] }
    } catch (error) {
      reasons.push(brief(error))
    }
  }
  return { value: null, problems: [{ part: 'reassignments', reason: reasons.join('; ') }] }
}
