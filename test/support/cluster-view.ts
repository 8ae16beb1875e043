import type { Liveness } from '../../src/kafka/clients.ts'
import type { BrokerSeen, ClusterView, PartitionSeen } from '../../src/kafka/view.ts'

export function liveness(why: Liveness['why']): Liveness {
  const state = why === 'ok' ? 'serving' : why === 'refused' || why === 'no-answer' ? 'notServing' : 'unknown'
  return { state, why, detail: null, ms: 1 }
}

export function brokerSeen(id: number, change: Partial<BrokerSeen> = {}): BrokerSeen {
  return {
    id,
    target: `orders/broker/${id}`,
    address: { host: `kafka-${id}`, port: 9092 },
    liveness: liveness('ok'),
    listed: true,
    fenced: false,
    rack: null,
    ...change,
  }
}

/** One of three replicas may be missed. */
export function partitionSeen(change: Partial<PartitionSeen> = {}): PartitionSeen {
  return {
    topic: 'orders',
    partition: 0,
    leader: 1,
    replicas: [1, 2, 3],
    isr: [1, 2, 3],
    offline: [],
    minIsr: 2,
    elr: null,
    lastKnownElr: null,
    ...change,
  }
}

/** Three brokers that are controllers too, one partition, nothing wrong. */
export function clusterView(change: Partial<ClusterView> = {}): ClusterView {
  const ids = [1, 2, 3]
  return {
    cluster: 'orders',
    at: 1_800_000_000_000,
    tookMs: 20,
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
    brokers: ids.map((id) => brokerSeen(id)),
    quorum: {
      kind: 'kraft',
      leader: 1,
      voters: ids.map((id) => ({ id, caughtUp: true, lagMs: 0 })),
      controllers: [],
    },
    topics: 1,
    partitions: [partitionSeen()],
    reassignments: [],
    rights: null,
    problems: [],
    ...change,
  }
}
