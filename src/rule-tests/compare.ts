import { isDeepStrictEqual } from 'node:util'
import type { Path } from '../document/document.ts'
import { align, pairUp } from './align.ts'
import type { Expectation, IncidentExpectation, MailExpectation } from './schema.ts'
import type { Moment, SeenIncident, SeenMail } from './seen.ts'

/** `-` is expected and not so, `+` is so and not expected, ` ` is both. */
export interface DiffLine {
  readonly sign: '-' | '+' | ' '
  readonly text: string
}

export interface Mismatch {
  /** Within the expectation: the nearest to what is wrong. */
  readonly path: Path
  readonly message: string
  readonly diff: readonly DiffLine[]
}

/** Where the expectation and what was seen at its time differ. */
export function compare(expectation: Expectation, seen: Moment): readonly Mismatch[] {
  const { incidents, ran, mails, nothing, only = true } = expectation
  if (nothing === true) return somethingIn(seen)
  return [
    ...(incidents === undefined ? [] : compareIncidents(incidents, seen.incidents, only)),
    ...(ran === undefined ? [] : compareLists('ran', 'what ran', ran, seen.ran, only, STEPS)),
    ...(mails === undefined ? [] : compareLists('mails', 'who was told what', mails, seen.mails, only, MAILS)),
  ]
}

function somethingIn({ incidents, ran, mails }: Moment): readonly Mismatch[] {
  const diff = [...incidents.map(flow), ...ran, ...mails.map(flow)].map((text): DiffLine => ({ sign: '+', text }))
  return diff.length === 0 ? [] : [{ path: ['nothing'], message: 'something happened', diff }]
}

function compareIncidents(
  expected: readonly IncidentExpectation[],
  got: readonly SeenIncident[],
  only: boolean,
): readonly Mismatch[] {
  const partners = pairUp(expected, got, (one, seen) => differing(one, seen).length === 0, likeness)
  const mismatches = expected.flatMap((one, index): readonly Mismatch[] => {
    const path = ['incidents', index]
    const partner = partners[index] ?? null
    const seen = partner === null ? undefined : got[partner]
    if (seen === undefined)
      return [{ path, message: 'there is no such incident', diff: [{ sign: '-', text: flow(one) }] }]
    const [first] = differing(one, seen)
    if (first === undefined) return []
    return [{ path: [...path, first], message: `${named(seen)} is not as expected`, diff: fieldLines(one, seen) }]
  })
  const extra = only ? got.filter((_, index) => !partners.includes(index)) : []
  if (extra.length === 0) return mismatches
  const message = extra.length === 1 ? 'an incident that is not expected' : 'incidents that are not expected'
  return [...mismatches, { path: ['incidents'], message, diff: extra.map((one) => ({ sign: '+', text: flow(one) })) }]
}

interface ListOf<E, G> {
  readonly fits: (expected: E, got: G) => boolean
  readonly shownExpected: (expected: E) => string
  readonly shownGot: (got: G) => string
}

const STEPS: ListOf<string, string> = {
  fits: (expected, got) => expected === got,
  shownExpected: (step) => step,
  shownGot: (step) => step,
}

const MAILS: ListOf<MailExpectation, SeenMail> = {
  fits: (expected, got) => differing(expected, got).length === 0,
  shownExpected: flow,
  shownGot: flow,
}

/** Lists whose order counts. One mismatch for a whole list: what is missing and what is too much explain each other. */
function compareLists<E, G>(
  key: 'ran' | 'mails',
  what: string,
  expected: readonly E[],
  got: readonly G[],
  only: boolean,
  { fits, shownExpected, shownGot }: ListOf<E, G>,
): readonly Mismatch[] {
  const aligned = align(expected, got, fits)
  const missing = aligned.find((one) => one.got === null)
  if (missing === undefined && (!only || aligned.every((one) => one.expected !== null))) return []
  const diff = aligned.map((one): DiffLine => {
    if (one.got === null) return { sign: '-', text: shownExpected(expected[one.expected] as E) }
    const text = shownGot(got[one.got] as G)
    return { sign: one.expected === null ? '+' : ' ', text }
  })
  const path = missing === undefined || missing.expected === null ? [key] : [key, missing.expected]
  return [{ path, message: `${what} is not as expected`, diff }]
}

type Fields = Readonly<Record<string, unknown>>

/** What is stated, and is not so. */
function differing(expected: IncidentExpectation | MailExpectation, seen: SeenIncident | SeenMail): readonly string[] {
  const is: Fields = { ...seen }
  return Object.entries(expected)
    .filter(([key, wanted]) => wanted !== undefined && !agrees(key, wanted, is[key]))
    .map(([key]) => key)
}

/** Sentences are stated in part, receivers in any order. */
const IN_PART: ReadonlySet<string> = new Set(['because', 'says'])

function agrees(key: string, wanted: unknown, is: unknown): boolean {
  if (IN_PART.has(key)) return typeof is === 'string' && is.includes(String(wanted))
  if (Array.isArray(wanted)) return Array.isArray(is) && isDeepStrictEqual(new Set(wanted), new Set(is))
  return wanted === is
}

/** How much speaks for the two being the same incident; 0: they are not. */
function likeness(expected: IncidentExpectation, seen: SeenIncident): number {
  if (expected.rule !== seen.rule) return 0
  const stated = Object.values(expected).filter((value) => value !== undefined).length
  const sameTarget = expected.target === seen.target ? stated : 0
  return 1 + sameTarget + stated - differing(expected, seen).length
}

function named({ rule, target }: SeenIncident): string {
  return `the incident of ${rule} on ${target}`
}

function fieldLines(expected: IncidentExpectation, seen: SeenIncident): readonly DiffLine[] {
  const is: Fields = { ...seen }
  return Object.entries(expected).flatMap(([key, wanted]): readonly DiffLine[] => {
    if (wanted === undefined) return []
    if (agrees(key, wanted, is[key])) return [{ sign: ' ', text: `${key}: ${value(is[key])}` }]
    return [
      { sign: '-', text: `${key}: ${value(wanted)}` },
      { sign: '+', text: `${key}: ${value(is[key])}` },
    ]
  })
}

/** As it would stand in the file. */
function flow(fields: object): string {
  const stated = Object.entries(fields).filter(([, each]) => each !== undefined && each !== null)
  return `{ ${stated.map(([key, each]) => `${key}: ${value(each)}`).join(', ')} }`
}

function value(each: unknown): string {
  if (each === null || each === undefined) return '(none)'
  if (Array.isArray(each)) return `[${each.map(value).join(', ')}]`
  const text = typeof each === 'string' ? each : JSON.stringify(each)
  return /^[\w./@+-][\w./@:+-]*$/.test(text) ? text : JSON.stringify(text)
}
