import { sql } from 'kysely'
import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import { pausedNotice, pauseOverNotice, stillPausedNotice } from '../notify/pause.ts'
import { loadOpenIncidents } from './incidents.ts'
import { tellNotice } from './notices.ts'
import type { NewPause, Pause } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, one, type Unit } from './unit.ts'

/** Pauses: made and ended by people, told when set, daily, and when they end (S-3.5). */

const DAY_MS = 24 * 3_600_000

const insertPause = fixed(
  (db, p: { scope: string; endsAt: number; author: string; comment: string; tellAt: number; now: number }) =>
    db
      .insertInto('pauses')
      .values({
        scope: p.scope,
        starts_at: p.now,
        ends_at: p.endsAt,
        author: p.author,
        comment: p.comment,
        applied: 'none',
        tell_at: p.tellAt,
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
const setTellAt = fixed((db, p: { id: number; tellAt: number }) =>
  db.updateTable('pauses').set({ tell_at: p.tellAt }).where('id', '=', p.id),
)

export function* createPause({ scope, endsAt, author, comment }: NewPause, now: Instant): Unit<Pause> {
  const row = yield* one(insertPause({ scope, endsAt, author, comment, tellAt: now + DAY_MS, now }))
  if (!row) throw new Error('a pause was not stored')
  const pause = toPause(row)
  yield* tellNotice(pausedNotice(pause, yield* within(pause)), now)
  return pause
}

/** Ends every pause of exactly this scope. */
export function* endPause(scope: string, by: string, now: Instant): Unit<readonly Pause[]> {
  const ended = (yield* all(endPauses({ scope, by, now }))).map(toPause)
  for (const pause of ended) yield* tellOver(pause, by, now)
  return ended
}

export function* activePauses(now: Instant): Unit<readonly Pause[]> {
  return (yield* all(livePauses({}))).filter((row) => row.starts_at <= now && row.ends_at > now).map(toPause)
}

export function pauseCovers({ scope }: Pause, { plan, subject, target }: Incident): boolean {
  if (scope === 'all' || scope === `rule:${plan.rule}`) return true
  if (subject.cluster !== null && scope === `cluster:${subject.cluster}`) return true
  return target !== null && scope === `target:${target}`
}

/** Those that began or ended since last asked, each once. One that goes on is told each day, one whose time is over now. */
export function* takePauseBoundaries(
  now: Instant,
): Unit<{ readonly began: readonly Pause[]; readonly ended: readonly Pause[] }> {
  const began: Pause[] = []
  const ended: Pause[] = []
  for (const row of yield* all(livePauses({}))) {
    const pause = toPause(row)
    if (row.ends_at <= now) {
      yield* exec(applyPause({ id: row.id, applied: 'end' }))
      ended.push(pause)
      // One that a person ended was told in the same unit.
      if (row.ended_by === null) yield* tellOver(pause, null, now)
      continue
    }
    if (row.tell_at !== null && row.tell_at <= now) yield* tellDay(pause, now)
    if (row.applied === 'start' || row.starts_at > now) continue
    yield* exec(applyPause({ id: row.id, applied: 'start' }))
    began.push(pause)
  }
  return { began, ended }
}

/** After a long downtime, or a jump of the clock, one mail for all the days. */
function* tellDay(pause: Pause, now: Instant): Unit<void> {
  const days = Math.floor((now - pause.startsAt) / DAY_MS)
  yield* exec(setTellAt({ id: pause.id, tellAt: pause.startsAt + (days + 1) * DAY_MS }))
  yield* tellNotice(stillPausedNotice(pause, days, yield* within(pause), now), now)
}

function* tellOver(pause: Pause, by: string | null, now: Instant): Unit<void> {
  const others = (yield* activePauses(now)).filter(({ id }) => id !== pause.id)
  yield* tellNotice(pauseOverNotice(pause, by, yield* within(pause), others), now)
}

/** Open incidents that it covers and that are not over. */
function* within(pause: Pause): Unit<readonly Incident[]> {
  return (yield* loadOpenIncidents()).filter((incident) => incident.state !== 'settled' && pauseCovers(pause, incident))
}

function toPause(
  row: Pick<Tables['pauses'], 'scope' | 'starts_at' | 'ends_at' | 'author' | 'comment'> & { id: number },
): Pause {
  return {
    id: row.id,
    scope: row.scope,
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    author: row.author,
    comment: row.comment,
  }
}
