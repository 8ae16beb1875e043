import type { z } from 'zod'
import type { ReportAnswer, RuleAnswer, RulesAnswer } from '../../http/rule-shapes.ts'
import { MODES } from '../../incident/plan.ts'
import { times } from '../../notify/naming.ts'
import { duration } from '../../notify/times.ts'
import type { Screen } from '../client/session.ts'
import { type Column, table } from '../client/table.ts'
import { ago, span, stamp } from '../client/times.ts'
import { wrap } from '../client/wrap.ts'
import { type Colour, printable } from '../terminal.ts'

type Rule = z.infer<typeof RuleAnswer>
type Report = z.infer<typeof ReportAnswer>
type Window = Pick<z.infer<typeof RulesAnswer>, 'since' | 'until'>
type Cluster = Rule['clusters'][number]

/** All rules in their order, one line each, and below what each has earned. */
export function ruleListLines({ since, until, items }: z.infer<typeof RulesAnswer>, screen: Screen): readonly string[] {
  if (items.length === 0) return ['No rules are in force.']
  return [
    ...wrap(`Incidents opened in the last ${span(since, until)}:`, screen.columns),
    '',
    ...table(
      [
        { head: '#', cell: ({ order }) => String(order), drop: 8 },
        { head: 'RULE', cell: ({ name }) => name, least: 12 },
        { head: 'MODE', cell: modeOf, colour: ({ demotions }) => (demotions.length > 0 ? 'red' : null), least: 6 },
        ...counts<Rule>(({ report }) => report),
      ],
      items,
      screen,
    ),
    ...items.flatMap((rule) => ['', ...suggestionLines(rule, screen)]),
  ]
}

/** One rule with all that was counted of it. */
export function ruleLines(rule: Rule & Window, screen: Screen): readonly string[] {
  const { name, order, rank, runbook, revision, since, until, report, clusters, demotions } = rule
  const facts = factsOf(report)
  const width = Math.max(...facts.map(([what]) => what.length))
  return [
    screen.paint('bold', printable(name)),
    ...wrap(
      printable(`  mode ${modeOf(rule)}, rule ${order}, rank ${rank}, runbook ${runbook}, revision ${revision}`),
      screen.columns,
      2,
    ),
    ...demotions.flatMap(({ at, reason, ...one }) =>
      wrap(
        printable(`  only informs on ${one.target ?? `cluster ${one.cluster}`} since ${stamp(at, screen)}: ${reason}`),
        screen.columns,
        4,
      ).map((line) => screen.paint('red', line)),
    ),
    '',
    ...wrap(`Incidents opened in the last ${span(since, until)}${oldest(rule, screen)}:`, screen.columns),
    ...facts.flatMap(([what, says]) => wrap(`  ${what.padEnd(width)}  ${printable(says)}`, screen.columns, width + 4)),
    ...(clusters.length < 2 ? [] : ['', ...table(clusterColumns(rule), clusters, screen)]),
    '',
    ...suggestionLines(rule, screen),
  ]
}

function oldest({ report, since }: Pick<Rule, 'report'> & Window, screen: Screen): string {
  const { oldestAt } = report
  return oldestAt === null || oldestAt === since ? '' : `, the first ${ago(oldestAt, screen)}`
}

/** What it may do, and where it may not because it failed too often. */
function modeOf({ mode, effectiveMode, demotions }: Pick<Rule, 'mode' | 'effectiveMode' | 'demotions'>): string {
  if (effectiveMode !== mode) return `${effectiveMode} (${mode}, demoted)`
  return demotions.length > 0 && mode !== 'inform' ? `${mode}, partly demoted` : mode
}

function clusterColumns({ mode }: Pick<Rule, 'mode'>): readonly Column<Cluster>[] {
  return [
    { head: 'CLUSTER', cell: ({ cluster }) => cluster ?? '(not told)', least: 8 },
    {
      head: 'MODE',
      cell: ({ effectiveMode }) => effectiveMode,
      colour: ({ effectiveMode }) => (effectiveMode === mode ? null : 'red'),
    },
    ...counts<Cluster>(({ report }) => report),
  ]
}

function counts<T>(of: (row: T) => Report): readonly Column<T>[] {
  const column = (head: string, drop: number, count: (report: Report) => number): Column<T> => ({
    head,
    drop,
    cell: (row) => String(count(of(row))),
  })
  return [
    { head: 'MATCHED', cell: (row) => String(of(row).incidents) },
    column('WOULD ACT', 1, ({ inform }) => inform.wouldAct + inform.wouldAsk),
    column('ACTED', 2, ({ acted }) => acted),
    column('HEALED', 3, ({ healed }) => healed),
    column('FAILED', 4, ({ failed }) => failed),
    column('CLEARED', 6, ({ cleared }) => cleared.incidents),
    column('OVERRULED', 5, ({ overridden }) => overridden.incidents),
    { head: 'HEALS IN', cell: (row) => healsIn(of(row)), drop: 7 },
    { head: 'REFUSED BY', cell: (row) => refusals(of(row).refusedBy.slice(0, 2)), least: 10, drop: 9 },
  ]
}

function healsIn({ timeToHeal }: Report): string {
  return timeToHeal.fromOpening === null ? '' : duration(timeToHeal.fromOpening.medianMs)
}

function refusals(refusedBy: Report['refusedBy']): string {
  return refusedBy.map(({ guard, incidents }) => `${guard} ${incidents}`).join(', ')
}

/** What there is to say, in the order in which an incident goes; zeros are left out, but for the first line. */
function factsOf(report: Report): readonly (readonly [what: string, says: string])[] {
  const { incidents, alerts, inform, cleared, overridden, approvals, timeToHeal, acted, attempts } = report
  const would = inform.wouldAct + inform.wouldAsk
  const all: readonly (readonly [what: string, count: number, more?: string])[] = [
    ['matched', incidents, `with ${times(alerts, 'alert')}`],
    ['not over yet', report.open],
    ['followed', report.followed, 'another incident led on the target'],
    ['held back', report.held, 'by a silence, a maintenance window or a pause'],
    ['would have acted', would, named({ 'asking first': inform.wouldAsk })],
    ['of those, agreed', inform.sameRemedy, 'somebody else did the same'],
    ['of those, needless', inform.needless, 'well again without that'],
    ['would have refused', inform.wouldRefuse],
    ['refused by', report.refusedBy.length, refusals(report.refusedBy)],
    ['approvals', approvals.asked, named({ given: approvals.given, never: approvals.lapsed })],
    ['acted', acted, times(attempts, 'attempt')],
    ['healed', report.healed, named({ 'broke again within probation': report.relapsed })],
    ['failed', report.failed],
    [
      'cleared',
      cleared.incidents,
      named({ 'somebody did the same': cleared.sameRemedy, 'the same process went on': cleared.otherwise }) ||
        'without an attempt of ours',
    ],
    ['unverified', report.unverified],
    [
      'overruled',
      overridden.incidents,
      named({
        'taken over': overridden.takenOver,
        cancelled: overridden.cancelled,
        'somebody was at work': overridden.humanFirst,
        'unit changed by hand': overridden.changedByHand,
      }),
    ],
  ]
  const escalated = report.escalated.map(({ cause, incidents: count }) => `${cause} ${count}`).join(', ')
  return [
    ...all
      .filter(([what, count]) => count > 0 || what === 'matched')
      .map(([what, count, more = '']) => [what, what === 'refused by' ? more : said(count, more)] as const),
    ...(escalated === '' ? [] : [['handed over as', escalated] as const]),
    ...spread('time to heal', timeToHeal.fromOpening, 'from opening'),
    ...spread('', timeToHeal.fromAttempt, 'from the first attempt'),
  ]
}

function said(count: number, more: string): string {
  return more === '' ? String(count) : `${count}  ${more}`
}

function named(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} in ${count}`)
    .join(', ')
}

function spread(what: string, found: Report['timeToHeal']['fromOpening'], since: string) {
  if (found === null) return []
  return [[what, `${since}: median ${duration(found.medianMs)}, nine in ten within ${duration(found.p90Ms)}`] as const]
}

/** What the counts speak for, and why. It is a person who changes the rule. */
export function suggestionLines(rule: Pick<Rule, 'name' | 'mode' | 'suggestion'>, screen: Screen): readonly string[] {
  const { ready, reasons } = rule.suggestion
  const [says, colour] = verdictOf(rule)
  return [
    ...wrap(printable(`${rule.name}: ${says}`), screen.columns, 2).map((line) =>
      colour === null ? line : screen.paint(colour, line),
    ),
    ...reasons.flatMap((reason) => wrap(`  ${ready ? '-' : '·'} ${printable(reason)}`, screen.columns, 4)),
  ]
}

function verdictOf({ mode, suggestion }: Pick<Rule, 'mode' | 'suggestion'>): readonly [string, Colour | null] {
  const { next, ready } = suggestion
  if (next === null) return [`stays in mode ${mode}`, null]
  if (MODES.indexOf(next) < MODES.indexOf(mode)) return [`should go down from ${mode} to ${next}`, 'yellow']
  return ready ? [`has earned mode ${next}, it has ${mode}`, 'green'] : [`not ready for mode ${next}`, null]
}
