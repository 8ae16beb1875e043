// Stands in for kafka_exporter in the lab, because no package registry has it: same metrics, same missing series, same 30 s of stale metadata.
// usage: node kafka-exporter.ts HOST:PORT BROKER,BROKER…
import { createServer } from 'node:http'
import { Kafka, logLevel } from 'kafkajs'
import { type ClusterLook, exposition, type GroupLook, type PartitionLook } from './kafka-exposition.ts'
import { program, run } from './processes.ts'

const metadataAgeMs = 30_000
const askMs = 5000

interface Metadata {
  readonly brokers: ClusterLook['brokers']
  readonly partitions: readonly Omit<PartitionLook, 'newest' | 'oldest'>[]
}

const [listen = '', brokers = ''] = process.argv.slice(2)
const kcat = program('kcat')
let cached: { readonly metadata: Metadata; readonly readAt: number } | null = null
let running: Promise<string> | null = null

// Scrapes that come while one runs share its answer, as kafka_exporter's do.
const server = createServer((request, response) => {
  if (request.url !== '/metrics') {
    response.writeHead(404).end()
    return
  }
  running ??= scrape().finally(() => {
    running = null
  })
  running.then(
    (text) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(text),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
})
const [host = '127.0.0.1', port = '9308'] = listen.split(':')
server.listen(Number(port), host)

async function scrape(): Promise<string> {
  const known = await metadata()
  const offsets = await offsetsOf(known.partitions)
  const lost = known.partitions.some((at) => at.leader !== null && !offsets.newest.has(key(at)))
  // A partition that could not be asked has its topic read again, while brokers and leaders are still the cached ones.
  const fresh = lost ? new Map((await readMetadata()).partitions.map((at) => [key(at), at])) : null
  const partitions = known.partitions.map((at): PartitionLook => {
    const now = fresh?.get(key(at)) ?? at
    const newest = offsets.newest.get(key(at)) ?? null
    return { ...at, replicas: now.replicas, isr: now.isr, newest, oldest: offsets.oldest.get(key(at)) ?? null }
  })
  return exposition({ brokers: known.brokers, partitions, groups: await groups(partitions) })
}

async function metadata(): Promise<Metadata> {
  const now = performance.now()
  if (cached === null || now - cached.readAt > metadataAgeMs) cached = { metadata: await readMetadata(), readAt: now }
  return cached.metadata
}

interface KcatMetadata {
  readonly brokers: readonly { readonly id: number; readonly name: string }[]
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly {
      readonly partition: number
      readonly leader: number
      readonly replicas: readonly { readonly id: number }[]
      readonly isrs: readonly { readonly id: number }[]
    }[]
  }[]
}

// kcat, because kafkajs throws on a topic that has a partition without a leader.
async function readMetadata(): Promise<Metadata> {
  const { code, stdout, stderr } = await run([kcat, '-L', '-J', '-b', brokers, '-m', '5'], { timeoutMs: 2 * askMs })
  if (code !== 0) throw new Error(stderr)
  const answer = JSON.parse(stdout) as KcatMetadata
  const partitions = answer.topics.flatMap(({ topic, partitions }) =>
    partitions.map((at) => ({
      topic,
      partition: at.partition,
      leader: at.leader === -1 ? null : at.leader,
      replicas: at.replicas.map(({ id }) => id),
      isr: at.isrs.map(({ id }) => id),
    })),
  )
  return { brokers: answer.brokers.map(({ id, name }) => ({ id, address: name })), partitions }
}

/** Each leader is asked for its own partitions, so that a dead one costs time and only its own series. */
async function offsetsOf(
  partitions: Metadata['partitions'],
): Promise<{ newest: Map<string, number>; oldest: Map<string, number> }> {
  const leaders = [...new Set(partitions.flatMap(({ leader }) => (leader === null ? [] : [leader])))]
  const ask = async (which: -1 | -2) => {
    const answers = leaders.map(async (leader) => {
      const wanted = partitions
        .filter((at) => at.leader === leader)
        .flatMap((at) => ['-t', `${at.topic}:${at.partition}:${which}`])
      const { stdout } = await run([kcat, '-Q', '-b', brokers, '-m', '5', ...wanted], { timeoutMs: 2 * askMs })
      return [...stdout.matchAll(/^(\S+) \[(\d+)\] offset (\d+)$/gm)].map(
        ([, topic, partition, offset]): [string, number] => [`${topic}/${partition}`, Number(offset)],
      )
    })
    return new Map((await Promise.all(answers)).flat())
  }
  const [newest, oldest] = await Promise.all([ask(-1), ask(-2)])
  return { newest, oldest }
}

/** Groups whose coordinator does not answer in time are missing from the answer. */
async function groups(partitions: readonly PartitionLook[]): Promise<GroupLook[]> {
  const settings = { connectionTimeout: 1000, requestTimeout: askMs, retry: { retries: 0 }, logLevel: logLevel.NOTHING }
  const admin = new Kafka({ ...settings, brokers: brokers.split(',') }).admin()
  const topics = [...new Set(partitions.map(({ topic }) => topic))].filter((topic) => !topic.startsWith('__'))
  const look = async (group: string): Promise<GroupLook[]> => {
    try {
      const described = await admin.describeGroups([group])
      const fetched = await admin.fetchOffsets({ groupId: group, topics })
      const committed = fetched.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
      )
      return [{ group, members: described.groups[0]?.members.length ?? 0, committed }]
    } catch {
      return []
    }
  }
  const all = async () => {
    await admin.connect()
    const listed = await admin.listGroups()
    return (await Promise.all(listed.groups.map(({ groupId }) => look(groupId)))).flat()
  }
  try {
    return await within(all(), 2 * askMs)
  } catch {
    return []
  } finally {
    admin.disconnect().catch(() => undefined)
  }
}

function within<T>(work: Promise<T>, ms: number): Promise<T> {
  work.catch(() => undefined)
  return Promise.race([
    work,
    new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms).unref()),
  ])
}

function key(at: { readonly topic: string; readonly partition: number }): string {
  return `${at.topic}/${at.partition}`
}
