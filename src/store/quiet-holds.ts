import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Labels } from '../alert/alert.ts'
import { type Matcher, makeMatcher, matches } from '../alert/matcher.ts'
import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import { labels, matchers as matchersSchema, read } from './json.ts'
import type { NewPause, NewSilence, Pause, Silence, SilenceMatcher } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

/** Silences and pauses: what people made, and what of it covers an incident. */

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

const insertPause = fixed((db, p: { scope: string; endsAt: number; author: string; comment: string; now: number }) =>
  db
    .insertInto('pauses')
    .values({
      scope: p.scope,
      starts_at: p.now,
      ends_at: p.endsAt,
      author: p.author,
      comment: p.comment,
      applied: 'none',
    })
    .returningAll(),
)
const endPauses = fixed((db, p: { scope: string; by: string; now: number }) =>
  db
    .updateTable('pauses')
    .set({ ends_at: p.now, ended_by: p.by })
    .where('scope', '=', p.scope)
    .where('ends_at', '>', p.now)
    .returningAll(),
)
const livePauses = fixed((db) =>
  db.selectFrom('pauses').selectAll().where('applied', '<>', sql.lit('end')).orderBy('id'),
)
const applyPause = fixed((db, p: { id: number; applied: string }) =>
  db.updateTable('pauses').set({ applied: p.applied }).where('id', '=', p.id),
)
const labelRows = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('incident_alerts as ia')
    .innerJoin('alerts as a', 'a.fingerprint', 'ia.fingerprint')
    .select('a.labels')
    .distinct()
    .where('ia.incident', '=', p.incident),
)

export function* createSilence(silence: NewSilence, now: Instant): Unit<Silence> {
  for (const matcher of silence.matchers) compiled(matcher)
  const id = randomUUID()
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

export function* createPause(pause: NewPause, now: Instant): Unit<Pause> {
  const { scope, endsAt, author, comment } = pause
  const row = yield* one(insertPause({ scope, endsAt, author, comment, now }))
  if (!row) throw new Error('a pause was not stored')
  return toPause(row)
}

/** Ends every pause of exactly this scope. */
export function* endPause(scope: string, by: string, now: Instant): Unit<readonly Pause[]> {
  return (yield* all(endPauses({ scope, by, now }))).map(toPause)
}

export function* activePauses(now: Instant): Unit<readonly Pause[]> {
  return (yield* all(livePauses({}))).filter((row) => isActive(row, now)).map(toPause)
}

export function* activeSilences(now: Instant): Unit<readonly Silence[]> {
  return (yield* all(liveSilences({}))).filter((row) => isActive(row, now)).map(toSilence)
}

function isActive({ starts_at, ends_at }: { starts_at: Instant; ends_at: Instant }, now: Instant): boolean {
  return starts_at <= now && ends_at > now
}

/** Labels of every alert the incident has had, so that a resolve does not lift a silence. */
export function* labelsOf(incident: number): Unit<readonly Labels[]> {
  return (yield* all(labelRows({ incident }))).map((row) => read(labels, row.labels, 'alerts.labels'))
}

export function silenceCovers({ matchers }: Silence, alerts: readonly Labels[]): boolean {
  const all = matchers.map(compiled)
  return alerts.some((one) => matches(all, one))
}

export function pauseCovers({ scope }: Pause, incident: Incident): boolean {
  const { plan, subject } = incident
  if (scope === 'all' || scope === `rule:${plan.rule}`) return true
  if (subject.cluster !== null && scope === `cluster:${subject.cluster}`) return true
  return subject.kind !== 'unresolved' && scope === `target:${subject.target}`
}

/** A quiet hold of ours, for the journal and for people. */
export type QuietHold =
  | { readonly kind: 'silence'; readonly silence: Silence }
  | { readonly kind: 'pause'; readonly pause: Pause }

export function nameOf(hold: QuietHold): string {
  return hold.kind === 'silence'
    ? `silenced by ${hold.silence.author}: ${hold.silence.comment} (${hold.silence.id})`
    : `${hold.pause.scope} paused by ${hold.pause.author}: ${hold.pause.comment}`
}

export function covers(hold: QuietHold, incident: Incident, alerts: readonly Labels[]): boolean {
  return hold.kind === 'silence' ? silenceCovers(hold.silence, alerts) : pauseCovers(hold.pause, incident)
}

export function* activeHolds(now: Instant): Unit<readonly QuietHold[]> {
  const pauses = (yield* activePauses(now)).map((pause): QuietHold => ({ kind: 'pause', pause }))
  const silences = (yield* activeSilences(now)).map((silence): QuietHold => ({ kind: 'silence', silence }))
  return [...pauses, ...silences]
}

/** Each boundary that was passed since last asked, once. What began and ended in between is neither. */
export function* takeBoundaries(
  now: Instant,
): Unit<{ readonly began: readonly QuietHold[]; readonly ended: readonly QuietHold[] }> {
  const began: QuietHold[] = []
  const ended: QuietHold[] = []
  for (const row of yield* all(livePauses({}))) {
    const next = nextState(row, now)
    if (next === row.applied) continue
    yield* exec(applyPause({ id: row.id, applied: next }))
    ;(next === 'end' ? ended : began).push({ kind: 'pause', pause: toPause(row) })
  }
  for (const row of yield* all(liveSilences({}))) {
    const next = nextState(row, now)
    if (next === row.applied) continue
    yield* exec(applySilence({ id: row.id, applied: next }))
    ;(next === 'end' ? ended : began).push({ kind: 'silence', silence: toSilence(row) })
  }
  return { began, ended }
}

function nextState(row: { starts_at: Instant; ends_at: Instant; applied: string }, now: Instant): string {
  if (row.ends_at <= now) return 'end'
  return row.starts_at <= now ? 'start' : row.applied
}

const compiledMatchers = new WeakMap<SilenceMatcher, Matcher>()

/** Throws for a matcher that is none; the API refuses those before they come here. */
function compiled(matcher: SilenceMatcher): Matcher {
  const known = compiledMatchers.get(matcher)
  if (known) return known
  const operator = matcher.isEqual ? (matcher.isRegex ? '=~' : '=') : matcher.isRegex ? '!~' : '!='
  const made = makeMatcher(matcher.name, operator, matcher.value)
  if ('problem' in made) throw new TypeError(made.problem)
  compiledMatchers.set(matcher, made.ok)
  return made.ok
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

function toPause(row: Omit<Tables['pauses'], 'id' | 'ended_by'> & { id: number }): Pause {
  return {
    id: row.id,
    scope: row.scope,
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    author: row.author,
    comment: row.comment,
  }
}
