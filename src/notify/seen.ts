import type { Evidence, GuardResult, ProbeResult } from '../incident/verdict.ts'
import { line, tail } from './clean.ts'
import type { Block, Section } from './document.ts'
import type { Decided, Story } from './story.ts'
import { moment } from './times.ts'

const RESULTS = 20
const EVIDENCE = 10
const LOG_LINES = 20
const LOG_WIDTH = 240

/** The last evaluation of the guards: verdict, reason, and each value with what was wanted, its source and time. */
export function guardsSaw({ decisions }: Pick<Story, 'decisions'>): Section {
  return seen(
    'What the guards saw',
    decisions.filter((one) => one.kind !== 'probe'),
    'The guards were not evaluated.',
  )
}

/** The last look of the probes. */
export function probesSee({ decisions }: Pick<Story, 'decisions'>): Section {
  return seen(
    'What the probes see',
    decisions.filter((one) => one.kind === 'probe'),
    'No probe has looked.',
  )
}

/** The guard whose verdict keeps it from acting, null when the last evaluation passed. */
export function refusing({ decisions }: Pick<Story, 'decisions'>): Decided | null {
  const last = latest(decisions.filter((one) => one.kind !== 'probe'))
  return last !== undefined && last.verdict !== 'pass' ? last : null
}

function seen(title: string, decisions: readonly Decided[], none: string): Section {
  const last = latest(decisions)
  if (!last) return { title, blocks: [{ type: 'text', text: none }] }
  const often = last.count > 1 ? `, the same ${last.count} times since ${moment(last.firstAt)}` : ''
  const by = last.guard === null ? '' : ` by ${line(last.guard, 40)}`
  const blocks: Block[] = [
    { type: 'text', text: `At ${moment(last.lastAt)}${often}: ${last.verdict}${by}: ${line(last.reason, 400)}` },
  ]
  const results = last.results.toSorted((a, b) => rank(a) - rank(b))
  for (const result of results.slice(0, RESULTS)) blocks.push(...words(result))
  if (results.length > RESULTS) blocks.push({ type: 'text', text: `and ${results.length - RESULTS} more` })
  return { title, blocks }
}

function words(result: GuardResult | ProbeResult): readonly Block[] {
  const name = 'guard' in result ? result.guard : result.probe
  const values = result.evidence.slice(0, EVIDENCE)
  const printed = values.filter(isPrinted)
  const plain = values.filter((one) => !isPrinted(one)).map(value)
  const more = result.evidence.length > EVIDENCE ? [`and ${result.evidence.length - EVIDENCE} more values`] : []
  return [
    { type: 'list', items: [`${line(name, 40)}: ${result.verdict}: ${line(result.reason, 400)}`] },
    ...(plain.length > 0 ? [{ type: 'output' as const, text: [...plain, ...more].join('\n') }] : []),
    ...printed.flatMap((one): readonly Block[] => [
      { type: 'text', text: `${line(one.name, 60)} (${line(one.source, 120)}, ${moment(one.at)}):` },
      { type: 'output', text: tail(String(one.value), LOG_LINES, LOG_WIDTH) },
    ]),
  ]
}

/** Several lines, e.g. the unit's last log lines: shown as they were printed. */
function isPrinted({ value }: Evidence): boolean {
  return typeof value === 'string' && value.trim().includes('\n')
}

function value(one: Evidence): string {
  const wanted = one.wanted === undefined ? '' : `; wanted ${line(String(one.wanted), 120)}`
  return `${line(one.name, 60)} = ${line(String(one.value), 200)}${wanted}  (${line(one.source, 120)}, ${moment(one.at)})`
}

/** What stands in the way comes first. */
function rank({ verdict }: GuardResult | ProbeResult): number {
  return ['refuse', 'broken', 'unknown', 'hold', 'progressing', 'pass', 'healed'].indexOf(verdict)
}

function latest(decisions: readonly Decided[]): Decided | undefined {
  return decisions.reduce<Decided | undefined>(
    (newest, one) => (newest === undefined || one.lastAt >= newest.lastAt ? one : newest),
    undefined,
  )
}
