import { formatProblem } from '../document/problem.ts'
import { formatDuration } from '../duration.ts'
import type { Plan } from '../incident/plan.ts'
import { type Configuration, type LoadedConfiguration, loadConfiguration } from '../rules/configuration.ts'
import { granted } from '../rules/granted.ts'
import { worstCase } from '../rules/worst-case.ts'
import { configFile } from './config-file.ts'

/** `kafka-healing check [config]`: every problem with its place, or each rule's worst case. Exit code 1 for problems. */
export async function check(config?: string): Promise<void> {
  const { text, exitCode } = report(loadConfiguration(configFile(config), granted))
  process.stdout.write(text)
  process.exitCode = exitCode
}

/** What `check` prints for what was loaded. */
export function report(loaded: LoadedConfiguration): { readonly text: string; readonly exitCode: number } {
  if ('problems' in loaded) {
    const errors = loaded.problems.filter(({ severity }) => severity === 'error').length
    return { text: lines([...loaded.problems.map(formatProblem), '', count(errors, 'error')]), exitCode: 1 }
  }
  const { ok, warnings } = loaded
  const head = warnings.length === 0 ? [] : [...warnings.map(formatProblem), '']
  return { text: lines([...head, ...summary(ok)]), exitCode: 0 }
}

function summary({ config, inventory, rules, revision }: Configuration): readonly string[] {
  const targets = `${count(inventory.clusters.size, 'cluster')} with ${count(inventory.targets.size, 'target')}`
  return [
    `OK: ${targets}, ${count(rules.length, 'rule')}, revision ${revision}`,
    ...(config.alertmanagers.length === 0 ? [NOT_RECONCILED] : []),
    ...rules.flatMap(({ plan }) => ['', ...ruleSummary(plan)]),
    '',
    'Worst cases count from the opening of an incident, with nothing holding it, guards passing and no progress.',
    "A systemd step lasts as long as its unit's own time-outs where these are longer.",
  ]
}

/** S-1.4. */
const NOT_RECONCILED =
  'no `alertmanagers`: an alert whose webhook is lost is never known, and one whose end is lost stays open'

function ruleSummary(plan: Plan): readonly string[] {
  const { firstActionMs, firstMailMs, exhaustedMs } = worstCase(plan)
  const { tellByMs, escalateAfterMs, giveUpMs } = plan.escalation
  return [
    `${plan.rule} (${plan.mode}, rank ${plan.rank}, runbook ${plan.runbook.name})`,
    `  first mail within ${formatDuration(firstMailMs)}`,
    `  ${plan.mode === 'act' ? '' : 'in mode act: '}first action within ${formatDuration(firstActionMs)}, exhausted within ${formatDuration(exhaustedMs)}`,
    `  while it may not act: told within ${formatDuration(Math.min(tellByMs, escalateAfterMs))}, given up after ${formatDuration(giveUpMs)}`,
  ]
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function lines(text: readonly string[]): string {
  return `${text.join('\n')}\n`
}
