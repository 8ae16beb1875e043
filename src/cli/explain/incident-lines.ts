import type { IncidentExplanation } from '../../http/explain/shapes.ts'
import type { Screen } from '../client/session.ts'
import { stepLines } from '../client/show/tried.ts'
import { moment, stamp } from '../client/times.ts'
import { wrap } from '../client/wrap.ts'
import { printable } from '../terminal.ts'
import { decisionLines } from './decision-lines.ts'
import { alertWords, rulesTried, saidLines } from './words.ts'

/** `  08:49:33  guards    ` */
const INDENT = 22

/** One incident as a person asks at night: why, what happened in order of time, what comes next. */
export function incidentLines(told: IncidentExplanation, screen: Screen, full: boolean): readonly string[] {
  const section = (title: string, lines: readonly string[]): readonly string[] => [
    '',
    screen.paint('bold', title),
    ...lines,
  ]
  return [
    ...saidLines(`${told.summary}.`, screen).map((line) => screen.paint('bold', line)),
    '',
    ...head(told, screen),
    ...section('Which rules its alerts meet', rules(told, screen)),
    ...section('What happened', story(told, screen, full)),
    ...section('What comes next', next(told, screen)),
  ]
}

function head({ incident, held }: IncidentExplanation, screen: Screen): readonly string[] {
  const { id, rule, mode, revision, target, subject, state, reason, stateSince, openedAt, closedAt } = incident
  const closed = closedAt === null ? '' : `, closed ${moment(closedAt, screen)}`
  return [
    `incident ${id}: ${rule} on ${target ?? subject}, mode ${mode}, revision ${revision}`,
    `opened ${moment(openedAt, screen)}${closed}`,
    `${state} (${reason}) since ${moment(stateSince, screen)}`,
    ...(held === null ? [] : [`every clock stands still since ${moment(held.since, screen)}: ${held.by}`]),
  ].flatMap((text) => wrap(printable(text), screen.columns, 2))
}

function rules({ alerts, incident }: IncidentExplanation, screen: Screen): readonly string[] {
  const lines = alerts.flatMap((one) => [
    ...wrap(`  ${alertWords(one, screen)}`, screen.columns, 4),
    ...rulesTried(one, narrowed(screen, 2)).map((line) => `  ${line}`),
  ])
  if (alerts.every(({ revision }) => revision === incident.revision)) return lines
  const note = `  The incident follows revision ${incident.revision}, under which it was opened.`
  return [...lines, ...wrap(printable(note), screen.columns, 2)]
}

/** The last answer of the guards and of the probes as a whole; of those before, what stood in the way. */
function story(told: IncidentExplanation, screen: Screen, full: boolean): readonly string[] {
  const { decisions } = told
  const last = [decisions.findLast(({ kind }) => kind !== 'probe'), decisions.findLast(({ kind }) => kind === 'probe')]
  let day = ''
  const lines = told.story.flatMap((one) => {
    const time = stamp(one.at, screen)
    const date = `  ${time.slice(0, 10)} (${time.slice(20)})`
    const begins = date === day ? [] : [date]
    day = date
    const text = `  ${time.slice(11, 19)}  ${one.kind.padEnd(8)}  ${one.text}`
    const whole = full || last.some((each) => each !== undefined && each.id === one.decision)
    return [...begins, ...saidLines(text, screen, INDENT), ...details(one, told, screen, whole)]
  })
  return told.earlier === 0 ? lines : [`  ${told.earlier} earlier moments are left out`, ...lines]
}

function details(
  one: IncidentExplanation['story'][number],
  { decisions, attempts }: IncidentExplanation,
  screen: Screen,
  whole: boolean,
): readonly string[] {
  const decision = decisions.find(({ id }) => id === one.decision)
  const attempt = attempts.find((each) => each.attempt === one.attempt)
  const steps = attempt?.steps.flatMap((step) => stepLines(step, narrowed(screen, INDENT - 4), false)) ?? []
  return [
    ...(decision ? decisionLines(decision, screen, INDENT, whole) : []),
    ...steps.map((line) => `${' '.repeat(INDENT - 4)}${line}`),
  ]
}

/** For lines that are led by so many blanks afterwards. */
function narrowed(screen: Screen, by: number): Screen {
  return { ...screen, columns: screen.columns && Math.max(20, screen.columns - by) }
}

function next({ next: timers, incident }: IncidentExplanation, screen: Screen): readonly string[] {
  const says = timers.flatMap((one) => one.says ?? [])
  if (says.length > 0) return says.flatMap((text) => saidLines(`  ${text}`, screen, 4))
  if (incident.state === 'closed') return ['  nothing: it is over']
  return incident.state === 'settled'
    ? ['  It closes when none of its alerts fires any more.']
    : ['  nothing by itself']
}
