export type ClusterOperation = 'DESCRIBE' | 'DESCRIBE_CONFIGS' | 'ALTER' | 'ALTER_CONFIGS'

/** Kafka's AclOperation codes, which are the bits of the mask. */
const BITS: Readonly<Record<ClusterOperation, number>> = {
  ALTER: 7,
  DESCRIBE: 8,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
}
/** What brokers may do among themselves: held by superusers, and by everybody where there is no authorizer. */
const CLUSTER_ACTION = 9
/** What a broker answers that was not asked for operations. */
const NOT_STATED = -2_147_483_648

/** Operations on the cluster that this account may do, out of the mask that DescribeCluster answers; null: not said. */
export function operationsIn(mask: number): readonly ClusterOperation[] | null {
  if (mask === NOT_STATED) return null
  return (Object.keys(BITS) as ClusterOperation[]).filter((name) => has(mask, BITS[name]))
}

/** Nothing is hidden from this account. */
export function isUnrestricted(mask: number): boolean {
  return mask !== NOT_STATED && has(mask, CLUSTER_ACTION)
}

function has(mask: number, bit: number): boolean {
  return ((mask >> bit) & 1) === 1
}
