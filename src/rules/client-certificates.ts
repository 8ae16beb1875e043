import type { Instant } from '../clock.ts'
import { complainTo } from '../document/document.ts'
import type { Problem } from '../document/problem.ts'
import { ageingCertificates } from '../inventory/client-certificates.ts'
import type { LoadedInventory } from '../inventory/load.ts'

/** Client certificates that have expired or soon will, as warnings: what does not need them goes on working. */
export function certificateProblems({ inventory, document }: LoadedInventory, now: Instant): readonly Problem[] {
  const problems: Problem[] = []
  if (inventory === null || document === null) return problems
  const warn = complainTo(problems, document, 'warning')
  for (const cluster of inventory.clusters.values()) {
    for (const { message, path } of ageingCertificates(cluster, now)) warn(['clusters', cluster.name, ...path], message)
  }
  return problems
}
