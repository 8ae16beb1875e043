import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { OwnFacts } from '../guards/guard.ts'
import type { Incident, Reason } from '../incident/incident.ts'
import { demotionNotice } from '../notify/demotion.ts'
import { tellNotice } from './notices.ts'
import type { Demotion } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, query, type Unit } from './unit.ts'

/** The breaker (S-5.11): incidents that failed, and rules that may only inform because of them. */

const DAY_MS = 24 * 60 * 60_000
/** So many distinct targets of a rule in a cluster, or so many incidents of a rule on one target. */
const FAILURES = 3

/** What says that healing did not work; `verificationUnknown` too, after something was changed. */
const FAILING: ReadonlySet<Reason> = new Set(['exhausted', 'unknownNotRepeatable', 'changedNotHealed', 'recurrence'])

const insertFailure = fixed((db, p: { incident: number; rule: string; cluster: string; target: string; now: number }) =>
  db
    .insertInto('failures')
    .values({ incident: p.incident, rule: p.rule, cluster: p.cluster, target_key: p.target, at: p.now })
    .onConflict((c) => c.column('incident').doUpdateSet((eb) => ({ at: eb.ref('excluded.at') }))),
)
const failuresOf = fixed((db, p: { rule: string; cluster: string; since: number }) =>
  db
    .selectFrom('failures')
    .selectAll()
    .where('rule', '=', p.rule)
    .where('cluster', '=', p.cluster)
    .where('at', '>', p.since)
    .orderBy('at')
    .orderBy('incident'),
)
const insertDemotion = fixed((db, p: { rule: string; cluster: string; target: string; reason: string; now: number }) =>
  db
    .insertInto('demotions')
    .values({ rule: p.rule, cluster: p.cluster, target_key: p.target, at: p.now, reason: p.reason, applied: 0 })
    .onConflict((c) =>
      c.columns(['rule', 'cluster', 'target_key']).where('resumed_at', 'is', sql.lit(null)).doNothing(),
    )
    .returningAll(),
)
const inForce = fixed((db, p: { rule: string; cluster: string }) =>
  db
    .selectFrom('demotions')
    .selectAll()
    .where('rule', '=', p.rule)
    .where('cluster', '=', p.cluster)
    .where('resumed_at', 'is', sql.lit(null))
    .orderBy('target_key'),
)
const allInForce = fixed((db) =>
  db.selectFrom('demotions').selectAll().where('resumed_at', 'is', sql.lit(null)).orderBy('id'),
)
const pendingRows = fixed((db) =>
  db
    .selectFrom('demotions')
    .selectAll()
    .where('applied', '=', sql.lit(0 as const))
    .orderBy('id'),
)
const setApplied = fixed((db, p: { id: number }) =>
  db.updateTable('demotions').set({ applied: 1 }).where('id', '=', p.id),
)
const liftRow = fixed((db, p: { id: number; by: string; now: number }) =>
  db
    .updateTable('demotions')
    .set({ resumed_at: p.now, resumed_by: p.by, applied: 1 })
    .where('id', '=', p.id)
    .where('resumed_at', 'is', null),
)

/**
 * An incident came to an end that needs a person because healing did not work: counted once, whatever its attempts. Enough
 * of them demote the rule, in the unit that saves the incident.
 */
export function* countFailure(before: Incident | null, after: Incident, now: Instant): Unit<void> {
  const { target } = after
  const { cluster } = after.subject
  const { rule } = after.plan
  // Each entry from another state begins a round; what only comes back from looking does not (S-6.2).
  if (after.state !== 'escalated' || before?.round === after.round || cluster === null || target === null) return
  if (!FAILING.has(after.reason) && !(after.reason === 'verificationUnknown' && after.changed)) return
  yield* exec(insertFailure({ incident: after.id, rule, cluster, target, now }))
  const failed = (yield* all(failuresOf({ rule, cluster, since: now - DAY_MS }))).map((row) => ({
    incident: row.incident,
    target: row.target_key,
    at: row.at,
  }))
  const pair = yield* all(inForce({ rule, cluster }))
  if (pair.some((row) => row.target_key === '')) return
  const targets = new Set(failed.map((one) => one.target)).size
  const here = failed.filter((one) => one.target === target)
  if (targets >= FAILURES) {
    yield* demote({ rule, cluster, target: null }, `${targets} targets failed in 24 h`, failed, now)
  } else if (here.length >= FAILURES) {
    yield* demote({ rule, cluster, target }, `${here.length} incidents failed on it in 24 h`, here, now)
  }
}

function* demote(
  { rule, cluster, target }: Pick<Demotion, 'rule' | 'cluster' | 'target'>,
  reason: string,
  failed: readonly { readonly incident: number; readonly target: string; readonly at: Instant }[],
  now: Instant,
): Unit<void> {
  const row = yield* one(insertDemotion({ rule, cluster, target: target ?? '', reason, now }))
  if (row) yield* tellNotice(demotionNotice({ ...toDemotion(row), failed }), now)
}

/** What holds the rule back on a target, if anything does; `target` null asks for the whole cluster only. */
export function* demotionOf(rule: string, cluster: string, target: string | null): Unit<OwnFacts['demotion']> {
  const rows = yield* all(inForce({ rule, cluster }))
  const row = rows.find((one) => one.target_key === '' || one.target_key === target)
  return row ? { at: row.at, reason: row.reason } : null
}

/** Demotions in force. */
export function* demotions(): Unit<readonly Demotion[]> {
  return (yield* all(allInForce({}))).map(toDemotion)
}

/** Those that open incidents have not heard of yet, each once. */
export function* takeDemotions(): Unit<readonly Demotion[]> {
  const rows = yield* all(pendingRows({}))
  for (const { id } of rows) yield* exec(setApplied({ id }))
  return rows.map(toDemotion)
}

export function* demotionsPending(): Unit<boolean> {
  return (yield* one(pendingRows({}))) !== undefined
}

/** A person lets the rules of a scope act again: what failed before counts no more. */
export function* liftDemotions(scope: string, by: string, now: Instant): Unit<readonly Demotion[]> {
  const lifted = (yield* demotions()).filter((one) => scopeOf(scope, one))
  for (const { id, rule, cluster, target } of lifted) {
    yield* exec(liftRow({ id, by, now }))
    yield* exec(forget(rule, cluster, target))
  }
  return lifted
}

function scopeOf(scope: string, { rule, cluster, target }: Demotion): boolean {
  return scope === `rule:${rule}` || scope === `cluster:${cluster}` || (target !== null && scope === `target:${target}`)
}

function forget(rule: string, cluster: string, target: string | null) {
  return query((db) => {
    const ofPair = db.deleteFrom('failures').where('rule', '=', rule).where('cluster', '=', cluster)
    return target === null ? ofPair : ofPair.where('target_key', '=', target)
  })
}

function toDemotion(row: Omit<Tables['demotions'], 'id'> & { readonly id: number }): Demotion {
  return {
    id: row.id,
    rule: row.rule,
    cluster: row.cluster,
    target: row.target_key === '' ? null : row.target_key,
    at: row.at,
    reason: row.reason,
  }
}
