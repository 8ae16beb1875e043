import type { Clock } from '../../clock.ts'
import { directoryProblems } from '../../guards/identity.ts'
import { type DirectoryFacts, readHostFacts } from '../../guards/identity-facts.ts'
import type { Host } from '../../hosts/host.ts'
import type { Target } from '../../inventory/inventory.ts'
import { examine, type Finding, failed, type Outcome, ok } from './finding.ts'

/** What the guard `identity` will read before it lets anything be done on a broker (S-2.3). */
export async function examineData(
  on: string,
  host: Host,
  target: Target,
  pinned: string | null,
  clock: Clock,
): Promise<readonly Finding[]> {
  if (target.kind !== 'broker' && target.kind !== 'controller') return []
  return examine(on, `data of ${target.key}`, clock, async (signal) => {
    if (target.data.length === 0) {
      return failed(
        'the inventory names no data directory',
        `put log.dirs of ${target.key} into \`data\`: without it nothing is done there`,
      )
    }
    const facts = await readHostFacts(host, target.data, signal)
    if ('cause' in facts) return failed(facts.reason, 'the data directories must be readable for this account')
    return facts.directories.map((directory) => judge(directory, target, pinned))
  })
}

function judge(directory: DirectoryFacts, target: Target, pinned: string | null): Outcome {
  const { path, meta, availableBytes, mountedAt } = directory
  // What pins nothing yet is compared with itself; the cluster's own check says what to pin.
  const problems = directoryProblems(directory, pinned ?? meta?.['cluster.id'] ?? '', target)
  if (problems.length > 0) return failed(problems.join('; '), advice(directory))
  const free = availableBytes === null ? '' : `, ${(availableBytes / 1024 ** 3).toFixed(1)} GiB free`
  return ok(`${path}: cluster ${meta?.['cluster.id']} node ${target.name}, on ${mountedAt}${free}`)
}

function advice({ path, meta }: DirectoryFacts): string {
  if (meta === null)
    return `is ${path} right (log.dirs), mounted, and ${path}/meta.properties readable for this account?`
  return `compare with \`cat ${path}/meta.properties\` and \`df ${path}\` there; the inventory must say what is true`
}
