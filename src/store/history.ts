import { sql } from 'kysely'
import type { Incident } from '../incident/incident.ts'
import type { Step } from '../incident/plan.ts'
import { attemptStatus, incidentBody, outcome, read, reason, state, stepResult, storedEvent } from './json.ts'
import { planOf } from './plans.ts'
import type {
  HistoryFilter,
  HistoryItem,
  IncidentFilter,
  IncidentSummary,
  JournalRow,
  Page,
  StepView,
} from './store.ts'
import type { Tables } from './tables.ts'
import { all, fixed, query, type Unit } from './unit.ts'

const MOST_ITEMS = 1_000

const attemptRows = fixed((db, p: { incident: number }) =>
  db.selectFrom('attempts').selectAll().where('incident', '=', p.incident).orderBy('id'),
)
const stepRows = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('steps')
    .innerJoin('attempts', 'attempts.id', 'steps.attempt')
    .select(['steps.key', 'steps.attempt', 'steps.step', 'steps.started_at', 'steps.finished_at', 'steps.result'])
    .where('attempts.incident', '=', p.incident)
    .orderBy('steps.attempt')
    .orderBy('steps.step'),
)
const journalRows = fixed((db, p: { incident: number }) =>
  db.selectFrom('journal').selectAll().where('incident', '=', p.incident).orderBy('id'),
)

/** Newest first; the cursor is where the page before ended, so that new attempts move nothing. */
export function* history(filter: HistoryFilter): Unit<Page<HistoryItem>> {
  const limit = limitOf(filter.limit)
  const after = filter.cursor === undefined ? null : cursorOf(filter.cursor, 2)
  const rows = yield* all(
    query((db) => {
      let some = db.selectFrom('attempts').selectAll().orderBy('scheduled_at', 'desc').orderBy('id', 'desc')
      const { since, until, cluster, target, rule, outcome } = filter
      if (since !== undefined) some = some.where('scheduled_at', '>=', since)
      if (until !== undefined) some = some.where('scheduled_at', '<', until)
      if (cluster !== undefined) some = some.where('cluster', '=', cluster)
      if (target !== undefined) some = some.where('target_key', '=', target)
      if (rule !== undefined) some = some.where('rule', '=', rule)
      if (outcome !== undefined) some = some.where('outcome', '=', outcome)
      if (after) {
        const [at = 0, id = 0] = after
        some = some.where((eb) => eb(eb.refTuple('scheduled_at', 'id'), '<', eb.tuple(at, id)))
      }
      return some.limit(limit + 1)
    }),
  )
  return pageOf(rows, limit, (row) => `${row.scheduled_at}.${row.id}`, toItem)
}

export function* incidents(filter: IncidentFilter): Unit<Page<IncidentSummary>> {
  const limit = limitOf(filter.limit)
  const after = filter.cursor === undefined ? null : cursorOf(filter.cursor, 1)
  const rows = yield* all(
    query((db) => {
      let some = db.selectFrom('incidents').selectAll().orderBy('id', 'desc')
      const { states, cluster, target, rule } = filter
      if (states !== undefined) some = some.where('state', 'in', states.length === 0 ? [''] : [...states])
      // Says it once more in the words of the index on open ones.
      if (states?.includes('closed') === false) some = some.where('state', '<>', sql.lit('closed'))
      if (cluster !== undefined) some = some.where('cluster', '=', cluster)
      if (target !== undefined) some = some.where('target_key', '=', target)
      if (rule !== undefined) some = some.where('rule', '=', rule)
      if (after) some = some.where('id', '<', after[0] ?? 0)
      return some.limit(limit + 1)
    }),
  )
  return pageOf(rows, limit, (row) => String(row.id), toSummary)
}

function limitOf(asked: number): number {
  return Math.max(1, Math.min(Math.trunc(asked), MOST_ITEMS))
}

function pageOf<R, T>(rows: readonly R[], limit: number, cursor: (row: R) => string, to: (row: R) => T): Page<T> {
  const last = rows.length > limit ? rows[limit - 1] : undefined
  return { items: rows.slice(0, limit).map(to), next: last === undefined ? null : cursor(last) }
}

/** Throws RangeError for a cursor that no page named. */
function cursorOf(text: string, parts: number): readonly number[] {
  const numbers = text.split('.').map(Number)
  if (numbers.length !== parts || !numbers.every(Number.isSafeInteger)) throw new RangeError(`not a cursor: ${text}`)
  return numbers
}

type AttemptRow = Omit<Tables['attempts'], 'id'> & { readonly id: number }

function toItem(row: AttemptRow): HistoryItem {
  return {
    id: row.id,
    incident: row.incident,
    attempt: row.number,
    rule: row.rule,
    revision: row.revision,
    cluster: row.cluster,
    target: row.target_key,
    rung: row.rung,
    status: attemptStatus.parse(row.status),
    reason: row.reason,
    byPerson: row.by_person === 1,
    scheduledAt: row.scheduled_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    outcome: row.outcome === null ? null : outcome.parse(row.outcome),
  }
}

type IncidentRow = Omit<Tables['incidents'], 'id'> & { readonly id: number }

function toSummary(row: IncidentRow): IncidentSummary {
  const body = read(incidentBody, row.body, `incident ${row.id}`)
  return {
    id: row.id,
    rule: row.rule,
    cluster: row.cluster,
    subject: row.subject_key,
    target: row.target_key,
    mode: row.mode,
    state: body.state,
    reason: body.reason,
    detail: body.detail,
    outcome: body.outcome,
    openedAt: row.opened_at,
    stateSince: row.state_since,
    closedAt: row.closed_at,
    attempts: row.attempts,
    firing: row.firing,
    leader: row.leader,
    owner: row.owner,
    revision: row.revision,
  }
}

export function* attemptsOfIncident(
  incident: Incident,
): Unit<readonly (HistoryItem & { readonly steps: readonly StepView[] })[]> {
  const steps = yield* all(stepRows({ incident: incident.id }))
  const attempts: (HistoryItem & { readonly steps: readonly StepView[] })[] = []
  for (const row of yield* all(attemptRows({ incident: incident.id }))) {
    // A retry by the rule as it is in force then leaves earlier attempts what they were (S-3.6).
    const rung = (yield* planOf(row.plan)).runbook.rungs[row.rung - 1]
    const own = steps.filter(({ attempt }) => attempt === row.id)
    attempts.push({ ...toItem(row), steps: own.map((step) => toStep(step, rung?.[step.step - 1])) })
  }
  return attempts
}

type StepRow = Pick<Tables['steps'], 'key' | 'step' | 'started_at' | 'finished_at' | 'result'>

function toStep(row: StepRow, planned: Step | undefined): StepView {
  return {
    key: row.key,
    step: row.step,
    type: planned?.type ?? 'unknown',
    params: planned?.params ?? {},
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    result: row.result === null ? null : read(stepResult, row.result, `step ${row.key}`),
  }
}

export function* journalOf(incident: number): Unit<readonly JournalRow[]> {
  const rows: JournalRow[] = []
  for (const row of yield* all(journalRows({ incident }))) {
    const event = read(storedEvent, row.event, `journal ${row.id}`)
    rows.push({
      id: row.id,
      at: row.at,
      event: event.type === 'opened' ? { ...event, plan: yield* planOf(event.plan) } : event,
      state: state.parse(row.state),
      reason: reason.parse(row.reason),
      detail: row.detail,
      reducerVersion: row.reducer_version,
    })
  }
  return rows
}
