import { relative } from 'node:path'
import { loadConfig } from '../config.ts'
import { orderProblems, type Problem } from '../document/problem.ts'
import { loadInventory } from '../inventory/load.ts'
import { type Configuration, receiversOf, rulesFiles } from '../rules/configuration.ts'
import { granted } from '../rules/granted.ts'
import { loadRules } from '../rules/load.ts'
import type { Revision } from '../rules/revision.ts'

/** Which files make the configuration under test. Paths are absolute. */
export interface Sources {
  readonly config: string
  /** Null: those that the configuration names. */
  readonly inventory: string | null
  readonly rules: readonly string[] | null
}

export interface UnderTest {
  readonly configuration: Configuration
  readonly rulesFiles: readonly string[]
}

export type LoadedSources = { readonly ok: UnderTest } | { readonly problems: readonly Problem[] }

/** What a test sees of it is the same whatever the commit. */
const REVISION: Revision = { name: 'under-test', commit: null, dirty: null, differing: [], hash: '' }

type Env = Readonly<Record<string, string | undefined>>

/**
 * As the service loads it, but for what tests need not: nothing is connected to, so it is no matter whether passwords,
 * keys and certificates are there, nor whether the rest of the configuration fits another inventory.
 */
export function loadSources({ config: file, ...instead }: Sources, env: Env = process.env): LoadedSources {
  const read = loadConfig(shown(file), env)
  const problems: Problem[] = [...read.problems]
  if (read.paths === null) return { problems: orderProblems(problems) }
  const inventoryFile = instead.inventory ?? read.paths.inventory
  const loaded = loadInventory(shown(inventoryFile))
  const files = (instead.rules ?? rulesFiles(read, problems)).map(shown)
  const context = { config: read.config, inventory: loaded.inventory, powers: granted, revision: REVISION.name }
  const { rules, problems: wrong } = loadRules(files, context)
  const ordered = orderProblems([...problems, ...loaded.problems, ...wrong].filter(({ absent }) => absent !== true))
  const { config } = read
  const { inventory } = loaded
  if (config === null || inventory === null || ordered.some(({ severity }) => severity === 'error'))
    return { problems: ordered }
  const noticesTo = config.noticesTo ?? receiversOf(rules)
  return { ok: { configuration: { config, inventory, rules, noticesTo, revision: REVISION }, rulesFiles: files } }
}

/** Relative to where the person stands, when that is shorter to read. */
export function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' || near.startsWith('..') ? path : near
}
