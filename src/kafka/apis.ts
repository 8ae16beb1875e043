import type { ValueOf, Wire } from './codec.ts'
import * as wire from './codec.ts'

/** One Kafka API: which versions of it we speak, and what its messages hold. */
export interface Api<Q, A> {
  readonly name: string
  readonly key: number
  /** The versions we speak; the connection takes the highest that the broker offers too. */
  readonly min: number
  readonly max: number
  /** From this version on messages are flexible (KIP-482). */
  readonly flexibleFrom: number
  readonly request: Wire<Q>
  readonly response: Wire<A>
}

/** A decoded answer of an API. */
export type AnswerOf<A extends { readonly response: Wire<unknown> }> = ValueOf<A['response']>

const {
  array,
  bool,
  bytes,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableString,
  nullableStruct,
  since,
  string,
  struct,
  uint16,
  uuid,
  versions,
} = wire

/** 0 in the error field: no error. */
export const NO_ERROR = 0
/** The answer to an ApiVersions version that the broker does not know; its body has the layout of version 0. */
export const UNSUPPORTED_VERSION = 35

const NO_UUID = Buffer.alloc(16).toString('base64url')

export const apiVersions = {
  name: 'ApiVersions',
  key: 18,
  min: 0,
  max: 3,
  flexibleFrom: 3,
  request: struct({ softwareName: since(3, string, ''), softwareVersion: since(3, string, '') }),
  response: struct({
    errorCode: int16,
    apis: array(struct({ key: int16, min: int16, max: int16 })),
    throttleMs: since(1, int32, 0),
  }),
} satisfies Api<unknown, unknown>

export const saslHandshake = {
  name: 'SaslHandshake',
  key: 17,
  min: 1,
  max: 1,
  flexibleFrom: 99,
  request: struct({ mechanism: string }),
  response: struct({ errorCode: int16, mechanisms: array(string) }),
} satisfies Api<unknown, unknown>

export const saslAuthenticate = {
  name: 'SaslAuthenticate',
  key: 36,
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({ token: bytes }),
  response: struct({ errorCode: int16, errorMessage: nullableString, token: bytes, lifetimeMs: since(1, int64, 0n) }),
} satisfies Api<unknown, unknown>

/** `topics: null` asks for all of them. A topic or partition in trouble is answered with its error code beside what is known. */
export const metadata = {
  name: 'Metadata',
  key: 3,
  min: 5,
  max: 12,
  flexibleFrom: 9,
  request: struct({
    topics: nullableArray(struct({ id: since(10, uuid, NO_UUID), name: nullableString })),
    autoCreate: bool,
    clusterOperations: versions(8, 10, bool, false),
    topicOperations: since(8, bool, false),
  }),
  response: struct({
    throttleMs: int32,
    brokers: array(struct({ id: int32, host: string, port: int32, rack: nullableString })),
    clusterId: nullableString,
    // In KRaft a random live broker, another one at each call: there it is never to be used.
    controllerId: int32,
    topics: array(
      struct({
        errorCode: int16,
        name: nullableString,
        id: since(10, uuid, NO_UUID),
        internal: bool,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leader: int32,
            leaderEpoch: since(7, int32, -1),
            replicas: array(int32),
            isr: array(int32),
            offline: array(int32),
          }),
        ),
        operations: since(8, int32, 0),
      }),
    ),
    clusterOperations: versions(8, 10, int32, 0),
  }),
} satisfies Api<unknown, unknown>

/** Version 2 (brokers from 4.0) lists fenced brokers as well, when asked to. */
export const describeCluster = {
  name: 'DescribeCluster',
  key: 60,
  min: 0,
  max: 2,
  flexibleFrom: 0,
  request: struct({
    clusterOperations: bool,
    endpointType: since(1, int8, 1),
    includeFenced: since(2, bool, false),
  }),
  response: struct({
    throttleMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    endpointType: since(1, int8, 1),
    clusterId: string,
    controllerId: int32,
    brokers: array(
      struct({ id: int32, host: string, port: int32, rack: nullableString, fenced: since(2, bool, false) }),
    ),
    clusterOperations: int32,
  }),
} satisfies Api<unknown, unknown>

/** A page of partitions with their eligible leaders (KIP-966). `cursor` is where the page before stopped. */
export const describeTopicPartitions = {
  name: 'DescribeTopicPartitions',
  key: 75,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({
    topics: array(struct({ name: string })),
    limit: int32,
    cursor: nullableStruct(struct({ topic: string, partition: int32 })),
  }),
  response: struct({
    throttleMs: int32,
    topics: array(
      struct({
        errorCode: int16,
        name: nullableString,
        id: uuid,
        internal: bool,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leader: int32,
            leaderEpoch: int32,
            replicas: array(int32),
            isr: array(int32),
            elr: nullableArray(int32),
            lastKnownElr: nullableArray(int32),
            offline: array(int32),
          }),
        ),
        operations: int32,
      }),
    ),
    next: nullableStruct(struct({ topic: string, partition: int32 })),
  }),
} satisfies Api<unknown, unknown>

/** A resource of type 2 in DescribeConfigs. */
export const TOPIC_RESOURCE = 2
/** A resource of type 4. A broker knows only its own settings, and refuses the question about another's. */
export const BROKER_RESOURCE = 4

/** `keys: null` asks for all settings of a resource. */
export const describeConfigs = {
  name: 'DescribeConfigs',
  key: 32,
  min: 1,
  max: 4,
  flexibleFrom: 4,
  request: struct({
    resources: array(struct({ type: int8, name: string, keys: nullableArray(string) })),
    synonyms: bool,
    documentation: since(3, bool, false),
  }),
  response: struct({
    throttleMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: nullableString,
        type: int8,
        name: string,
        configs: array(
          struct({
            name: string,
            value: nullableString,
            readOnly: bool,
            source: int8,
            sensitive: bool,
            synonyms: array(struct({ name: string, value: nullableString, source: int8 })),
            valueType: since(3, int8, 0),
            documentation: since(3, nullableString, null),
          }),
        ),
      }),
    ),
  }),
} satisfies Api<unknown, unknown>

/** The answer of a controller that does not lead. */
export const NOT_LEADER = 6
/** The one partition whose quorum there is to describe. */
export const CLUSTER_METADATA = '__cluster_metadata'

const replicaState = struct({
  id: int32,
  directoryId: since(2, uuid, NO_UUID),
  logEndOffset: int64,
  lastFetchAt: int64,
  lastCaughtUpAt: int64,
})

/**
 * Version 0 does not say when a voter was last caught up, so it is no use. Asked of a controller, only the leader answers with error 0; a broker passes it on, and
 * waits long when nobody leads.
 */
export const describeQuorum = {
  name: 'DescribeQuorum',
  key: 55,
  min: 1,
  max: 2,
  flexibleFrom: 0,
  request: struct({ topics: array(struct({ topic: string, partitions: array(struct({ partition: int32 })) })) }),
  response: struct({
    errorCode: int16,
    errorMessage: since(2, nullableString, null),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: since(2, nullableString, null),
            leader: int32,
            leaderEpoch: int32,
            highWatermark: int64,
            voters: array(replicaState),
            observers: array(replicaState),
          }),
        ),
      }),
    ),
    nodes: since(
      2,
      array(struct({ id: int32, listeners: array(struct({ name: string, host: string, port: uint16 })) })),
      [],
    ),
  }),
} satisfies Api<unknown, unknown>

/** A broker passes it on to the controllers, and ignores `timeoutMs` when none of them leads. */
export const listPartitionReassignments = {
  name: 'ListPartitionReassignments',
  key: 46,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({
    timeoutMs: int32,
    topics: nullableArray(struct({ topic: string, partitions: array(int32) })),
  }),
  response: struct({
    throttleMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({ partition: int32, replicas: array(int32), adding: array(int32), removing: array(int32) }),
        ),
      }),
    ),
  }),
} satisfies Api<unknown, unknown>

/** Where a broker keeps its data. `topics: []` leaves out what lies there. Without the right to, versions before 3 answer an empty list. */
export const describeLogDirs = {
  name: 'DescribeLogDirs',
  key: 35,
  min: 1,
  max: 4,
  flexibleFrom: 2,
  request: struct({ topics: nullableArray(struct({ topic: string, partitions: array(int32) })) }),
  response: struct({
    throttleMs: int32,
    errorCode: since(3, int16, 0),
    results: array(
      struct({
        errorCode: int16,
        path: string,
        topics: array(
          struct({
            topic: string,
            partitions: array(struct({ partition: int32, bytes: int64, lag: int64, future: bool })),
          }),
        ),
        totalBytes: since(4, int64, -1n),
        usableBytes: since(4, int64, -1n),
      }),
    ),
  }),
} satisfies Api<unknown, unknown>
