import type { Trace } from '../../http/trace-shape.ts'
import { tail } from '../../notify/clean.ts'
import { duration } from '../../notify/times.ts'
import type { Screen } from '../client/session.ts'
import { stamp } from '../client/times.ts'
import { wrap } from '../client/wrap.ts'
import { type Colour, printable } from '../terminal.ts'
import { said, saidLines } from './words.ts'

type Result = Trace['results'][number]
type Evidence = Result['evidence'][number]

/** Values of one guard that are shown; partitions come in thousands. */
const VALUES = 12
const LOG_LINES = 10
const LOG_WIDTH = 240
/** Where values stand, under the reason of their guard. */
const DEEPER = 13

const COLOURS: Partial<Record<string, Colour>> = { refuse: 'red', broken: 'red' }
/** What stands in the way comes first. */
const RANK = ['refuse', 'broken', 'unknown', 'hold', 'progressing', 'pass']

/**
 * What was about to be done, then everyone that was asked, led by `indent` blanks. What passed is told only where the
 * decision is told as a `whole`, and of it only the values that were compared.
 */
export function decisionLines(decision: Trace, screen: Screen, indent: number, whole: boolean): readonly string[] {
  const results = decision.results
    .filter((one) => whole || !fine(one, decision))
    .toSorted((a, b) => rank(a, decision) - rank(b, decision))
  return [
    ...intentLines(decision, screen, indent),
    ...results.flatMap((each) => resultLines(each, decision, screen, indent)),
  ]
}

/** Who decided, then as {@link RANK} says. */
function rank(result: Result, decision: Trace): number {
  if (fine(result, decision)) return RANK.length + ('guard' in result ? 1 : 0)
  if ('guard' in result && result.guard === decision.guard) return -1
  return RANK.indexOf(result.verdict)
}

/** It stands in nobody's way. Beside probes the runbook's symptom is asked, which had better be gone (S-4.9). */
function fine(result: Result, { kind }: Trace): boolean {
  const { verdict } = result
  return verdict === 'healed' || verdict === (kind === 'probe' && 'guard' in result ? 'refuse' : 'pass')
}

/** A symptom beside probes is no refusal, and reads as one. */
function word(result: Result, { kind }: Trace): string {
  const { verdict } = result
  if (kind !== 'probe' || !('guard' in result)) return verdict
  return verdict === 'refuse' ? 'gone' : verdict === 'pass' ? 'holds' : verdict
}

/** For guards; what probes look at is clear. */
function intentLines({ intent, followed, kind }: Trace, screen: Screen, indent: number): readonly string[] {
  if (intent === null || kind === 'probe') return []
  const { attempt, rung, step, target, disruptive, byPerson, mode } = intent
  const words = [
    `for attempt ${attempt}, rung ${rung}${step === null ? '' : `, step ${step}`} on ${target ?? 'nothing that is found yet'}`,
    ...(disruptive ? ['disruptive'] : []),
    ...(byPerson ? ['asked for by a person'] : []),
    ...(mode === 'act' ? [] : [`mode ${mode}`]),
    ...(followed === null ? [] : [`then ${followed.state} (${followed.reason})`]),
  ]
  return wrap(printable(`${' '.repeat(indent)}${words.join(', ')}`), screen.columns, indent)
}

function resultLines(result: Result, decision: Trace, screen: Screen, indent: number): readonly string[] {
  const { verdict, reason, evidence, params } = result
  const ok = fine(result, decision)
  const name = 'guard' in result ? result.guard : result.probe
  const within = 'withinMs' in result && result.withinMs !== undefined ? ` within ${duration(result.withinMs)}` : ''
  const asked = params === undefined ? '' : ` ${JSON.stringify(params)}`
  const text = `${' '.repeat(indent)}${word(result, decision).padEnd(11)}  ${name}${asked}${within}: ${reason}`
  const values = ok ? evidence.filter(({ wanted }) => wanted !== undefined) : evidence
  const more = values.length - VALUES
  return [
    ...saidLines(text, screen, indent + DEEPER).map((line) =>
      screen.paint(ok ? 'green' : (COLOURS[verdict] ?? 'yellow'), line),
    ),
    ...values.slice(0, VALUES).flatMap((one) => evidenceLines(one, decision, screen, indent + DEEPER)),
    ...(more > 0 ? [`${' '.repeat(indent + DEEPER)}and ${more} more values`] : []),
  ]
}

function evidenceLines(one: Evidence, { firstAt }: Trace, screen: Screen, indent: number): readonly string[] {
  const space = ' '.repeat(indent)
  const { name, value, wanted, source, at } = one
  const where = `(${source}, ${seen(at, firstAt, screen)})`
  const lines = isPrinted(value)
    ? [
        printable(`${space}${name} ${where}:`),
        ...tail(value, LOG_LINES, LOG_WIDTH)
          .split('\n')
          .map((line) => `${space}| ${printable(line)}`),
      ]
    : wrap(
        said(
          `${space}${name} = ${value ?? 'nothing'}${wanted === undefined ? '' : `; wanted ${wanted}`} ${where}`,
          screen,
        ),
        screen.columns,
        indent + 2,
      )
  return lines.map((line) => screen.paint('dim', line))
}

/** Several lines, e.g. the last ones of a log: shown as they were printed. */
function isPrinted(value: Evidence['value']): value is string {
  return typeof value === 'string' && value.trim().includes('\n')
}

/** When a value was seen, and how long before it was decided on. */
function seen(at: string, decidedAt: string, screen: Screen): string {
  const age = Date.parse(decidedAt) - Date.parse(at)
  return `seen ${stamp(at, screen).slice(11, 19)}${age < 1_000 ? '' : `, ${duration(age)} before`}`
}
