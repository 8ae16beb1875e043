import type { Duplex } from 'node:stream'
import type { Cluster, HostPort } from '../inventory/inventory.ts'
import type { ClusterView } from './view.ts'

/** Result of one ApiVersions request to exactly one host and port; see src/kafka/liveness.ts. */
export interface Liveness {
  /** `serving` answered; `notServing`: refused, or connected and no answer; `unknown`: anything a wrong setting or the network can cause. */
  readonly state: 'serving' | 'notServing' | 'unknown'
  readonly why:
    | 'ok'
    | 'refused'
    | 'unreachable'
    | 'connect-timeout'
    | 'tls-error'
    | 'no-answer'
    | 'closed'
    | 'not-kafka'
    | 'error'
  readonly detail: string | null
  readonly ms: number
}

export interface PartitionState {
  readonly topic: string
  readonly partition: number
  /** -1 when there is no leader. */
  readonly leader: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offline: readonly number[]
}

/** One Metadata answer of one broker. */
export interface ClusterMetadata {
  readonly answeredBy: HostPort
  readonly clusterId: string | null
  readonly brokers: readonly {
    readonly id: number
    readonly host: string
    readonly port: number
    readonly rack: string | null
  }[]
  readonly partitions: readonly PartitionState[]
}

/** The one door to brokers. Every request has a hard deadline, goes to one exact listener, and is not retried. */
export interface KafkaClients {
  /** `cluster` names whose TLS settings the listener has; without it the question is asked in plain text. */
  liveness(address: HostPort, deadlineMs?: number, cluster?: string): Promise<Liveness>
  /** The same question over a stream that somebody else has opened to the address; it is destroyed in the end. */
  livenessOver(stream: Duplex, address: HostPort, deadlineMs: number, cluster: string): Promise<Liveness>
  /** Asks the given listeners in turn until one answers. Throws when none does, with every reason. */
  metadata(cluster: Cluster, from?: readonly HostPort[]): Promise<ClusterMetadata>
  /** One fresh look at the whole cluster (S-5.5). Never throws: what could not be read stands in the view. */
  view(cluster: Cluster): Promise<ClusterView>
}
