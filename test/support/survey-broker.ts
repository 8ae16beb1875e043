import type { HostPort } from '../../src/inventory/inventory.ts'
import {
  CLUSTER_METADATA,
  describeCluster,
  describeConfigs,
  describeLogDirs,
  describeQuorum,
  listPartitionReassignments,
  metadata,
} from '../../src/kafka/apis.ts'
import { answering, type FakeBroker, startFakeBroker } from './fake-broker.ts'

const NO_UUID = Buffer.alloc(16).toString('base64url')
export const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk'
/** Nobody listens there. */
export const NOWHERE = { host: '127.0.0.1', port: 1 }

export interface Shown {
  readonly settings?: Readonly<Record<string, string>>
  /** Kafka's error instead of its settings. */
  readonly settingsError?: number
  readonly logDirs?: readonly string[]
  readonly logDirsError?: number
  readonly replicas?: readonly number[]
  readonly racks?: readonly (string | null)[]
  readonly fenced?: readonly (HostPort & { readonly id: number })[]
}

/** One broker that speaks for a whole cluster: it answers to the ids 1, 2, … as many as there are racks. */
export async function startSurveyedBroker(shown: Shown = {}): Promise<FakeBroker> {
  const { settings = {}, logDirs = [], replicas = [1, 2], racks = ['a'], fenced = [] } = shown
  let at: HostPort = NOWHERE
  const listed = () => racks.map((rack, index) => ({ id: index + 1, ...at, rack }))
  const partition = { errorCode: 0, partition: 0, leader: 1, leaderEpoch: 1, replicas, isr: replicas, offline: [] }
  const described = { readOnly: true, source: 4, sensitive: false, synonyms: [], valueType: 0, documentation: null }
  const replica = (id: number) => ({ id, directoryId: NO_UUID, logEndOffset: 1n, lastFetchAt: 1n, lastCaughtUpAt: 1n })
  const fake = await startFakeBroker([
    answering(metadata, () => ({
      throttleMs: 0,
      brokers: listed(),
      clusterId: CLUSTER_ID,
      controllerId: 1,
      topics: [{ errorCode: 0, name: 'orders', id: NO_UUID, internal: false, partitions: [partition], operations: 0 }],
      clusterOperations: 0,
    })),
    answering(describeCluster, () => ({
      throttleMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: CLUSTER_ID,
      controllerId: 1,
      brokers: [
        ...listed().map((one) => ({ ...one, fenced: false })),
        ...fenced.map((one) => ({ ...one, rack: 'z', fenced: true })),
      ],
      clusterOperations: 0b1_1111_1010_0000,
    })),
    answering(describeConfigs, ({ resources }) => ({
      throttleMs: 0,
      results: resources.map(({ type, name, keys }) => {
        const errorCode = type === 4 ? (shown.settingsError ?? 0) : 0
        const known: Readonly<Record<string, string>> = type === 4 ? settings : { 'min.insync.replicas': '2' }
        const configs = (keys ?? []).flatMap((key) =>
          known[key] === undefined ? [] : [{ ...described, name: key, value: known[key] }],
        )
        return { errorCode, errorMessage: null, type, name, configs: errorCode === 0 ? configs : [] }
      }),
    })),
    answering(describeLogDirs, () => ({
      throttleMs: 0,
      errorCode: shown.logDirsError ?? 0,
      results: logDirs.map((path) => ({ errorCode: 0, path, topics: [], totalBytes: 1n, usableBytes: 1n })),
    })),
    answering(describeQuorum, () => ({
      errorCode: 0,
      errorMessage: null,
      topics: [
        {
          topic: CLUSTER_METADATA,
          partitions: [
            {
              partition: 0,
              errorCode: 0,
              errorMessage: null,
              leader: 1,
              leaderEpoch: 1,
              highWatermark: 1n,
              voters: [replica(1)],
              observers: [],
            },
          ],
        },
      ],
      nodes: [{ id: 1, listeners: [{ name: 'CONTROLLER', host: 'c1', port: 9093 }] }],
    })),
    answering(listPartitionReassignments, () => ({ throttleMs: 0, errorCode: 0, errorMessage: null, topics: [] })),
  ])
  at = fake.address
  return fake
}
