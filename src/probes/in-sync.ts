import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { Evidence, ProbeResult } from '../incident/verdict.ts'
import type { Cluster, HostPort, Target } from '../inventory/inventory.ts'
import type { ClusterMetadata, PartitionState } from '../kafka/clients.ts'
import { judgeServing, readServing, type ServingFacts } from './kafka-api.ts'
import { defineProbe } from './probe.ts'

const params = z.strictObject({
  deadline_ms: z.int().min(100).max(10_000).default(2_000).describe('How long the listener may take to answer'),
})

export const inSync = defineProbe({
  type: 'in-sync',
  summary: 'The broker serves and is in the live ISR of all its partitions, as others and it itself see it.',
  params,
  targets: ['broker'],
  async look(wanted, context) {
    const { target, cluster, kafka, clock } = context
    const serving = await readServing(context, wanted.deadline_ms)
    // For some seconds after a death metadata still shows the dead broker in sync: nobody is asked about a silent one.
    if (serving.liveness?.state !== 'serving') return judgeInSync(serving, target.name, null, clock.now())
    const ask = (from: readonly HostPort[]) =>
      kafka.metadata(cluster, from).catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
    const views = [othersFirst(cluster, target), target.address ? [target.address] : []].filter(
      ({ length }) => length > 0,
    )
    return judgeInSync(serving, target.name, await Promise.all(views.map(ask)), clock.now())
  },
})

/** The other brokers, and the target itself only where it is the only one: a cut-off broker believes its last good picture. */
export function othersFirst(cluster: Cluster, target: Target): readonly HostPort[] {
  const own = (address: HostPort) => address.host === target.address?.host && address.port === target.address.port
  const others = cluster.brokers.flatMap((broker) =>
    broker.key !== target.key && broker.address ? [broker.address] : [],
  )
  if (others.length > 0) return others
  const listed = cluster.bootstrap.filter((address) => !own(address))
  return listed.length > 0 ? listed : cluster.bootstrap
}

/**
 * `views` are answers of Metadata, or why there is none; null when nobody was asked. Two are wanted, because each can be
 * old in its own way. A broker that is cut off believes its last good picture, so the others are asked. Another broker may
 * lag behind and still show the ISR from before the death, so the target is asked as well: it cannot serve before it has
 * read of its own removal. Live ISR = ISR less offline replicas.
 */
export function judgeInSync(
  serving: ServingFacts,
  name: string,
  views: readonly (ClusterMetadata | string)[] | null,
  at: Instant,
): ProbeResult {
  const api = { ...judgeServing(serving, at), probe: 'in-sync' }
  if (api.verdict !== 'healed') return api
  const result = (verdict: ProbeResult['verdict'], reason: string, more: Partial<ProbeResult> = {}) => ({
    ...api,
    verdict,
    reason,
    ...more,
  })
  const failed = views?.find((view) => typeof view === 'string')
  const answers = views?.filter((view) => typeof view !== 'string') ?? []
  if (failed !== undefined || answers.length === 0) return result('unknown', failed ?? 'no broker was asked')

  const id = Number(name)
  const seen = answers.map((view) => ({ ...replicasOf(view, id), source: addressOf(view), view }))
  const evidence = [...api.evidence, ...seen.flatMap((one) => evidenceOf(one, at))]
  const unlisted = seen.find(({ view }) => !view.brokers.some((broker) => broker.id === id))
  if (unlisted) {
    // It serves, so it is registered; the broker that was asked learns of it within moments.
    const reason = `it serves, but ${unlisted.source} does not list it yet`
    return result('progressing', reason, { evidence, mark: 'unlisted' })
  }
  const missing = Math.max(...seen.map((one) => one.missing.length))
  const all = Math.max(...seen.map((one) => one.mine.length))
  if (missing > 0) {
    const reason = `${missing} of its ${all} replicas are not in sync yet`
    return result('progressing', reason, { evidence, mark: String(missing) })
  }
  return result('healed', all > 0 ? `all its ${all} replicas are in sync` : 'it serves and holds no replica', {
    evidence,
  })
}

interface Replicas {
  readonly mine: readonly PartitionState[]
  readonly missing: readonly PartitionState[]
}

function replicasOf({ partitions }: ClusterMetadata, id: number): Replicas {
  const mine = partitions.filter(({ replicas }) => replicas.includes(id))
  return { mine, missing: mine.filter(({ isr, offline }) => !isr.includes(id) || offline.includes(id)) }
}

function addressOf({ answeredBy }: ClusterMetadata): string {
  return `${answeredBy.host}:${answeredBy.port}`
}

function evidenceOf(
  { mine, missing, source }: Replicas & { readonly source: string },
  at: Instant,
): readonly Evidence[] {
  return [
    { name: 'partitions with a replica on it', value: mine.length, source, at },
    { name: 'replicas not in sync', value: missing.length, wanted: 0, source, at },
    ...missing.slice(0, 20).map(({ topic, partition, isr, leader }) => ({
      name: `${topic}-${partition}`,
      value: `leader ${leader}, ISR ${isr.join(',')}`,
      source,
      at,
    })),
  ]
}
