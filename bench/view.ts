import { systemClock } from '../src/clock.ts'
import {
  blockingReassignments,
  confirmedBad,
  culprits,
  drift,
  fragileTopics,
  isComplete,
  isOutOfEverything,
  suffering,
  vanished,
  wouldBreakAvailability,
  wouldBreakQuorum,
} from '../src/kafka/judge-view.ts'
import type { ClusterView, PartitionSeen, Reassignment } from '../src/kafka/view.ts'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../test/support/cluster-view.ts'
import { brokerTarget, clusterOf } from '../test/support/look.ts'
import { against, type Row } from './row.ts'
import { median } from './sample.ts'

const BROKERS = 30
const PARTITIONS = 200_000
const PARTITIONS_OF_A_TOPIC = 20
const REASSIGNMENTS = 1_000
const ROUNDS = 5
/** Fenced, and out of every ISR: the most work for each judgement. */
const TARGET = 7

/** Every judgement that guards make of a view, on a cluster as large as they come, with one broker down. */
export async function run(): Promise<readonly Row[]> {
  const view = largeView()
  const took = Array.from({ length: ROUNDS }, () => judge(view))
  return [
    against(
      {
        name: 'all judgements of one view',
        figure: median(took),
        unit: 'ms',
        how: `every function of \`src/kafka/judge-view.ts\` once, ${PARTITIONS.toLocaleString('en')} partitions on ${BROKERS} brokers of which one is fenced, ${REASSIGNMENTS.toLocaleString('en')} reassignments, a value made in memory; median of ${ROUNDS} rounds`,
      },
      '<',
      1_000,
    ),
  ]
}

function judge(view: ClusterView): number {
  const cluster = clusterOf(Array.from({ length: BROKERS }, (_, index) => brokerTarget(index + 1)))
  const tolerate = ['scratch-*', 'topic-1', 'topic-2*']
  const began = systemClock.monotonic()
  isComplete(view, TARGET)
  wouldBreakAvailability(view, TARGET, tolerate)
  isOutOfEverything(view, TARGET)
  wouldBreakQuorum(view, TARGET)
  culprits(view)
  suffering(view)
  confirmedBad(view)
  blockingReassignments(view, TARGET)
  vanished(view, { at: 0, topics: view.topics, partitions: PARTITIONS })
  drift(view, cluster)
  fragileTopics(view, tolerate)
  return systemClock.monotonic() - began
}

function largeView(): ClusterView {
  const ids = Array.from({ length: BROKERS }, (_, index) => index + 1)
  const down = { liveness: liveness('no-answer'), listed: false, fenced: true }
  const partitions = Array.from({ length: PARTITIONS }, (_, n): PartitionSeen => {
    const replicas = [0, 1, 2].map((k) => ((n + k * 11) % BROKERS) + 1)
    const short = replicas.includes(TARGET)
    const isr = replicas.filter((id) => id !== TARGET)
    return partitionSeen({
      topic: `topic-${Math.floor(n / PARTITIONS_OF_A_TOPIC)}`,
      partition: n % PARTITIONS_OF_A_TOPIC,
      leader: isr[0] ?? -1,
      replicas,
      isr,
      offline: short ? [TARGET] : [],
      elr: short ? [] : null,
      lastKnownElr: short ? [] : null,
    })
  })
  const reassignments = partitions.slice(0, REASSIGNMENTS).map(
    ({ topic, partition, replicas }): Reassignment => ({
      topic,
      partition,
      replicas,
      adding: [TARGET],
      removing: [],
    }),
  )
  return clusterView({
    brokers: ids.map((id) => brokerSeen(id, id === TARGET ? down : {})),
    topics: PARTITIONS / PARTITIONS_OF_A_TOPIC,
    partitions,
    reassignments,
  })
}
