import type { MatchAnswer } from '../../http/explain/shapes.ts'
import type { Screen } from '../client/session.ts'
import { stamp } from '../client/times.ts'
import { wrap } from '../client/wrap.ts'
import { printable } from '../terminal.ts'
import { judged } from '../tried.ts'

/** As guards and the service write times, to the second or to the millisecond. */
const TIME = /\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z| UTC)/g

/** A sentence of the service's own, with its times in the zone of whoever reads. */
export function said(text: string, screen: Screen): string {
  return printable(text).replaceAll(TIME, (time) => stamp(time.replace(' UTC', 'Z').replace(' ', 'T'), screen))
}

/** The same in lines that fit. */
export function saidLines(text: string, screen: Screen, indent = 0): readonly string[] {
  return wrap(said(text, screen), screen.columns, indent)
}

/** An alert as it is written, with nothing that a terminal obeys. */
export function alertWords({ labels, alert }: MatchAnswer, screen: Screen): string {
  const { alertname = '(no alertname)', ...rest } = labels
  const pairs = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  const named = printable(`${alertname}{${pairs.join(', ')}}`)
  if (alert === null) return `${named}, given by hand`
  const since = alert.startsAt === null ? '' : ` since ${stamp(alert.startsAt, screen)}`
  return `${named} ${alert.status}${since}, last heard of at ${stamp(alert.seenAt, screen)}`
}

/** Every rule as it was tried, and what comes of those that match. */
export function rulesTried({ rules, revision, credential }: MatchAnswer, screen: Screen): readonly string[] {
  const width = Math.max(0, ...rules.map(({ rule }) => rule.length))
  const indent = width + 6
  const by = credential === null ? '' : `; it came by the credential ${credential}`
  return [
    ...wrap(printable(`  the rules in force, revision ${revision}${by}`), screen.columns, 4),
    ...rules.flatMap((rule) => {
      const { opens } = rule
      const words = opens ? `${judged(rule)}: mode ${opens.mode}, runbook ${opens.runbook}` : judged(rule)
      const lines = wrap(printable(`    ${rule.rule.padEnd(width)}  ${words}`), screen.columns, indent)
      const named = opens ? wrap(printable(`${' '.repeat(indent)}${opens.how}`), screen.columns, indent) : []
      return [
        ...lines.map((line) => (rule.result === 'matches' ? screen.paint('green', line) : screen.paint('dim', line))),
        ...named,
      ]
    }),
    ...(rules.length === 0 ? ['    there are none'] : []),
  ]
}
