import { createHash } from 'node:crypto'
import type { Instant } from '../clock.ts'
import type { Evidence, GuardResult, ProbeResult } from '../incident/verdict.ts'
import { read, results as resultsSchema } from './json.ts'
import type { DecisionView } from './store.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

type Results = readonly (GuardResult | ProbeResult)[]

/** A decision's results take at most so many bytes as JSON (design 4.3). */
const MOST_BYTES = 8 * 1024

const lastOf = fixed((db, p: { incident: number }) =>
  db.selectFrom('decisions').select(['id', 'digest']).where('incident', '=', p.incident).orderBy('id', 'desc').limit(1),
)
const again = fixed((db, p: { id: number; now: number }) =>
  db
    .updateTable('decisions')
    .set((eb) => ({ count: eb('count', '+', 1), last_at: p.now }))
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
  readonly results: Results
}

/** One row; or one more on the row before, when that says the same at another time. */
export function* record(decision: NewDecision, now: Instant): Unit<void> {
  const { incident, attempt, kind, verdict, guard, reason } = decision
  const digest = digestOf(decision)
  const last = yield* one(lastOf({ incident }))
  if (last?.digest === digest) {
    yield* exec(again({ id: last.id, now }))
    return
  }
  const results = JSON.stringify(fit(decision.results))
  yield* exec(
    insertDecision({ incident, attempt, kind, verdict, guard, reason: cut(reason, 2_000), digest, results, now }),
  )
}

/** Everything that was said, the times apart. */
function digestOf({ results, ...said }: NewDecision): string {
  const timeless = results.map(({ evidence, ...result }) => ({
    ...result,
    until: undefined,
    evidence: evidence.map(({ name, value, source }) => [name, value, source]),
  }))
  return createHash('sha256')
    .update(JSON.stringify([said, timeless]))
    .digest('base64url')
}

/** The first offenders and how many more there were; less of each, until it fits. */
export function fit(results: Results): Results {
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
    }))
    if (Buffer.byteLength(JSON.stringify(fitted)) <= MOST_BYTES) return fitted
  }
  const few = results.slice(0, 20).map((result) => ({ ...result, reason: cut(result.reason, 60), evidence: [] }))
  return few.map((result) => ('mark' in result ? { ...result, mark: cut(result.mark, 60) } : result))
}

function firstOf(evidence: readonly Evidence[], most: number, length: number): readonly Evidence[] {
  const first = evidence.slice(0, most).map((one) => ({
    ...one,
    name: cut(one.name, length),
    source: cut(one.source, length),
    value: typeof one.value === 'string' ? cutValue(one.value, length) : one.value,
  }))
  const left = evidence.length - first.length
  const at = evidence[0]?.at ?? 0
  return left > 0 ? [...first, { name: 'and more', value: left, source: 'kafka-healing', at }] : first
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
    results: read(resultsSchema, row.results, `decision ${row.id}`),
    firstAt: row.first_at,
    lastAt: row.last_at,
    count: row.count,
  }))
}
