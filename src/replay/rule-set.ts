import { isDeepStrictEqual } from 'node:util'
import type { Labels } from '../alert/alert.ts'
import { formatMatcher } from '../alert/matcher.ts'
import type { Config } from '../config.ts'
import type { Plan } from '../incident/plan.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Rule } from '../rules/match.ts'
import { openingsOf } from '../rules/openings.ts'
import { speakerOf } from '../rules/speaker.ts'
import type { Opening } from '../store/store.ts'

/** Rules with what they are held against: one side of the comparison. A `Configuration` is one. */
export interface RuleSet {
  readonly rules: readonly Rule[]
  readonly inventory: Inventory
  readonly revision: string
  /** Which clusters a credential may speak for (S-2.2). */
  readonly config: Pick<Config, 'webhookCredentials' | 'alertmanagers'>
}

/** The rules that match an alert of a record, with what its labels name. */
export function treats(set: RuleSet, alert: AlertOfRecord): readonly Opening[] {
  return openingsOf(alert, set, speakerOf(alert.credential, set.config))
}

export interface AlertOfRecord {
  readonly fingerprint: string
  readonly labels: Labels
  readonly credential: string | null
}

/** A rule by its name in both sets. `fields` are what is written differently; `order` is another place among the rules. */
export interface RuleChange {
  readonly rule: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly fields: readonly string[]
}

/** What is written differently in two rule sets, whether or not an alert ever meets it. */
export function ruleChanges(before: RuleSet, after: RuleSet): readonly RuleChange[] {
  const [old, young] = [before, after].map(({ rules }) => new Map(rules.map((rule) => [rule.name, rule])))
  const removed = before.rules.filter(({ name }) => !young?.has(name)).map(({ name }) => name)
  const stays = ({ name }: Rule): boolean => (old?.has(name) ?? false) && (young?.has(name) ?? false)
  const moved = new Set(outOfOrder(before.rules.filter(stays), after.rules.filter(stays)))
  return [
    ...removed.map((rule): RuleChange => ({ rule, change: 'removed', fields: [] })),
    ...after.rules.flatMap((rule): readonly RuleChange[] => {
      const was = old?.get(rule.name)
      if (!was) return [{ rule: rule.name, change: 'added', fields: [] }]
      const fields = [...fieldsOf(was, rule), ...(moved.has(rule.name) ? ['order'] : [])]
      return fields.length === 0 ? [] : [{ rule: rule.name, change: 'changed', fields }]
    }),
  ]
}

/** Those that no longer stand behind the same rule. */
function outOfOrder(before: readonly Rule[], after: readonly Rule[]): readonly string[] {
  return after.flatMap(({ name }, index) => {
    const was = before.findIndex((rule) => rule.name === name)
    return before[was - 1]?.name === after[index - 1]?.name ? [] : [name]
  })
}

function fieldsOf(before: Rule, after: Rule): readonly string[] {
  const written = (rule: Rule): Readonly<Record<string, unknown>> => {
    const { runbook, attempts, ...plan } = withoutRevision(rule.plan)
    const { name, ...contents } = runbook
    const prefixed = (prefix: string, fields: object) =>
      Object.fromEntries(Object.entries(fields).map(([key, value]) => [`${prefix}.${key}`, value]))
    return {
      match: rule.matchers.map(formatMatcher),
      target: rule.selector,
      continue: rule.continue,
      ...plan,
      ...prefixed('attempts', attempts),
      runbook: name,
      ...prefixed('runbook', contents),
    }
  }
  const [was, is] = [written(before), written(after)]
  return Object.keys(is)
    .filter((key) => !COVERED.has(key) && !isDeepStrictEqual(was[key], is[key]))
    .map((key) => WRITTEN[key] ?? key)
}

/** They say what `target` and the rule's name say already. */
const COVERED: ReadonlySet<string> = new Set(['rule', 'targetKind', 'selects'])

/** As it is called in the file, where a plan calls it otherwise. */
const WRITTEN: Readonly<Record<string, string>> = { afterMs: 'after', 'attempts.stableMs': 'attempts.stable' }

/** The same for every revision. */
export function withoutRevision(plan: Plan): Plan {
  return { ...plan, revision: '' }
}
