import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { OwnFacts } from '../guards/guard.ts'
import type { Incident } from '../incident/incident.ts'
import { mayAct } from '../incident/plan.ts'
import { demotionOf } from './demotions.ts'
import { activePauses, pauseCovers } from './pauses.ts'
import { activeSilences, activeWindows, labelsOf, silenceCovers, windowCovers } from './quiet-holds.ts'
import { stormFacts } from './storms.ts'
import { cooldownFor } from './targets.ts'
import { all, fixed, type Unit } from './unit.ts'

const DAY_MS = 24 * 60 * 60_000

const holdRows = fixed((db, p: { target: string; cluster: string; incident: number }) =>
  db
    .selectFrom('holds')
    .innerJoin('attempts', 'attempts.id', 'holds.attempt')
    .select(['holds.key', 'holds.incident', 'attempts.number', 'holds.taken_at'])
    .where((eb) => eb.or([eb('holds.key', '=', p.target), eb('holds.key', '=', p.cluster)]))
    .where('holds.incident', '<>', p.incident)
    .orderBy('holds.key'),
)
const atWorkRows = fixed((db, p: { cluster: string; target: string; incident: number }) =>
  db
    .selectFrom('holds')
    .innerJoin('attempts', 'attempts.id', 'holds.attempt')
    .select(['attempts.target_key', 'attempts.first_start', 'holds.incident', 'attempts.number', 'holds.taken_at'])
    .where('holds.key', 'like', sql.lit('target:%'))
    .where('attempts.cluster', '=', p.cluster)
    .where('attempts.target_key', '<>', p.target)
    .where('holds.incident', '<>', p.incident)
    .orderBy('holds.key'),
)
const recentRows = fixed((db, p: { since: number }) =>
  db
    .selectFrom('attempts')
    .select(['target_key', 'cluster', 'disruptive', 'first_start', 'started_at'])
    .where('changed', '=', sql.lit(1 as const))
    .where('started_at', '>', p.since)
    .orderBy('started_at'),
)

/** The rack of a target as the inventory in force names it. */
export type RackOf = (targetKey: string) => string | null

export function targetHold(targetKey: string): string {
  return `target:${targetKey}`
}

export function clusterHold(cluster: string): string {
  return `cluster:${cluster}`
}

/** In a storm starts take it too, so that they go one by one (S-4.2, S-5.9). */
export function startHold(cluster: string): string {
  return `start:${cluster}`
}

/** Rows of ours that own guards judge. What the incident itself holds is no obstacle to it. */
export function* ownFacts(
  incident: Incident,
  target: string | null,
  cluster: string | null,
  rackOf: RackOf,
  now: Instant,
): Unit<OwnFacts> {
  const labels = yield* labelsOf(incident.id)
  const pauses = (yield* activePauses(now)).filter((pause) => pauseCovers(pause, incident))
  const silences = (yield* activeSilences(now)).filter((silence) => silenceCovers(silence, labels))
  const windows = (yield* activeWindows(now)).filter((window) => windowCovers(window, incident, labels))
  const holds = yield* all(
    holdRows({
      target: target === null ? '' : targetHold(target),
      cluster: cluster === null ? '' : clusterHold(cluster),
      incident: incident.id,
    }),
  )
  const rows = cluster === null ? [] : yield* all(atWorkRows({ cluster, target: target ?? '', incident: incident.id }))
  const atWork = rows.map((row) => ({
    targetKey: row.target_key,
    rack: rackOf(row.target_key),
    firstStart: row.first_start === 1,
    incident: row.incident,
    attempt: row.number,
    takenAt: row.taken_at,
  }))
  const recent = yield* all(recentRows({ since: now - DAY_MS }))
  return {
    pauses: pauses.map(({ id, scope, endsAt, author, comment }) => ({ id, scope, endsAt, by: author, comment })),
    silences: silences.map(({ id, endsAt, author, comment }) => ({ id, endsAt, by: author, comment })),
    windows: windows.map(({ id, name, endsAt, comment }) => ({ id, name, endsAt, comment })),
    holds: holds.map((hold) => ({
      key: hold.key,
      incident: hold.incident,
      attempt: hold.number,
      takenAt: hold.taken_at,
    })),
    atWork,
    recent: recent.map((row) => ({
      targetKey: row.target_key,
      cluster: row.cluster ?? '',
      rack: rackOf(row.target_key),
      disruptive: row.disruptive === 1,
      firstStart: row.first_start === 1,
      startedAt: row.started_at ?? 0,
    })),
    cooldownUntil: target === null ? null : yield* cooldownFor(target, incident.id, now),
    ...(cluster === null ? { storm: null, blindAt: null } : yield* stormFacts(incident.id, target, cluster, atWork)),
    // What only informs says what it would do if it were let (S-3.3); a demotion holds back what may still act.
    demotion:
      cluster === null || !mayAct(incident.plan) ? null : yield* demotionOf(incident.plan.rule, cluster, target),
  }
}
