import { iso } from '../../clock.ts'
import type { Kind, Treatment } from '../../replay/differences.ts'
import type { NotRecorded, Report } from '../../replay/report.ts'
import type { RuleChange } from '../../replay/rule-set.ts'

/** The words of a replay, for every format. */

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  newlyMatched: 'newly matched',
  noLongerMatched: 'no longer matched',
  otherRule: 'other rule',
  otherTarget: 'other target',
  otherRunbook: 'other runbook',
  otherMode: 'other mode',
  moreAttempts: 'more attempts',
  fewerAttempts: 'fewer attempts',
  newRefusal: 'new refusals',
  refusalGone: 'refusals gone',
}

export function kindsText(kinds: readonly Kind[], indirect: boolean): string {
  return `${kinds.map((kind) => KIND_WORDS[kind]).join(', ')}${indirect ? ' (by other incidents)' : ''}`
}

export function headline({ alerts, different, indirect }: Report): string {
  const because = indirect === 0 ? '' : `, ${count(indirect, 'of them')} only because other incidents act differently`
  return different === 0
    ? `None of ${count(alerts, 'alert')} would be treated differently`
    : `${number(different)} of ${count(alerts, 'alert')} would be treated differently${because}`
}

export function periodText({ from, to, changes }: Report): string {
  if (from === null || to === null) return 'The record holds no change of an alert in this time'
  return `${count(changes, 'change')} of alerts from ${iso(from)} to ${iso(to)}; an alert that fires again counts again`
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const

export function ruleLine({ rule, change, fields }: RuleChange): string {
  return `${SIGNS[change]} ${rule}${fields.length === 0 ? '' : `: ${fields.join(', ')}`}`
}

/** What one rule did about one alert, in one line. */
export function treatmentText({ rule, mode, runbook, subject, problem, attempts, objections }: Treatment): string {
  const where = subject === null ? `unresolvable: ${problem ?? ''}` : subject
  const refused = objections.map(
    ({ guard, verdict, reason }) => `${guard} ${verdict}${reason === '' ? '' : ` (${reason})`}`,
  )
  return [
    `${rule}, ${mode}, runbook ${runbook}, ${where}`,
    count(attempts, 'attempt'),
    ...(refused.length === 0 ? [] : [`not acting: ${refused.join('; ')}`]),
  ].join('; ')
}

export const NO_RULE = 'no rule'

export function rulesText(rules: readonly string[]): string {
  return rules.length === 0 ? NO_RULE : rules.join(', ')
}

/** Before and after, beside each other. */
export function totals({ before, after }: Report): readonly (readonly [string, string, string])[] {
  const escalated = (side: Report['before']) =>
    Object.entries(side.escalated)
      .map(([reason, times]) => `${times} ${reason}`)
      .join(', ') || '0'
  return [
    ['alerts matched', number(before.matched), number(after.matched)],
    ['incidents', number(before.incidents), number(after.incidents)],
    ['attempts', number(before.attempts), number(after.attempts)],
    ["a person's turn", escalated(before), escalated(after)],
  ]
}

/** What the figures rest on. */
export function assumptions(report: Report): readonly string[] {
  return [
    `The record itself holds ${count(report.recordedAttempts, 'attempt')} begun in this time; the more they differ from those before, the less a replay can tell.`,
    'The world does what it did: alerts fire and end as recorded, whatever the rules do. While one fires, steps change nothing and probes find it broken, unless the record says that they found it healed.',
    'Guards over the world say what they were recorded to say about that target, as long as the incident lasted; what was never asked counts as passed. Silences and pauses are as recorded, maintenance windows as configured now.',
    'Not replayed: storms, demotions, approvals, retries, and what else people did. What recurrence suspends is resumed at once. Nobody is told, so who is told and when is not compared.',
    ...notRecordedText(report.notRecorded),
  ]
}

/** Lines that a reader bears. */
const MOST_NAMED = 10

function notRecordedText(all: readonly NotRecorded[]): readonly string[] {
  const never = all.filter(({ known }) => known === 0)
  const byGuard = Map.groupBy(never, ({ rule, guard }) => `${guard} of ${rule}`)
  if (byGuard.size === 0) return []
  const named = [...byGuard.keys()].slice(0, MOST_NAMED)
  const more = byGuard.size - named.length
  return [
    `Not in the record, so counted as passed: ${named.join(', ')}${more > 0 ? `, and ${number(more)} more` : ''}.`,
  ]
}

export function labelsText({ alertname = '', ...labels }: Readonly<Record<string, string>>): string {
  const shown = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return `${alertname}{${shown.join(', ')}}`
}

export function leftOutText(left: number): string {
  return `${count(left, 'more alert')}; --detail all prints every one`
}

function count(of: number, noun: string): string {
  return noun === 'of them' ? `${number(of)} ${noun}` : `${number(of)} ${noun}${of === 1 ? '' : 's'}`
}

export function number(value: number): string {
  return value.toLocaleString('en')
}
