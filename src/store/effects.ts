import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { Effect } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { electionsAfter } from '../incident/leader.ts'
import { assertNever } from '../never.ts'
import { countFailure } from './demotions.ts'
import { hashOf } from './plans.ts'
import { completeProbation, refund, setCooldown, suspend } from './targets.ts'
import { exec, fixed, type Unit } from './unit.ts'

const setTimer = fixed((db, p: { incident: number; kind: string; dueAt: number }) =>
  db
    .insertInto('timers')
    .values({ incident: p.incident, kind: p.kind, due_at: p.dueAt })
    .onConflict((c) => c.columns(['incident', 'kind']).doUpdateSet((eb) => ({ due_at: eb.ref('excluded.due_at') }))),
)
const dropTimer = fixed((db, p: { incident: number; kind: string }) =>
  db.deleteFrom('timers').where('incident', '=', p.incident).where('kind', '=', p.kind),
)
const dropTimers = fixed((db, p: { incident: number }) => db.deleteFrom('timers').where('incident', '=', p.incident))
const dropLooks = fixed((db, p: { incident: number }) => db.deleteFrom('looks').where('incident', '=', p.incident))
const insertLook = fixed((db, p: { incident: number; kind: string; look: number; symptom: 0 | 1 }) =>
  db.insertInto('looks').values({ incident: p.incident, kind: p.kind, look: p.look, symptom: p.symptom }),
)
const insertAttempt = fixed(
  (
    db,
    p: {
      incident: number
      number: number
      rung: number
      rule: string
      revision: string
      plan: string
      cluster: string | null
      target: string
      byPerson: 0 | 1
      disruptive: 0 | 1
      now: number
    },
  ) =>
    db.insertInto('attempts').values({
      incident: p.incident,
      number: p.number,
      rung: p.rung,
      rule: p.rule,
      revision: p.revision,
      plan: p.plan,
      cluster: p.cluster,
      target_key: p.target,
      by_person: p.byPerson,
      disruptive: p.disruptive,
      first_start: 0,
      changed: 0,
      status: 'scheduled',
      reason: '',
      scheduled_at: p.now,
    }),
)
const withdraw = fixed((db, p: { incident: number; reason: string; now: number }) =>
  db
    .updateTable('attempts')
    .set({ status: 'withdrawn', reason: p.reason, finished_at: p.now })
    .where('incident', '=', p.incident)
    .where('status', '=', sql.lit('scheduled')),
)
const setAttemptsOutcome = fixed((db, p: { incident: number; outcome: string | null }) =>
  db.updateTable('attempts').set({ outcome: p.outcome }).where('incident', '=', p.incident),
)
const releaseHolds = fixed((db, p: { incident: number }) => db.deleteFrom('holds').where('incident', '=', p.incident))
const insertEscalation = fixed(
  (
    db,
    p: {
      incident: number
      round: number
      kind: string
      level: number
      receivers: string
      reason: string
      summary: string
      revision: string
      dueAt: number
      now: number
    },
  ) =>
    db
      .insertInto('escalations')
      .values({
        incident: p.incident,
        round: p.round,
        kind: p.kind,
        level: p.level,
        receivers: p.receivers,
        reason: p.reason,
        summary: p.summary,
        revision: p.revision,
        created_at: p.now,
        due_at: p.dueAt,
      })
      .onConflict((c) => c.columns(['incident', 'round', 'kind', 'level']).doNothing()),
)
const pendElection = fixed((db, p: { target: string }) =>
  db
    .insertInto('elections')
    .values({ target_key: p.target })
    .onConflict((c) => c.doNothing()),
)
const countClosed = fixed((db) =>
  db
    .updateTable('counters')
    .set((eb) => ({ value: eb('value', '+', 1) }))
    .where('name', '=', 'closedIncidents'),
)

/** Effects are rows, written beside the incident that caused them (design 4.2). */
export function* applyEffects(
  before: Incident | null,
  after: Incident,
  effects: readonly Effect[],
  now: Instant,
): Unit<void> {
  // An answer to an earlier question changes nothing, so it is not worth asking any more.
  if (before && before.look !== after.look) yield* exec(dropLooks({ incident: after.id }))
  if (isScheduled(before) && !(after.state === 'attempting' && after.attempt === before?.attempt)) {
    yield* exec(withdraw({ incident: after.id, reason: after.detail, now }))
  }
  for (const effect of effects) yield* applyEffect(after, effect, now)
  for (const target of electionsAfter(before, after)) yield* electionPending(target)
  if ((before?.outcome ?? null) !== after.outcome && after.attempts > 0) {
    yield* exec(setAttemptsOutcome({ incident: after.id, outcome: after.outcome }))
  }
  yield* countFailure(before, after, now)
  if (after.state === 'closed') yield* cleanUp(after, now)
}

function isScheduled(incident: Incident | null): boolean {
  return incident?.state === 'attempting' && incident.reason === 'scheduled'
}

function* applyEffect(incident: Incident, effect: Effect, now: Instant): Unit<void> {
  const id = incident.id
  const { target } = incident
  switch (effect.type) {
    case 'timer':
      yield* exec(setTimer({ incident: id, kind: effect.kind, dueAt: effect.dueAt }))
      return
    case 'cancelTimer':
      yield* exec(dropTimer({ incident: id, kind: effect.kind }))
      return
    case 'evaluateGuards':
      yield* exec(dropLooks({ incident: id }))
      yield* exec(insertLook({ incident: id, kind: 'guards', look: effect.look, symptom: 0 }))
      return
    case 'probe':
      yield* exec(dropLooks({ incident: id }))
      yield* exec(insertLook({ incident: id, kind: 'probe', look: effect.look, symptom: effect.symptom ? 1 : 0 }))
      return
    case 'scheduleAttempt': {
      const steps = incident.plan.runbook.rungs[effect.rung - 1] ?? []
      yield* exec(
        insertAttempt({
          incident: id,
          number: effect.attempt,
          rung: effect.rung,
          rule: incident.plan.rule,
          revision: incident.plan.revision,
          plan: hashOf(incident.plan),
          cluster: incident.subject.cluster,
          target: target ?? incident.subject.key,
          byPerson: effect.byPerson ? 1 : 0,
          disruptive: steps.some((step) => step.traits.disruptive) ? 1 : 0,
          now,
        }),
      )
      return
    }
    case 'releaseHolds':
      yield* exec(releaseHolds({ incident: id }))
      return
    case 'refundAttempt':
      if (target !== null) yield* refund(target, id, effect.attempt)
      return
    case 'completeProbation':
      if (target !== null) yield* completeProbation(target, effect.healedByUs, now)
      return
    case 'suspendTarget':
      if (target !== null) yield* suspend(target, now)
      return
    case 'cooldown':
      if (target !== null) yield* setCooldown(target, id, effect.until)
      return
    case 'tell':
      yield* exec(
        insertEscalation({
          incident: id,
          round: incident.round,
          kind: effect.kind,
          level: effect.level,
          receivers: JSON.stringify(effect.to),
          reason: effect.reason,
          summary: effect.summary,
          revision: incident.plan.revision,
          dueAt: effect.dueAt,
          now,
        }),
      )
      return
    case 'electLeader':
      if (target !== null) yield* electionPending(target)
      return
    default:
      assertNever(effect, 'effect')
  }
}

/** Nothing of a closed incident is due any more. */
function* cleanUp(incident: Incident, now: Instant): Unit<void> {
  yield* exec(dropTimers({ incident: incident.id }))
  yield* exec(dropLooks({ incident: incident.id }))
  yield* exec(withdraw({ incident: incident.id, reason: incident.detail, now }))
  yield* exec(releaseHolds({ incident: incident.id }))
  yield* exec(countClosed({}))
}

export function* electionPending(target: string): Unit<void> {
  yield* exec(pendElection({ target }))
}
