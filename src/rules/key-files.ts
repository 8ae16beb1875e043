import { statSync } from 'node:fs'
import { problemIn } from '../document/document.ts'
import type { Problem } from '../document/problem.ts'
import { isAbsent } from '../document/secret-file.ts'
import type { Cluster } from '../inventory/inventory.ts'
import type { LoadedInventory } from '../inventory/load.ts'
import type { Rule } from './match.ts'

/**
 * SSH keys that are missing, or that ssh would refuse because others may read them. An error where a rule in mode `act` can
 * reach the cluster, a warning where nothing would be done anyway.
 */
export function keyFileProblems({ inventory, document }: LoadedInventory, rules: readonly Rule[]): readonly Problem[] {
  if (inventory === null || document === null) return []
  const seen = new Set<string>()
  const problems: Problem[] = []
  for (const target of inventory.targets.values()) {
    const { connection } = target
    const cluster = inventory.clusters.get(target.cluster)
    if (connection.driver !== 'ssh' || cluster === undefined || seen.has(connection.keyFile)) continue
    seen.add(connection.keyFile)
    const problem = keyFileProblem(connection.keyFile)
    if (problem === null) continue
    const list = target.kind === 'broker' ? 'brokers' : 'exporters'
    const index = cluster[list].indexOf(target)
    const own = document.at(['clusters', cluster.name, list, index, 'connection', 'key_file'])
    const bare = document.at(['clusters', cluster.name, list, index])
    const itself = own.line !== bare.line || own.column !== bare.column
    const place = itself ? own : document.at(['clusters', cluster.name, 'connection', 'key_file'])
    const severity = rules.some((rule) => actsOn(rule, cluster)) ? 'error' : 'warning'
    const found = problemIn(document.file, place, problem, severity)
    problems.push(isAbsent(connection.keyFile) ? { ...found, absent: true } : found)
  }
  return problems
}

function keyFileProblem(file: string): string | null {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return `the key file ${file} does not exist`
  if (!stat.isFile()) return `the key file ${file} is not a file`
  if ((stat.mode & 0o077) !== 0)
    return `the key file ${file} may be read by others (mode ${(stat.mode & 0o777).toString(8)}; use 600)`
  return null
}

function actsOn({ plan, matchers }: Rule, cluster: Cluster): boolean {
  return plan.mode === 'act' && matchers.every(({ name, test }) => name !== 'cluster' || test(cluster.name) || test(''))
}
