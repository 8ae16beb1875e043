import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import { surelyOverAt } from '../hosts/host.ts'
import type { AttemptEnd } from '../incident/event.ts'
import type { Step } from '../incident/plan.ts'
import type { StepResult } from '../incident/verdict.ts'
import { type Dialect, leaseClock } from './dialect.ts'
import { applyToOpen, loadIncident } from './incidents.ts'
import { read, stepResult } from './json.ts'
import { type ClaimedAttempt, type Moved, stepKey } from './store.ts'
import { rememberInvocations } from './targets.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

const mine = fixed((db, p: { id: number; owner: string; now: number }) =>
  db
    .selectFrom('attempts')
    .select('id')
    .where('id', '=', p.id)
    .where('owner', '=', p.owner)
    .where('status', '=', sql.lit('started'))
    // Whoever judges the attempt meanwhile comes before or after this unit, never in between.
    .forUpdate(),
)
const insertStep = fixed((db, p: { key: string; attempt: number; step: number; now: number }) =>
  db
    .insertInto('steps')
    .values({ key: p.key, attempt: p.attempt, step: p.step, started_at: p.now })
    .onConflict((c) => c.doNothing()),
)
const setChanged = fixed((db, p: { id: number }) =>
  db.updateTable('attempts').set({ changed: 1 }).where('id', '=', p.id),
)
const updateStep = fixed((db, p: { attempt: number; step: number; result: string; now: number }) =>
  db
    .updateTable('steps')
    .set({ finished_at: p.now, result: p.result })
    .where('attempt', '=', p.attempt)
    .where('step', '=', p.step)
    .where('finished_at', 'is', null),
)
const renew = fixed((db, p: { id: number; owner: string; until: number }) =>
  db
    .updateTable('attempts')
    .set({ lease_until: p.until })
    .where('id', '=', p.id)
    .where('owner', '=', p.owner)
    .where('status', '=', sql.lit('started')),
)
const end = fixed((db, p: { id: number; status: string; reason: string; changed: 0 | 1; now: number }) =>
  db
    .updateTable('attempts')
    .set({
      status: p.status,
      reason: p.reason,
      changed: p.changed,
      finished_at: p.now,
      owner: null,
      lease_until: null,
    })
    .where('id', '=', p.id)
    .where('status', '=', sql.lit('started')),
)
const stepRows = fixed((db, p: { attempt: number }) =>
  db.selectFrom('steps').selectAll().where('attempt', '=', p.attempt).orderBy('step'),
)
const foreignStarted = fixed((db, p: { owner: string }) =>
  db
    .selectFrom('attempts')
    .select(['id', 'incident', 'number', 'rung'])
    .where('status', '=', sql.lit('started'))
    .where('owner', '<>', p.owner)
    .orderBy('id'),
)
/** One that is just being renewed, or whose step is being written down, is skipped: its process lives. */
const expiredStarted = fixed((db, p: { now: number }) =>
  db
    .selectFrom('attempts')
    .select(['id', 'incident', 'number', 'rung'])
    .where('status', '=', sql.lit('started'))
    .where('lease_until', '<=', p.now)
    .orderBy('id')
    .forUpdate()
    .skipLocked(),
)

/**
 * Fencing is by owner and status. The lease's end is for others to judge: a clock that jumps past it must not strand an
 * attempt whose process lives (S-3.7).
 */
function* isMine({ id, owner }: ClaimedAttempt, now: Instant): Unit<boolean> {
  return (yield* one(mine({ id, owner, now }))) !== undefined
}

export function* startStep(attempt: ClaimedAttempt, step: number, now: Instant): Unit<boolean> {
  if (!(yield* isMine(attempt, now))) return false
  const key = stepKey(attempt.incident.id, attempt.number, step)
  // A key that has begun never begins again (S-4.1).
  if ((yield* exec(insertStep({ key, attempt: attempt.id, step, now }))) === 0) return false
  if (attempt.steps[step - 1]?.traits.changes !== false) yield* exec(setChanged({ id: attempt.id }))
  return true
}

export function* finishStep(attempt: ClaimedAttempt, step: number, result: StepResult, now: Instant): Unit<boolean> {
  if (!(yield* isMine(attempt, now))) return false
  const text = JSON.stringify(result)
  if ((yield* exec(updateStep({ attempt: attempt.id, step, result: text, now }))) === 1) return true
  // Said again by whoever was not told that it was committed.
  return (yield* all(stepRows({ attempt: attempt.id }))).some((row) => row.step === step && row.result === text)
}

export function* renewLease(
  dialect: Dialect,
  { id, owner }: ClaimedAttempt,
  now: Instant,
  leaseMs: number,
): Unit<boolean> {
  return (yield* exec(renew({ id, owner, until: (yield* leaseClock(dialect, now)) + leaseMs }))) === 1
}

export function* finishAttempt(attempt: ClaimedAttempt, ended: AttemptEnd, now: Instant): Unit<Moved | null> {
  if (!(yield* isMine(attempt, now))) return null
  yield* exec(end({ id: attempt.id, status: ended.outcome, reason: ended.reason, changed: ended.changed ? 1 : 0, now }))
  if (ended.invocation) yield* rememberInvocations(attempt.targetKey, [ended.invocation])
  return yield* applyToOpen(attempt.incident.id, { type: 'attemptFinished', attempt: attempt.number, end: ended }, now)
}

/** An attempt of which no step has begun goes back and is planned anew; one that has begun is not handed back. */
export function* handBack(attempt: ClaimedAttempt, now: Instant): Unit<void> {
  if ((yield* all(stepRows({ attempt: attempt.id }))).length > 0) return
  yield* finishAttempt(
    attempt,
    { outcome: 'notRun', notRun: 'guards', reason: 'handed back at shutdown, nothing was run', changed: false },
    now,
  )
}

/** Attempts whose process is gone; each becomes an event of its incident (S-4.4). */
export function* interruptForeign(
  dialect: Dialect,
  owner: string,
  running: ReadonlySet<number>,
  now: Instant,
): Unit<readonly Moved[]> {
  const moved: Moved[] = []
  const rows = dialect.exclusive
    ? yield* all(foreignStarted({ owner }))
    : yield* all(expiredStarted({ now: yield* leaseClock(dialect, now) }))
  for (const row of rows) {
    if (running.has(row.id)) continue
    const incident = yield* loadIncident(row.incident)
    if (!incident) continue
    const begun = (yield* all(stepRows({ attempt: row.id }))).map((step) => ({
      step: step.step,
      startedAt: step.started_at,
      result: step.result === null ? null : read(stepResult, step.result, `step ${step.key}`),
    }))
    const ended = endOf(incident.plan.runbook.rungs[row.rung - 1] ?? [], begun)
    yield* exec(end({ id: row.id, status: 'interrupted', reason: ended.reason, changed: ended.changed ? 1 : 0, now }))
    const one = yield* applyToOpen(row.incident, { type: 'attemptInterrupted', attempt: row.number, end: ended }, now)
    if (one) moved.push(one)
  }
  return moved
}

export interface BegunStep {
  /** Counted from 1. */
  readonly step: number
  readonly startedAt: Instant
  readonly result: StepResult | null
}

/** How an attempt ended whose process is gone, by what was committed of it. */
function endOf(steps: readonly Step[], begun: readonly BegunStep[]): AttemptEnd {
  const ran = begun.filter(({ result }) => result?.notRun === undefined)
  const changed = ran.some(({ step }) => steps[step - 1]?.traits.changes !== false)
  const open = begun.find(({ result }) => result === null || result.outcome === 'unknown')
  if (open) {
    const reason =
      open.result?.reason ?? `step ${open.step} (${typeOf(steps, open)}) was running when the process ended`
    const limitMs = (steps[open.step - 1]?.traits.limitSeconds ?? 0) * 1_000
    return {
      outcome: 'unknown',
      reason,
      changed,
      surelyOverAt: surelyOverAt(open.startedAt, limitMs),
      repeatable: steps.slice(open.step - 1).every((step) => step.traits.repeatable),
    }
  }
  if (!changed) {
    const last = begun.at(-1)?.result
    if (last?.notRun) return { outcome: 'notRun', notRun: last.notRun, reason: last.reason, changed }
    if (ran.length === 0) return { outcome: 'failed', reason: 'the process ended before the first step', changed }
  }
  const failed = begun.find(({ result }) => result?.outcome === 'failed')
  if (failed?.result) return { outcome: 'failed', reason: failed.result.reason, changed }
  if (begun.length >= steps.length) return { outcome: 'succeeded', reason: 'all steps succeeded', changed }
  return { outcome: 'failed', reason: `the process ended after step ${begun.length} of ${steps.length}`, changed }
}

function typeOf(steps: readonly Step[], { step }: BegunStep): string {
  return steps[step - 1]?.type ?? 'unknown'
}
