import { iso } from '../../clock.ts'
import type { Difference } from '../../replay/differences.ts'
import type { Report } from '../../replay/report.ts'
import { table } from '../client/table.ts'
import { type Paint, printable } from '../terminal.ts'
import type { Format, Shown } from './format.ts'
import {
  assumptions,
  headline,
  kindsText,
  labelsText,
  leftOutText,
  NO_RULE,
  number,
  periodText,
  ruleLine,
  rulesText,
  totals,
  treatmentText,
} from './wording.ts'

/** For a terminal and for logs. */
export function textFormat(paint: Paint): Format {
  return {
    begin: '',
    alert: (difference) => lines(['', ...alertLines(difference, paint)]),
    summary: (report, shown) => lines(summaryLines(report, shown, paint)),
  }
}

function summaryLines(report: Report, { before, after, details, leftOut }: Shown, paint: Paint): readonly string[] {
  const sides = [
    ['before', before, report.before.revision],
    ['after', after, report.after.revision],
  ] as const
  return [
    paint('bold', headline(report)),
    periodText(report),
    ...sides.map(([name, from, revision]) => printable(`${name.padEnd(6)}  ${from} (revision ${revision})`)),
    ...(report.rules.length === 0
      ? []
      : ['', 'Rules', ...report.rules.map((rule) => printable(`  ${ruleLine(rule)}`))]),
    ...(report.groups.length === 0 ? [] : ['', ...groups(report, paint)]),
    '',
    ...table(
      [
        { head: '', cell: ([name]: Total) => name },
        { head: 'before', cell: ([, was]) => was },
        { head: 'after', cell: ([, , is]) => is },
      ],
      totals(report),
      { columns: null, paint },
    ),
    ...details.flatMap((difference) => ['', ...alertLines(difference, paint)]),
    ...(leftOut === 0 ? [] : ['', leftOutText(leftOut)]),
    '',
    ...assumptions(report).map((text) => paint('dim', printable(text))),
  ]
}

type Total = ReturnType<typeof totals>[number]

function groups({ groups }: Report, paint: Paint): readonly string[] {
  return table(
    [
      { head: 'alerts', cell: ({ alerts }) => number(alerts) },
      { head: 'difference', cell: ({ kinds, indirect }) => kindsText(kinds, indirect) },
      { head: 'before', cell: ({ before }) => rulesText(before) },
      { head: 'after', cell: ({ after }) => rulesText(after) },
    ],
    groups,
    { columns: null, paint },
  )
}

function alertLines(
  { labels, firedAt, endedAt, kinds, indirect, before, after }: Difference,
  paint: Paint,
): readonly string[] {
  const until = endedAt === null ? 'fires still' : `until ${iso(endedAt)}`
  const side = (name: string, treatments: Difference['before']): readonly string[] =>
    (treatments.length === 0 ? [NO_RULE] : treatments.map(treatmentText)).map((text) => `  ${name}  ${text}`)
  return [
    printable(`${iso(firedAt)}  ${labelsText(labels)} ${until}`),
    `  ${paint('yellow', kindsText(kinds, indirect))}`,
    ...[...side('before', before), ...side('after ', after)].map(printable),
  ]
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
