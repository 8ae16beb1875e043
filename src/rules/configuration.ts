import { globSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { type Instant, systemClock } from '../clock.ts'
import { type Config, type LoadedConfig, loadConfig } from '../config.ts'
import { complainTo, problemIn } from '../document/document.ts'
import { orderProblems, type Problem } from '../document/problem.ts'
import type { Inventory } from '../inventory/inventory.ts'
import { type LoadedInventory, loadInventory } from '../inventory/load.ts'
import { certificateProblems } from './client-certificates.ts'
import { keyFileProblems } from './key-files.ts'
import { loadRules } from './load.ts'
import { maintenanceProblems } from './maintenance.ts'
import type { Rule } from './match.ts'
import type { Powers } from './powers.ts'
import { hashOf, type Revision, revisionOf } from './revision.ts'
import { isFolder, isGlob, isTestsFile, rulesIn } from './rules-files.ts'

/** Everything that people edit, checked together. */
export interface Configuration {
  readonly config: Config
  readonly inventory: Inventory
  readonly rules: readonly Rule[]
  /** Receivers of mails that belong to no single incident: as written, else everybody whom a rule names. */
  readonly noticesTo: readonly string[]
  readonly revision: Revision
}

export type LoadedConfiguration =
  | { readonly ok: Configuration; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] }

export type Instead = Partial<Pick<Config, 'inventory' | 'rules'>>

/** Files that somebody writes meanwhile are read again, so many times in all. */
export const MOST_READINGS = 5

/**
 * Loads configuration, inventory and rules, and says everything that is wrong in any of them at once. Never throws for it.
 * Where only the rules are looked at, files of passwords, keys and certificates need not be there: `absentFiles`. Rules and
 * inventory may be others than those that the configuration names: `instead`, as absolute paths.
 */
export function loadConfiguration(
  configFile: string,
  powers: Powers,
  env: Readonly<Record<string, string | undefined>> = process.env,
  now: Instant = systemClock.now(),
  absentFiles: 'error' | 'warning' = 'error',
  instead: Instead = {},
): LoadedConfiguration {
  for (let reading = 1; ; reading += 1) {
    const { loaded, isStill } = readOnce(configFile, powers, env, now, absentFiles, instead)
    if (isStill()) return loaded
    if (reading < MOST_READINGS) continue
    return { problems: [keptChanging(shown(configFile))] }
  }
}

export function keptChanging(configFile: string): Problem {
  const message = 'the files kept changing while they were read; try again when nobody writes them'
  return problemIn(configFile, { line: 1, column: 1 }, message)
}

/** `isStill`: the files are as they were when they were read, so that the revision names what was read, all of one moment. */
function readOnce(
  configFile: string,
  powers: Powers,
  env: Readonly<Record<string, string | undefined>>,
  now: Instant,
  absentFiles: 'error' | 'warning',
  instead: Instead,
): { readonly loaded: LoadedConfiguration; readonly isStill: () => boolean } {
  const file = resolve(configFile)
  const folder = dirname(file)
  const itself = hashOf(folder, [file])
  const isItself = (): boolean => hashOf(folder, [file]) === itself
  const loaded = loadConfig(configFile, env)
  const problems: Problem[] = [...loaded.problems]
  const inOrder = (): readonly Problem[] =>
    orderProblems(
      problems.map((one) => (one.absent === true && absentFiles === 'warning' ? { ...one, severity: 'warning' } : one)),
    )
  if (loaded.paths === null) return { loaded: { problems: inOrder() }, isStill: isItself }

  const paths = { ...loaded.paths, ...instead }
  const files = rulesFiles({ ...loaded, paths }, problems)
  const deciding = (rules: readonly string[]): readonly string[] => [file, paths.inventory, ...rules]
  const revision = revisionOf(folder, deciding(files))
  const isStill = (): boolean =>
    isItself() && hashOf(folder, deciding(rulesFiles({ ...loaded, paths }, []))) === revision.hash
  const inventory = loadInventory(shown(paths.inventory))
  const { rules, problems: wrong } = loadRules(files.map(shown), {
    config: loaded.config,
    inventory: inventory.inventory,
    powers,
    revision: revision.name,
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
    return { loaded: { problems: ordered }, isStill }
  const noticesTo = config.noticesTo ?? receiversOf(rules)
  const ok = { config, inventory: inventory.inventory, rules, noticesTo, revision }
  return { loaded: { ok, warnings: ordered }, isStill }
}

/** Everybody whom a rule names. */
export function receiversOf(rules: readonly Rule[]): readonly string[] {
  const named = rules.flatMap(({ plan: { escalation } }) => [
    ...escalation.to,
    ...escalation.levels.flatMap((level) => level.to),
  ])
  return [...new Set(named)]
}

/** The files behind `rules`: each entry is a file, a folder or a glob. Tests of rules (`*.test.yml`) are not rules. */
export function rulesFiles({ document, paths }: LoadedConfig, problems: Problem[]): readonly string[] {
  const files = new Set<string>()
  for (const [index, entry] of (paths?.rules ?? []).entries()) {
    const pattern = isFolder(entry) ? rulesIn(entry) : entry
    const found = isGlob(pattern) ? globSync(pattern) : [pattern]
    for (const file of found.filter((each) => !isTestsFile(each)).toSorted()) files.add(file)
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

/** Relative to where the person stands, when that is shorter to read. */
function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' || near.startsWith('..') ? path : near
}
