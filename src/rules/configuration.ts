import { globSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { type Instant, systemClock } from '../clock.ts'
import { type Config, type LoadedConfig, loadConfig } from '../config.ts'
import { complainTo } from '../document/document.ts'
import { orderProblems, type Problem } from '../document/problem.ts'
import type { Inventory } from '../inventory/inventory.ts'
import { type LoadedInventory, loadInventory } from '../inventory/load.ts'
import { certificateProblems } from './client-certificates.ts'
import { keyFileProblems } from './key-files.ts'
import { loadRules } from './load.ts'
import { maintenanceProblems } from './maintenance.ts'
import type { Rule } from './match.ts'
import type { Powers } from './powers.ts'
import { revisionOf } from './revision.ts'

/** Everything that people edit, checked together. */
export interface Configuration {
  readonly config: Config
  readonly inventory: Inventory
  readonly rules: readonly Rule[]
  /** Receivers of mails that belong to no single incident: as written, else everybody whom a rule names. */
  readonly noticesTo: readonly string[]
  readonly revision: string
}

export type LoadedConfiguration =
  | { readonly ok: Configuration; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] }

/**
 * Loads configuration, inventory and rules, and says everything that is wrong in any of them at once. Never throws for it.
 * Where only the rules are looked at, files of passwords, keys and certificates need not be there: `absentFiles`.
 */
export function loadConfiguration(
  configFile: string,
  powers: Powers,
  env: Readonly<Record<string, string | undefined>> = process.env,
  now: Instant = systemClock.now(),
  absentFiles: 'error' | 'warning' = 'error',
): LoadedConfiguration {
  const loaded = loadConfig(configFile, env)
  const problems: Problem[] = [...loaded.problems]
  const inOrder = (): readonly Problem[] =>
    orderProblems(
      problems.map((one) => (one.absent === true && absentFiles === 'warning' ? { ...one, severity: 'warning' } : one)),
    )
  if (loaded.paths === null) return { problems: inOrder() }

  const inventory = loadInventory(shown(loaded.paths.inventory))
  const files = rulesFiles(loaded, problems)
  const revision = revisionOf(dirname(resolve(configFile)), [loaded.paths.inventory, ...files])
  const { rules, problems: wrong } = loadRules(files.map(shown), {
    config: loaded.config,
    inventory: inventory.inventory,
    powers,
    revision,
  })
  problems.push(
    ...inventory.problems,
    ...wrong,
    ...keyFileProblems(inventory, rules),
    ...certificateProblems(inventory, now),
    ...clusterProblems(loaded, inventory),
    ...maintenanceProblems(loaded, inventory),
  )

  const { config } = loaded
  const ordered = inOrder()
  if (config === null || inventory.inventory === null || ordered.some(({ severity }) => severity === 'error'))
    return { problems: ordered }
  const noticesTo = config.noticesTo ?? receiversOf(rules)
  return { ok: { config, inventory: inventory.inventory, rules, noticesTo, revision }, warnings: ordered }
}

function receiversOf(rules: readonly Rule[]): readonly string[] {
  const named = rules.flatMap(({ plan: { escalation } }) => [
    ...escalation.to,
    ...escalation.levels.flatMap((level) => level.to),
  ])
  return [...new Set(named)]
}

/** The files behind `rules`: each entry is a file, a folder or a glob. Tests of rules (`*.test.yml`) are not rules. */
function rulesFiles({ document, paths }: LoadedConfig, problems: Problem[]): readonly string[] {
  const files = new Set<string>()
  for (const [index, entry] of (paths?.rules ?? []).entries()) {
    const found = isFolder(entry)
      ? globSync(join(entry, '*.{yml,yaml,json}'))
      : /[*?[{]/.test(entry)
        ? globSync(entry)
        : [entry]
    for (const file of found.filter((each) => !basename(each, extname(each)).endsWith('.test')).toSorted())
      files.add(file)
    if (found.length === 0 && document !== null)
      complainTo(problems, document, 'warning')(['rules', index], `no rules file at ${shown(entry)}`)
  }
  return [...files]
}

/** Credentials and Alertmanagers may only be bound to clusters that exist (S-2.2). */
function clusterProblems({ config, document }: LoadedConfig, { inventory }: LoadedInventory): readonly Problem[] {
  const problems: Problem[] = []
  if (config === null || document === null || inventory === null) return problems
  const bound = [
    ...config.webhookCredentials.map(({ clusters }, index) => ({ clusters, at: ['webhook', 'credentials', index] })),
    ...config.alertmanagers.map(({ clusters }, index) => ({ clusters, at: ['alertmanagers', index] })),
  ]
  for (const { clusters, at } of bound) {
    for (const [position, name] of (clusters ?? []).entries()) {
      if (inventory.clusters.has(name)) continue
      complainTo(problems, document)([...at, 'clusters', position], `the inventory has no cluster "${name}"`)
    }
  }
  return problems
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** Relative to where the person stands, when that is shorter to read. */
function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' || near.startsWith('..') ? path : near
}
