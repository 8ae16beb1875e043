import type { Position } from '../document/problem.ts'
import { worldGuards } from '../guards/index.ts'
import type { Plan } from '../incident/plan.ts'
import { collectRules } from '../rules/collect.ts'
import type { Rule } from '../rules/match.ts'
import type { TestResult } from './run.ts'

/** One thing that tests can touch. */
export interface Item {
  readonly kind: 'rule' | 'guard' | 'rung'
  readonly rule: string
  /** Of a guard its name, of a rung `rung 2 of start-broker`, of a rule nothing more. */
  readonly name: string
  /** What should have been seen of it. */
  readonly wanted: 'opens an incident' | 'runs to its end' | 'passes' | 'objects'
  readonly touched: boolean
  readonly place: (Position & { readonly file: string }) | null
}

/**
 * What counts as touched. Only what happens under a rule that the same test speaks of in an expectation: what a test merely
 * passes by is not tested.
 *
 * - a rule: it opened an incident;
 * - a rung: it ran to its last step;
 * - a guard over the world, under each rule that it applies to: it passed once, and once it did not. Guards for stopping
 *   steps always pass where no rung has one, so they do not apply there;
 *
 * Either answer of a guard is an item of its own. Guards over our own rows (silences, storm, budget …) are none: no rule can
 * say anything about them, they judge all rules alike, and some cannot object to some rules at all.
 */
export function coverageOf(rules: readonly Rule[], results: readonly TestResult[], places: Places): readonly Item[] {
  const seen = seenIn(results)
  return rules.flatMap(({ name: rule, plan }): readonly Item[] => {
    const place = places.ruleOf(rule)
    const rungs = plan.runbook.rungs.map((steps, rung): Item => {
      const name = `rung ${rung + 1} of ${plan.runbook.name}`
      const touched = seen.has(rungKey(rule, rung, steps.length - 1))
      const there = places.rungOf(plan.runbook.name, rung)
      return { kind: 'rung', rule, name, wanted: 'runs to its end', touched, place: there }
    })
    const guards = guardsOf(plan).flatMap((name) =>
      (['passes', 'objects'] as const).map((wanted): Item => {
        const touched = seen.has(guardKey(rule, name, wanted === 'passes'))
        return { kind: 'guard', rule, name, wanted, touched, place }
      }),
    )
    const touched = seen.has(ruleKey(rule))
    return [{ kind: 'rule', rule, name: '', wanted: 'opens an incident', touched, place }, ...rungs, ...guards]
  })
}

/** They pass whatever they see where nothing disruptive is about to be done. */
const STOPPING_ONLY: ReadonlySet<string> = new Set(['availability', 'quorum', 'no-recovery', 'no-reassignment'])

/** The guards over the world that can object to what the rule does. */
export function guardsOf({ runbook, targetKind }: Pick<Plan, 'runbook' | 'targetKind'>): readonly string[] {
  const stops = runbook.rungs.flat().some(({ traits }) => traits.disruptive)
  const listed = new Set(runbook.guards.map(({ type }) => type))
  return worldGuards
    .filter(({ type, targets, always }) => {
      if (!targets.includes(targetKind) || (STOPPING_ONLY.has(type) && !stops)) return false
      return type === 'symptom' ? runbook.symptom !== null : always || listed.has(type)
    })
    .map(({ type }) => type)
}

function seenIn(results: readonly TestResult[]): ReadonlySet<string> {
  const seen = new Set<string>()
  for (const { coverage, speaksOf } of results) {
    for (const rule of coverage?.rules ?? []) if (speaksOf.has(rule)) seen.add(ruleKey(rule))
    for (const { rule, rung, steps } of coverage?.rungs ?? [])
      if (speaksOf.has(rule)) for (const step of steps) seen.add(rungKey(rule, rung, step))
    for (const { rule, guard, verdict } of coverage?.guards ?? [])
      if (speaksOf.has(rule)) seen.add(guardKey(rule, guard, verdict === 'pass'))
  }
  return seen
}

const ruleKey = (rule: string): string => JSON.stringify(['rule', rule])
const rungKey = (rule: string, rung: number, step: number): string => JSON.stringify(['rung', rule, rung, step])
const guardKey = (rule: string, guard: string, passed: boolean): string =>
  JSON.stringify(['guard', rule, guard, passed])

/** Where rules and rungs are written. */
export interface Places {
  ruleOf(name: string): Item['place']
  rungOf(runbook: string, rung: number): Item['place']
}

export function placesIn(rulesFiles: readonly string[]): Places {
  const { rules, runbooks } = collectRules(rulesFiles, [])
  return {
    ruleOf(name) {
      const found = rules.find(({ fields }) => fields.name === name)
      return found === undefined ? null : { file: found.document.file, ...found.document.at(found.path) }
    },
    rungOf(name, rung) {
      const found = runbooks.get(name)
      if (found === undefined) return null
      return { file: found.document.file, ...found.document.at([...found.path, 'rungs', rung]) }
    },
  }
}

export interface Share {
  readonly touched: number
  readonly of: number
  /** Rounded down, so that 100 means all of them. Nothing to touch is all touched. */
  readonly percent: number
}

export function shareOf(items: readonly Item[]): Share {
  const touched = items.filter((item) => item.touched).length
  return { touched, of: items.length, percent: items.length === 0 ? 100 : Math.floor((touched / items.length) * 100) }
}
