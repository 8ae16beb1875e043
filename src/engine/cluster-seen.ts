import { confirmedBad } from '../kafka/judge-view.ts'
import type { ClusterOperation } from '../kafka/rights.ts'
import type { ClusterView } from '../kafka/view.ts'
import type { ClusterSeen, Leaderless } from '../store/store.ts'

/** What our account needs on a cluster (`kafka-healing acls` shows how to grant it). */
const NEEDED: readonly ClusterOperation[] = ['DESCRIBE', 'DESCRIBE_CONFIGS']

/** What a view says of its cluster as a whole, for `store.clusterSeen` (S-5.9). */
export function seenIn(view: ClusterView): ClusterSeen {
  return { ...confirmedBad(view), voters: votersOf(view), leaderless: leaderlessOf(view) }
}

/** Members of the quorum among the targets: a broker and a controller of the same id are one process. */
function votersOf({ quorum, brokers }: ClusterView): readonly string[] | null {
  if (quorum.kind !== 'kraft') return null
  const ids = new Set(quorum.voters.map(({ id }) => id))
  return brokers.flatMap(({ id, target }) => (ids.has(id) && target !== null ? [target] : []))
}

function leaderlessOf({ quorum, brokers }: ClusterView): Leaderless | null {
  if (quorum.kind !== 'frozen') return null
  const silent = brokers.flatMap(({ target, liveness }) =>
    target !== null && liveness?.state !== 'serving' ? [target] : [],
  )
  return { silent, of: quorum.controllers.length }
}

/** Rights that we need and were not given; none where the cluster does not say. */
export function missingRights({ rights }: ClusterView): readonly ClusterOperation[] {
  return rights === null ? [] : NEEDED.filter((operation) => !rights.includes(operation))
}
