import type { Instant } from '../clock.ts'
import type { TargetHistory } from '../incident/event.ts'
import type { Memory } from '../probes/probe.ts'
import { baseline } from './baselines.ts'
import { instants, read, strings } from './json.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

const DAY_MS = 24 * 60 * 60_000
/** Views in peace come each 5 minutes (S-5.5); one may fail. */
const LOOKS_APART_MS = 11 * 60_000
/** Budgets allow six actions a day on one target (S-5.10). */
const INVOCATIONS_KEPT = 12

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
        // Who only asked the listener does not know which process answered; what was known of one stays true.
        serving_invocation: eb.fn.coalesce('excluded.serving_invocation', 'targets.serving_invocation'),
      })),
    ),
)

const setInvocations = fixed((db, p: { key: string; invocations: string }) =>
  db.updateTable('targets').set({ invocations: p.invocations }).where('key', '=', p.key),
)
/** A gap in the looks begins the time anew: nobody knows what was in between. */
const setMissing = fixed((db, p: { key: string; at: number; gap: number }) =>
  db
    .insertInto('targets')
    .values({ key: p.key, attempts: 0, heals: '[]', missing_since: p.at, missing_at: p.at })
    .onConflict((c) =>
      c.column('key').doUpdateSet((eb) => ({
        missing_since: eb
          .case()
          .when(eb.and([eb('targets.missing_at', '>=', p.gap), eb('targets.missing_at', '<=', p.at)]))
          .then(eb.ref('targets.missing_since'))
          .else(eb.ref('excluded.missing_since'))
          .end(),
        missing_at: eb.ref('excluded.missing_at'),
      })),
    ),
)
const setInSync = fixed((db, p: { key: string; at: number }) =>
  db
    .insertInto('targets')
    .values({ key: p.key, attempts: 0, heals: '[]', in_sync_at: p.at })
    .onConflict((c) =>
      c.column('key').doUpdateSet((eb) => ({
        missing_since: null,
        missing_at: null,
        in_sync_at: eb.ref('excluded.in_sync_at'),
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

/** What guards and probes are told of a target and of its cluster. */
export function* memory(key: string, cluster: string, now: Instant): Unit<Memory> {
  const row = yield* one(targetRow({ key }))
  const fresh = row?.missing_at != null && now - row.missing_at <= LOOKS_APART_MS
  return {
    servingAt: row?.serving_at ?? null,
    servingInvocation: row?.serving_invocation ?? null,
    ourInvocations: read(strings, row?.invocations ?? '[]', 'targets.invocations'),
    outOfSyncSince: fresh ? (row?.missing_since ?? null) : null,
    inSyncAt: row?.in_sync_at ?? null,
    baseline: yield* baseline(cluster, now),
  }
}

export function* rememberServing(key: string, at: Instant, invocation: string | null): Unit<void> {
  yield* exec(setServing({ key, at, invocation }))
}

/** S-5.12: these starts were ours. The newest of `invocations` stands last, as an incident keeps them. */
export function* rememberInvocations(key: string, invocations: readonly string[]): Unit<void> {
  if (invocations.length === 0) return
  yield* exec(insertTarget({ key }))
  const row = yield* one(targetRow({ key }))
  const known = read(strings, row?.invocations ?? '[]', 'targets.invocations')
  const all = [...new Set([...invocations.toReversed(), ...known])].slice(0, INVOCATIONS_KEPT)
  yield* exec(setInvocations({ key, invocations: JSON.stringify(all) }))
}

/** What one view found of each broker; looks that lie too far apart prove nothing about the time between them. */
export function* keepOutOfSync(
  seen: readonly { readonly target: string; readonly out: boolean }[],
  at: Instant,
): Unit<void> {
  for (const { target, out } of seen.toSorted((a, b) => (a.target < b.target ? -1 : 1))) {
    yield* exec(out ? setMissing({ key: target, at, gap: at - LOOKS_APART_MS }) : setInSync({ key: target, at }))
  }
}
