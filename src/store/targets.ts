import type { Instant } from '../clock.ts'
import type { TargetHistory } from '../incident/event.ts'
import { instants, read } from './json.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

const DAY_MS = 24 * 60 * 60_000

const targetRow = fixed((db, p: { key: string }) => db.selectFrom('targets').selectAll().where('key', '=', p.key))
const insertTarget = fixed((db, p: { key: string }) =>
  db
    .insertInto('targets')
    .values({ key: p.key, attempts: 0, heals: '[]' })
    .onConflict((c) => c.doNothing()),
)
const addAttempt = fixed((db, p: { key: string }) =>
  db
    .updateTable('targets')
    .set((eb) => ({ attempts: eb('attempts', '+', 1) }))
    .where('key', '=', p.key),
)
const takeAttempt = fixed((db, p: { key: string }) =>
  db
    .updateTable('targets')
    .set((eb) => ({ attempts: eb('attempts', '-', 1) }))
    .where('key', '=', p.key)
    .where('attempts', '>', 0),
)
const unchanged = fixed((db, p: { incident: number; number: number }) =>
  db.updateTable('attempts').set({ changed: 0 }).where('incident', '=', p.incident).where('number', '=', p.number),
)
const setHeals = fixed((db, p: { key: string; heals: string }) =>
  db.updateTable('targets').set({ attempts: 0, heals: p.heals }).where('key', '=', p.key),
)
const setSuspended = fixed((db, p: { key: string; now: number }) =>
  db.updateTable('targets').set({ suspended_at: p.now }).where('key', '=', p.key).where('suspended_at', 'is', null),
)
const clearSuspended = fixed((db, p: { key: string; by: string; now: number }) =>
  db
    .updateTable('targets')
    .set({ suspended_at: null, resumed_at: p.now, resumed_by: p.by, heals: '[]' })
    .where('key', '=', p.key)
    .where('suspended_at', 'is not', null),
)
const cool = fixed((db, p: { key: string; incident: number; until: number }) =>
  db
    .updateTable('targets')
    .set({ cooldown_until: p.until, cooldown_by: p.incident })
    .where('key', '=', p.key)
    .where((eb) => eb.or([eb('cooldown_until', 'is', null), eb('cooldown_until', '<', p.until)])),
)
const setServing = fixed((db, p: { key: string; at: number; invocation: string | null }) =>
  db
    .insertInto('targets')
    .values({ key: p.key, attempts: 0, heals: '[]', serving_at: p.at, serving_invocation: p.invocation })
    .onConflict((c) =>
      c.column('key').doUpdateSet((eb) => ({
        serving_at: eb.ref('excluded.serving_at'),
        serving_invocation: eb.ref('excluded.serving_invocation'),
      })),
    ),
)

export function* targetHistory(key: string | null, now: Instant): Unit<TargetHistory> {
  const row = key === null ? undefined : yield* one(targetRow({ key }))
  if (!row) return { attempts: 0, heals: 0, suspended: false }
  return {
    attempts: row.attempts,
    heals: recentHeals(row.heals, now).length,
    suspended: row.suspended_at !== null,
  }
}

function recentHeals(text: string, now: Instant): readonly Instant[] {
  return read(instants, text, 'targets.heals').filter((at) => at > now - DAY_MS)
}

export function* countAttempt(key: string): Unit<void> {
  yield* exec(insertTarget({ key }))
  yield* exec(addAttempt({ key }))
}

/** Nothing was run: neither the target's count nor the budget has it any more (S-4.7). */
export function* refund(key: string, incident: number, number: number): Unit<void> {
  yield* exec(takeAttempt({ key }))
  yield* exec(unchanged({ incident, number }))
}

/** The attempts are forgiven (S-4.1); what somebody else healed is not counted as a heal of ours (S-4.10). */
export function* completeProbation(key: string, healedByUs: boolean, now: Instant): Unit<void> {
  yield* exec(insertTarget({ key }))
  const row = yield* one(targetRow({ key }))
  const heals = [...recentHeals(row?.heals ?? '[]', now), ...(healedByUs ? [now] : [])]
  yield* exec(setHeals({ key, heals: JSON.stringify(heals) }))
}

export function* suspend(key: string, now: Instant): Unit<void> {
  yield* exec(insertTarget({ key }))
  yield* exec(setSuspended({ key, now }))
}

/** A person lets it act again: heals are counted from nothing, or the next one would suspend it at once (S-4.10). */
export function* resumeTarget(key: string, by: string, now: Instant): Unit<boolean> {
  return (yield* exec(clearSuspended({ key, by, now }))) > 0
}

/** The longest cooldown asked for counts. */
export function* setCooldown(key: string, incident: number, until: Instant): Unit<void> {
  yield* exec(insertTarget({ key }))
  yield* exec(cool({ key, incident, until }))
}

/** Until when another incident's action keeps this one waiting (S-3.2). */
export function* cooldownFor(key: string, incident: number, now: Instant): Unit<Instant | null> {
  const row = yield* one(targetRow({ key }))
  if (!row || row.cooldown_until === null || row.cooldown_until <= now) return null
  return row.cooldown_by === incident ? null : row.cooldown_until
}

export function* memory(key: string): Unit<{ servingAt: Instant | null; servingInvocation: string | null }> {
  const row = yield* one(targetRow({ key }))
  return { servingAt: row?.serving_at ?? null, servingInvocation: row?.serving_invocation ?? null }
}

export function* rememberServing(key: string, at: Instant, invocation: string | null): Unit<void> {
  yield* exec(setServing({ key, at, invocation }))
}
