import { createHash } from 'node:crypto'
import type { Instant } from '../clock.ts'
import { read, windowScope } from './json.ts'
import type { MaintenanceWindow, NewMaintenanceWindow } from './store.ts'
import type { Tables } from './tables.ts'
import { all, exec, fixed, type Unit } from './unit.ts'

/** Maintenance windows, as planned from the configuration. A row goes when its end has been told to whom it held. */

const insertWindow = fixed(
  (
    db,
    p: { id: string; name: string; covers: string; startsAt: number; endsAt: number; comment: string; applied: string },
  ) =>
    db
      .insertInto('windows')
      .values({
        id: p.id,
        name: p.name,
        covers: p.covers,
        starts_at: p.startsAt,
        ends_at: p.endsAt,
        comment: p.comment,
        applied: p.applied,
      })
      .onConflict((c) => c.doNothing()),
)
const moveEnd = fixed((db, p: { id: string; endsAt: number }) =>
  db.updateTable('windows').set({ ends_at: p.endsAt }).where('id', '=', p.id),
)
const startWindow = fixed((db, p: { id: string }) =>
  db.updateTable('windows').set({ applied: 'start' }).where('id', '=', p.id).where('applied', '=', 'none'),
)
const dropWindow = fixed((db, p: { id: string }) => db.deleteFrom('windows').where('id', '=', p.id))
const windowRows = fixed((db) => db.selectFrom('windows').selectAll().orderBy('starts_at').orderBy('id'))

/** See {@link Store.planWindows}. */
export function* planWindows(
  planned: readonly NewMaintenanceWindow[],
  now: Instant,
): Unit<{ readonly added: number; readonly gone: number }> {
  const wanted = new Map(planned.map((window) => [idOf(window), window]))
  let added = 0
  let gone = 0
  for (const row of yield* all(windowRows({}))) {
    const window = wanted.get(row.id)
    wanted.delete(row.id)
    if (window) {
      // Taken back before its early end was told to anybody.
      if (row.ends_at !== window.endsAt) yield* exec(moveEnd({ id: row.id, endsAt: window.endsAt }))
    } else if (row.ends_at > now) {
      gone += 1
      // What it holds must hear of its end (S-3.4).
      if (row.starts_at <= now) yield* exec(moveEnd({ id: row.id, endsAt: now }))
      else yield* exec(dropWindow({ id: row.id }))
    }
  }
  for (const [id, { name, covers, startsAt, endsAt, comment }] of [...wanted].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    if (endsAt <= now) continue
    const values = { id, name, covers: JSON.stringify(covers), startsAt, endsAt, comment, applied: 'none' }
    added += yield* exec(insertWindow(values))
  }
  return { added, gone }
}

export function* windows(now: Instant): Unit<readonly MaintenanceWindow[]> {
  return (yield* all(windowRows({}))).filter((row) => row.ends_at > now).map(toWindow)
}

/** Those that began or ended since last asked, each once. */
export function* takeWindowBoundaries(
  now: Instant,
): Unit<{ readonly began: readonly MaintenanceWindow[]; readonly ended: readonly MaintenanceWindow[] }> {
  const began: MaintenanceWindow[] = []
  const ended: MaintenanceWindow[] = []
  for (const row of yield* all(windowRows({}))) {
    if (row.ends_at <= now) {
      if ((yield* exec(dropWindow({ id: row.id }))) === 1) ended.push(toWindow(row))
    } else if (row.starts_at <= now && row.applied === 'none') {
      if ((yield* exec(startWindow({ id: row.id }))) === 1) began.push(toWindow(row))
    }
  }
  return { began, ended }
}

function idOf({ name, covers, startsAt, endsAt, comment }: NewMaintenanceWindow): string {
  return createHash('sha256')
    .update(JSON.stringify([name, covers, startsAt, endsAt, comment]))
    .digest('hex')
    .slice(0, 32)
}

function toWindow(row: Tables['windows']): MaintenanceWindow {
  return {
    id: row.id,
    name: row.name,
    covers: read(windowScope, row.covers, `maintenance window ${row.name}`),
    startsAt: row.starts_at,
    endsAt: row.ends_at,
    comment: row.comment,
  }
}
