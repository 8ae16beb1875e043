import { existsSync, globSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { loadConfig } from '../config.ts'
import { readDocument } from '../document/document.ts'
import { rulesFiles } from '../rules/configuration.ts'
import { isFolder, isTestsFile, rulesIn } from '../rules/rules-files.ts'
import { configFile } from './config-file.ts'

/** What is to be checked: everything that a configuration names, and worst cases of some rules or (null) of all. */
export interface Checked {
  readonly config: string
  readonly only: ReadonlySet<string> | null
}

/**
 * Reads what `check` was given: a configuration or the folder that holds one, or parts of the configuration (rules, a
 * folder of them, the inventory), as a hook passes the files that have changed. Parts are right or wrong only together.
 */
export function checkedBy(paths: readonly string[], named: string | undefined): Checked | { readonly problem: string } {
  const given = paths.map((path) => ({ path, what: whatIs(path) }))
  // Among others they are what a hook passes as well.
  const [test] = given
  if (test !== undefined && given.every(({ what }) => what === 'test'))
    return { problem: `${test.path} holds tests of rules; run them with: kafka-healing test ${test.path}` }
  const configs = given.filter(({ what }) => what === 'config')
  const [config] = configs
  if (configs.length > 1 || (config !== undefined && named !== undefined))
    return {
      problem: `only one configuration can be checked at a time, not ${[named, ...configs.map(({ path }) => path)].filter((path) => path !== undefined).join(' and ')}`,
    }
  const file = config === undefined ? configFile(named) : configIn(config.path)
  const parts = given.filter(({ what }) => what === 'rules' || what === 'inventory')
  if (parts.length === 0) return { config: file, only: null }
  const empty = parts.find(({ path }) => isFolder(path) && rulesFilesIn(path).length === 0)
  if (empty !== undefined) return { problem: `${empty.path} holds neither config.yml nor rules` }
  const loaded = loadConfig(file)
  const known = loaded.paths === null ? null : new Set([...rulesFiles(loaded, []), loaded.paths.inventory].map(real))
  const files = parts.flatMap(({ path }) => (isFolder(path) ? rulesFilesIn(path) : [path]))
  const stranger = known === null ? undefined : files.find((path) => !known.has(real(path)))
  if (stranger !== undefined)
    return {
      problem: `${stranger} is none of the files of ${file}; name it there, or the right configuration with --config`,
    }
  const whole = parts.some(({ what }) => what === 'inventory')
  return { config: file, only: whole ? null : new Set(files.flatMap(namesIn)) }
}

function whatIs(path: string): 'config' | 'rules' | 'inventory' | 'test' {
  if (isFolder(path)) return existsSync(join(path, 'config.yml')) ? 'config' : 'rules'
  if (isTestsFile(path)) return 'test'
  const value = readDocument(path).document?.value
  if (typeof value !== 'object' || value === null) return 'config'
  // A configuration has `rules` too: a list of files.
  const isRules = 'runbooks' in value || ('rules' in value && isListOfMaps(value.rules))
  if (isRules) return 'rules'
  return 'clusters' in value ? 'inventory' : 'config'
}

function isListOfMaps(value: unknown): boolean {
  return Array.isArray(value) && value.some((one) => typeof one === 'object' && one !== null)
}

function configIn(path: string): string {
  return isFolder(path) ? join(path, 'config.yml') : path
}

function rulesFilesIn(folder: string): readonly string[] {
  return globSync(rulesIn(folder)).filter((path) => whatIs(path) === 'rules')
}

/** The names of the rules in a file; what cannot be read is told by the check itself. */
function namesIn(path: string): readonly string[] {
  const value = readDocument(path).document?.value
  if (typeof value !== 'object' || value === null || !('rules' in value) || !Array.isArray(value.rules)) return []
  return value.rules.flatMap((rule: unknown) =>
    typeof rule === 'object' && rule !== null && 'name' in rule ? [String(rule.name)] : [],
  )
}

function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path)
}
