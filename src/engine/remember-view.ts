import { culprits, isComplete, vanished } from '../kafka/judge-view.ts'
import type { Baseline, ClusterView } from '../kafka/view.ts'
import type { Store } from '../store/store.ts'

/**
 * Keeps what later looks compare with: how large the cluster is (S-5.5), and which brokers are out of sync since when
 * (S-5.4). Of a view that cannot be trusted nothing is kept.
 * @param target the node that need not have answered; null in peace, when all must
 * @param baseline what this view was compared with, as {@link Store.memory} gave it
 */
export async function rememberView(
  store: Pick<Store, 'keepBaseline' | 'keepOutOfSync'>,
  view: ClusterView,
  target: number | null,
  baseline: Baseline | null,
): Promise<void> {
  const rights = view.rights === null || view.rights.includes('DESCRIBE')
  if (!rights || view.topics === 0 || !isComplete(view, target).ok) return
  const seen = { at: view.at, topics: view.topics, partitions: view.partitions.length }
  const gone = vanished(view, baseline) !== null
  await store.keepBaseline(view.cluster, seen, gone)
  // What has vanished for a moment would look as if everybody were in sync.
  if (!gone) await store.keepOutOfSync(whoIsOut(view), view.at)
}

function whoIsOut(view: ClusterView): readonly { readonly target: string; readonly out: boolean }[] {
  // Nobody can be in sync with a leader that is not there.
  const led = { ...view, partitions: view.partitions.filter(({ leader }) => leader >= 0) }
  const lacking = new Set(culprits(led))
  return view.brokers.flatMap(({ id, target, listed, fenced }) =>
    target === null ? [] : [{ target, out: fenced === true || !listed || lacking.has(id) }],
  )
}
