import type { Instant } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import type { Liveness, PartitionState } from './clients.ts'
import type { ClusterOperation } from './rights.ts'

/**
 * One fresh look at a whole cluster (S-5.5): a value with a time. `src/kafka/take-view.ts` takes it, the functions of
 * `src/kafka/judge-view.ts` say what follows from it, without I/O.
 */
export interface ClusterView {
  readonly cluster: string
  readonly at: Instant
  readonly tookMs: number
  readonly clusterId: string | null
  /** Every configured broker, asked directly, and every registered one that the inventory does not know. */
  readonly brokers: readonly BrokerSeen[]
  readonly quorum: Quorum
  /** How many topics the answer named; 0 where Metadata could not be read. */
  readonly topics: number
  readonly partitions: readonly PartitionSeen[]
  /** Null: could not be read. */
  readonly reassignments: readonly Reassignment[] | null
  /** What our own account may do on the cluster; null where the cluster does not say (no authorizer, or too old). */
  readonly rights: readonly ClusterOperation[] | null
  /** Every part that could not be read, with the reason. Such a view is not complete. */
  readonly problems: readonly ViewProblem[]
}

export interface ViewProblem {
  readonly part: 'metadata' | 'minInsyncReplicas' | 'eligibleReplicas' | 'reassignments' | 'fencing' | 'rights'
  readonly reason: string
}

export interface BrokerSeen {
  readonly id: number
  /** Its key in the inventory; null for one that is registered and not in the inventory (drift). */
  readonly target: string | null
  readonly address: HostPort | null
  /** What it tells clients to connect to, by Metadata; absent where it is not listed. May be another listener than the one asked. */
  readonly advertised?: HostPort
  /** Null where there is no address to ask. */
  readonly liveness: Liveness | null
  /** Metadata names it: registered and not fenced. */
  readonly listed: boolean
  /** DescribeCluster v2 says so (Kafka 4 and newer); null where it cannot be told. A broker that is not registered is not fenced. */
  readonly fenced: boolean | null
  readonly rack: string | null
}

export interface ControllerSeen {
  readonly address: HostPort
  /** By the leader's list of nodes (Kafka 3.9 and newer); absent where nobody says. */
  readonly id?: number
  /** The direct probe of this listener. */
  readonly liveness?: Liveness
  /** `leader` answered DescribeQuorum with error 0, `follower` with 6 (not leader), `silent` not at all, `refused`: no right, TLS, login. */
  readonly says: 'leader' | 'follower' | 'silent' | 'refused'
  readonly reason: string
}

export interface Voter {
  readonly id: number
  /** Behind the leader by less than 2 s; false too for one that never fetched from this leader. */
  readonly caughtUp: boolean
  /** Milliseconds behind the leader; null: never fetched from it. */
  readonly lagMs: number | null
}

export type Quorum =
  | {
      readonly kind: 'kraft'
      readonly leader: number
      readonly voters: readonly Voter[]
      readonly controllers: readonly ControllerSeen[]
    }
  /** Nobody leads: whatever brokers still answer is the last good picture (S-5.7). */
  | { readonly kind: 'frozen'; readonly reason: string; readonly controllers: readonly ControllerSeen[] }
  /** Nobody could be asked, or we may not ask. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly controllers: readonly ControllerSeen[] }
  | {
      readonly kind: 'zookeeper'
      readonly members: readonly {
        readonly address: HostPort
        /** By `srvr`: leader, follower, standalone, observer; null: does not serve. */
        readonly mode: string | null
        readonly reason: string
      }[]
    }

export interface PartitionSeen extends PartitionState {
  /** min.insync.replicas of its topic; null where it could not be read. */
  readonly minIsr: number | null
  /** Eligible leader replicas (KIP-966); read where the ISR is short, else null. */
  readonly elr: readonly number[] | null
  readonly lastKnownElr: readonly number[] | null
}

export interface Reassignment {
  readonly topic: string
  readonly partition: number
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

/** What is kept of the last complete view, to notice what vanished (S-5.5). */
export interface Baseline {
  readonly at: Instant
  readonly topics: number
  readonly partitions: number
}
