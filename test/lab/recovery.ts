import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createTopic, kafkaClient, metrics, type TopicShape } from './brokers.ts'
import { isAlive, processorTicks, type RecordedProcess, record, signal } from './processes.ts'
import type { BrokerNode, LabState } from './state.ts'
import { systemctl, unitProperties } from './user-manager.ts'
import { waitFor } from './wait.ts'

/** With room for two entries in an index, and one entry per batch, every second batch begins a segment. */
const TINY_SEGMENTS = { 'segment.index.bytes': '24', 'index.interval.bytes': '0' }
const BATCHES_PER_SEGMENT = 2

/** Replaying a segment takes 2 ms of a processor. The broker gets so much of it at once, and then stands still for a while. */
const AWAKE_TICKS = 2
const STILL_MS = 400
/** On a machine too loaded to give it even that. */
const AWAKE_AT_MOST_MS = 400
const LOOK_MS = 5

export interface SegmentedTopic extends TopicShape {
  /** In each partition. */
  readonly segments?: number
}

/** Creates a topic whose every partition has so many tiny segments: what a broker reads again after an unclean stop. */
export async function preloadSegments(
  state: LabState,
  topic: string,
  { segments = 50, ...shape }: SegmentedTopic = {},
): Promise<void> {
  await createTopic(state, topic, { partitions: 20, ...shape, config: { ...TINY_SEGMENTS, ...shape.config } })
  const producer = kafkaClient(state).producer()
  await producer.connect()
  try {
    const count = shape.assignment?.length ?? shape.partitions ?? 20
    const messages = Array.from({ length: count }, (_, partition) => ({ partition, value: 'x' }))
    for (let sent = 0; sent < segments * BATCHES_PER_SEGMENT; sent++) await producer.send({ topic, messages })
  } finally {
    await producer.disconnect()
  }
}

/** Gives the broker its full speed back: with its logs behind it, it serves within seconds. */
export type Release = () => void

/**
 * Has a broker that was killed started as after a loss of power, and slows its process down once it replays its logs. With
 * preloaded segments (1,000 by default) that lasts more than half a minute, or until it is released.
 */
export async function recoverSlowly(
  state: LabState,
  node: BrokerNode,
  start: () => Promise<unknown> = () => systemctl(state, ['start', node.unit]),
): Promise<Release> {
  // Written once a minute, it would spare the broker all but the last segments.
  rmSync(join(node.dir, 'data', 'recovery-point-offset-checkpoint'), { force: true })
  await start()
  await waitFor(`broker ${node.id} to replay its logs`, async () => ((await remainingLogs(node)) ?? 0) > 0, 60_000, 20)
  const { MainPID } = await unitProperties(state, node.unit)
  return slowMotion(record(Number(MainPID)))
}

/** Logs that the broker has still to replay; null when its agent does not answer even with the patience that a slow one needs. */
export async function remainingLogs(node: BrokerNode): Promise<number | null> {
  const seen = await metrics(node, 15_000)
  if (seen === null) return null
  const remaining = [...seen].filter(([name]) => name.startsWith('kafka_log_logmanager_remaininglogstorecover'))
  return remaining.reduce((sum, [, value]) => sum + value, 0)
}

/** Stops and continues the process in turn, as a quota on its processor would, where cgroups can be had or not. */
function slowMotion(process: RecordedProcess): Release {
  const released = new AbortController()
  const { signal: over } = released
  const still = async (): Promise<void> => {
    while (isAlive(process)) {
      signal(process, 'SIGSTOP')
      await pause(STILL_MS, null, { signal: over, ref: false })
      signal(process, 'SIGCONT')
      await aBitOfWork(process, over)
    }
  }
  still().catch(() => signal(process, 'SIGCONT'))
  return () => released.abort()
}

async function aBitOfWork({ pid }: RecordedProcess, over: AbortSignal): Promise<void> {
  const before = processorTicks(pid)
  for (let waited = 0; waited < AWAKE_AT_MOST_MS; waited += LOOK_MS) {
    await pause(LOOK_MS, null, { signal: over, ref: false })
    if (processorTicks(pid) - before >= AWAKE_TICKS) return
  }
}
