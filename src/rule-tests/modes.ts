import type { Complain } from '../document/document.ts'
import { suggestion } from '../document/problem.ts'
import type { Mode } from '../incident/plan.ts'
import type { Configuration } from '../rules/configuration.ts'
import type { Rule } from '../rules/match.ts'

export interface WantedModes {
  readonly mode?: Mode | undefined
  readonly modes?: Readonly<Record<string, Mode>> | undefined
}

/** The configuration with other modes: shipped rules only inform, and what they would do is to be tested. */
export function withModes(configuration: Configuration, wanted: WantedModes, complain: Complain): Configuration {
  const { mode, modes = {} } = wanted
  const names = configuration.rules.map(({ name }) => name)
  for (const name of Object.keys(modes)) {
    if (!names.includes(name)) complain(['modes', name], `there is no rule "${name}"${suggestion(name, names)}`, 'key')
  }
  const rules = configuration.rules.map((rule): Rule => {
    const own = modes[rule.name]
    const next = own ?? mode
    if (next === undefined) return rule
    const problem = next === 'inform' ? null : cannotAct(rule)
    // A rule that cannot act takes no part in `mode: act` for all; asked for by name it is a mistake.
    if (problem !== null && own !== undefined) complain(['modes', rule.name], `mode ${next}: ${problem}`)
    return problem === null ? { ...rule, plan: { ...rule.plan, mode: next } } : rule
  })
  return { ...configuration, rules }
}

/** What `check` would say of the rule in a mode other than inform, as far as it can be seen here. */
function cannotAct({ plan: { runbook } }: Rule): string | null {
  return runbook.symptom === null ? `the runbook "${runbook.name}" has no symptom` : null
}
