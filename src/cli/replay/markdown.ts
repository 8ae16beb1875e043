import { iso } from '../../clock.ts'
import type { Difference } from '../../replay/differences.ts'
import type { Report } from '../../replay/report.ts'
import { printable } from '../terminal.ts'
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

/** For a comment on a pull request. */
export const markdownFormat: Format = {
  begin: '',
  alert: (difference) => `${alertLines(difference).join('\n')}\n`,
  summary: (report, shown) => `${summaryLines(report, shown).join('\n')}\n`,
}

function summaryLines(report: Report, { before, after, details, leftOut }: Shown): readonly string[] {
  return [
    `### Replay: ${headline(report)}`,
    '',
    `${periodText(report)}. Before: ${code(before)} at ${code(report.before.revision)}. After: ${code(after)} at ${code(report.after.revision)}.`,
    ...(report.rules.length === 0 ? [] : ['', ...report.rules.map((rule) => `- ${code(ruleLine(rule))}`)]),
    ...(report.groups.length === 0
      ? []
      : [
          '',
          ...row('alerts', 'difference', 'before', 'after'),
          '|--:|---|---|---|',
          ...report.groups.flatMap(({ alerts, kinds, indirect, before: was, after: is }) =>
            row(number(alerts), kindsText(kinds, indirect), code(rulesText(was)), code(rulesText(is))),
          ),
        ]),
    '',
    ...row('', 'before', 'after'),
    '|---|---|---|',
    ...totals(report).flatMap(([name, was, is]) => row(name, was, is)),
    ...(details.length === 0
      ? []
      : [
          '',
          `<details><summary>${number(details.length)} of these alerts</summary>`,
          '',
          ...details.flatMap(alertLines),
        ]),
    ...(details.length > 0 && leftOut > 0 ? ['', leftOutText(leftOut)] : []),
    ...(details.length === 0 ? [] : ['', '</details>']),
    '',
    '<details><summary>What this rests on</summary>',
    '',
    ...assumptions(report).map((text) => `- ${escaped(text)}`),
    '',
    '</details>',
  ]
}

function alertLines({ labels, firedAt, endedAt, kinds, indirect, before, after }: Difference): readonly string[] {
  const side = (name: string, treatments: Difference['before']) =>
    (treatments.length === 0 ? [NO_RULE] : treatments.map(treatmentText)).map((text) => `  - ${name}: ${code(text)}`)
  const until = endedAt === null ? 'fires still' : `until ${iso(endedAt)}`
  return [
    `- ${iso(firedAt)} ${until}, ${kindsText(kinds, indirect)}: ${code(labelsText(labels))}`,
    ...side('before', before),
    ...side('after', after),
  ]
}

function row(...cells: readonly string[]): readonly string[] {
  return [`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`]
}

/** Text from outside: nothing in it can be markup, a link or a mention. */
function code(text: string): string {
  return `\`${printable(text).replaceAll('`', "'")}\``
}

function escaped(text: string): string {
  return printable(text).replaceAll(/[\\`*_{}[\]<>|@#]/g, (one) => `\\${one}`)
}
