import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Labels } from '../alert/alert.ts'
import { matches } from '../alert/matcher.ts'
import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import { assertNever } from '../never.ts'
import { labels, matchers as matchersSchema, read } from './json.ts'
import { activePauses, pauseCovers, takePauseBoundaries } from './pauses.ts'
import { compiled } from './silence-matcher.ts'
import type { MaintenanceWindow, NewSilence, Pause, Silence } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'
import { takeWindowBoundaries, windows } from './windows.ts'

/** Silences, and what of all quiet holds (silences, pauses, maintenance windows) covers an incident. */

const insertSilence = fixed(
  (
    db,
    p: { id: string; matchers: string; startsAt: number; endsAt: number; author: string; comment: string; now: number },
  ) =>
    db.insertInto('silences').values({
      id: p.id,
      matchers: p.matchers,
      starts_at: p.startsAt,
      ends_at: p.endsAt,
      author: p.author,
      comment: p.comment,
      created_at: p.now,
      updated_at: p.now,
      applied: 'none',
    }),
)
const endSilence = fixed((db, p: { id: string; startsAt: number; now: number }) =>
  db
    .updateTable('silences')
    .set({ starts_at: p.startsAt, ends_at: p.now, updated_at: p.now })
    .where('id', '=', p.id)
    .where('ends_at', '>', p.now),
)
const silenceRow = fixed((db, p: { id: string }) => db.selectFrom('silences').selectAll().where('id', '=', p.id))
const silenceRows = fixed((db) => db.selectFrom('silences').selectAll().orderBy('created_at').orderBy('id'))
const liveSilences = fixed((db) =>
  db.selectFrom('silences').selectAll().where('applied', '<>', sql.lit('end')).orderBy('id'),
)
const applySilence = fixed((db, p: { id: string; applied: string }) =>
  db.updateTable('silences').set({ applied: p.applied }).where('id', '=', p.id),
)

const labelRows = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('incident_alerts as ia')
    .innerJoin('alerts as a', 'a.fingerprint', 'ia.fingerprint')
    .select('a.labels')
    .distinct()
    .where('ia.incident', '=', p.incident),
)

export function* createSilence(silence: NewSilence, now: Instant, id: string = randomUUID()): Unit<Silence> {
  for (const matcher of silence.matchers) compiled(matcher)
  const { startsAt, endsAt, author, comment } = silence
  yield* exec(insertSilence({ id, matchers: JSON.stringify(silence.matchers), startsAt, endsAt, author, comment, now }))
  return { ...silence, id, createdAt: now, updatedAt: now }
}

/** Ends it now; one that has not begun never will. Null for an id that is unknown. */
export function* expireSilence(id: string, now: Instant): Unit<Silence | null> {
  const row = yield* one(silenceRow({ id }))
  if (!row) return null
  yield* exec(endSilence({ id, startsAt: Math.min(row.starts_at, now), now }))
  return yield* silence(id)
}

export function* silence(id: string): Unit<Silence | null> {
  const row = yield* one(silenceRow({ id }))
  return row ? toSilence(row) : null
}

export function* silences(): Unit<readonly Silence[]> {
  return (yield* all(silenceRows({}))).map(toSilence)
}

export function* activeSilences(now: Instant): Unit<readonly Silence[]> {
  return (yield* all(liveSilences({}))).filter((row) => isActive(row, now)).map(toSilence)
}

export function* activeWindows(now: Instant): Unit<readonly MaintenanceWindow[]> {
  return (yield* windows(now)).filter(({ startsAt }) => startsAt <= now)
}

function isActive({ starts_at, ends_at }: { starts_at: Instant; ends_at: Instant }, now: Instant): boolean {
  return starts_at <= now && ends_at > now
}

/** Labels of every alert the incident has had, so that a resolve does not lift a silence. */
export function* labelsOf(incident: number): Unit<readonly Labels[]> {
  return (yield* all(labelRows({ incident }))).map((row) => read(labels, row.labels, 'alerts.labels'))
}

export function silenceCovers({ matchers }: Pick<Silence, 'matchers'>, alerts: readonly Labels[]): boolean {
  const all = matchers.map(compiled)
  return alerts.some((one) => matches(all, one))
}

export function windowCovers(
  { covers }: MaintenanceWindow,
  { subject, target }: Incident,
  alerts: readonly Labels[],
): boolean {
  if ('clusters' in covers) return subject.cluster !== null && covers.clusters.includes(subject.cluster)
  if ('targets' in covers) return target !== null && covers.targets.includes(target)
  return silenceCovers(covers, alerts)
}

/** A quiet hold of ours, for the journal and for people. */
export type QuietHold =
  | { readonly kind: 'silence'; readonly silence: Silence }
  | { readonly kind: 'pause'; readonly pause: Pause }
  | { readonly kind: 'window'; readonly window: MaintenanceWindow }

export function nameOf(hold: QuietHold): string {
  switch (hold.kind) {
    case 'silence':
      return `silenced by ${hold.silence.author}: ${hold.silence.comment} (${hold.silence.id})`
    case 'pause':
      return `${hold.pause.scope} paused by ${hold.pause.author}: ${hold.pause.comment}`
    case 'window':
      return `maintenance ${hold.window.name}: ${hold.window.comment}`
    default:
      return assertNever(hold, 'hold')
  }
}

export function covers(hold: QuietHold, incident: Incident, alerts: readonly Labels[]): boolean {
  switch (hold.kind) {
    case 'silence':
      return silenceCovers(hold.silence, alerts)
    case 'pause':
      return pauseCovers(hold.pause, incident)
    case 'window':
      return windowCovers(hold.window, incident, alerts)
    default:
      return assertNever(hold, 'hold')
  }
}

export function* activeHolds(now: Instant): Unit<readonly QuietHold[]> {
  const pauses = (yield* activePauses(now)).map((pause): QuietHold => ({ kind: 'pause', pause }))
  const silences = (yield* activeSilences(now)).map((silence): QuietHold => ({ kind: 'silence', silence }))
  const windows = (yield* activeWindows(now)).map((window): QuietHold => ({ kind: 'window', window }))
  return [...pauses, ...silences, ...windows]
}

/** Each boundary that was passed since last asked, once. What began and ended in between is neither. */
export function* takeBoundaries(
  now: Instant,
): Unit<{ readonly began: readonly QuietHold[]; readonly ended: readonly QuietHold[] }> {
  const began: QuietHold[] = []
  const ended: QuietHold[] = []
  for (const row of yield* all(liveSilences({}))) {
    const next = nextState(row, now)
    if (next === row.applied) continue
    yield* exec(applySilence({ id: row.id, applied: next }))
    ;(next === 'end' ? ended : began).push({ kind: 'silence', silence: toSilence(row) })
  }
  const pauses = yield* takePauseBoundaries(now)
  began.push(...pauses.began.map((pause): QuietHold => ({ kind: 'pause', pause })))
  ended.push(...pauses.ended.map((pause): QuietHold => ({ kind: 'pause', pause })))
  const windows = yield* takeWindowBoundaries(now)
  began.push(...windows.began.map((window): QuietHold => ({ kind: 'window', window })))
  ended.push(...windows.ended.map((window): QuietHold => ({ kind: 'window', window })))
  return { began, ended }
}

function nextState(row: { starts_at: Instant; ends_at: Instant; applied: string }, now: Instant): string {
  if (row.ends_at <= now) return 'end'
  return row.starts_at <= now ? 'start' : row.applied
}

function toSilence(row: Tables['silences']): Silence {
  return {
    id: row.id,
    matchers: read(matchersSchema, row.matchers, `silence ${row.id}`),
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    author: row.author,
    comment: row.comment,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
