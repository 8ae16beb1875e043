import { CLUSTER_METADATA, describeQuorum, metadata, NO_ERROR } from '../../src/kafka/apis.ts'
import { KafkaConnection } from '../../src/kafka/connection.ts'
import type { BrokerNode, LabState } from './state.ts'

const DEADLINE_MS = 2_000

/** The node that answers DescribeQuorum as the leader; the others answer that they are not, or not at all. */
export async function activeController(state: LabState): Promise<number | null> {
  const question = { topics: [{ topic: CLUSTER_METADATA, partitions: [{ partition: 0 }] }] }
  const ports = [...state.brokers, ...state.controllers].flatMap(({ controllerPort }) => controllerPort ?? [])
  const answers = await Promise.allSettled(
    ports.map((port) => asked(port, (connection) => connection.request(describeQuorum, question))),
  )
  const partitions = answers.flatMap((answer) =>
    answer.status === 'fulfilled' ? answer.value.topics.flatMap((topic) => topic.partitions) : [],
  )
  return partitions.find(({ errorCode }) => errorCode === NO_ERROR)?.leader ?? null
}

export async function offlinePartitions(state: LabState): Promise<readonly string[]> {
  const { topics } = await Promise.any(state.brokers.map(topicsBy))
  return topics.flatMap(({ name, partitions }) =>
    partitions.filter(({ leader }) => leader === -1).map(({ partition }) => `${name}-${partition}`),
  )
}

/** Whether every broker has heard of the topic and knows a leader of each of its partitions. */
export async function isKnown(state: LabState, topic: string): Promise<boolean> {
  const answers = await Promise.all(state.brokers.map(topicsBy))
  const seen = answers.map(({ topics }) => topics.find(({ name }) => name === topic))
  return seen.every((one) => one?.errorCode === NO_ERROR && one.partitions.every(({ leader }) => leader >= 0))
}

function topicsBy({ port }: BrokerNode) {
  const question = { topics: null, autoCreate: false, clusterOperations: false, topicOperations: false }
  return asked(port, (connection) => connection.request(metadata, question))
}

async function asked<A>(port: number, question: (connection: KafkaConnection) => Promise<A>): Promise<A> {
  const connection = await KafkaConnection.open({ host: '127.0.0.1', port }, { deadlineMs: DEADLINE_MS })
  try {
    return await question(connection)
  } finally {
    connection.close()
  }
}
