import { decisionLines } from '../../explain/decision-lines.ts'
import { saidLines } from '../../explain/words.ts'
import type { Screen } from '../session.ts'
import { moment } from '../times.ts'
import type { View } from './head.ts'

type Decision = View['decisions'][number]

/** The last evaluation of the guards. */
export function guardsSaid({ decisions }: View, screen: Screen): readonly string[] {
  return lastLines(
    decisions.filter(({ kind }) => kind !== 'probe'),
    screen,
  )
}

/** The last look of the probes. */
export function probesSee({ decisions }: View, screen: Screen): readonly string[] {
  return lastLines(
    decisions.filter(({ kind }) => kind === 'probe'),
    screen,
  )
}

/** The decision that keeps it from acting; null when the last one passed. */
export function refusing({ decisions }: View): Decision | null {
  const last = latest(decisions.filter(({ kind }) => kind !== 'probe'))
  return last === undefined || last.verdict === 'pass' ? null : last
}

function lastLines(decisions: readonly Decision[], screen: Screen): readonly string[] {
  const last = latest(decisions)
  if (last === undefined) return ['  nothing yet']
  const { lastAt, firstAt, count, verdict, guard, reason } = last
  const often = count > 1 ? `, the same ${count} times since ${moment(firstAt, screen)}` : ''
  const by = guard === null ? '' : ` by ${guard}`
  return [
    ...saidLines(`  ${moment(lastAt, screen)}${often}: ${verdict}${by}: ${reason}`, screen, 4),
    ...decisionLines(last, screen, 4, true),
  ]
}

function latest(decisions: readonly Decision[]): Decision | undefined {
  return decisions.toSorted((a, b) => Date.parse(a.lastAt) - Date.parse(b.lastAt) || a.id - b.id).at(-1)
}
