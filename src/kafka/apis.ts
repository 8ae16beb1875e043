import type { Wire } from './codec.ts'
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
  since,
  string,
  struct,
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
    // In KRaft a random live broker, another one at each call. Never to be used.
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
