import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { OwnFacts, StormFacts } from '../guards/guard.ts'
import { CALM_MS, isMember, isStorm } from '../guards/storm.ts'
import type { Look } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { rungOf } from '../incident/plan.ts'
import { isMajority } from '../kafka/judge-view.ts'
import { type StormIncident, stoppedNotice, stormLastsNotice, stormNotice, stormOverNotice } from '../notify/storm.ts'
import { leaderless as leaderlessSeen, read, strings } from './json.ts'
import { tellNotice } from './notices.ts'
import { planOf } from './plans.ts'
import { processVerifiedBy } from './process-verified.ts'
import type { ClusterSeen, Leaderless, Storm, StormChange } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

/** Storms over clusters (S-5.9): what was last seen of a cluster as a whole, and what follows from it. */

const sighting = fixed((db, p: { cluster: string }) =>
  db.selectFrom('sightings').selectAll().where('cluster', '=', p.cluster),
)
const keepSighting = fixed(
  (db, p: { cluster: string; nothing: 0 | 1; voters: string; leaderless: string | null; now: number }) =>
    db
      .insertInto('sightings')
      .values({
        cluster: p.cluster,
        at: p.now,
        reaches_nothing: p.nothing,
        voters: p.voters,
        leaderless: p.leaderless,
      })
      .onConflict((c) =>
        c.column('cluster').doUpdateSet((eb) => ({
          at: eb.ref('excluded.at'),
          reaches_nothing: eb.ref('excluded.reaches_nothing'),
          voters: eb.ref('excluded.voters'),
          leaderless: eb.ref('excluded.leaderless'),
        })),
      ),
)
const openRow = fixed((db, p: { cluster: string }) =>
  db.selectFrom('storms').selectAll().where('cluster', '=', p.cluster).where('ended_at', 'is', sql.lit(null)),
)
const openRows = fixed((db) =>
  db.selectFrom('storms').selectAll().where('ended_at', 'is', sql.lit(null)).orderBy('cluster'),
)
const begin = fixed((db, p: { cluster: string; bad: string; total: number; now: number }) =>
  db
    .insertInto('storms')
    .values({ cluster: p.cluster, began_at: p.now, bad: p.bad, total: p.total, failed_starts: 0 })
    .onConflict((c) => c.columns(['cluster']).where('ended_at', 'is', sql.lit(null)).doNothing())
    .returningAll(),
)
const rage = fixed((db, p: { id: number; bad: string; total: number }) =>
  db.updateTable('storms').set({ bad: p.bad, total: p.total, calm_since: null }).where('id', '=', p.id),
)
const setCalm = fixed((db, p: { id: number; since: number | null }) =>
  db.updateTable('storms').set({ calm_since: p.since }).where('id', '=', p.id),
)
const end = fixed((db, p: { id: number; now: number }) =>
  db.updateTable('storms').set({ ended_at: p.now }).where('id', '=', p.id).where('ended_at', 'is', null),
)
const setFailed = fixed((db, p: { id: number; target: string; reason: string }) =>
  db
    .updateTable('storms')
    .set((eb) => ({
      failed_target: p.target,
      failed_reason: p.reason,
      failed_starts: eb('failed_starts', '+', 1),
    }))
    .where('id', '=', p.id)
    .where('failed_target', 'is', null)
    .returning('failed_starts'),
)
const clearFailed = fixed((db, p: { cluster: string }) =>
  db
    .updateTable('storms')
    .set({ failed_target: null, failed_reason: null })
    .where('cluster', '=', p.cluster)
    .where('ended_at', 'is', sql.lit(null))
    .where('failed_target', 'is not', null),
)
/** Open incidents of the cluster, and those whose mails were left to the storm. */
const incidentRows = fixed((db, p: { cluster: string; storm: number }) =>
  db
    .selectFrom('incidents as i')
    .select(['i.id', 'i.rule', 'i.subject_key', 'i.state', 'i.reason', 'i.detail'])
    .where('i.cluster', '=', p.cluster)
    .where((eb) =>
      eb.or([
        eb('i.state', '<>', 'closed'),
        eb.exists(
          eb
            .selectFrom('escalations as e')
            .select('e.id')
            .whereRef('e.incident', '=', 'i.id')
            .where('e.storm', '=', p.storm),
        ),
      ]),
    )
    .orderBy('i.id'),
)
const untoldRows = fixed((db, p: { storm: number }) =>
  db
    .selectFrom('escalations')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('storm', '=', p.storm),
)
const attemptRow = fixed((db, p: { incident: number; number: number }) =>
  db
    .selectFrom('attempts')
    .select(['target_key', 'disruptive', 'cluster'])
    .where('incident', '=', p.incident)
    .where('number', '=', p.number)
    .where('status', '<>', 'withdrawn'),
)
/** Open incidents of other targets of the cluster that may still act. */
const movableRows = fixed((db, p: { cluster: string; incident: number }) =>
  db
    .selectFrom('incidents')
    .select(['id', 'target_key', 'state', 'reason', 'plan'])
    .where('cluster', '=', p.cluster)
    .where('id', '<>', p.incident)
    .where('mode', '<>', 'inform')
    .where('state', 'in', ['waiting', 'checking', 'attempting', 'verifying'])
    .where('target_key', 'is not', null)
    .orderBy('target_key'),
)
const askAgain = fixed((db, p: { cluster: string; incident: number; now: number }) =>
  db
    .updateTable('timers')
    .set({ due_at: p.now })
    .where('kind', '=', sql.lit('guard'))
    .where('due_at', '>', p.now)
    .where('incident', 'in', (eb) =>
      eb
        .selectFrom('incidents')
        .select('id')
        .where('cluster', '=', p.cluster)
        .where('id', '<>', p.incident)
        .where('state', '=', 'waiting')
        .where('reason', '=', 'onHold'),
    ),
)
const lastGuard = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('decisions')
    .select('guard')
    .where('incident', '=', p.incident)
    .where('kind', 'in', ['guards', 'claim'])
    .orderBy('id', 'desc')
    .limit(1),
)

const attemptsOn = fixed((db, p: { target: string }) =>
  db.selectFrom('targets').select('attempts').where('key', '=', p.target),
)

/** How often a storm that lasts is mailed again, in milliseconds: like the shipped rules' reminders. */
const REMIND_MS = 4 * 60 * 60_000

/**
 * So long after the last start a quorum without a leader has one, if it can have one: a JVM is up in some ten seconds, an
 * election takes one or two. Half of the minute after which a broker gives up waiting for it. Milliseconds.
 */
const ELECTION_MS = 30_000

/** Why an incident waits although it could act; each needs something other than its turn. */
const CANNOT_START: ReadonlySet<string> = new Set([
  'refused',
  'evidenceMissing',
  'held',
  'attached',
  'approval',
  'symptomWithoutAlert',
])

/** A view of the cluster was taken: a storm begins, goes on, calms down, or is over. */
export function* clusterSeen(cluster: string, seen: ClusterSeen, now: Instant): Unit<StormChange> {
  const { bad, total, reachesNothing } = seen
  const before = yield* one(sighting({ cluster }))
  // Who is in the quorum is remembered for when it cannot be asked any more.
  const voters = seen.voters === null ? (before?.voters ?? '[]') : JSON.stringify(seen.voters)
  const leaderless = seen.leaderless === null ? null : JSON.stringify(seen.leaderless)
  yield* exec(keepSighting({ cluster, nothing: reachesNothing ? 1 : 0, voters, leaderless, now }))
  const rages = isStorm(bad.length, total)
  const open = yield* one(openRow({ cluster }))
  if (!open) return rages ? yield* beginStorm(cluster, seen, now) : 'none'
  if (rages) {
    yield* exec(rage({ id: open.id, bad: JSON.stringify(bad), total }))
    yield* remind({ ...open, bad: JSON.stringify(bad), total }, now)
    return 'goesOn'
  }
  yield* remind(open, now)
  // Who sees nothing cannot call it calm; and a clock that stepped back must not make it last.
  if (reachesNothing) {
    yield* exec(setCalm({ id: open.id, since: null }))
    return 'goesOn'
  }
  if (open.calm_since === null || open.calm_since > now) {
    yield* exec(setCalm({ id: open.id, since: now }))
    return 'goesOn'
  }
  if (now - open.calm_since < CALM_MS) return 'goesOn'
  return yield* endStorm(open, now)
}

function* beginStorm(cluster: string, { bad, total }: ClusterSeen, now: Instant): Unit<StormChange> {
  const row = yield* one(begin({ cluster, bad: JSON.stringify(bad), total, now }))
  if (!row) return 'goesOn'
  yield* tellNotice(stormNotice(toStorm(row)), now)
  return 'began'
}

/** What waits for the storm has no mails of its own and is not given up, so the storm must not fall silent either. */
function* remind(row: Row, now: Instant): Unit<void> {
  const reminder = Math.floor((now - row.began_at) / REMIND_MS)
  if (reminder < 1) return
  yield* tellNotice(stormLastsNotice(toStorm(row), yield* incidentsIn(row), reminder, now), now)
}

function* incidentsIn(row: Row): Unit<readonly StormIncident[]> {
  const rows = yield* all(incidentRows({ cluster: row.cluster, storm: row.id }))
  return rows.map(({ subject_key, ...incident }) => ({ ...incident, subject: subject_key }))
}

function* endStorm(row: Row, now: Instant): Unit<StormChange> {
  if ((yield* exec(end({ id: row.id, now }))) === 0) return 'none'
  const incidents = yield* incidentsIn(row)
  const untold = (yield* one(untoldRows({ storm: row.id })))?.count ?? 0
  yield* tellNotice(stormOverNotice(toStorm(row), incidents, untold, now), now)
  return 'ended'
}

/** Storms that are not over. */
export function* storms(): Unit<readonly Storm[]> {
  return (yield* all(openRows({}))).map(toStorm)
}

export function* isStormy(cluster: string): Unit<boolean> {
  return (yield* one(openRow({ cluster }))) !== undefined
}

/** A person lets starts go on after one failed. False: none had. */
export function* resumeStarts(cluster: string): Unit<boolean> {
  return (yield* exec(clearFailed({ cluster }))) > 0
}

/** The first start in a storm that does not end in a serving process stops the others, with a mail. */
export function* attemptJudged(before: Incident, after: Incident, seen: Look | null, now: Instant): Unit<void> {
  const cluster = after.subject.cluster
  if (cluster === null || before.attempt === null || !failed(before, after, seen)) return
  const row = yield* one(openRow({ cluster }))
  if (!row) return
  const attempt = yield* one(attemptRow({ incident: before.id, number: before.attempt }))
  if (!attempt || attempt.disruptive === 1 || !isMember(attempt.target_key)) return
  const counted = yield* one(setFailed({ id: row.id, target: attempt.target_key, reason: after.detail }))
  if (!counted) return
  yield* tellNotice(stoppedNotice(toStorm(row), counted.failed_starts, attempt.target_key, after.detail), now)
}

/** Whoever waits for its turn in the storm asks again at once when a start has come further, not when its own gap is over. */
export function* turnPassed(before: Incident, after: Incident, now: Instant): Unit<void> {
  const { cluster } = after.subject
  if (cluster === null || before.verifying === null) return
  const further = after.verifying === null || after.verifying.process !== before.verifying.process
  if (further && (yield* isStormy(cluster))) yield* exec(askAgain({ cluster, incident: after.id, now }))
}

/** An attempt that was run left the incident waiting for the next one, or for a person. */
function failed(before: Incident, after: Incident, seen: Look | null): boolean {
  const ran =
    before.state === 'verifying'
      ? before.verifying?.because === 'attempt'
      : before.state === 'attempting' && before.reason === 'running'
  if (!ran) return false
  // It serves; what could not be told is whether its replicas are in sync.
  if (after.reason === 'verificationUnknown' && seen?.process === 'serving') return false
  if (after.state === 'escalated') return true
  // A quiet hold stands in the place of the back-off.
  return after.state === 'waiting'
    ? after.reason === 'backoff' || (before.state === 'verifying' && after.reason === 'held')
    : after.state === 'settled' && after.reason === 'informed'
}

/** What the guard `storm` judges. */
export function* stormFacts(
  incident: number,
  target: string | null,
  cluster: string,
  atWork: OwnFacts['atWork'],
): Unit<Pick<OwnFacts, 'storm' | 'blindAt'>> {
  const seen = yield* one(sighting({ cluster }))
  const blindAt = seen?.reaches_nothing === 1 ? seen.at : null
  const row = yield* one(openRow({ cluster }))
  if (!row) return { storm: null, blindAt }
  const { beganAt, bad, total, calmSince, failedStart } = toStorm(row)
  const voters = read(strings, seen?.voters ?? '[]', 'sightings.voters')
  const leaderless = read(leaderlessSeen, seen?.leaderless ?? 'null', 'sightings.leaderless')
  const isVoter = target !== null && voters.includes(target)
  const starts: StormFacts['starts'][number][] = []
  for (const one of atWork) starts.push({ ...one, process: yield* processVerifiedBy(one.incident) })
  const members = starts.filter(({ targetKey }) => isMember(targetKey))
  const lastStart = Math.max(...members.map(({ takenAt }) => takenAt))
  const inVain = seen !== undefined && seen.at - lastStart >= ELECTION_MS
  const lacksMajority = leaderless !== null && (inVain || !canElect(voters, leaderless, members))
  const votersFirst = isVoter ? [] : yield* ahead(voters, incident, target, cluster)
  const about = { since: beganAt, bad, total, calmSince, failedStart }
  return { storm: { ...about, starts, isVoter, lacksMajority, votersFirst }, blindAt }
}

/** Members that did not serve, but run because we started them, count: they serve once there is a majority. */
function canElect(voters: readonly string[], { silent, of }: Leaderless, starts: StormFacts['starts']): boolean {
  const begun = new Set(starts.flatMap(({ targetKey, process }) => (process === null ? [] : [targetKey])))
  const running = voters.filter((voter) => !silent.includes(voter) || begun.has(voter))
  return isMajority(running.length, of)
}

/** Members of the quorum that do not serve, with an open incident that only waits for its time or its turn. */
function* ahead(
  voters: readonly string[],
  incident: number,
  target: string | null,
  cluster: string,
): Unit<readonly string[]> {
  const found = new Set<string>()
  for (const row of yield* all(movableRows({ cluster, incident }))) {
    const key = row.target_key
    if (key === null || key === target || !voters.includes(key)) continue
    if (yield* wouldStop(row.plan, key)) continue
    if (row.state === 'verifying' && (yield* processVerifiedBy(row.id)) === 'serving') continue
    if (row.state === 'waiting') {
      if (CANNOT_START.has(row.reason)) continue
      if (row.reason === 'onHold' && (yield* one(lastGuard({ incident: row.id })))?.guard !== 'storm') continue
    }
    found.add(key)
  }
  return [...found]
}

/** Its next rung is disruptive: it has no turn before the storm is over, and the storm may not end without those behind it. */
function* wouldStop(plan: string, target: string): Unit<boolean> {
  const row = yield* one(attemptsOn({ target }))
  return rungOf(yield* planOf(plan), (row?.attempts ?? 0) + 1).some(({ traits }) => traits.disruptive)
}

type Row = Omit<Tables['storms'], 'id'> & { readonly id: number }

function toStorm(row: Row): Storm {
  return {
    id: row.id,
    cluster: row.cluster,
    beganAt: row.began_at,
    bad: read(strings, row.bad, 'storms.bad'),
    total: row.total,
    calmSince: row.calm_since,
    failedStart: row.failed_target === null ? null : { target: row.failed_target, reason: row.failed_reason ?? '' },
  }
}
