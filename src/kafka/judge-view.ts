import { iso } from '../clock.ts'
import { addressText } from '../inventory/address.ts'
import type { Cluster } from '../inventory/inventory.ts'
import type { Baseline, BrokerSeen, ClusterView, ControllerSeen, PartitionSeen, Reassignment, Voter } from './view.ts'

/** What follows from one look at a cluster: no I/O, and every function takes time in proportion to the partitions. */

/** A partition that would suffer if a broker went away. */
export interface Offender {
  readonly topic: string
  readonly partition: number
  readonly why: string
  readonly wanted: string
  /** Live, before the broker goes. */
  readonly isr: readonly number[]
  readonly minIsr: number | null
}

/** How many partitions a text names. */
const EXAMPLES = 5
/** S-5.5: a view that misses more than this share of what was there before is not believed at once. */
const VANISHED = 0.1

/** In-sync replicas on brokers that are there. Before Kafka 4 the ISR of a leaderless partition names a dead broker. */
export function liveIsr({ isr, offline }: PartitionSeen): readonly number[] {
  return offline.length === 0 ? isr : isr.filter((id) => !offline.includes(id))
}

/** S-5.5: all parts were read, and every broker but the target gave an answer that says something about it. */
export function isComplete(
  view: ClusterView,
  exceptTarget: number | null,
): { readonly ok: true } | { readonly ok: false; readonly missing: readonly string[] } {
  const missing = [
    ...view.problems.map(({ part, reason }) => `${part}: ${reason}`),
    ...(view.quorum.kind === 'frozen' || view.quorum.kind === 'unknown' ? [`quorum: ${view.quorum.reason}`] : []),
    ...view.brokers.flatMap(({ id, liveness }) => {
      if (id === exceptTarget || liveness === null || liveness.state !== 'unknown') return []
      return [`broker ${id}: ${liveness.why}${liveness.detail === null ? '' : ` (${liveness.detail})`}`]
    }),
  ]
  return missing.length === 0 ? { ok: true } : { ok: false, missing }
}

/**
 * S-5.6: the partitions that would fall under min.insync.replicas, or lose what they could be revived from, without this
 * broker. Brokers that a probe found dead count as gone although metadata still names them in sync (it lags by the session
 * time-out). `approvable`: so few replicas that any one of them cannot be missed, and the inventory does not tolerate it.
 */
export function wouldBreakAvailability(
  view: ClusterView,
  brokerId: number,
  tolerate: readonly string[],
): { readonly breaks: readonly Offender[]; readonly approvable: readonly Offender[]; readonly tolerated: number } {
  const dead = deadBrokers(view)
  const breaks: Offender[] = []
  const approvable: Offender[] = []
  let tolerated = 0
  for (const partition of view.partitions) {
    const loss = lossOf(partition, brokerId, dead)
    if (loss === null) continue
    const { topic, minIsr, replicas } = partition
    const few = minIsr !== null && replicas.length <= minIsr
    if (few && isTolerated(topic, tolerate)) tolerated += 1
    else
      (few ? approvable : breaks).push({
        ...loss,
        topic,
        partition: partition.partition,
        isr: liveIsr(partition),
        minIsr,
      })
  }
  return { breaks, approvable, tolerated }
}

function lossOf(
  partition: PartitionSeen,
  brokerId: number,
  dead: ReadonlySet<number>,
): Pick<Offender, 'why' | 'wanted'> | null {
  const { leader, isr, elr, lastKnownElr, minIsr } = partition
  if (leader === -1) {
    const loses = (why: string) => ({ why: `it has no leader, and this broker ${why}`, wanted: 'a leader first' })
    if (isr.includes(brokerId)) return loses('is in its ISR')
    if (elr?.includes(brokerId)) return loses('is eligible to lead it')
    if (lastKnownElr?.includes(brokerId)) return loses('was the last one eligible to lead it')
    return null
  }
  const live = liveIsr(partition)
  if (!live.includes(brokerId)) return null
  if (minIsr === null) return { why: 'its min.insync.replicas is not known', wanted: 'min.insync.replicas known' }
  const left = live.filter((id) => id !== brokerId && !dead.has(id)).length
  if (left >= minIsr) return null
  return {
    why: `${left} in sync without this broker, at least ${minIsr} wanted`,
    wanted: `at least ${minIsr} in sync without it`,
  }
}

/** Whether the inventory lists the topic, by name or by its beginning and `*`. */
function isTolerated(topic: string, tolerate: readonly string[]): boolean {
  return tolerate.some((entry) => (entry.endsWith('*') ? topic.startsWith(entry.slice(0, -1)) : topic === entry))
}

function deadBrokers({ brokers }: ClusterView): ReadonlySet<number> {
  return new Set(brokers.flatMap(({ id, liveness }) => (liveness?.state === 'notServing' ? [id] : [])))
}

/**
 * S-5.6: the broker is fenced or unlisted, and no partition counts on it: out of every live ISR, and eligible to lead nothing.
 * False where the view cannot tell.
 */
export function isOutOfEverything(view: ClusterView, brokerId: number): boolean {
  const blind = view.problems.some(({ part }) => part === 'metadata' || part === 'eligibleReplicas')
  if (blind || view.quorum.kind === 'frozen' || view.quorum.kind === 'unknown') return false
  const seen = view.brokers.find(({ id }) => id === brokerId)
  if (seen?.listed && seen.fenced !== true) return false
  return view.partitions.every((partition) => {
    const { leader, isr, elr, lastKnownElr } = partition
    const counted = leader === -1 ? isr : liveIsr(partition)
    return !counted.includes(brokerId) && !elr?.includes(brokerId) && !lastKnownElr?.includes(brokerId)
  })
}

/**
 * S-5.7: whether the quorum keeps a strict majority of all its voters, caught up, without this one. `controllerId` null, or
 * none of the voters: the quorum must only have that majority now. ZooKeeper's members are not known by such ids.
 */
export function wouldBreakQuorum(
  view: ClusterView,
  controllerId: number | null,
): { readonly verdict: 'keeps' | 'breaks' | 'frozen' | 'unknown'; readonly reason: string } {
  const { quorum } = view
  if (quorum.kind === 'frozen' || quorum.kind === 'unknown') return { verdict: quorum.kind, reason: quorum.reason }
  if (quorum.kind === 'zookeeper') {
    const { count: serving, of } = servingMembers(quorum)
    const reason = `${serving} of ${of} ZooKeeper servers serve`
    return { verdict: isMajority(serving, of) ? 'keeps' : 'frozen', reason }
  }
  const { voters } = quorum
  const caughtUp = caughtUpVoters(view, voters)
  const left = caughtUp.filter(({ id }) => id !== controllerId).length
  const isVoter = controllerId !== null && voters.some(({ id }) => id === controllerId)
  const reason = `${left} of ${voters.length} voters are caught up${isVoter ? ` without controller ${controllerId}` : ''}${lagging(voters, caughtUp)}`
  if (isMajority(left, voters.length)) return { verdict: 'keeps', reason }
  return { verdict: isVoter ? 'breaks' : 'frozen', reason }
}

/** What {@link wouldBreakQuorum} counts, and of how many it must be the majority; null where there is nothing to count. */
export function quorumWithout(
  view: ClusterView,
  controllerId: number | null,
): { readonly count: number; readonly of: number } | null {
  const { quorum } = view
  if (quorum.kind === 'frozen' || quorum.kind === 'unknown') return null
  if (quorum.kind === 'zookeeper') return servingMembers(quorum)
  const left = caughtUpVoters(view, quorum.voters).filter(({ id }) => id !== controllerId)
  return { count: left.length, of: quorum.voters.length }
}

function servingMembers({ members }: Extract<ClusterView['quorum'], { kind: 'zookeeper' }>): {
  readonly count: number
  readonly of: number
} {
  const voting = members.filter(({ mode }) => mode !== 'observer')
  return { count: voting.filter(({ mode }) => mode !== null).length, of: voting.length }
}

/** A broker and a controller of the same id are one process. */
function caughtUpVoters(view: ClusterView, voters: readonly Voter[]): readonly Voter[] {
  const dead = deadBrokers(view)
  return voters.filter((voter) => voter.caughtUp && !dead.has(voter.id))
}

function lagging(voters: readonly Voter[], caughtUp: readonly Voter[]): string {
  const behind = voters.filter((voter) => !caughtUp.includes(voter)).map(({ id }) => id)
  return behind.length === 0 ? '' : `; not: ${behind.join(', ')}`
}

export function isMajority(count: number, of: number): boolean {
  return count * 2 > of
}

/**
 * S-2.7: the brokers that hold replicas which are not in sync, by id. A replica that a reassignment is just adding is
 * not missed yet.
 */
export function culprits(view: ClusterView): readonly number[] {
  const moving = byPartition(view.reassignments ?? [])
  const missing = new Set<number>()
  for (const partition of view.partitions) {
    const live = liveIsr(partition)
    if (live.length === partition.replicas.length) continue
    const adding = moving.size === 0 ? undefined : moving.get(keyOf(partition))?.adding
    for (const id of partition.replicas) {
      if (!live.includes(id) && !adding?.includes(id)) missing.add(id)
    }
  }
  return [...missing].toSorted((a, b) => a - b)
}

/** S-6.1: what clients feel now. A topic with fewer replicas than its min.insync.replicas needs all it has, as in Kafka. */
export function suffering(view: ClusterView): {
  readonly offline: number
  readonly underMinIsr: number
  readonly examples: readonly string[]
} {
  const examples: string[] = []
  let offline = 0
  let underMinIsr = 0
  for (const partition of view.partitions) {
    const { topic, leader, minIsr, replicas } = partition
    const live = liveIsr(partition).length
    let what: string | null = null
    if (leader === -1) {
      offline += 1
      what = 'has no leader'
    } else if (minIsr !== null && live < Math.min(minIsr, replicas.length)) {
      underMinIsr += 1
      what = `has ${live} in sync, at least ${Math.min(minIsr, replicas.length)} wanted`
    }
    if (what !== null && examples.length < EXAMPLES) examples.push(`${topic}-${partition.partition} ${what}`)
  }
  return { offline, underMinIsr, examples }
}

/**
 * S-5.9: brokers and controllers that a direct probe found dead or hung. A process that is both is counted once, as a broker.
 * `reachesNothing`: no listener gave any answer, not even a refusal, so the prober itself is suspect.
 */
export function confirmedBad(view: ClusterView): {
  readonly bad: readonly string[]
  readonly total: number
  readonly reachesNothing: boolean
} {
  const asked = view.brokers.filter(({ liveness }) => liveness !== null)
  const controllers = dedicated(view)
  const bad = [
    ...asked.filter(({ liveness }) => liveness?.state === 'notServing').map(({ id }) => `broker ${id}`),
    ...controllers.filter(isDead).map(({ id, address }) => `controller ${id ?? addressText(address)}`),
  ]
  const reached =
    asked.some(({ liveness }) => liveness?.state !== 'unknown') ||
    controllers.some((controller) => controller.says !== 'silent' || isDead(controller))
  return { bad, total: asked.length + controllers.length, reachesNothing: !reached }
}

function isDead({ says, liveness }: ControllerSeen): boolean {
  return says === 'silent' && (liveness === undefined || liveness.state === 'notServing')
}

/**
 * Controllers that are processes of their own. Where ids tell, those that are no broker's; where they do not (nobody leads),
 * those on hosts without a broker.
 */
function dedicated({ quorum, brokers }: ClusterView): readonly ControllerSeen[] {
  if (quorum.kind === 'zookeeper') return []
  const ids = new Set(brokers.map(({ id }) => id))
  const hosts = new Set(brokers.flatMap(({ address }) => address?.host ?? []))
  const combined = quorum.kind === 'kraft' && quorum.voters.every(({ id }) => ids.has(id))
  return quorum.controllers.filter(({ id, address }) => {
    if (combined) return false
    return id === undefined ? !hosts.has(address.host) : !ids.has(id)
  })
}

/** S-5.8: running reassignments that do not just wait for this broker to come into sync. */
export function blockingReassignments(view: ClusterView, brokerId: number): readonly Reassignment[] {
  const moving = byPartition(view.reassignments ?? [])
  if (moving.size === 0) return []
  const waits = new Set<string>()
  for (const partition of view.partitions) {
    const reassignment = moving.get(keyOf(partition))
    if (reassignment === undefined) continue
    const live = liveIsr(partition)
    const wanted = reassignment.replicas.filter((id) => !reassignment.removing.includes(id) && !live.includes(id))
    if (wanted.length === 1 && wanted[0] === brokerId) waits.add(keyOf(partition))
  }
  return (view.reassignments ?? []).filter((reassignment) => !waits.has(keyOf(reassignment)))
}

function byPartition(reassignments: readonly Reassignment[]): ReadonlyMap<string, Reassignment> {
  return new Map(reassignments.map((reassignment) => [keyOf(reassignment), reassignment]))
}

/** `/` is in no topic's name. */
function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}

/** How many of `before` must be left, for a view to be believed at once (S-5.5). */
export function leastLeft(before: number): number {
  return Math.ceil(before - before * VANISHED)
}

/** S-5.5: what is gone since the baseline, where that is more than a tenth of the topics or of the partitions. */
export function vanished(view: ClusterView, baseline: Baseline | null): string | null {
  if (baseline === null) return null
  const gone = (
    [
      ['topics', view.topics, baseline.topics],
      ['partitions', view.partitions.length, baseline.partitions],
    ] as const
  ).flatMap(([what, now, before]) =>
    before > 0 && before - now > before * VANISHED ? [`${before - now} of ${before} ${what}`] : [],
  )
  return gone.length === 0 ? null : `${gone.join(' and ')} are gone since ${iso(baseline.at)}`
}

/** S-5.5: where inventory and cluster disagree. A broker that is fenced is down, which is no disagreement. */
export function drift(view: ClusterView, cluster: Cluster): readonly string[] {
  const said: string[] = []
  if (cluster.clusterId !== null && view.clusterId !== null && cluster.clusterId !== view.clusterId)
    said.push(`the cluster says id ${view.clusterId}, the inventory pins ${cluster.clusterId}`)
  const read = !view.problems.some(({ part }) => part === 'metadata' || part === 'fencing')
  const advertised = new Map(
    view.brokers.flatMap(({ id, advertised }) => (advertised ? [[addressText(advertised), id] as const] : [])),
  )
  for (const broker of view.brokers) {
    if (broker.target === null) {
      const at = broker.address === null ? '' : ` at ${addressText(broker.address)}`
      said.push(`broker ${broker.id}${at} is in the cluster and not in the inventory`)
      continue
    }
    said.push(...brokerDrift(broker, cluster, advertised, read))
  }
  return [...said, ...controllerDrift(view, cluster)]
}

function brokerDrift(
  broker: BrokerSeen,
  cluster: Cluster,
  advertised: ReadonlyMap<string, number>,
  read: boolean,
): readonly string[] {
  const said: string[] = []
  const { target, id, address, rack } = broker
  // Where Kafka does not list fenced brokers, one that is away may just be down.
  const away = broker.fenced === false || (broker.fenced === null && broker.liveness?.state === 'serving')
  if (read && !broker.listed && away) said.push(`${target} is in the inventory and not in the cluster`)
  const owner = address === null ? undefined : advertised.get(addressText(address))
  if (owner !== undefined && owner !== id) said.push(`${target} has the address of broker ${owner}`)
  const pinned = cluster.brokers.find(({ key }) => key === target)?.rack ?? null
  if (pinned !== null && rack !== null && rack !== pinned)
    said.push(`${target} is in rack ${rack}, the inventory says ${pinned}`)
  return said
}

function controllerDrift({ quorum }: ClusterView, { controllers }: Cluster): readonly string[] {
  if (quorum.kind !== 'kraft' || controllers.length === 0 || quorum.voters.length === controllers.length) return []
  return [`the quorum has ${quorum.voters.length} voters, the inventory names ${controllers.length} controllers`]
}

/** S-5.6: topics with a partition of which no replica can be missed, and which the inventory does not tolerate. */
export function fragileTopics(view: ClusterView, tolerate: readonly string[]): readonly string[] {
  const topics = new Set<string>()
  for (const { topic, minIsr, replicas } of view.partitions) {
    if (minIsr !== null && replicas.length <= minIsr) topics.add(topic)
  }
  return [...topics].filter((topic) => !isTolerated(topic, tolerate))
}
