import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { type Target, UNIT_KINDS } from '../inventory/inventory.ts'
import { defineWorldGuard } from './guard.ts'
import { escalationOf, type HostProblem } from './host-problem.ts'
import { type DirectoryFacts, HOLD_FILE, type HostFacts, readHostFacts } from './identity-facts.ts'

export interface IdentityFacts {
  readonly target: Pick<Target, 'kind' | 'name' | 'minFree'>
  readonly hostName: string
  /** As pinned in the inventory. */
  readonly pinned: string | null
  /** What a broker that answers says; null when none answers or none was asked. */
  readonly live: { readonly clusterId: string | null; readonly answeredBy: string } | null
  readonly host: HostFacts | HostProblem
}

/** Targets whose data directories carry an identity. */
const WITH_DATA: readonly Target['kind'][] = ['broker', 'controller']

/**
 * S-2.3, S-2.4: it is the cluster that the inventory means, and the host holds the data of the node that it names. A dev
 * alert must not restart prod, and a broker must not start on a disk that is not mounted.
 */
export const identity = defineWorldGuard({
  kind: 'world',
  type: 'identity',
  summary: 'Cluster id, data directories and node id are the ones of the inventory, and nobody put the host on hold.',
  params: z.strictObject({}),
  targets: UNIT_KINDS,
  always: true,
  async facts(_params, _intent, { target, cluster, host, kafka, signal }): Promise<IdentityFacts> {
    const withData = WITH_DATA.includes(target.kind)
    const [live, read] = await Promise.all([
      withData ? kafka.metadata(cluster).catch(() => null) : null,
      readHostFacts(host, withData ? target.data : [], signal),
    ])
    const answeredBy = live ? `${live.answeredBy.host}:${live.answeredBy.port}` : ''
    return {
      target,
      hostName: host.name,
      pinned: cluster.clusterId,
      live: live ? { clusterId: live.clusterId, answeredBy } : null,
      host: read,
    }
  },
  decide(facts, _params, _intent, now) {
    const evidence = evidenceOf(facts, now)
    const result = (verdict: GuardResult['verdict'], reason: string, more: Partial<GuardResult> = {}): GuardResult => ({
      guard: 'identity',
      verdict,
      reason,
      evidence,
      ...more,
    })
    const { host, live, pinned, target } = facts
    if ('cause' in host) {
      return result('unknown', `${facts.hostName} cannot be asked: ${host.reason}`, {
        // A host that answers but cannot be read is one we know nothing about (S-2.3).
        ...(host.cause === 'tool' ? { escalate: 'identity' } : escalationOf(host.cause)),
      })
    }
    if (host.held) return result('hold', `${HOLD_FILE} is there on ${facts.hostName}`, { quiet: false })
    if (!WITH_DATA.includes(target.kind)) return result('pass', `no ${HOLD_FILE} on ${facts.hostName}`)
    const wrong = (reason: string) => result('refuse', reason, { escalate: 'identity' })
    if (pinned === null) return wrong('the inventory pins no cluster id')
    if (live && live.clusterId !== pinned) {
      return wrong(
        `${live.answeredBy} belongs to cluster ${live.clusterId ?? 'without an id'}, the inventory pins ${pinned}`,
      )
    }
    if (host.directories.length === 0) return wrong('the inventory names no data directory')
    const problems = host.directories.flatMap((directory) => directoryProblems(directory, pinned, target))
    if (problems.length > 0) return wrong(problems.join('; '))
    const witness = live ? live.answeredBy : 'meta.properties alone, as no broker answers'
    return result('pass', `cluster ${pinned} and node ${target.name}, says ${witness}`)
  },
})

/** What keeps a data directory from being the one that the inventory means; empty when nothing does (S-2.3). */
export function directoryProblems(
  directory: DirectoryFacts,
  pinned: string,
  target: IdentityFacts['target'],
): readonly string[] {
  const { path, meta, availableBytes, sizeBytes, mountedAt } = directory
  const problems: string[] = []
  if (directory.mount && mountedAt !== mountPoint(path)) {
    problems.push(`${path} must be a mount point and lies on ${mountedAt ?? 'an unreadable file system'}`)
  }
  if (meta === null) problems.push(`${path}: ${directory.problem}`)
  else {
    const node = meta['node.id'] ?? meta['broker.id']
    if (meta['cluster.id'] !== pinned)
      problems.push(`${path} holds cluster ${meta['cluster.id'] ?? 'without an id'}, not ${pinned}`)
    if (node !== target.name) problems.push(`${path} holds node ${node ?? 'without an id'}, not ${target.name}`)
  }
  const { bytes, ratio } = target.minFree
  if (availableBytes === null || sizeBytes === null) problems.push(`free space of ${path} could not be read`)
  else if (availableBytes < bytes || availableBytes < sizeBytes * ratio) {
    problems.push(`${path} has ${availableBytes} of ${sizeBytes} bytes free, wanted are ${bytes} and ${ratio * 100} %`)
  }
  return problems
}

/** As df names it: without a slash at the end. */
function mountPoint(path: string): string {
  return path.replace(/(.)\/+$/, '$1')
}

function least({ minFree: { bytes, ratio } }: IdentityFacts['target'], sizeBytes: number | null): string {
  return `at least ${Math.max(bytes, Math.ceil((sizeBytes ?? 0) * ratio))}`
}

function evidenceOf(facts: IdentityFacts, at: Instant): readonly Evidence[] {
  const { host, live, pinned, target } = facts
  const seen: Evidence[] = [{ name: 'pinned cluster id', value: pinned, source: 'inventory', at }]
  const wanted = pinned === null ? {} : { wanted: pinned }
  if (live) seen.push({ name: 'live cluster id', value: live.clusterId, ...wanted, source: live.answeredBy, at })
  if ('cause' in host) return seen
  const source = facts.hostName
  seen.push({ name: 'hold file', value: host.held, wanted: false, source, at })
  for (const { path, mount, meta, problem, availableBytes, sizeBytes, mountedAt } of host.directories) {
    const node = meta?.['node.id'] ?? meta?.['broker.id'] ?? '-'
    const stated = meta ? `${meta['cluster.id'] ?? '-'} node ${node}` : problem
    seen.push({
      name: `meta.properties in ${path}`,
      value: stated,
      wanted: `${pinned ?? '-'} node ${target.name}`,
      source,
      at,
    })
    seen.push({ name: `mount of ${path}`, value: mountedAt, ...(mount && { wanted: mountPoint(path) }), source, at })
    seen.push({ name: `bytes free in ${path}`, value: availableBytes, wanted: least(target, sizeBytes), source, at })
  }
  return seen
}
