import { parseDocument } from 'yaml'
import { parseDocument as parseSource, type SourceDocument } from '../../src/document/document.ts'
import type { Position } from '../../src/document/problem.ts'
import type { Change } from './changes.ts'
import { changesOfRule } from './rule-changes.ts'
import { changesOfRunbook } from './runbook-changes.ts'
import type { WrittenRules } from './written.ts'

/** A rules file that is broken in one place. */
export interface Mutant extends Position {
  /** E.g. `broker-down.after: 30s → 1m`. */
  readonly what: string
  readonly text: string
  /** The rules that it belongs to; of a runbook those that use it. */
  readonly rules: readonly string[]
  /** Only the order of rules is another. */
  readonly isOrder: boolean
}

/** The file broken in one place at a time: each matcher, number, duration, name, order; and each part taken away. */
export function mutantsOf(file: string, text: string, receivers: readonly string[]): readonly Mutant[] {
  const { document } = parseSource(file, text)
  if (document === null) throw new Error(`${file} cannot be read`)
  const all = document.value as WrittenRules
  return [
    ...all.rules.flatMap(({ name }, index) =>
      changesOfRule(index, all, receivers).map((change) => mutant(change, name, [name], document)),
    ),
    ...Object.entries(all.runbooks).flatMap(([name, runbook]) => {
      const users = all.rules.filter((rule) => rule.runbook === name).map((rule) => rule.name)
      return changesOfRunbook(name, runbook).map((change) => mutant(change, name, users, document))
    }),
  ]
}

function mutant({ path, what, apply }: Change, of: string, rules: readonly string[], document: SourceDocument): Mutant {
  const changed = parseDocument(document.text)
  apply(changed)
  const inside = path.slice(2).join('.')
  return {
    ...document.at(path),
    what: `${of}${inside === '' ? '' : `.${inside}`}: ${what}`,
    text: String(changed),
    rules,
    isOrder: path[0] === 'rules' && path.length === 2,
  }
}
