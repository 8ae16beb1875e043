import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { OwnFacts } from '../guards/guard.ts'
import type { Incident } from '../incident/incident.ts'
import { isFailure } from '../incident/track.ts'
import { demotionNotice } from '../notify/demotion.ts'
import { tellNotice } from './notices.ts'
import type { Demotion } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, query, type Unit } from './unit.ts'

/** The breaker (S-5.11): incidents that failed, and rules that may only inform because of them. */

const DAY_MS = 24 * 60 * 60_000
/** So many distinct targets of a rule in a cluster, or so many incidents of a rule on one target, within a day. */
const FAILURES = 3

/** The slow way to fail: incidents within a week in which it acted and that came to an end, well or badly. */
const RATIO_WINDOW_MS = 7 * DAY_MS
/** Of fewer, a share says little: three of three on three targets are caught within the day, two of two may be chance. */
const RATIO_FROM = 4
/** Failed more often than it healed. */
const RATIO = 0.5

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
/** What came of the incidents in which a changing step began. */
const actedOn = fixed((db, p: { rule: string; cluster: string; since: number }) =>
  db
    .selectFrom('attempts')
    .select(['incident', 'target_key', 'outcome'])
    .distinct()
    .where('rule', '=', p.rule)
    .where('cluster', '=', p.cluster)
    .where('scheduled_at', '>', p.since)
    .where('changed', '=', sql.lit(1 as const)),
)
const lastResumed = fixed((db, p: { rule: string; cluster: string; target: string }) =>
  db
    .selectFrom('demotions')
    .select((eb) => eb.fn.max('resumed_at').as('at'))
    .where('rule', '=', p.rule)
    .where('cluster', '=', p.cluster)
    .where((eb) => eb.or([eb('target_key', '=', ''), eb('target_key', '=', p.target)])),
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
  if (!isFailure(before, after) || cluster === null || target === null) return
  yield* exec(insertFailure({ incident: after.id, rule, cluster, target, now }))
  const pair = yield* all(inForce({ rule, cluster }))
  if (pair.some((row) => row.target_key === '')) return
  const week = (yield* all(failuresOf({ rule, cluster, since: now - RATIO_WINDOW_MS }))).map((row) => ({
    incident: row.incident,
    target: row.target_key,
    at: row.at,
  }))
  const failed = week.filter(({ at }) => at > now - DAY_MS)
  const targets = new Set(failed.map((one) => one.target)).size
  const here = failed.filter((one) => one.target === target)
  if (targets >= FAILURES) {
    yield* demote({ rule, cluster, target: null }, `${targets} targets failed in 24 h`, failed, now)
  } else if (here.length >= FAILURES) {
    yield* demote({ rule, cluster, target }, `${here.length} incidents failed on it in 24 h`, here, now)
  } else yield* weighWeek({ rule, cluster, target }, week, now)
}

/**
 * What fails seldom but mostly (S-5.11). On several targets it is the rule that does not help, on a single one it may be the
 * target. A person who resumes it begins a new count, of what healed too.
 */
function* weighWeek(
  { rule, cluster, target }: { readonly rule: string; readonly cluster: string; readonly target: string },
  failures: readonly Failure[],
  now: Instant,
): Unit<void> {
  const pair = { rule, cluster, target: null }
  const everywhere = weigh(yield* actedSince(pair, now), failures)
  const targets = new Set(everywhere.failed.map((one) => one.target)).size
  const here = weigh(yield* actedSince({ rule, cluster, target }, now), failures)
  if (targets > 1 && isMostlyFailing(everywhere))
    yield* demote(pair, inWords(everywhere, 'incidents'), everywhere.failed, now)
  else if (isMostlyFailing(here))
    yield* demote({ rule, cluster, target }, inWords(here, 'incidents on it'), here.failed, now)
}

interface Failure {
  readonly incident: number
  readonly target: string
  readonly at: Instant
}

interface Acted {
  readonly incident: number
  readonly outcome: string | null
}

/** What it acted on within a week, since a person last resumed it. */
function* actedSince(
  { rule, cluster, target }: Pick<Demotion, 'rule' | 'cluster' | 'target'>,
  now: Instant,
): Unit<readonly Acted[]> {
  const resumed = (yield* one(lastResumed({ rule, cluster, target: target ?? '' })))?.at ?? 0
  const acted = yield* all(actedOn({ rule, cluster, since: Math.max(now - RATIO_WINDOW_MS, resumed) }))
  return target === null ? acted : acted.filter((one) => one.target_key === target)
}

interface Weighed {
  readonly failed: readonly Failure[]
  /** Over, well or badly. */
  readonly over: number
}

/** What a person healed after it had failed has failed. */
function weigh(acted: readonly Acted[], failures: readonly Failure[]): Weighed {
  const failed = failures.filter(({ incident }) => acted.some((one) => one.incident === incident))
  const healed = acted.filter(
    ({ incident, outcome }) => outcome === 'healed' && !failed.some((one) => one.incident === incident),
  )
  return { failed, over: failed.length + healed.length }
}

function isMostlyFailing({ failed, over }: Weighed): boolean {
  return over >= RATIO_FROM && failed.length > over * RATIO
}

function inWords({ failed, over }: Weighed, what: string): string {
  return `${failed.length} of ${over} ${what} failed in 7 d`
}

function* demote(
  { rule, cluster, target }: Pick<Demotion, 'rule' | 'cluster' | 'target'>,
  reason: string,
  failed: readonly Failure[],
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
