import type { Instant } from '../clock.ts'
import { IN_PEACE_MS, outOfTurn, type Watch, type WatchLookDeps, watchIfDue } from '../engine/watch.ts'
import type { Cluster } from '../inventory/inventory.ts'
import { confirmedBad, culprits, isComplete, suffering } from '../kafka/judge-view.ts'
import type { ClusterView } from '../kafka/view.ts'
import type { SimulatedClock } from './clock.ts'

/**
 * Looks at clusters in peace, as the real watch takes them. While a cluster is well and nothing changes, one look is like the
 * other: of them only the last one before something happens is taken. So a year of peace costs nothing.
 */
export interface Peace {
  /** When the next look must be taken; null: whenever something else happens. */
  nextAt(): Instant | null
  /** Takes the next look that is due by then, at its time; false: there was none. */
  lookBy(at: Instant): Promise<boolean>
  /** Nobody looks before. */
  rest(at: Instant): void
  /** The world changes, or something happens in a cluster. */
  disturb(cluster?: string): void
  /** An incident has opened there. */
  want(cluster: string): void
}

interface Watched {
  readonly cluster: Cluster
  quiet: boolean
  stormy: boolean
}

export function openPeace(
  clusters: readonly Cluster[],
  clock: SimulatedClock,
  deps: Omit<WatchLookDeps, 'onWatched'>,
  viewOf: (cluster: Cluster) => ClusterView,
): Peace {
  const startedAt = clock.now() - clock.monotonic()
  const watches = new Map<string, Watch>()
  const all: readonly Watched[] = clusters.map((cluster) => ({ cluster, quiet: false, stormy: false }))
  const byName = new Map(all.map((one) => [one.cluster.name, one]))
  const lookDeps: WatchLookDeps = {
    ...deps,
    onWatched: () => {},
    onStorm(cluster, change) {
      const one = byName.get(cluster)
      if (one) one.stormy = change !== 'ended'
      deps.onStorm(cluster, change)
    },
  }
  /** By the clock's own time, which watches do not tell. */
  const dueAt = ({ cluster }: Watched): Instant => Math.ceil(startedAt + (watches.get(cluster.name)?.dueAt ?? 0))

  const look = async (one: Watched): Promise<void> => {
    await watchIfDue(one.cluster, watches, lookDeps)
    one.quiet = !one.stormy && isWell(viewOf(one.cluster))
  }
  /** Of a quiet cluster only the last look before `at` counts. */
  const skipTo = ({ cluster }: Watched, at: Instant): void => {
    const watch = watches.get(cluster.name)
    if (watch) watch.dueAt += Math.floor((at - startedAt - watch.dueAt) / IN_PEACE_MS) * IN_PEACE_MS
  }

  return {
    nextAt() {
      const due = all.filter(({ quiet }) => !quiet).map(dueAt)
      return due.length === 0 ? null : Math.min(...due)
    },
    async lookBy(at) {
      const due = all.filter((one) => dueAt(one) <= at)
      for (const one of due) if (one.quiet) skipTo(one, at)
      const [first] = due.toSorted((one, other) => dueAt(one) - dueAt(other))
      if (!first) return false
      clock.moveTo(dueAt(first))
      await look(first)
      return true
    },
    rest(at) {
      for (const watch of watches.values()) watch.dueAt = at - startedAt
    },
    disturb(cluster) {
      for (const one of all) if (cluster === undefined || one.cluster.name === cluster) one.quiet = false
    },
    want(cluster) {
      const one = byName.get(cluster)
      if (one) one.quiet = false
      outOfTurn(watches.get(cluster))
    },
  }
}

/** The next look would find the same, whenever it is taken. */
function isWell(view: ClusterView): boolean {
  const { offline, underMinIsr } = suffering(view)
  const bad = confirmedBad(view).bad.length + offline + underMinIsr + culprits(view).length
  return bad === 0 && isComplete(view, null).ok
}
