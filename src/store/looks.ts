import type { Instant } from '../clock.ts'
import type { Decision, Event, Look } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { followed, type Intended, lookedAt, nextIntended } from '../incident/trace.ts'
import type { GuardResult, ProbeResult } from '../incident/verdict.ts'
import { alertsOfIncident } from './alerts.ts'
import { record } from './decisions.ts'
import { type Dialect, leaseClock } from './dialect.ts'
import { applyEvent, loadIncident } from './incidents.ts'
import type { LookTask, Moved } from './store.ts'
import { rememberInvocations, targetHistory } from './targets.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

const freeLook = fixed((db, p: { now: number }) =>
  db
    .selectFrom('looks')
    .selectAll()
    .where((eb) => eb.or([eb('owner', 'is', null), eb('lease_until', '<=', p.now)]))
    .orderBy('id')
    .limit(1)
    .forUpdate()
    .skipLocked(),
)
const leaseLook = fixed((db, p: { id: number; owner: string; until: number }) =>
  db.updateTable('looks').set({ owner: p.owner, lease_until: p.until }).where('id', '=', p.id),
)
const takeLook = fixed((db, p: { id: number }) => db.deleteFrom('looks').where('id', '=', p.id))
const requeueForeign = fixed((db, p: { owner: string }) =>
  db.updateTable('looks').set({ owner: null, lease_until: null }).where('owner', '<>', p.owner),
)

export function* claimLook(dialect: Dialect, owner: string, now: Instant, leaseMs: number): Unit<LookTask | null> {
  const clock = yield* leaseClock(dialect, now)
  const row = yield* one(freeLook({ now: clock }))
  if (!row) return null
  yield* exec(leaseLook({ id: row.id, owner, until: clock + leaseMs }))
  const incident = yield* loadIncident(row.incident)
  if (!incident) throw new Error(`look ${row.id} is about incident ${row.incident}, which is gone`)
  return {
    id: row.id,
    kind: row.kind === 'probe' ? 'probe' : 'guards',
    look: row.look,
    symptom: row.symptom === 1,
    // The rung that would run depends on what was spent on the target, by whichever incident (S-4.1).
    incident: { ...incident, targetAttempts: (yield* targetHistory(incident.target, now)).attempts },
    alerts: yield* alertsOfIncident(incident.id),
  }
}

export function* guardsEvaluated(
  task: LookTask,
  decision: Decision,
  results: readonly GuardResult[],
  unit: Incident['firstUnit'],
  now: Instant,
  culprit?: string | null,
): Unit<Moved | null> {
  const incident = yield* wanted(task)
  if (!incident) return null
  const target = culprit === undefined ? incident.target : culprit
  const history = yield* targetHistory(target, now)
  const found = culprit === undefined ? {} : { culprit }
  const event: Event = { type: 'guardsEvaluated', look: task.look, decision, history, unit, ...found }
  const moved = yield* applyEvent(incident, event, now)
  const { id, attempt } = incident
  const { verdict, guard, reason, until } = decision
  const intent = nextIntended(incident, target, history.attempts)
  const then = followed(moved?.incident ?? incident, moved?.effects ?? [], until)
  yield* record({ incident: id, attempt, kind: 'guards', verdict, guard, reason, intent, results, followed: then }, now)
  return moved
}

/** The guards before a step of an attempt that runs; the runner does as they say. */
export function* beforeStep(
  id: number,
  intent: Intended,
  { verdict, guard, reason, until }: Decision,
  results: readonly GuardResult[],
  now: Instant,
): Unit<void> {
  const incident = yield* loadIncident(id)
  if (!incident) throw new Error(`a step of incident ${id}, which is gone`)
  const { attempt } = intent
  const then = followed(incident, [], until)
  yield* record({ incident: id, attempt, kind: 'step', verdict, guard, reason, intent, results, followed: then }, now)
}

export function* looked(
  task: LookTask,
  seen: Look,
  results: readonly ProbeResult[],
  symptom: readonly GuardResult[],
  now: Instant,
): Unit<Moved | null> {
  const incident = yield* wanted(task)
  if (!incident) return null
  const history = yield* targetHistory(incident.target, now)
  const moved = yield* applyEvent(incident, { type: 'looked', look: task.look, seen, history }, now)
  yield* record(
    {
      incident: incident.id,
      attempt: incident.attempt,
      kind: 'probe',
      verdict: seen.verdict,
      guard: null,
      reason: seen.reason,
      intent: lookedAt(incident),
      results: [...results, ...symptom],
      followed: followed(moved?.incident ?? incident, moved?.effects ?? []),
    },
    now,
  )
  // After an unknown step the first invocation seen is counted as ours (S-2.5).
  const ours = moved?.incident.ourInvocations ?? []
  if (incident.target !== null && ours.length > incident.ourInvocations.length)
    yield* rememberInvocations(incident.target, ours)
  return moved
}

/** Null when the question has been answered or replaced by another one. */
function* wanted(task: LookTask): Unit<Incident | null> {
  if ((yield* exec(takeLook({ id: task.id }))) === 0) return null
  return yield* loadIncident(task.incident.id)
}

/** Another boot id will not answer: the question is free again. */
export function* requeueForeignLooks(owner: string): Unit<number> {
  return yield* exec(requeueForeign({ owner }))
}
