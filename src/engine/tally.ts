import { setImmediate } from 'node:timers/promises'
import type { Instant } from '../clock.ts'
import type { TrackGroup } from '../incident/track.ts'
import type { Tally } from '../rules/report.ts'
import type { Store } from '../store/store.ts'

/** What was counted of a rule in one cluster; null: where no cluster could be told. */
export interface ClusterTally extends Tally {
  readonly rule: string
  readonly cluster: string | null
}

/** So many incidents are counted in one unit; on SQLite it holds up everything else for some ten milliseconds. */
const SLICE = 5_000

type Scope = Pick<ClusterTally, 'rule' | 'cluster'>

interface Growing extends Scope {
  /** By what they say. */
  readonly groups: Map<string, TrackGroup>
  readonly fromOpeningMs: number[]
  readonly fromAttemptMs: number[]
}

/**
 * Counts what incidents opened since then say of their rules (null: of all rules), slice by slice: whatever comes meanwhile
 * is answered in between.
 */
export async function tally(
  store: Pick<Store, 'trackRecords'>,
  since: Instant,
  rule: string | null,
): Promise<readonly ClusterTally[]> {
  const tallies = new Map<string, Growing>()
  const at = ({ rule, cluster }: Scope): Growing => {
    const key = JSON.stringify([rule, cluster])
    const one = tallies.get(key) ?? { rule, cluster, groups: new Map(), fromOpeningMs: [], fromAttemptMs: [] }
    tallies.set(key, one)
    return one
  }
  let before: number | null = null
  do {
    const page = await store.trackRecords({ since, rule, before, limit: SLICE })
    for (const group of page.groups) add(at(group).groups, group)
    for (const heal of page.heals) {
      const { fromOpeningMs, fromAttemptMs } = at(heal)
      fromOpeningMs.push(heal.fromOpeningMs)
      if (heal.fromAttemptMs !== null) fromAttemptMs.push(heal.fromAttemptMs)
    }
    before = page.next
    await setImmediate()
  } while (before !== null)
  return [...tallies.values()]
    .map((one) => ({ ...one, groups: [...one.groups.values()] }))
    .toSorted((a, b) => (a.cluster ?? '').localeCompare(b.cluster ?? ''))
}

function add(groups: Map<string, TrackGroup>, group: TrackGroup): void {
  const key = JSON.stringify(group.facts)
  const known = groups.get(key)
  groups.set(
    key,
    known === undefined
      ? group
      : {
          ...group,
          incidents: known.incidents + group.incidents,
          alerts: known.alerts + group.alerts,
          oldestAt: Math.min(known.oldestAt, group.oldestAt),
        },
  )
}
