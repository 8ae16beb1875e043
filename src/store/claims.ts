import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { OwnFacts, OwnIntent } from '../guards/guard.ts'
import { isMember, startInTheWay } from '../guards/storm.ts'
import type { Decision, Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { followed, type Intended, intended } from '../incident/trace.ts'
import type { GuardResult } from '../incident/verdict.ts'
import { alertsOfIncident } from './alerts.ts'
import { record } from './decisions.ts'
import { type Dialect, leaseClock } from './dialect.ts'
import { applyEvent, loadIncident } from './incidents.ts'
import { clusterHold, ownFacts, type RackOf, startHold, targetHold } from './own-facts.ts'
import type { ClaimedAttempt, Moved } from './store.ts'
import type { Tables } from './tables.ts'
import { countAttempt, targetHistory } from './targets.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

/** Decides over our own rows, inside the unit that takes the holds; it must not wait for anything. */
export type Decide = (
  facts: OwnFacts,
  intent: OwnIntent,
  now: Instant,
) => { readonly decision: Decision; readonly results: readonly GuardResult[] }

export interface Claim {
  readonly dialect: Dialect
  readonly owner: string
  readonly now: Instant
  readonly leaseMs: number
  readonly decide: Decide
  readonly rackOf: RackOf
}

const nextScheduled = fixed((db) =>
  db.selectFrom('attempts').selectAll().where('status', '=', sql.lit('scheduled')).orderBy('id').limit(1),
)
const withdraw = fixed((db, p: { id: number; now: number }) =>
  db
    .updateTable('attempts')
    .set({ status: 'withdrawn', reason: 'no longer wanted', finished_at: p.now })
    .where('id', '=', p.id),
)
const startedOn = fixed((db, p: { target: string }) =>
  db
    .selectFrom('attempts')
    .select(['incident', 'number', 'started_at'])
    .where('target_key', '=', p.target)
    .where('status', '=', sql.lit('started')),
)
/** A hold of the same incident passes to its next attempt; nobody else's does. */
const takeHold = fixed((db, p: { key: string; incident: number; attempt: number; now: number }) =>
  db
    .insertInto('holds')
    .values({ key: p.key, incident: p.incident, attempt: p.attempt, taken_at: p.now })
    .onConflict((c) =>
      c
        .column('key')
        .doUpdateSet((eb) => ({ attempt: eb.ref('excluded.attempt'), taken_at: eb.ref('excluded.taken_at') }))
        .whereRef('holds.incident', '=', 'excluded.incident'),
    ),
)
const dropHold = fixed((db, p: { key: string }) => db.deleteFrom('holds').where('key', '=', p.key))
const dropHolds = fixed((db, p: { attempt: number }) => db.deleteFrom('holds').where('attempt', '=', p.attempt))
const start = fixed((db, p: { id: number; owner: string; until: number; firstStart: 0 | 1; now: number }) =>
  db
    .updateTable('attempts')
    .set({
      status: 'started',
      started_at: p.now,
      owner: p.owner,
      lease_until: p.until,
      first_start: p.firstStart,
    })
    .where('id', '=', p.id)
    .where('status', '=', sql.lit('scheduled')),
)

type Row = Omit<Tables['attempts'], 'id'> & { readonly id: number }

/** The oldest scheduled attempt: begun, or refused. */
export function* claimAttempt(claim: Claim): Unit<ClaimedAttempt | { readonly refused: Moved } | null> {
  for (let row = yield* one(nextScheduled({})); row; row = yield* one(nextScheduled({}))) {
    const incident = yield* loadIncident(row.incident)
    const claimed = incident ? yield* claimRow(claim, row, incident) : null
    if (claimed) return claimed
    yield* exec(withdraw({ id: row.id, now: claim.now }))
  }
  return null
}

/** Null when the incident does not want the attempt any more. */
function* claimRow(
  claim: Claim,
  row: Row,
  incident: Incident,
): Unit<ClaimedAttempt | { readonly refused: Moved } | null> {
  const { dialect, now, owner, leaseMs } = claim
  const steps = incident.plan.runbook.rungs[row.rung - 1] ?? []
  const intent = yield* intentOf(claim, row, incident)
  const facts = yield* ownFacts(incident, row.target_key, row.cluster, claim.rackOf, now)
  const { decision, results } = claim.decide(facts, intent, now)
  const refusal = yield* refusalOf(decision, incident, row, facts, now)
  const event: Event = refusal
    ? { type: 'claimRefused', attempt: row.number, decision: refusal }
    : { type: 'attemptStarted', attempt: row.number }
  const moved = yield* applyEvent(incident, event, now)
  const { verdict, guard, reason, until } = refusal ?? decision
  const lost = refusal === null || refusal === decision ? null : { guard: guard ?? '', verdict, reason, evidence: [] }
  yield* record(
    {
      incident: incident.id,
      attempt: row.number,
      kind: 'claim',
      verdict,
      guard,
      reason,
      intent: claimed(incident, row),
      results: lost === null ? results : [...results.filter((one) => one.guard !== lost.guard), lost],
      followed: followed(moved?.incident ?? incident, moved?.effects ?? [], until),
    },
    now,
  )
  if (refusal) return moved && { refused: moved }
  if (!moved) {
    yield* exec(dropHolds({ attempt: row.id }))
    return null
  }
  const leaseUntil = (yield* leaseClock(dialect, now)) + leaseMs
  yield* exec(start({ id: row.id, owner, until: leaseUntil, firstStart: intent.firstStart ? 1 : 0, now }))
  yield* countAttempt(row.target_key)
  return {
    id: row.id,
    incident: moved.incident,
    number: row.number,
    rung: row.rung,
    steps,
    byPerson: row.by_person === 1,
    owner,
    alerts: yield* alertsOfIncident(incident.id),
    targetKey: row.target_key,
    scheduledAt: row.scheduled_at,
    startedAt: now,
  }
}

/** Why it must not begin after all, with no hold left; null: all holds are taken. */
function* refusalOf(
  decision: Decision,
  incident: Incident,
  row: Row,
  facts: OwnFacts,
  now: Instant,
): Unit<Decision | null> {
  if (decision.verdict !== 'pass') return decision
  if (hasLapsed(incident, row, now)) return refused('approval', 'what was approved was not begun in time')
  const obstacle = yield* takeHolds(row, facts, now)
  return obstacle === null ? null : refused('one-at-a-time', obstacle)
}

function claimed(incident: Incident, row: Row): Intended {
  const about = { target: row.target_key, attempt: row.number, rung: row.rung, byPerson: row.by_person === 1 }
  return intended(incident, about)
}

function* intentOf({ rackOf, now }: Claim, row: Row, incident: Incident): Unit<OwnIntent> {
  const { attempts } = yield* targetHistory(row.target_key, now)
  return {
    incident: incident.id,
    targetKey: row.target_key,
    cluster: row.cluster ?? '',
    disruptive: row.disruptive === 1,
    byPerson: row.by_person === 1,
    attempt: row.number,
    rack: rackOf(row.target_key),
    // Only a start can be exempt from the budgets (S-5.10).
    firstStart: attempts === 0 && !incident.changed && row.disruptive === 0,
  }
}

/** All holds, in sorted order; or none, and what stands in the way (S-4.2). */
function* takeHolds(row: Row, facts: OwnFacts, now: Instant): Unit<string | null> {
  const running = yield* one(startedOn({ target: row.target_key }))
  if (running) return `attempt ${running.number} of incident ${running.incident} runs on ${row.target_key}`
  const keys = [targetHold(row.target_key)]
  if (row.cluster !== null) {
    if (row.disruptive === 1) keys.push(clusterHold(row.cluster))
    else if (isMember(row.target_key) && facts.storm !== null) {
      if (startInTheWay(facts.storm) === null) yield* exec(dropHold({ key: startHold(row.cluster) }))
      keys.push(startHold(row.cluster))
    }
  }
  for (const key of keys.toSorted()) {
    const taken = yield* exec(takeHold({ key, incident: row.incident, attempt: row.id, now }))
    if (taken === 1) continue
    yield* exec(dropHolds({ attempt: row.id }))
    return `another attempt holds ${key}`
  }
  return null
}

/** It was scheduled on an approval that no longer holds: nobody was there to begin it (S-3.5). */
function hasLapsed({ approval }: Incident, { scheduled_at }: Row, now: Instant): boolean {
  return approval !== null && approval.by !== null && scheduled_at < approval.expiresAt && approval.expiresAt <= now
}

function refused(guard: string, reason: string): Decision {
  return {
    verdict: 'refuse',
    guard,
    reason,
    quiet: false,
    until: null,
    escalate: null,
    gone: false,
    approvable: false,
    asks: [],
    urgent: false,
  }
}
