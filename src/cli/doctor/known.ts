import { type Config, loadConfig } from '../../config.ts'
import type { SourceDocument } from '../../document/document.ts'
import { formatProblem, type Problem } from '../../document/problem.ts'
import type { Connection, Inventory } from '../../inventory/inventory.ts'
import { fromDocument, loadInventory } from '../../inventory/load.ts'
import { isObject } from '../../object.ts'
import { loadConfiguration } from '../../rules/configuration.ts'
import { granted } from '../../rules/granted.ts'
import type { Rule } from '../../rules/match.ts'
import { type Finding, failed, type Outcome, ok, warning } from './finding.ts'

/** As much of the configuration as can be read: a first inventory has no host keys yet, and `doctor` is what shows them. */
export interface Known {
  readonly config: Config | null
  readonly inventory: Inventory | null
  readonly rules: readonly Rule[]
  readonly findings: readonly Finding[]
}

/** Stands for a host key that the inventory does not name; no machine has it. */
const NO_PIN = `SHA256:${'A'.repeat(43)}`

export function isPinned(connection: Connection): boolean {
  return connection.driver === 'local' || connection.hostKey !== NO_PIN
}

export function readKnown(file: string, env: Readonly<Record<string, string | undefined>>): Known {
  const loaded = loadConfiguration(file, granted, env)
  if ('ok' in loaded) {
    const { config, inventory, rules, revision } = loaded.ok
    const [clusters, targets] = [inventory.clusters.size, inventory.targets.size]
    const size = `clusters: ${clusters}, targets: ${targets}, rules: ${rules.length}, revision ${revision.name}`
    const summary = ok(`${file}: ${size}`)
    return { config, inventory, rules, findings: findings([summary, ...loaded.warnings.map(outcomeOf)]) }
  }
  const { config, paths } = loadConfig(file, env)
  const inventory = paths === null ? null : inventoryAt(paths.inventory)
  return { config, inventory, rules: [], findings: findings(loaded.problems.map(outcomeOf)) }
}

function inventoryAt(file: string): Inventory | null {
  const { inventory, document } = loadInventory(file)
  if (inventory !== null || document === null) return inventory
  return fromDocument({ ...document, value: withPins(document) }).inventory
}

/** The inventory as it would be if every cluster stated a host key. */
function withPins({ value }: SourceDocument): unknown {
  if (!isObject(value) || !isObject(value['clusters'])) return value
  const clusters = Object.entries(value['clusters']).map(([name, cluster]) => {
    if (!isObject(cluster)) return [name, cluster]
    const connection = isObject(cluster['connection']) ? cluster['connection'] : {}
    return [name, { ...cluster, connection: { host_key: NO_PIN, ...connection } }]
  })
  return { ...value, clusters: Object.fromEntries(clusters) as unknown }
}

function outcomeOf(problem: Problem): Outcome {
  const todo = 'mend it there; `kafka-healing check` says the same'
  return problem.severity === 'warning' ? warning(formatProblem(problem), todo) : failed(formatProblem(problem), todo)
}

function findings(outcomes: readonly Outcome[]): readonly Finding[] {
  return outcomes.map((outcome) => ({ on: 'configuration', check: 'files', ...outcome }))
}
