import type { Matcher } from '../alert/matcher.ts'
import { parseMatcher } from '../alert/matcher-syntax.ts'
import type { Config } from '../config.ts'
import { type Complain, complainTo, type Path } from '../document/document.ts'
import { type Problem, suggestion } from '../document/problem.ts'
import type { Plan } from '../incident/plan.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Selector } from '../inventory/resolve.ts'
import { collectRules, type WrittenRule, type WrittenRules } from './collect.ts'
import { unfinishable } from './ladder.ts'
import type { Rule } from './match.ts'
import type { Powers } from './powers.ts'
import { compileRunbook } from './runbook.ts'
import type { RuleFields } from './schema.ts'
import { contradiction, covers } from './unreachable.ts'

/** What rules are checked against. Null: that file is broken itself, so only what does not need it is checked. */
export interface RuleContext {
  readonly config: Config | null
  readonly inventory: Inventory | null
  readonly powers: Powers
  readonly revision: string
}

export interface LoadedRules {
  /** In the order in which they are tried. What is broken is left out. */
  readonly rules: readonly Rule[]
  readonly problems: readonly Problem[]
}

/** How long a webhook's own word counts where nobody else can be asked. Only for mode inform (S-5.3). */
const WORD_OF_WEBHOOK_MS = 15 * 60_000

/** Reads the rules files in the given order. A runbook may stand in another file than its rules. */
export function loadRules(files: readonly string[], context: RuleContext): LoadedRules {
  const problems: Problem[] = []
  const written = collectRules(files, problems)
  const loaded: Rule[] = []
  for (const each of written.rules) {
    const rule = ruleOf(each, written, context, problems)
    if (rule === null) continue
    const first = loaded.find((earlier) => !earlier.continue && covers(earlier.matchers, rule.matchers))
    if (first) {
      const why = `the rule "${first.name}" before it matches all that this one matches; put this one first, or write \`continue: true\` there`
      complainTo(problems, each.document, 'warning')([...each.path, 'name'], `it is never tried: ${why}`)
    }
    loaded.push(rule)
  }
  const used = new Set(written.rules.map(({ fields }) => fields.runbook))
  for (const runbook of written.runbooks.values()) {
    if (used.has(runbook.name)) continue
    compileRunbook(runbook, null, context.powers, problems)
    if (written.broken.has(runbook.name)) continue
    complainTo(problems, runbook.document, 'warning')(runbook.path, `no rule uses the runbook "${runbook.name}"`, 'key')
  }
  return { rules: loaded, problems }
}

function ruleOf(
  { fields, document, path }: WrittenRule,
  { runbooks, broken }: WrittenRules,
  { config, inventory, powers, revision }: RuleContext,
  problems: Problem[],
): Rule | null {
  const before = problems.length
  const complain: Complain = (at, message, part) => complainTo(problems, document)([...path, ...at], message, part)
  const matchers = matchersOf(fields, complain)
  const selector = selectorOf(fields)
  if (config !== null) receiversOf(fields, config, complain)
  const firing = firingOf(fields, config, complain)

  const written = runbooks.get(fields.runbook)
  if (written === undefined) {
    if (broken.has(fields.runbook)) return null
    complain(['runbook'], `there is no runbook "${fields.runbook}"${suggestion(fields.runbook, runbooks.keys())}`)
    return null
  }
  const runbook = compileRunbook(written, selector.kind, powers, problems)
  if (fields.mode !== 'inform') {
    if (written.fields.symptom === undefined) {
      complain(
        ['mode'],
        `mode ${fields.mode} needs a \`symptom\` in the runbook "${written.name}": what a direct look must see before anything is done`,
      )
    }
    for (const cluster of reachable(matchers, inventory)) {
      if (cluster.clusterId !== null) continue
      complain(
        ['mode'],
        `mode ${fields.mode} needs the cluster_id of cluster "${cluster.name}" in the inventory, or a matcher that keeps the rule away from it`,
      )
    }
  }
  if (matchers.length === fields.match.length) reachOf(matchers, inventory, complain, warnAt(document, path, problems))
  if (problems.slice(before).some(({ severity }) => severity === 'error')) return null
  const plan = planOf(fields, selector, firing, runbook, revision)
  const never = unfinishable(plan)
  if (never !== null) {
    complain(['attempts'], never)
    return null
  }
  return { name: fields.name, matchers, selector, continue: fields.continue, plan }
}

function warnAt(document: WrittenRule['document'], path: Path, problems: Problem[]): Complain {
  return (at, message, part) => complainTo(problems, document, 'warning')([...path, ...at], message, part)
}

/** What can never match is a slip; what names no cluster of this inventory may be meant for another one. */
function reachOf(matchers: readonly Matcher[], inventory: Inventory | null, complain: Complain, warn: Complain): void {
  const never = contradiction(matchers)
  if (never !== null) return complain(['match'], `the rule can never match: ${never}`)
  if (inventory === null || inventory.clusters.size === 0 || reachable(matchers, inventory).length > 0) return
  const index = matchers.findIndex(({ name }) => name === 'cluster')
  const value = matchers[index]?.value ?? ''
  warn(['match', index], `no cluster of the inventory is called that${suggestion(value, inventory.clusters.keys())}`)
}

function matchersOf(fields: RuleFields, complain: Complain): readonly Matcher[] {
  return fields.match.flatMap((text, index) => {
    const parsed = parseMatcher(text)
    if ('ok' in parsed) return [parsed.ok]
    complain(['match', index], `matcher ${JSON.stringify(text)}, character ${parsed.column}: ${parsed.problem}`)
    return []
  })
}

function selectorOf({ target }: RuleFields): Selector {
  const kind = target.broker !== undefined ? 'broker' : target.exporter !== undefined ? 'exporter' : 'cluster'
  return { kind, from: target.broker === 'culprit' ? 'culprit' : 'labels' }
}

function receiversOf({ escalation }: RuleFields, config: Config, complain: Complain): void {
  const check = (name: string, at: Path): void => {
    if (config.receivers.has(name)) return
    complain(at, `there is no receiver "${name}" in ${config.file}${suggestion(name, config.receivers.keys())}`)
  }
  for (const [index, name] of escalation.to.entries()) check(name, ['escalation', 'to', index])
  for (const [level, { to }] of escalation.levels.entries()) {
    for (const [index, name] of to.entries()) check(name, ['escalation', 'levels', level, 'to', index])
  }
  if (config.smtp === null) complain(['escalation', 'to'], 'nobody can be told: the configuration has no `smtp`')
}

function firingOf({ firing, mode }: RuleFields, config: Config | null, complain: Complain): Plan['firing'] {
  const maxAgeMs = firing.max_age ?? null
  const asked = { alertmanager: (config?.alertmanagers.length ?? 1) > 0, prometheus: config?.prometheus !== null }
  const source = firing.source ?? (asked.alertmanager ? 'alertmanager' : asked.prometheus ? 'prometheus' : null)
  if (source === 'webhook') {
    if (maxAgeMs === null)
      complain(['firing'], 'source webhook needs a `max_age`: how old the last notification may be')
    return { source, maxAgeMs }
  }
  if (maxAgeMs !== null) complain(['firing', 'max_age'], '`max_age` is only for source webhook', 'key')
  if (source === null) {
    if (mode !== 'inform') {
      complain(
        ['mode'],
        `mode ${mode} needs somebody to ask whether the alert still fires: configure alertmanagers or prometheus, or firing: { source: webhook, max_age: … }`,
      )
    }
    return { source: 'webhook', maxAgeMs: WORD_OF_WEBHOOK_MS }
  }
  if (!asked[source])
    complain(
      ['firing', 'source'],
      `the configuration has no ${source === 'prometheus' ? '`prometheus`' : '`alertmanagers`'} to ask`,
    )
  return { source, maxAgeMs: null }
}

/** The clusters that the rule's own matchers on `cluster` let through. */
function reachable(matchers: readonly Matcher[], inventory: Inventory | null) {
  const onCluster = matchers.filter(({ name }) => name === 'cluster')
  return [...(inventory?.clusters.values() ?? [])].filter(({ name }) =>
    onCluster.every(({ test }) => test(name) || test('')),
  )
}

function planOf(
  fields: RuleFields,
  selector: Selector,
  firing: Plan['firing'],
  runbook: Plan['runbook'],
  revision: string,
): Plan {
  const { attempts, escalation } = fields
  return {
    rule: fields.name,
    revision,
    rank: fields.rank,
    mode: fields.mode,
    afterMs: fields.after,
    targetKind: selector.kind,
    selects: selector.from,
    attempts: {
      max: attempts.max,
      backoff: {
        initialMs: attempts.backoff.initial,
        multiplier: attempts.backoff.multiplier,
        maxMs: attempts.backoff.max,
      },
      stableMs: attempts.stable,
    },
    escalation: {
      to: escalation.to,
      repeatMs: escalation.repeat,
      levels: escalation.levels.map(({ to, after }) => ({ to, afterMs: after })),
      tellByMs: escalation.tell_by,
      escalateAfterMs: escalation.escalate_after,
      giveUpMs: escalation.give_up,
      startPatienceMs: escalation.start_patience,
      approvalMs: escalation.approval,
    },
    firing,
    runbook,
  }
}
