/** What one look at a cluster found, in the terms kafka_exporter counts in. */
export interface ClusterLook {
  readonly brokers: readonly { readonly id: number; readonly address: string }[]
  readonly partitions: readonly PartitionLook[]
  readonly groups: readonly GroupLook[]
}

export interface PartitionLook {
  readonly topic: string
  readonly partition: number
  /** Null when there is none: kafka_exporter then leaves the series out. */
  readonly leader: number | null
  /** In order of preference. */
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  /** Null when the leader could not be asked: left out as well. */
  readonly newest: number | null
  readonly oldest: number | null
}

export interface GroupLook {
  readonly group: string
  readonly members: number
  /** -1 where the group has committed nothing. */
  readonly committed: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[]
}

const help: Readonly<Record<string, string>> = {
  kafka_broker_info: 'Information about the Kafka Broker.',
  kafka_brokers: 'Number of Brokers in the Kafka Cluster.',
  kafka_consumergroup_current_offset: 'Current Offset of a ConsumerGroup at Topic/Partition',
  kafka_consumergroup_current_offset_sum: 'Current Offset of a ConsumerGroup at Topic for all partitions',
  kafka_consumergroup_lag: 'Current Approximate Lag of a ConsumerGroup at Topic/Partition',
  kafka_consumergroup_lag_sum: 'Current Approximate Lag of a ConsumerGroup at Topic for all partitions',
  kafka_consumergroup_members: 'Amount of members in a consumer group',
  kafka_topic_partition_current_offset: 'Current Offset of a Broker at Topic/Partition',
  kafka_topic_partition_in_sync_replica: 'Number of In-Sync Replicas for this Topic/Partition',
  kafka_topic_partition_leader: 'Leader Broker ID of this Topic/Partition',
  kafka_topic_partition_leader_is_preferred: '1 if Topic/Partition is using the Preferred Broker',
  kafka_topic_partition_oldest_offset: 'Oldest Offset of a Broker at Topic/Partition',
  kafka_topic_partition_replicas: 'Number of Replicas for this Topic/Partition',
  kafka_topic_partition_under_replicated_partition: '1 if Topic/Partition is under Replicated',
  kafka_topic_partitions: 'Number of partitions for this Topic',
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** The metrics of a look as Prometheus reads them: names, labels and missing series as kafka_exporter 1.9 has them. */
export function exposition(look: ClusterLook): string {
  const samples = [
    ...ofBrokers(look),
    ...ofTopics(look),
    ...look.partitions.flatMap(ofPartition),
    ...look.groups.flatMap((group) => ofGroup(group, look)),
  ]
  const names = [...new Set(samples.map((sample) => sample.name))].toSorted()
  const families = names.map((name) => {
    const lines = samples.filter((sample) => sample.name === name).map(line)
    return `# HELP ${name} ${help[name]}\n# TYPE ${name} gauge\n${lines.toSorted().join('\n')}\n`
  })
  return families.join('')
}

function ofBrokers(look: ClusterLook): Sample[] {
  const infos = look.brokers.map(({ id, address }) => ({
    name: 'kafka_broker_info',
    labels: { address, id },
    value: 1,
  }))
  return [{ name: 'kafka_brokers', labels: {}, value: look.brokers.length }, ...infos]
}

function ofTopics(look: ClusterLook): Sample[] {
  const topics = [...new Set(look.partitions.map(({ topic }) => topic))]
  return topics.map((topic) => ({
    name: 'kafka_topic_partitions',
    labels: { topic },
    value: look.partitions.filter((partition) => partition.topic === topic).length,
  }))
}

function ofPartition(at: PartitionLook): Sample[] {
  const labels = { partition: at.partition, topic: at.topic }
  const values: Record<string, number | null> = {
    current_offset: at.newest,
    oldest_offset: at.oldest,
    leader: at.leader,
    leader_is_preferred: at.leader !== null && at.leader === at.replicas[0] ? 1 : 0,
    replicas: at.replicas.length,
    in_sync_replica: at.isr.length,
    under_replicated_partition: at.isr.length < at.replicas.length ? 1 : 0,
  }
  return Object.entries(values).flatMap(([name, value]) =>
    value === null ? [] : [{ name: `kafka_topic_partition_${name}`, labels, value }],
  )
}

// A topic of which the group has committed nothing is left out. Where one partition has no commit its offset is -1, which
// is summed up as -1; its lag is -1 and is not. A partition whose end is not known has an offset and no lag.
function ofGroup(group: GroupLook, look: ClusterLook): Sample[] {
  const members = { name: 'kafka_consumergroup_members', labels: { consumergroup: group.group }, value: group.members }
  const topics = [...new Set(group.committed.filter(({ offset }) => offset !== -1).map(({ topic }) => topic))]
  const ends = new Map(look.partitions.map(({ topic, partition, newest }) => [`${topic}/${partition}`, newest]))
  const perTopic = topics.flatMap((topic) => {
    const committed = group.committed.filter((commit) => commit.topic === topic)
    const lags = committed.map(({ partition, offset }) => {
      const end = ends.get(`${topic}/${partition}`) ?? null
      return end === null ? null : offset === -1 ? -1 : end - offset
    })
    const labels = { consumergroup: group.group, topic }
    return [
      { name: 'kafka_consumergroup_current_offset_sum', labels, value: sum(committed.map(({ offset }) => offset)) },
      {
        name: 'kafka_consumergroup_lag_sum',
        labels,
        value: sum(lags.map((lag) => (lag === null || lag === -1 ? 0 : lag))),
      },
      ...committed.flatMap(({ partition, offset }, index): Sample[] => {
        const at = { consumergroup: group.group, partition, topic }
        const lag = lags[index] ?? null
        const current = { name: 'kafka_consumergroup_current_offset', labels: at, value: offset }
        return lag === null ? [current] : [current, { name: 'kafka_consumergroup_lag', labels: at, value: lag }]
      }),
    ]
  })
  return [members, ...perTopic]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function line({ name, labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(
    ([key, text]) => `${key}="${String(text).replaceAll(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`))}"`,
  )
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
}
