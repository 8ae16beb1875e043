import { line, tail } from './clean.ts'
import type { Block, Section } from './document.ts'
import { times } from './naming.ts'
import type { Attempted, Story } from './story.ts'
import { duration, moment } from './times.ts'

/** Attempts shown in full; earlier ones are a line each. */
const IN_FULL = 4
const LISTED = 20
const STEPS = 10
const OUTPUT_LINES = 20
const OUTPUT_WIDTH = 240

/** What was tried: per attempt the steps, their exit codes and the last lines they printed. */
export function tried({ attempts, incident }: Pick<Story, 'attempts' | 'incident'>): Section {
  const title = 'What was tried'
  if (attempts.length === 0) return { title, blocks: [{ type: 'text', text: nothing(incident) }] }
  // A retry by the rule as it was in force then: not all were decided by the revision in the foot.
  const several = new Set(attempts.map(({ revision }) => revision)).size > 1
  const headline = (one: Attempted): string => headlineOf(one, several)
  const inOrder = attempts.toSorted((a, b) => a.attempt - b.attempt)
  const full = inOrder.slice(-IN_FULL)
  const earlier = inOrder.slice(0, -IN_FULL)
  const blocks: Block[] = []
  if (earlier.length > 0) {
    blocks.push({ type: 'list', items: earlier.slice(-LISTED).map(headline) })
    if (earlier.length > LISTED)
      blocks.push({ type: 'text', text: `and ${times(earlier.length - LISTED, 'earlier attempt')}` })
  }
  return { title, blocks: [...blocks, ...full.flatMap((one) => attempt(one, headline(one)))] }
}

function nothing({ plan }: Story['incident']): string {
  return plan.mode === 'inform' ? 'Nothing: the rule is in mode inform.' : 'Nothing.'
}

function attempt(one: Attempted, headline: string): readonly Block[] {
  const blocks: Block[] = [{ type: 'text', text: headline }]
  for (const step of one.steps.slice(0, STEPS)) {
    const { result } = step
    const took = step.finishedAt === null ? '' : ` after ${duration(step.finishedAt - step.startedAt)}`
    const exit = result?.exitCode === null || result === null ? '' : `, exit code ${result.exitCode}`
    const ended =
      result === null ? 'no result was recorded' : `${result.outcome}${exit}${took}: ${line(result.reason, 300)}`
    blocks.push({ type: 'list', items: [`${step.key} ${line(step.type, 40)} ${params(step.params)}: ${ended}`] })
    const output = result === null ? '' : tail(result.output, OUTPUT_LINES, OUTPUT_WIDTH)
    if (output !== '') blocks.push({ type: 'output', text: output })
  }
  if (one.steps.length > STEPS)
    blocks.push({ type: 'text', text: `and ${times(one.steps.length - STEPS, 'more step')}` })
  return blocks
}

function headlineOf(one: Attempted, withRevision: boolean): string {
  const { attempt, rung, status, reason, startedAt, scheduledAt, finishedAt } = one
  const asked = one.byPerson ? ', asked for by a person' : ''
  const by = withRevision ? `, by revision ${line(one.revision, 80)}` : ''
  const took = startedAt !== null && finishedAt !== null ? `, took ${duration(finishedAt - startedAt)}` : ''
  const why = reason === '' ? '' : `: ${line(reason, 300)}`
  return `Attempt ${attempt} (rung ${rung}${asked}${by}) at ${moment(startedAt ?? scheduledAt)}${took}: ${status}${why}`
}

function params(values: Readonly<Record<string, unknown>>): string {
  return line(JSON.stringify(values), 200)
}
