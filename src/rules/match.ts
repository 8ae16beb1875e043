import type { Labels } from '../alert/alert.ts'
import { type Matcher, matches } from '../alert/matcher.ts'
import type { Plan } from '../incident/plan.ts'
import type { Selector } from '../inventory/resolve.ts'

/** A rule, ready to be used: when it holds, what its labels name, and what is to be done. */
export interface Rule {
  readonly name: string
  readonly matchers: readonly Matcher[]
  readonly selector: Selector
  /** Whether rules after this one are looked at too. */
  readonly continue: boolean
  readonly plan: Plan
}

/** The rules that an alert opens incidents under: the first that matches, and on from there where it says `continue`. */
export function matchRules(rules: readonly Rule[], labels: Labels): readonly Rule[] {
  const matched: Rule[] = []
  for (const rule of rules) {
    if (!matches(rule.matchers, labels)) continue
    matched.push(rule)
    if (!rule.continue) break
  }
  return matched
}
