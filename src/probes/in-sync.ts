import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { ProbeResult } from '../incident/verdict.ts'
import type { Cluster, HostPort, Target } from '../inventory/inventory.ts'
import type { ClusterMetadata } from '../kafka/clients.ts'
import { judgeServing, readServing, type ServingFacts } from './kafka-api.ts'
import { defineProbe } from './probe.ts'

const params = z.strictObject({
  deadline_ms: z.int().min(100).max(10_000).default(2_000).describe('How long the listener may take to answer'),
})

export const inSync = defineProbe({
  type: 'in-sync',
  summary: 'The broker serves and is in the live ISR of all its partitions, as the other brokers see it.',
  params,
  targets: ['broker'],
  async look(wanted, context) {
    const { target, cluster, kafka, clock } = context
    const serving = await readServing(context, wanted.deadline_ms)
    // For some seconds after a death metadata still shows the dead broker in sync: nobody is asked about a silent one.
    if (serving.liveness?.state !== 'serving') return judgeInSync(serving, target.name, null, clock.now())
    const seen = await kafka.metadata(cluster, othersFirst(cluster, target)).catch((error: unknown) => {
      return error instanceof Error ? error.message : String(error)
    })
    return judgeInSync(serving, target.name, seen, clock.now())
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

/** `seen` is the metadata, why there is none, or null when it was not asked for. Live ISR = ISR less offline replicas. */
export function judgeInSync(
  serving: ServingFacts,
  name: string,
  seen: ClusterMetadata | string | null,
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
  if (seen === null || typeof seen === 'string') return result('unknown', seen ?? 'no broker was asked')

  const id = Number(name)
  const source = `${seen.answeredBy.host}:${seen.answeredBy.port}`
  const mine = seen.partitions.filter(({ replicas }) => replicas.includes(id))
  const missing = mine.filter(({ isr, offline }) => !isr.includes(id) || offline.includes(id))
  const evidence = [
    ...api.evidence,
    { name: 'partitions with a replica on it', value: mine.length, source, at },
    { name: 'replicas not in sync', value: missing.length, source, at },
    ...missing.slice(0, 20).map(({ topic, partition, isr, leader }) => ({
      name: `${topic}-${partition}`,
      value: `leader ${leader}, ISR ${isr.join(',')}`,
      source,
      at,
    })),
  ]
  if (!seen.brokers.some((broker) => broker.id === id)) {
    // It serves, so it is registered; the broker that was asked learns of it within moments.
    return result('progressing', `it serves, but ${source} does not list it yet`, { evidence, mark: 'unlisted' })
  }
  if (missing.length > 0) {
    return result('progressing', `${missing.length} of its ${mine.length} replicas are not in sync yet`, {
      evidence,
      mark: String(missing.length),
    })
  }
  const reason = mine.length > 0 ? `all its ${mine.length} replicas are in sync` : 'it serves and holds no replica'
  return result('healed', reason, { evidence })
}
