import { sql } from 'kysely'
import type { Occurrence } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Effect, Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { firstTarget, type Plan } from '../incident/plan.ts'
import { open, reducerVersion, transition } from '../incident/transition.ts'
import type { Subject } from '../inventory/inventory.ts'
import { applyEffects } from './effects.ts'
import { StaleIncidentError } from './errors.ts'
import { type IncidentBody, incidentBody, read, type StoredEvent } from './json.ts'
import { hashOf, keepPlan, planOf } from './plans.ts'
import type { Moved } from './store.ts'
import { attemptJudged, turnPassed } from './storms.ts'
import { keepTrack } from './track-records.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

const rowOf = fixed((db, p: { id: number }) =>
  db.selectFrom('incidents').select(['version', 'plan', 'body']).where('id', '=', p.id),
)
const openRows = fixed((db) =>
  db.selectFrom('incidents').select(['version', 'plan', 'body']).where('state', '<>', sql.lit('closed')).orderBy('id'),
)
const openRowOf = fixed((db, p: { rule: string; subject: string }) =>
  db
    .selectFrom('incidents')
    .select(['version', 'plan', 'body'])
    .where('rule', '=', p.rule)
    .where('subject_key', '=', p.subject)
    .where('state', '<>', sql.lit('closed')),
)
const holdersOf = fixed((db, p: { fingerprint: string }) =>
  db
    .selectFrom('incident_alerts as a')
    .innerJoin('incidents as i', 'i.id', 'a.incident')
    .select(['i.version', 'i.plan', 'i.body'])
    .where('a.fingerprint', '=', p.fingerprint)
    .where('a.firing', '=', 1)
    .where('i.state', '<>', sql.lit('closed'))
    .orderBy('i.id'),
)
/** Who may lead on a target (S-3.1). */
const candidateRows = fixed((db, p: { target: string }) =>
  db
    .selectFrom('incidents')
    .select(['version', 'plan', 'body'])
    .where('target_key', '=', p.target)
    .where('state', '<>', sql.lit('closed'))
    .where('state', '<>', 'settled')
    .where('mode', '<>', 'inform')
    .orderBy('rank')
    .orderBy('id'),
)
const insertIncident = fixed(
  (
    db,
    p: {
      rule: string
      revision: string
      cluster: string | null
      subject: string
      target: string | null
      mode: string
      rank: number
      plan: string
      now: number
    },
  ) =>
    db
      .insertInto('incidents')
      .values({
        version: 0,
        rule: p.rule,
        revision: p.revision,
        cluster: p.cluster,
        subject_key: p.subject,
        target_key: p.target,
        mode: p.mode,
        rank: p.rank,
        state: 'waiting',
        reason: 'after',
        detail: '',
        opened_at: p.now,
        state_since: p.now,
        attempts: 0,
        firing: 0,
        plan: p.plan,
        opened_plan: p.plan,
        body: '',
      })
      .onConflict((c) => c.columns(['rule', 'subject_key']).where('state', '<>', sql.lit('closed')).doNothing())
      .returning('id'),
)
const updateIncident = fixed(
  (
    db,
    p: {
      id: number
      version: number
      next: number
      revision: string
      target: string | null
      mode: string
      state: string
      reason: string
      detail: string
      outcome: string | null
      stateSince: number
      closedAt: number | null
      attempts: number
      firing: number
      leader: number | null
      owner: string | null
      plan: string
      body: string
    },
  ) =>
    db
      .updateTable('incidents')
      .set({
        version: p.next,
        revision: p.revision,
        target_key: p.target,
        mode: p.mode,
        state: p.state,
        reason: p.reason,
        detail: p.detail,
        outcome: p.outcome,
        state_since: p.stateSince,
        closed_at: p.closedAt,
        attempts: p.attempts,
        firing: p.firing,
        leader: p.leader,
        owner: p.owner,
        plan: p.plan,
        body: p.body,
      })
      .where('id', '=', p.id)
      .where('version', '=', p.version),
)
const insertJournal = fixed(
  (
    db,
    p: { incident: number; at: number; event: string; state: string; reason: string; detail: string; reducer: number },
  ) =>
    db.insertInto('journal').values({
      incident: p.incident,
      at: p.at,
      event: p.event,
      state: p.state,
      reason: p.reason,
      detail: p.detail,
      reducer_version: p.reducer,
    }),
)
const setAlert = fixed((db, p: { incident: number; fingerprint: string; startsAt: number; firing: 0 | 1 }) =>
  db
    .insertInto('incident_alerts')
    .values({ incident: p.incident, fingerprint: p.fingerprint, starts_at: p.startsAt, firing: p.firing })
    .onConflict((c) =>
      c.columns(['incident', 'fingerprint', 'starts_at']).doUpdateSet((eb) => ({ firing: eb.ref('excluded.firing') })),
    ),
)

interface Row {
  readonly version: number
  readonly plan: string
  readonly body: string
}

export function* incidentOf({ version, plan, body }: Row): Unit<Incident> {
  const stored = read(incidentBody, body, 'incidents.body')
  const full = yield* planOf(plan)
  // What an older build has stored knows no target of its own.
  return { ...stored, target: stored.target ?? firstTarget(full, stored.subject), version, plan: full }
}

function* incidentsOf(rows: readonly Row[]): Unit<readonly Incident[]> {
  const incidents: Incident[] = []
  for (const row of rows) incidents.push(yield* incidentOf(row))
  return incidents
}

export function* loadIncident(id: number): Unit<Incident | null> {
  const row = yield* one(rowOf({ id }))
  return row ? yield* incidentOf(row) : null
}

export function* loadOpenIncidents(): Unit<readonly Incident[]> {
  return yield* incidentsOf(yield* all(openRows({})))
}

export function* openIncidentOf(rule: string, subject: string): Unit<Incident | null> {
  const row = yield* one(openRowOf({ rule, subject }))
  return row ? yield* incidentOf(row) : null
}

/** Open incidents for which the alert fires. */
export function* holdersOfAlert(fingerprint: string): Unit<readonly Incident[]> {
  return yield* incidentsOf(yield* all(holdersOf({ fingerprint })))
}

/** Open incidents that may lead on the target, lowest rank first, then the oldest (S-3.1). */
export function* candidatesOn(target: string): Unit<readonly Incident[]> {
  return yield* incidentsOf(yield* all(candidateRows({ target })))
}

/** Null when another open incident of the rule and subject was there first. */
export function* openIncident(
  plan: Plan,
  subject: Subject,
  occurrence: Occurrence,
  leader: number | null,
  now: Instant,
): Unit<Moved | null> {
  const hash = yield* keepPlan(plan)
  const row = yield* one(
    insertIncident({
      rule: plan.rule,
      revision: plan.revision,
      cluster: subject.cluster,
      subject: subject.key,
      target: firstTarget(plan, subject),
      mode: plan.mode,
      rank: plan.rank,
      plan: hash,
      now,
    }),
  )
  if (!row) return null
  const [incident, effects] = open(row.id, plan, subject, occurrence, leader, now)
  const event = { type: 'opened', plan: hash, subject, leader, occurrence } as const
  const saved = yield* save(null, incident, hash, event, effects, now)
  return { before: null, incident: saved, event: { type: 'opened' }, effects }
}

/** Applies an event and saves what came of it; null when it changed nothing (S-3.8). */
export function* applyEvent(incident: Incident, event: Event, now: Instant): Unit<Moved | null> {
  const [after, effects] = transition(incident, event, now)
  if (after === incident && effects.length === 0) return null
  // A plan that an open incident runs by is there.
  const hash = after.plan === incident.plan ? hashOf(after.plan) : yield* keepPlan(after.plan)
  const saved = yield* save(incident, after, hash, event, effects, now)
  return { before: incident, incident: saved, event, effects }
}

export function* applyToOpen(id: number, event: Event, now: Instant): Unit<Moved | null> {
  const incident = yield* loadIncident(id)
  return incident && incident.state !== 'closed' ? yield* applyEvent(incident, event, now) : null
}

/** Incident, journal and effects in one unit, or none of it: throws when the incident moved on meanwhile. */
function* save(
  before: Incident | null,
  after: Incident,
  plan: string,
  event: StoredEvent,
  effects: readonly Effect[],
  now: Instant,
): Unit<Incident> {
  const version = before?.version ?? 0
  const saved = { ...after, version: version + 1 }
  const { plan: _plan, version: _version, ...body } = saved satisfies Incident
  const changed = yield* exec(
    updateIncident({
      id: after.id,
      version,
      next: saved.version,
      revision: after.plan.revision,
      target: after.target,
      mode: after.plan.mode,
      state: after.state,
      reason: after.reason,
      detail: after.detail,
      outcome: after.outcome,
      stateSince: after.stateSince,
      closedAt: after.closedAt,
      attempts: after.attempts,
      firing: after.firing.length,
      leader: after.leader,
      owner: after.owner,
      plan,
      body: JSON.stringify(body satisfies IncidentBody),
    }),
  )
  if (changed !== 1) throw new StaleIncidentError(after.id, version)
  yield* exec(
    insertJournal({
      incident: after.id,
      at: now,
      event: JSON.stringify(event),
      state: after.state,
      reason: after.reason,
      detail: after.detail,
      reducer: reducerVersion,
    }),
  )
  yield* saveAlerts(after.id, before?.firing ?? [], after.firing)
  yield* applyEffects(before, saved, effects, now)
  if (before) {
    yield* attemptJudged(before, saved, event.type === 'looked' ? event.seen : null, now)
    yield* turnPassed(before, saved, now)
  }
  yield* keepTrack({ before, after: saved, event: event.type === 'opened' ? { type: 'opened' } : event }, now)
  return saved
}

function* saveAlerts(incident: number, before: readonly Occurrence[], after: readonly Occurrence[]): Unit<void> {
  if (before === after) return
  const has = (all: readonly Occurrence[], { fingerprint, startsAt }: Occurrence) =>
    all.some((one) => one.fingerprint === fingerprint && one.startsAt === startsAt)
  for (const gone of before) if (!has(after, gone)) yield* exec(setAlert({ incident, ...gone, firing: 0 }))
  for (const come of after) if (!has(before, come)) yield* exec(setAlert({ incident, ...come, firing: 1 }))
}
