import type { z } from 'zod'
import type { AlertAnswer, IncidentAnswer } from '../../../http/shapes.ts'
import type { State } from '../../../incident/incident.ts'
import { saidLines } from '../../explain/words.ts'
import { type Colour, printable } from '../../terminal.ts'
import type { Screen } from '../session.ts'
import { moment } from '../times.ts'
import { wrap } from '../wrap.ts'

export type View = z.infer<typeof IncidentAnswer>

/** Enough to recognize them; the rest is in `--json`. */
const ALERTS = 5

const COLOURS: Readonly<Record<State, Colour>> = {
  waiting: 'yellow',
  checking: 'yellow',
  attempting: 'yellow',
  verifying: 'yellow',
  probation: 'green',
  escalated: 'red',
  settled: 'dim',
  closed: 'dim',
}

/** Where it stands and why, what it is about, since when. */
export function head({ incident, alerts }: View, screen: Screen): readonly string[] {
  const { paint } = screen
  const { id, state, reason, detail, subject, target, plan, owner, leader, outcome, firing } = incident
  const name = printable(`${plan.rule} on ${subject.kind === 'unresolved' ? 'nothing that is known' : subject.key}`)
  const stands = paint(COLOURS[state], printable(`${state.toUpperCase()} (${reason})`))
  const facts: readonly (readonly [string, string])[] = [
    ['since', moment(incident.stateSince, screen)],
    ['opened', moment(incident.openedAt, screen)],
    ...(incident.closedAt === null ? [] : [['closed', moment(incident.closedAt, screen)] as const]),
    ...(outcome === null ? [] : [['outcome', outcome] as const]),
    ...(subject.problem === undefined ? [] : [['unresolved', subject.problem] as const]),
    ...(target === null || target === subject.key ? [] : [['target', target] as const]),
    [
      'plan',
      `mode ${plan.mode}, runbook ${plan.runbook.name}, at most ${plan.attempts.max} attempts, revision ${plan.revision}`,
    ],
    ...(plan.runbook.url === null ? [] : [['runbook', plan.runbook.url] as const]),
    ['owner', owner === null ? 'nobody has taken over' : owner],
    ...(leader === null ? [] : [['leader', `incident ${leader}`] as const]),
    ['alerts', `${firing.length} of ${alerts.length} firing`],
  ]
  return [
    `${paint('bold', `Incident ${id}: ${name}`)}  ${stands}`,
    ...saidLines(`  ${detail}`, screen, 2),
    ...facts.flatMap(([key, value]) => wrap(`  ${key.padEnd(10)}  ${printable(value)}`, screen.columns, 14)),
    ...alerts
      .slice(0, ALERTS)
      .flatMap((alert) => wrap(`  ${' '.repeat(10)}  ${alertLine(alert, screen)}`, screen.columns, 14)),
    ...(alerts.length > ALERTS ? [`  ${' '.repeat(10)}  and ${alerts.length - ALERTS} more`] : []),
  ]
}

function alertLine(alert: z.infer<typeof AlertAnswer>, screen: Screen): string {
  const { alertname = '(no alertname)', ...rest } = alert.labels
  const labels = Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  const said = alert.annotations['summary'] ?? alert.annotations['description']
  const since = alert.startsAt === null ? '' : ` since ${moment(alert.startsAt, screen)}`
  return printable(`${alertname}{${labels.join(', ')}} ${alert.status}${since}${said === undefined ? '' : `: ${said}`}`)
}
