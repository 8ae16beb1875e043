import { tail } from '../../../notify/clean.ts'
import { type Colour, printable } from '../../terminal.ts'
import type { Screen } from '../session.ts'
import { moment, span } from '../times.ts'
import { wrap } from '../wrap.ts'
import type { View } from './head.ts'

type Attempt = View['attempts'][number]

const OUTPUT_LINES = 5
const OUTPUT_LINES_IN_FULL = 200
/** A line that a program printed is cut beyond this. */
const OUTPUT_WIDTH = 500

const COLOURS: Partial<Record<string, Colour>> = { succeeded: 'green', failed: 'red', unknown: 'red' }

/** Each attempt with its steps: exit code, reason, and the last lines that were printed. */
export function tried({ attempts, incident }: View, screen: Screen, full: boolean): readonly string[] {
  if (attempts.length === 0)
    return [incident.plan.mode === 'inform' ? '  nothing: the rule is in mode inform' : '  nothing']
  return attempts.flatMap((attempt) => [
    ...headline(attempt, screen),
    ...attempt.steps.flatMap((step) => stepLines(step, screen, full)),
  ])
}

function headline(attempt: Attempt, screen: Screen): readonly string[] {
  const { status, reason, rung, byPerson, startedAt, scheduledAt, finishedAt } = attempt
  const asked = byPerson ? ', asked for by a person' : ''
  const took = startedAt === null || finishedAt === null ? '' : `, took ${span(startedAt, finishedAt)}`
  const why = reason === '' ? '' : `: ${reason}`
  const words = `attempt ${attempt.attempt} (rung ${rung}${asked}) ${moment(startedAt ?? scheduledAt, screen)}${took}`
  return wrap(`  ${printable(`${words}: ${status}${why}`)}`, screen.columns, 4)
}

/** One step, and the last lines that it printed. */
export function stepLines(step: Attempt['steps'][number], screen: Screen, full: boolean): readonly string[] {
  const { result } = step
  const what = `${step.step}. ${step.type} ${JSON.stringify(step.params)}`
  if (result === null) return wrap(printable(`    ${what}: no result yet`), screen.columns, 7)
  const took = step.finishedAt === null ? '' : ` after ${span(step.startedAt, step.finishedAt)}`
  const exit = result.exitCode === null ? '' : `, exit code ${result.exitCode}`
  const text = `    ${what}: ${result.outcome}${exit}${took}: ${result.reason}`
  const printed = tail(result.output, full ? OUTPUT_LINES_IN_FULL : OUTPUT_LINES, OUTPUT_WIDTH)
  const colour = COLOURS[result.outcome]
  const lines = wrap(printable(text), screen.columns, 7)
  return [
    ...(colour === undefined ? lines : lines.map((line) => screen.paint(colour, line))),
    ...(printed === '' ? [] : printed.split('\n').map((line) => screen.paint('dim', `       | ${printable(line)}`))),
  ]
}
