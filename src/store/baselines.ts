import type { Instant } from '../clock.ts'
import type { Baseline } from '../kafka/view.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

/** S-5.5: an older one says nothing about now. */
const GOOD_FOR_MS = 60 * 60_000
/** S-5.5: what was missing is looked at again after this; what is then there counts. */
const CONFIRM_AFTER_MS = 30_000

const baselineRow = fixed((db, p: { cluster: string }) =>
  db.selectFrom('cluster_baselines').selectAll().where('cluster', '=', p.cluster),
)
const setBaseline = fixed((db, p: { cluster: string; at: number; topics: number; partitions: number }) =>
  db
    .insertInto('cluster_baselines')
    .values({ cluster: p.cluster, at: p.at, topics: p.topics, partitions: p.partitions })
    .onConflict((c) =>
      c.column('cluster').doUpdateSet((eb) => ({
        at: eb.ref('excluded.at'),
        topics: eb.ref('excluded.topics'),
        partitions: eb.ref('excluded.partitions'),
        shrunk_at: null,
        shrunk_topics: null,
        shrunk_partitions: null,
      })),
    ),
)
const setShrunk = fixed((db, p: { cluster: string; at: number; topics: number; partitions: number; since: number }) =>
  db
    .updateTable('cluster_baselines')
    .set({ shrunk_at: p.at, shrunk_topics: p.topics, shrunk_partitions: p.partitions })
    .where('cluster', '=', p.cluster)
    .where((eb) => eb.or([eb('shrunk_at', 'is', null), eb('shrunk_at', '<', p.since)])),
)

/**
 * The last complete view of a cluster. One in which much had vanished is only noted: what it showed counts from half a
 * minute later on, so that a second look has to agree with it.
 */
export function* keepBaseline(cluster: string, seen: Baseline, vanished: boolean): Unit<void> {
  if (vanished) yield* exec(setShrunk({ cluster, ...seen, since: seen.at - GOOD_FOR_MS }))
  else yield* exec(setBaseline({ cluster, ...seen }))
}

/** What a view taken now is compared with; null when nothing is known that is young enough. */
export function* baseline(cluster: string, now: Instant): Unit<Baseline | null> {
  const row = yield* one(baselineRow({ cluster }))
  if (!row) return null
  const { shrunk_at: at, shrunk_topics: topics, shrunk_partitions: partitions } = row
  const confirmed = at !== null && topics !== null && partitions !== null && now - at >= CONFIRM_AFTER_MS
  const counts = confirmed ? { at, topics, partitions } : { at: row.at, topics: row.topics, partitions: row.partitions }
  return now - counts.at <= GOOD_FOR_MS ? counts : null
}
