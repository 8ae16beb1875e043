import { systemClock } from '../clock.ts'
import { formatProblem } from '../document/problem.ts'
import { formatDuration } from '../duration.ts'
import type { Plan } from '../incident/plan.ts'
import { times } from '../notify/naming.ts'
import { type Configuration, type LoadedConfiguration, loadConfiguration } from '../rules/configuration.ts'
import { granted } from '../rules/granted.ts'
import type { Revision } from '../rules/revision.ts'
import { worstCase } from '../rules/worst-case.ts'
import { checkedBy } from './check-paths.ts'
import { jsonText } from './json.ts'

export interface CheckOptions {
  readonly config?: string
  readonly json?: boolean
  /** Files of passwords, keys and certificates need not be there. */
  readonly withoutSecrets?: boolean
}

/** `kafka-healing check [paths]`: every problem with its place, or each rule's worst case. Exit code 1 for problems. */
export async function check(paths: readonly string[], options: CheckOptions = {}): Promise<void> {
  const checked = checkedBy(paths, options.config)
  if ('problem' in checked) {
    console.error(checked.problem)
    process.exitCode = 2
    return
  }
  const absentFiles = options.withoutSecrets === true ? 'warning' : 'error'
  const loaded = loadConfiguration(checked.config, granted, process.env, systemClock.now(), absentFiles)
  const { text, exitCode } = report(loaded, checked.only)
  process.stdout.write(options.json === true ? jsonText(reportJson(loaded, checked.only)) : text)
  process.exitCode = exitCode
}

/** What `check` prints for what was loaded, with worst cases of the rules in `only` (null: of all). */
export function report(
  loaded: LoadedConfiguration,
  only: ReadonlySet<string> | null = null,
): { readonly text: string; readonly exitCode: number } {
  if ('problems' in loaded) {
    const errors = loaded.problems.filter(({ severity }) => severity === 'error').length
    return { text: lines([...loaded.problems.map(formatProblem), '', times(errors, 'error')]), exitCode: 1 }
  }
  const { ok, warnings } = loaded
  const head = warnings.length === 0 ? [] : [...warnings.map(formatProblem), '']
  return { text: lines([...head, ...summary(ok, only)]), exitCode: 0 }
}

/** The same for programs. Durations are milliseconds. */
export function reportJson(loaded: LoadedConfiguration, only: ReadonlySet<string> | null = null) {
  if ('problems' in loaded) return { ok: false, problems: loaded.problems }
  const { inventory, rules, revision } = loaded.ok
  return {
    ok: true,
    problems: loaded.warnings,
    revision,
    clusters: inventory.clusters.size,
    targets: inventory.targets.size,
    rules: wanted(rules, only).map(({ plan }) => ({
      rule: plan.rule,
      mode: plan.mode,
      rank: plan.rank,
      runbook: plan.runbook.name,
      ...worstCase(plan),
      giveUpMs: plan.escalation.giveUpMs,
    })),
  }
}

function wanted(rules: Configuration['rules'], only: ReadonlySet<string> | null): Configuration['rules'] {
  return only === null ? rules : rules.filter(({ name }) => only.has(name))
}

function summary(
  { config, inventory, rules, revision }: Configuration,
  only: ReadonlySet<string> | null,
): readonly string[] {
  const targets = `${times(inventory.clusters.size, 'cluster')} with ${times(inventory.targets.size, 'target')}`
  return [
    `OK: ${targets}, ${times(rules.length, 'rule')}, revision ${revision.name}`,
    ...(revision.dirty === true ? [notCommitted(revision)] : []),
    ...(config.alertmanagers.length === 0 ? [NOT_RECONCILED] : []),
    ...wanted(rules, only).flatMap(({ plan }) => ['', ...ruleSummary(plan)]),
    '',
    'Worst cases count from the opening of an incident, with nothing holding it, guards passing and no progress.',
    "A systemd step lasts as long as its unit's own time-outs where these are longer.",
  ]
}

function notCommitted({ commit, differing }: Revision): string {
  return `not as in commit ${commit?.slice(0, 12)}: ${differing.join(', ')}`
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

function lines(text: readonly string[]): string {
  return `${text.join('\n')}\n`
}
