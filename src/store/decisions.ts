import { createHash } from 'node:crypto'
import type { Instant } from '../clock.ts'
import { type Followed, type Intended, TRACE } from '../incident/trace.ts'
import type { Evidence, GuardResult, Params, ProbeResult } from '../incident/verdict.ts'
import { read, results as resultsSchema, trace as traceSchema } from './json.ts'
import type { DecisionView } from './store.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

type Results = readonly (GuardResult | ProbeResult)[]

/** A decision's results take at most so many bytes as JSON (design 4.3). */
const MOST_BYTES = 8 * 1024

const lastOf = fixed((db, p: { incident: number }) =>
  db.selectFrom('decisions').select(['id', 'digest']).where('incident', '=', p.incident).orderBy('id', 'desc').limit(1),
)
const again = fixed((db, p: { id: number; trace: string; now: number }) =>
  db
    .updateTable('decisions')
    .set((eb) => ({ count: eb('count', '+', 1), last_at: p.now, trace: p.trace }))
    .where('id', '=', p.id),
)
const insertDecision = fixed(
  (
    db,
    p: {
      incident: number
      attempt: number | null
      kind: string
      verdict: string
      guard: string | null
      reason: string
      digest: string
      results: string
      trace: string
      now: number
    },
  ) =>
    db.insertInto('decisions').values({
      incident: p.incident,
      attempt: p.attempt,
      kind: p.kind,
      verdict: p.verdict,
      guard: p.guard,
      reason: p.reason,
      digest: p.digest,
      results: p.results,
      trace: p.trace,
      first_at: p.now,
      last_at: p.now,
      count: 1,
    }),
)
const decisionsOf = fixed((db, p: { incident: number }) =>
  db.selectFrom('decisions').selectAll().where('incident', '=', p.incident).orderBy('id'),
)

export interface NewDecision {
  readonly incident: number
  readonly attempt: number | null
  readonly kind: DecisionView['kind']
  readonly verdict: string
  readonly guard: string | null
  readonly reason: string
  readonly intent: Intended
  readonly results: Results
  readonly followed: Followed
}

/** One row; or one more on the row before, when that says the same at another time. */
export function* record(decision: NewDecision, now: Instant): Unit<void> {
  const { incident, attempt, kind, verdict, guard, intent, followed } = decision
  const reason = cut(decision.reason, 2_000)
  const digest = digestOf(decision)
  const trace = JSON.stringify({ trace: TRACE, intent, followed })
  const last = yield* one(lastOf({ incident }))
  if (last?.digest === digest) {
    yield* exec(again({ id: last.id, trace, now }))
    return
  }
  const results = JSON.stringify(fit(decision.results, MOST_BYTES - Buffer.byteLength(trace)))
  yield* exec(insertDecision({ incident, attempt, kind, verdict, guard, reason, digest, results, trace, now }))
}

/** Everything that was said, the times apart. */
function digestOf({ results, followed: { state, reason }, ...said }: NewDecision): string {
  const timeless = results.map(({ evidence, ...result }) => ({
    ...result,
    until: undefined,
    evidence: evidence.map(({ name, value, wanted, source }) => [name, value, wanted, source]),
  }))
  return createHash('sha256')
    .update(JSON.stringify([said, timeless, state, reason]))
    .digest('base64url')
}

/** The first offenders and how many more there were; less of each, until it fits. */
export function fit(results: Results, mostBytes: number = MOST_BYTES): Results {
  for (const [most, length] of [
    [20, 500],
    [20, 200],
    [10, 120],
    [5, 80],
    [2, 80],
    [0, 80],
  ] as const) {
    const fitted = results.map((result) => ({
      ...result,
      reason: cut(result.reason, length * 2),
      evidence: firstOf(result.evidence, most, length),
      ...(result.params && { params: cutParams(result.params, length * 4) }),
    }))
    if (Buffer.byteLength(JSON.stringify(fitted)) <= mostBytes) return fitted
  }
  const few = results.slice(0, 20).map((result) => ({
    ...result,
    reason: cut(result.reason, 60),
    evidence: [],
    ...(result.params && { params: cutParams(result.params, 60) }),
  }))
  return few.map((result) => ('mark' in result ? { ...result, mark: cut(result.mark, 60) } : result))
}

function firstOf(evidence: readonly Evidence[], most: number, length: number): readonly Evidence[] {
  const first = evidence.slice(0, most).map((one) => ({
    ...one,
    name: cut(one.name, length),
    source: cut(one.source, length),
    value: typeof one.value === 'string' ? cutValue(one.value, length) : one.value,
    ...(typeof one.wanted === 'string' && { wanted: cut(one.wanted, length) }),
  }))
  const left = evidence.length - first.length
  const at = evidence[0]?.at ?? 0
  return left > 0 ? [...first, { name: 'and more', value: left, source: 'kafka-healing', at }] : first
}

/** The plan has them whole; what is too long here stays readable. */
function cutParams(params: Params, most: number): Params {
  const text = JSON.stringify(params)
  return text.length <= most ? params : { '…': cut(text, most) }
}

/** What was printed (several lines) says most at its end, and needs more room than a value. */
function cutValue(text: string, most: number): string {
  const room = most * 6
  if (!text.includes('\n')) return cut(text, most)
  return text.length <= room ? text : `…${text.slice(1 - room)}`
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`
}

export function* decisionsOfIncident(incident: number): Unit<readonly DecisionView[]> {
  return (yield* all(decisionsOf({ incident }))).map((row) => ({
    id: row.id,
    attempt: row.attempt,
    kind: row.kind === 'claim' || row.kind === 'step' || row.kind === 'probe' ? row.kind : 'guards',
    verdict: row.verdict,
    guard: row.guard,
    reason: row.reason,
    trace: TRACE,
    ...tracedIn(row),
    results: read(resultsSchema, row.results, `decision ${row.id}`),
    firstAt: row.first_at,
    lastAt: row.last_at,
    count: row.count,
  }))
}

/** Rows from before version 1 say what was seen only. */
function tracedIn({
  id,
  trace,
}: {
  readonly id: number
  readonly trace: string | null
}): Pick<DecisionView, 'intent' | 'followed'> {
  if (trace === null) return { intent: null, followed: null }
  const { intent, followed } = read(traceSchema, trace, `decision ${id}`)
  return { intent, followed }
}
