import type { Alert, Labels } from '../alert/alert.ts'
import { formatMatcher } from '../alert/matcher.ts'
import type { Mode } from '../incident/plan.ts'
import type { Inventory, Subject } from '../inventory/inventory.ts'
import type { Rule } from './match.ts'
import { namedBy, type Speaker } from './openings.ts'

/** A matcher that does not hold. `value`: what the label is, null where the alert has none of that name. */
export interface FailedMatcher {
  readonly matcher: string
  readonly label: string
  readonly value: string | null
}

/** A rule as it was tried on an alert. */
export interface TriedRule {
  readonly rule: string
  readonly result: 'matches' | 'fails' | 'notTried'
  /** All that do not hold. */
  readonly failing: readonly FailedMatcher[]
  /** Rules after it are tried too, though it matches. */
  readonly continues: boolean
  /** The rule that matched before and does not go on, so that this one is not asked. */
  readonly skipped: string | null
}

/** What one rule makes of an alert: what its labels name, and how they come to that. */
export interface ExplainedRule extends TriedRule {
  /** Of a rule that matches only, as the rest. */
  readonly opens: {
    readonly mode: Mode
    readonly runbook: string
    readonly subject: Subject
    readonly how: string
  } | null
}

/** Every rule in the order in which they are tried; those that match are the ones of `matchRules`. */
export function tryRules(rules: readonly Rule[], labels: Labels): readonly TriedRule[] {
  let skipped: string | null = null
  return rules.map((rule) => {
    const failing = rule.matchers.filter(({ name, test }) => !test(valueOf(labels, name) ?? ''))
    const matches = failing.length === 0
    const result = skipped !== null ? 'notTried' : matches ? 'matches' : 'fails'
    const tried: TriedRule = {
      rule: rule.name,
      result,
      failing: failing.map((matcher) => ({
        matcher: formatMatcher(matcher),
        label: matcher.name,
        value: valueOf(labels, matcher.name),
      })),
      continues: rule.continue,
      skipped,
    }
    if (matches && !rule.continue) skipped ??= rule.name
    return tried
  })
}

/** The same with what comes of each rule that matches: as `openingsOf` opens incidents. */
export function explainMatch(
  alert: Pick<Alert, 'labels' | 'fingerprint'>,
  { rules, inventory }: { readonly rules: readonly Rule[]; readonly inventory: Inventory },
  speaker: Speaker | null,
): readonly ExplainedRule[] {
  const tried = tryRules(rules, alert.labels)
  return rules.flatMap(({ selector, plan }, index): readonly ExplainedRule[] => {
    const one = tried[index]
    if (one === undefined) return []
    if (one.result !== 'matches') return [{ ...one, opens: null }]
    const { subject, how } = namedBy(selector, alert, inventory, speaker)
    return [{ ...one, opens: { mode: plan.mode, runbook: plan.runbook.name, subject, how } }]
  })
}

function valueOf(labels: Labels, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null
}
