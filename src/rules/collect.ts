import { complainTo, type Path, problemIn, readDocument, type SourceDocument } from '../document/document.ts'
import type { Problem } from '../document/problem.ts'
import { validate } from '../document/validate.ts'
import type { WrittenRunbook } from './runbook.ts'
import { Rule, type RuleFields, RulesFile, Runbook } from './schema.ts'

/** A rule as written, and where. */
export interface WrittenRule {
  readonly fields: RuleFields
  readonly document: SourceDocument
  readonly path: Path
}

/** All rules files together, as far as their entries have the right shape. */
export interface WrittenRules {
  /** In the order of the files and within them. */
  readonly rules: readonly WrittenRule[]
  readonly runbooks: ReadonlyMap<string, WrittenRunbook>
  /**
   * Runbooks that have the wrong shape, or that a rule of the wrong shape names: what is not there, or not used, because of
   * one mistake is not a second mistake.
   */
  readonly broken: ReadonlySet<string>
}

/** Entries are checked one by one, so that a slip in one hides nothing about the others. */
export function collectRules(files: readonly string[], problems: Problem[]): WrittenRules {
  const rules = new Map<string, WrittenRule>()
  const runbooks = new Map<string, WrittenRunbook>()
  const broken = new Set<string>()
  for (const file of files) {
    const { document, problems: unreadable } = readDocument(file)
    problems.push(...unreadable)
    if (document === null) continue
    // So it is for a moment while it is being written: that is not to say that there shall be no rules.
    if (document.text.trim() === '') problems.push(problemIn(file, { line: 1, column: 1 }, 'the file is empty'))
    else collectFrom(document)
  }
  return { rules: [...rules.values()], runbooks, broken }

  function collectFrom(document: SourceDocument): void {
    const shape = validate(document, document.value ?? {}, RulesFile)
    if ('problems' in shape) problems.push(...shape.problems)
    const { rules: writtenRules, runbooks: writtenRunbooks } = 'ok' in shape ? shape.ok : entriesOf(document.value)
    for (const [index, entry] of writtenRules.entries()) {
      const path = ['rules', index]
      const checked = validate(document, entry, Rule, path)
      if ('problems' in checked) {
        problems.push(...checked.problems)
        if (typeof entry === 'object' && entry !== null && 'runbook' in entry) broken.add(String(entry.runbook))
      } else if (isNew('rule', checked.ok.name, rules, document, [...path, 'name'])) {
        rules.set(checked.ok.name, { fields: checked.ok, document, path })
      }
    }
    for (const [name, entry] of Object.entries(writtenRunbooks)) {
      const path = ['runbooks', name]
      const checked = validate(document, entry, Runbook, path)
      if ('problems' in checked) {
        problems.push(...checked.problems)
        broken.add(name)
      } else if (isNew('runbook', name, runbooks, document, path)) {
        runbooks.set(name, { name, fields: checked.ok, document, path })
      }
    }
  }

  function isNew(
    what: string,
    name: string,
    known: ReadonlyMap<string, { readonly document: SourceDocument }>,
    document: SourceDocument,
    path: Path,
  ): boolean {
    const earlier = known.get(name)
    if (earlier === undefined) return true
    complainTo(problems, document)(path, `the ${what} "${name}" is already there in ${earlier.document.file}`)
    return false
  }
}

/** The entries of a file whose top level has a slip elsewhere. */
function entriesOf(value: unknown): { readonly rules: readonly unknown[]; readonly runbooks: object } {
  const { rules, runbooks } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  return {
    rules: Array.isArray(rules) ? rules : [],
    runbooks: typeof runbooks === 'object' && runbooks !== null && !Array.isArray(runbooks) ? runbooks : {},
  }
}
