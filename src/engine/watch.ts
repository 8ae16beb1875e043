import { aborted } from '../hosts/waiting.ts'
import { fraction } from '../incident/backoff.ts'
import type { Cluster } from '../inventory/inventory.ts'
import { drift, isComplete, suffering } from '../kafka/judge-view.ts'
import type { ClusterView } from '../kafka/view.ts'
import type { Moved, Store, StormChange } from '../store/store.ts'
import { missingRights, seenIn } from './cluster-seen.ts'
import { rememberView } from './remember-view.ts'
import { type Steady, untilCommitted } from './steady.ts'
import type { Wake } from './wake.ts'
import { inOneWorld, type World } from './world.ts'

/** How often a cluster is looked at in peace, in milliseconds (S-5.5). */
export const IN_PEACE_MS = 5 * 60_000
/** And while there is a storm over it or nothing answers: its end must be seen too. */
const IN_A_STORM_MS = 60_000
/** A tenth earlier or later, so that clusters are not all looked at in the same moment. */
const JITTER = 0.1
/** An incident that opens asks for a look out of turn, but not more often than this. Milliseconds. */
const OUT_OF_TURN_MS = 5_000
/** Never asleep for longer: a reload may bring another cluster. Milliseconds. */
const ASK_MS = 15_000

/** What one look in peace takes. */
export interface WatchLookDeps extends Steady {
  readonly store: Pick<
    Store,
    'apply' | 'clusterSeen' | 'memory' | 'keepBaseline' | 'keepOutOfSync' | 'openIncidents' | 'rememberServing'
  >
  readonly world: () => World
  readonly onWatched: (watched: Watched) => void
  readonly onMoved: (moved: Moved) => void
  readonly onStorm: (cluster: string, change: StormChange) => void
}

export interface WatchDeps extends WatchLookDeps {
  /** Clusters to be looked at out of turn, because something happens there; taken from here. */
  readonly wanted: Set<string>
  readonly wake: Wake
  /** The clusters that are watched, whenever they are looked over. */
  readonly onClusters: (names: readonly string[]) => void
}

/** What a look in peace found, for metrics. */
export interface Watched {
  readonly cluster: string
  /** Every part was read and every broker gave an answer. */
  readonly complete: boolean
  readonly drift: number
  readonly missingRights: number
  readonly unreachableControllers: number
}

/** How one cluster is watched. */
export interface Watch {
  /** Both monotonic. */
  dueAt: number
  lookedAt: number
  looks: number
  /** What was logged last of how inventory and cluster disagree. */
  said: string
}

/** Looks at every configured cluster at the start and every five minutes, until `signal` aborts (S-5.5). */
export async function runWatch(deps: WatchDeps): Promise<void> {
  const { clock, signal } = deps
  const watches = new Map<string, Watch>()
  while (!signal.aborted) {
    const once = inOneWorld(deps)
    const clusters = [...once.world().inventory.clusters.values()]
    const names = clusters.map(({ name }) => name)
    deps.onClusters(names)
    for (const gone of [...watches.keys()].filter((name) => !names.includes(name))) watches.delete(gone)
    for (const name of deps.wanted) outOfTurn(watches.get(name))
    deps.wanted.clear()
    await Promise.all(clusters.map((cluster) => watchIfDue(cluster, watches, once)))
    const next = Math.min(...[...watches.values()].map(({ dueAt }) => dueAt - clock.monotonic()))
    await deps.wake.wait(clock, Math.min(ASK_MS, Math.max(0, next)), signal)
  }
}

/** More may be broken than what was just reported: whether it is a storm must be known before anything is done (S-5.9). */
export function outOfTurn(watch: Watch | undefined): void {
  if (watch) watch.dueAt = Math.min(watch.dueAt, watch.lookedAt + OUT_OF_TURN_MS)
}

/** The first look at a cluster is due at once. */
export async function watchIfDue(cluster: Cluster, watches: Map<string, Watch>, deps: WatchLookDeps): Promise<void> {
  const { clock, log } = deps
  const watch = watches.get(cluster.name) ?? { dueAt: clock.monotonic(), lookedAt: 0, looks: 0, said: '' }
  watches.set(cluster.name, watch)
  if (clock.monotonic() < watch.dueAt) return
  watch.lookedAt = clock.monotonic()
  let everyMs = IN_A_STORM_MS
  try {
    everyMs = await look(cluster, watch, deps)
  } catch (err) {
    if (deps.signal.aborted) return
    log.error({ err, cluster: cluster.name }, 'a cluster could not be looked at, will try again')
  }
  const jitter = 1 + JITTER * (2 * fraction(`${cluster.name}/${watch.looks++}`) - 1)
  watch.dueAt = clock.monotonic() + everyMs * jitter
}

/** Returns when it is to be looked at again, in milliseconds. */
async function look(cluster: Cluster, watch: Watch, deps: WatchLookDeps): Promise<number> {
  const { store, clock, world } = deps
  const view = await unlessAborted(world().kafka.view(cluster), deps.signal)
  if (view === null) return IN_PEACE_MS
  const now = clock.now()
  const change = await untilCommitted(() => store.clusterSeen(cluster.name, seenIn(view), now), deps)
  if (change !== 'none') deps.onStorm(cluster.name, change)
  if (change === 'none') await tellSoon(cluster.name, view, deps)
  const { baseline } = await store.memory(cluster.brokers[0]?.key ?? '', cluster.name, now)
  await untilCommitted(() => rememberView(store, view, null, baseline), deps)
  for (const { target, liveness } of view.brokers) {
    if (target === null || liveness?.state !== 'serving') continue
    await untilCommitted(() => store.rememberServing(target, now, null), deps)
  }
  const disagreements = drift(view, cluster)
  sayDrift(cluster.name, disagreements, watch, deps)
  const complete = isComplete(view, null).ok
  deps.onWatched({
    cluster: cluster.name,
    complete,
    drift: disagreements.length,
    missingRights: missingRights(view).length,
    unreachableControllers: unreachable(view),
  })
  const calm = change === 'none' || change === 'ended'
  return calm && (complete || view.brokers.some(({ liveness }) => liveness?.state === 'serving'))
    ? IN_PEACE_MS
    : IN_A_STORM_MS
}

/** Data that is out of reach, or one fault away from it, is told soon whatever an incident there is waiting for (S-6.1). */
async function tellSoon(cluster: string, view: ClusterView, deps: WatchLookDeps): Promise<void> {
  const { offline, underMinIsr } = suffering(view)
  if (offline + underMinIsr === 0) return
  for (const { id, subject, urgent, told } of await deps.store.openIncidents()) {
    if (subject.cluster !== cluster || urgent || told) continue
    const moved = await untilCommitted(() => deps.store.apply(id, { type: 'urgent' }, deps.clock.now()), deps)
    if (moved) deps.onMoved(moved)
  }
}

/** Null at a shutdown: nobody waits for listeners that do not answer. */
async function unlessAborted<T>(asked: Promise<T>, signal: AbortSignal): Promise<T | null> {
  const stopped = aborted(signal)
  try {
    return signal.aborted ? null : await Promise.race([asked, stopped.promise.then(() => null)])
  } finally {
    stopped.release()
  }
}

/** Once per change: a drift of months is no line every five minutes. */
function sayDrift(cluster: string, found: readonly string[], watch: Watch, { log }: WatchLookDeps): void {
  const said = found.toSorted().join('\n')
  if (said === watch.said) return
  watch.said = said
  if (found.length > 0) log.warn({ cluster, drift: found }, 'inventory and cluster disagree')
  else log.info({ cluster }, 'inventory and cluster agree again')
}

/** Controllers (or ZooKeeper servers) that did not answer us. */
function unreachable({ quorum }: ClusterView): number {
  return quorum.kind === 'zookeeper'
    ? quorum.members.filter(({ mode }) => mode === null).length
    : quorum.controllers.filter(({ says }) => says === 'silent' || says === 'refused').length
}
