import type { HostPort } from '../inventory/inventory.ts'
import { describeCluster, NO_ERROR } from './apis.ts'
import { type ConnectionOptions, KafkaConnection, KafkaError } from './connection.ts'

/** What one broker says of the cluster and of our rights on it. */
export interface ClusterRights {
  readonly clusterId: string
  /** Ids of brokers that are registered and not let in (stopped, dead, or shutting down); empty where it cannot be told. */
  readonly fenced: readonly number[]
  /** Operations on the cluster that this account may do; null where the broker does not say. */
  readonly operations: readonly ClusterOperation[] | null
}

export type ClusterOperation = 'DESCRIBE' | 'DESCRIBE_CONFIGS' | 'ALTER' | 'ALTER_CONFIGS'

/** Kafka's AclOperation codes, which are the bits of the mask. */
const BITS: Readonly<Record<ClusterOperation, number>> = {
  ALTER: 7,
  DESCRIBE: 8,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
}
/** What a broker answers that was not asked for operations. */
const NOT_STATED = -2_147_483_648

/** DescribeCluster with our own rights (Kafka 2.8 and newer); null where the broker does not know the request. */
export async function askRights(address: HostPort, options: ConnectionOptions): Promise<ClusterRights | null> {
  const connection = await KafkaConnection.open(address, options)
  try {
    const answer = await connection.request(describeCluster, {
      clusterOperations: true,
      endpointType: 1,
      includeFenced: true,
    })
    if (answer.errorCode !== NO_ERROR) throw new Error(`DescribeCluster: error ${answer.errorCode}`)
    const mask = answer.clusterOperations
    const operations = (Object.keys(BITS) as ClusterOperation[]).filter((name) => (mask >> BITS[name]) & 1)
    return {
      clusterId: answer.clusterId,
      fenced: answer.brokers.flatMap(({ id, fenced }) => (fenced ? [id] : [])),
      operations: mask === NOT_STATED ? null : operations,
    }
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'unsupported-version') return null
    throw error
  } finally {
    connection.close()
  }
}
