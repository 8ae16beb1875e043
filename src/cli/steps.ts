import type { Argv, Values } from '../actions/action.ts'
import { actionOf } from '../actions/index.ts'
import { targetValues } from '../actions/interpolate.ts'
import type { Labels } from '../alert/alert.ts'
import { type Plan, rungOf, type Step } from '../incident/plan.ts'
import type { Target } from '../inventory/inventory.ts'
import type { Rule } from '../rules/match.ts'

/** What a step may take its whole values from, before there is an incident. */
function valuesFor(plan: Plan, target: Target, labels: Labels): Values {
  return { labels, target: targetValues(target), incident: { id: '0', rule: plan.rule, attempt: '1' } }
}

/** The command that a step would send; null where its action sends no single one. */
export function argvOf(step: Step, target: Target, values: Values): Argv | null {
  return actionOf(step.type)?.argv?.(step.params, { target, values }) ?? null
}

/** The steps of the first attempt, with their commands. */
export function firstRung(
  plan: Plan,
  target: Target,
  labels: Labels,
): readonly { readonly step: Step; readonly command: Argv | null }[] {
  const values = valuesFor(plan, target, labels)
  return rungOf(plan, 1).map((step) => ({ step, command: argvOf(step, target, values) }))
}

/** Every command that some rule may send to the target's host through sudo, without `sudo -n`, each once. */
export function sudoCommands(rules: readonly Rule[], target: Target): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>()
  for (const { plan } of rules) {
    if (plan.targetKind !== target.kind) continue
    for (const step of plan.runbook.rungs.flat()) {
      const command = argvOf(step, target, valuesFor(plan, target, {}))
      if (command === null || command.local === true || !('argv' in command)) continue
      const [program, ...rest] = command.argv
      if (program !== 'sudo') continue
      const bare = rest[0] === '-n' ? rest.slice(1) : rest
      found.set(JSON.stringify(bare), bare)
    }
  }
  return [...found.values()]
}
