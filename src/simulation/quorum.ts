import type { Instant } from '../clock.ts'
import { addressText } from '../inventory/address.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { leaderless } from '../kafka/ask-quorum.ts'
import type { Liveness } from '../kafka/clients.ts'
import { isMajority } from '../kafka/judge-view.ts'
import type { ControllerSeen, Quorum, Voter } from '../kafka/view.ts'
import { livenessFrom } from './listener.ts'
import type { ClusterModel, TargetModel } from './model.ts'
import { holdUp, isUp } from './unit.ts'

/** Ids of controllers that are processes of their own, where a test names none. */
const FIRST_DEDICATED_ID = 3_001
/** Milliseconds behind the leader, of one that lags. */
const LAG_MS = 30_000

interface Controller {
  readonly id: number
  readonly address: HostPort
  /** It is in the process of this broker. */
  readonly broker: TargetModel | null
  readonly liveness: Liveness
  /** It is up, whether or not we can reach it. */
  readonly lives: boolean
  readonly refuses: boolean
}

/** The quorum as we are told of it. `answered`: some broker speaks to us. */
export function quorumOf(cluster: ClusterModel, answered: boolean): Quorum {
  if (cluster.cluster.zookeepers.length > 0) return zookeepers(cluster)
  const controllers = controllersOf(cluster)
  const voters = votersOf(cluster, controllers)
  const leader = leaderOf(cluster, controllers, voters)
  if (cluster.cluster.controllers.length === 0) {
    const reason = 'the inventory names no controllers, and no broker serves'
    if (!answered) return { kind: 'unknown', reason, controllers: [] }
    return leader === null ? leaderless([]) : { kind: 'kraft', leader, voters, controllers: [] }
  }
  const seen = controllers.map((one) => seenAs(one, leader))
  if (seen.some(({ says }) => says === 'leader') && leader !== null)
    return {
      kind: 'kraft',
      leader,
      voters,
      controllers: seen.map((one, at) => ({ ...one, id: controllers[at]?.id ?? 0 })),
    }
  return leaderless(seen)
}

/** The controller that listens there. */
export function controllerAt(cluster: ClusterModel, address: HostPort): { readonly liveness: Liveness } | undefined {
  return controllersOf(cluster).find((one) => addressText(one.address) === addressText(address))
}

function controllersOf({ cluster, brokers, said }: ClusterModel): readonly Controller[] {
  const { voters, silent = [], unreachable = [], refused = [] } = said.controllers ?? {}
  return cluster.controllers.map((address, at) => {
    const beside = [...brokers].find(([, { target }]) => target.host === address.host)
    const id = voters?.[at] ?? beside?.[0] ?? FIRST_DEDICATED_ID + at
    const broker = brokers.get(id) ?? null
    const down = silent.includes(id) || (broker !== null && !isUp(broker.unit))
    const hung = broker?.unit.process.hung === true
    const lives = !down && !hung
    const away = unreachable.includes(id) || said.reachable === false
    const liveness = livenessFrom(away ? 'connect-timeout' : down ? 'refused' : hung ? 'no-answer' : 'ok')
    return { id, address, broker, liveness, lives, refuses: refused.includes(id) }
  })
}

/** Where the inventory names no controllers, the brokers are taken for them. */
function votersOf({ brokers, said }: ClusterModel, controllers: readonly Controller[]): readonly Voter[] {
  const { lagging = [], silent = [], voters } = said.controllers ?? {}
  const all =
    controllers.length > 0
      ? controllers.map(({ id, lives }) => ({ id, lives }))
      : (voters ?? [...brokers.keys()]).map((id) => {
          const broker = brokers.get(id)
          return { id, lives: !silent.includes(id) && (!broker || (isUp(broker.unit) && !broker.unit.process.hung)) }
        })
  return all.map(({ id, lives }) => {
    if (!lives) return { id, caughtUp: false, lagMs: null }
    return lagging.includes(id) ? { id, caughtUp: false, lagMs: LAG_MS } : { id, caughtUp: true, lagMs: 0 }
  })
}

/** Whoever a test says, as long as it lives; else the first voter that does. None without a majority. */
function leaderOf({ said }: ClusterModel, controllers: readonly Controller[], voters: readonly Voter[]): number | null {
  const wanted = said.controllers?.leader
  if (wanted === null) return null
  const living = voters.filter(
    ({ id, lagMs }) => lagMs !== null && controllers.find((one) => one.id === id)?.lives !== false,
  )
  if (!isMajority(living.length, voters.length)) return null
  return living.find(({ id }) => id === wanted)?.id ?? living.find(({ caughtUp }) => caughtUp)?.id ?? null
}

/** Brokers that come up while nobody leads serve once somebody does. Where the inventory names no controllers nobody can tell. */
export function awaitQuorum(cluster: ClusterModel, now: Instant): void {
  if (cluster.cluster.controllers.length === 0) return
  const controllers = controllersOf(cluster)
  const led = leaderOf(cluster, controllers, votersOf(cluster, controllers)) !== null
  for (const { unit } of cluster.brokers.values()) holdUp(unit, led, now)
}

function seenAs({ id, address, liveness, refuses }: Controller, leader: number | null): ControllerSeen {
  const base = { address, liveness }
  if (liveness.state !== 'serving') return { ...base, says: 'silent', reason: liveness.detail ?? liveness.why }
  if (refuses) return { ...base, says: 'refused', reason: 'DescribeQuorum: error 31' }
  return id === leader
    ? { ...base, says: 'leader', reason: 'leads in epoch 1' }
    : { ...base, says: 'follower', reason: 'does not lead' }
}

function zookeepers({ cluster, said }: ClusterModel): Quorum {
  const members = cluster.zookeepers.map((address, at) => {
    const standing = said.zookeepers?.[addressText(address)] ?? (at === 0 ? 'leader' : 'follower')
    return standing === 'silent'
      ? { address, mode: null, reason: 'ECONNREFUSED' }
      : { address, mode: cluster.zookeepers.length === 1 ? 'standalone' : standing, reason: 'serves' }
  })
  return { kind: 'zookeeper', members }
}
