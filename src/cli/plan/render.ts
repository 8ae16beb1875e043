import { iso } from '../../clock.ts'
import { formatDuration } from '../../duration.ts'
import type { Evidence } from '../../incident/verdict.ts'
import { firstRung } from '../steps.ts'
import { type Colour, type Paint, printable, shown } from '../terminal.ts'
import { judged } from '../tried.ts'
import { type Look, OWN_GUARDS, type PlannedAlert } from './evaluate.ts'
import { type Verdict, verdictOf, verdictWithoutRule } from './verdict.ts'

const NOT_READ = 'the database stays closed, so no pause, silence, hold or earlier attempt of ours is known here'

/** For people. Values out of alerts and from hosts are shown as text only. */
export function renderText(planned: readonly PlannedAlert[], revision: string, paint: Paint): string {
  const seen = new Map<Look, number>()
  const blocks = planned.map((each, index) => {
    const parts = each.looks.map((look) => {
      const first = seen.get(look)
      if (first !== undefined) return [`  rule ${look.plan.rule}: one incident with alert ${first}, see there`]
      seen.set(look, index + 1)
      return [...lookLines(look, each, paint), closing(verdictOf(look, each.alert), paint)]
    })
    const head = [paint('bold', titleOf(each, index, planned.length)), ...triedLines(each, revision)]
    const end = each.looks.length === 0 ? [closing(verdictWithoutRule(each), paint)] : []
    return [...head, ...parts.flat(), ...end].join('\n')
  })
  return `${blocks.join('\n\n')}\n`
}

/** For programs. */
export function renderJson(planned: readonly PlannedAlert[], revision: string): string {
  const alerts = planned.map((each) => ({
    ...each.alert,
    startsAt: iso(each.alert.startsAt),
    endsAt: each.alert.endsAt === null ? null : iso(each.alert.endsAt),
    rulesTried: each.tried,
    ...(each.looks.length === 0 ? verdictWithoutRule(each) : {}),
    looks: each.looks.map((look) => ({
      rule: look.plan.rule,
      runbook: look.plan.runbook.name,
      mode: look.plan.mode,
      subject: look.subject,
      target: look.target && { key: look.target.key, host: look.target.host, unit: look.target.unit.name },
      guards: look.guards.map((guard) => ({ ...guard, rowsRead: !OWN_GUARDS.has(guard.guard) })),
      probes: look.probes,
      firstAttempt: look.target === null ? [] : firstRung(look.plan, look.target, each.alert.labels),
      ...verdictOf(look, each.alert),
    })),
  }))
  return `${JSON.stringify({ revision, note: NOT_READ, alerts }, null, 2)}\n`
}

function titleOf({ alert }: PlannedAlert, index: number, count: number): string {
  const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  const number = count > 1 ? `${index + 1} of ${count} ` : ''
  return printable(`alert ${number}{${labels.join(', ')}} ${alert.status} since ${iso(alert.startsAt)}`)
}

function triedLines({ tried }: PlannedAlert, revision: string): readonly string[] {
  const width = widest(tried.map(({ rule }) => rule))
  return [
    `  rules at revision ${revision}`,
    ...tried.map((one) => printable(`    ${one.rule.padEnd(width)}  ${judged(one)}`)),
  ]
}

function lookLines(look: Look, { alert }: PlannedAlert, paint: Paint): readonly string[] {
  const { plan, subject, target, guards, probes } = look
  const { rule, mode, rank, afterMs, runbook } = plan
  const head = `  rule ${rule}: runbook ${runbook.name}, mode ${mode}, rank ${rank}, after ${formatDuration(afterMs)}`
  if (!target)
    return [head, `  subject ${printable(subject.key)}${subject.kind === 'unresolved' ? ': unresolved' : ''}`]
  const steps = firstRung(plan, target, alert.labels)
  return [
    head,
    `  subject ${subject.key}, target ${target.key}: ${target.unit.name} on ${hostOf(look)}`,
    '  guards',
    ...rows(
      guards
        .filter(({ guard }) => !OWN_GUARDS.has(guard))
        .map(({ guard, verdict, reason, evidence }) => ({ verdict, name: guard, reason, evidence })),
      paint,
    ),
    `    not asked: ${[...OWN_GUARDS].join(', ')}; ${NOT_READ}`,
    '  probes now',
    ...rows(
      probes.map(({ probe, verdict, reason, evidence }) => ({ verdict, name: probe, reason, evidence })),
      paint,
    ),
    `  attempt 1 of ${plan.attempts.max}, rung 1 of ${runbook.rungs.length}`,
    ...steps.map(({ step, command }, index) => {
      const what =
        command === null
          ? JSON.stringify(step.params)
          : 'argv' in command
            ? shown(command.argv)
            : `nothing: ${command.problem}`
      const where = command?.local === true ? ' (beside kafka-healing)' : ''
      return printable(
        `    ${index + 1}. ${step.type}: ${what}${where}, limit ${step.traits.limitSeconds} s${step.traits.disruptive ? ', disruptive' : ''}`,
      )
    }),
  ]
}

function hostOf({ target }: Look): string {
  if (!target || target.connection.driver === 'local') return 'this machine'
  return `${target.connection.user}@${target.host}:${target.connection.port}`
}

interface Row {
  readonly verdict: string
  readonly name: string
  readonly reason: string
  readonly evidence: readonly Evidence[]
}

const COLOURS: Readonly<Record<string, Colour>> = { pass: 'green', healed: 'green', refuse: 'red', broken: 'red' }

function rows(all: readonly Row[], paint: Paint): readonly string[] {
  const verdicts = widest(all.map(({ verdict }) => verdict))
  const names = widest(all.map(({ name }) => name))
  const indent = ' '.repeat(4 + verdicts + 2 + names + 2)
  return all.flatMap(({ verdict, name, reason, evidence }) => [
    `    ${paint(COLOURS[verdict] ?? 'yellow', verdict.padEnd(verdicts))}  ${name.padEnd(names)}  ${printable(reason)}`,
    ...evidence.map((one) =>
      paint('dim', printable(`${indent}${one.name}: ${one.value ?? 'not known'} (${one.source})`)),
    ),
  ])
}

function closing({ would, sentence }: Verdict, paint: Paint): string {
  return paint(would === 'nothing' ? 'yellow' : 'green', printable(sentence))
}

function widest(words: readonly string[]): number {
  return Math.max(0, ...words.map(({ length }) => length))
}
