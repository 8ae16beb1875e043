import type { Cluster } from '../inventory/inventory.ts'
import { culprits } from '../kafka/judge-view.ts'
import type { BrokerSeen, ClusterView } from '../kafka/view.ts'

/**
 * S-2.7: alerts on under-replication come from the healthy leader; who is to blame is computed from replicas less live ISR.
 * Dead brokers among several are another rule's matter; of those that are left there must be exactly one.
 */
export function findCulprit(
  view: ClusterView,
  cluster: Cluster,
): { readonly target: string } | { readonly problem: string } {
  const unread = view.problems.find(({ part }) => part === 'metadata')
  if (unread) return { problem: `the partitions could not be read: ${unread.reason}` }
  if (view.quorum.kind === 'frozen') return { problem: `what brokers say may be old: ${view.quorum.reason}` }
  const seen = culprits(view).map((id): BrokerSeen | number => view.brokers.find((broker) => broker.id === id) ?? id)
  if (seen.length === 0) return { problem: 'no partition lacks a replica' }
  const living = seen.filter((one) => typeof one === 'number' || !isDead(one))
  const [only, ...others] = living
  if (only === undefined) {
    const verb = seen.length === 1 ? 'is' : 'are'
    return { problem: `${list(seen)} ${verb} dead: rule broker-down starts ${seen.length === 1 ? 'it' : 'them'}` }
  }
  if (others.length > 0) return { problem: `several brokers lack replicas: ${list(living)}` }
  const target = typeof only === 'number' ? undefined : cluster.brokers.find(({ key }) => key === only.target)
  return target ? { target: target.key } : { problem: `${list(living)} is not in the inventory` }
}

/** Nobody listens on its port. One that hangs is alive, and its own rule's matter. */
function isDead({ liveness }: BrokerSeen): boolean {
  return liveness?.why === 'refused'
}

function list(brokers: readonly (BrokerSeen | number)[]): string {
  const names = brokers.map((one) => String(typeof one === 'number' ? one : one.id))
  const joined = names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return `${names.length === 1 ? 'broker' : 'brokers'} ${joined}`
}
