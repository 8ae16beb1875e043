import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemClock } from '../../clock.ts'
import type { Config } from '../../config.ts'
import { formatProblem } from '../../document/problem.ts'
import type { RuleSet } from '../../replay/rule-set.ts'
import { type Instead, loadConfiguration } from '../../rules/configuration.ts'
import { granted } from '../../rules/granted.ts'
import { ClientError } from '../client/error.ts'
import { atRevision } from './at-revision.ts'

export interface Side extends RuleSet {
  /** For people: where its rules are from. */
  readonly from: string
}

export interface Sides {
  readonly before: Side
  readonly after: Side
  readonly config: Config
}

/** The two rule sets of `--rules DIR` (in force here against the folder) or `--against REV` (the revision against here). */
export async function sidesOf(
  configFile: string,
  asked: { readonly rules?: string; readonly against?: string },
): Promise<Sides> {
  const here = load(configFile)
  const { config } = here
  if (asked.rules !== undefined) {
    const folder = resolve(asked.rules)
    if (statSync(folder, { throwIfNoEntry: false }) === undefined)
      throw new ClientError([`--rules ${asked.rules}: there is nothing by that name`])
    const after = load(configFile, { rules: [folder] })
    return {
      before: { ...here, from: `the rules of ${configFile}` },
      after: { ...after, from: asked.rules },
      config,
    }
  }
  const rev = asked.against ?? ''
  const before = await atRevision(rev, config, (instead, readable) => load(configFile, instead, readable))
  return { before: { ...before, from: rev }, after: { ...here, from: 'the work tree' }, config }
}

/** The configuration alone. */
export function configOf(configFile: string): Config {
  return load(configFile).config
}

/** Throws every problem; `readable` makes paths in them what a person knows them by. */
function load(
  configFile: string,
  instead: Instead = {},
  readable: (text: string) => string = (text) => text,
): RuleSet & { readonly config: Config } {
  // No password and no key is needed to decide; the database says so itself where it needs one.
  const loaded = loadConfiguration(configFile, granted, process.env, systemClock.now(), 'warning', instead)
  if ('problems' in loaded) {
    const errors = loaded.problems.filter(({ severity }) => severity === 'error')
    throw new ClientError(errors.map((problem) => readable(formatProblem(problem))))
  }
  const { config, rules, inventory, revision } = loaded.ok
  return { config, rules, inventory, revision: revision.name }
}
