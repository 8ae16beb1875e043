import { z } from 'zod'
import type { Instant } from '../clock.ts'
import { OUTCOMES } from '../incident/incident.ts'
import { MODES } from '../incident/plan.ts'
import {
  type Facts,
  HEALERS,
  isTracked,
  OVERRIDES,
  type Track,
  type Transition,
  trackOf,
  WOULD,
} from '../incident/track.ts'
import { read, reason } from './json.ts'
import type { TrackFilter, TrackPage } from './store.ts'
import { all, exec, fixed, one, query, type Unit } from './unit.ts'

/** What incidents say of their rules: one narrow row each, counted by what they say. */

/** Ids follow the order of opening, up to what a clock that was set back undid. */
const CLOCK_MARGIN_MS = 3_600_000

const facts: z.ZodType<Facts> = z.object({
  mode: z.enum(MODES),
  would: z.enum(WOULD).nullable(),
  refusedBy: z.array(z.string()),
  followed: z.boolean(),
  held: z.boolean(),
  approval: z.enum(['asked', 'given']).nullable(),
  attempts: z.int(),
  failed: z.boolean(),
  escalated: z.array(reason),
  relapsed: z.boolean(),
  overridden: z.array(z.enum(OVERRIDES)),
  outcome: z.enum(OUTCOMES).nullable(),
  healer: z.enum(HEALERS).nullable(),
})

const rowOf = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('track_records')
    .select(['facts', 'alerts', 'attempt_at', 'healed_at'])
    .where('incident', '=', p.incident),
)
const keepRow = fixed(
  (
    db,
    p: {
      incident: number
      rule: string
      cluster: string | null
      openedAt: number
      facts: string
      alerts: number
      attemptAt: number | null
      healedAt: number | null
    },
  ) =>
    db
      .insertInto('track_records')
      .values({
        incident: p.incident,
        rule: p.rule,
        cluster: p.cluster,
        opened_at: p.openedAt,
        facts: p.facts,
        alerts: p.alerts,
        attempt_at: p.attemptAt,
        healed_at: p.healedAt,
      })
      .onConflict((c) =>
        c.column('incident').doUpdateSet((eb) => ({
          facts: eb.ref('excluded.facts'),
          alerts: eb.ref('excluded.alerts'),
          attempt_at: eb.ref('excluded.attempt_at'),
          healed_at: eb.ref('excluded.healed_at'),
        })),
      ),
)

/** Takes a transition into the incident's record, in the unit that saves the incident. */
export function* keepTrack(transition: Transition, now: Instant): Unit<void> {
  if (!isTracked(transition)) return
  const { before, after } = transition
  const row = before === null ? undefined : yield* one(rowOf({ incident: after.id }))
  const known: Track | null = row
    ? { facts: factsOf(row.facts), alerts: row.alerts, attemptAt: row.attempt_at, healedAt: row.healed_at }
    : null
  const next = trackOf(known, transition, now)
  const text = JSON.stringify(next.facts)
  const isSame =
    row && row.alerts === next.alerts && row.attempt_at === next.attemptAt && row.healed_at === next.healedAt
  if (isSame && row.facts === text) return
  yield* exec(
    keepRow({
      incident: after.id,
      rule: after.plan.rule,
      cluster: after.subject.cluster,
      openedAt: after.openedAt,
      facts: text,
      alerts: next.alerts,
      attemptAt: next.attemptAt,
      healedAt: next.healedAt,
    }),
  )
}

/** Thousands of incidents say the same few things. */
const texts = new Map<string, Facts>()
const MOST_TEXTS = 5_000

function factsOf(text: string): Facts {
  const known = texts.get(text)
  if (known) return known
  const parsed = read(facts, text, 'track_records.facts')
  if (texts.size >= MOST_TEXTS) texts.clear()
  texts.set(text, parsed)
  return parsed
}

/** The newest incidents first; each page says where the next one goes on. */
export function* trackRecords({ since, rule, before, limit }: TrackFilter): Unit<TrackPage> {
  const upTo = yield* one(newest(before))
  if (!upTo || upTo.opened_at < since - CLOCK_MARGIN_MS) return { groups: [], heals: [], next: null }
  const range = { since, rule, from: upTo.incident - limit, upTo: upTo.incident }
  const groups = yield* all(groupsIn(range))
  const heals = yield* all(healsIn(range))
  return {
    groups: groups.map(({ facts, ...group }) => ({ ...group, facts: factsOf(facts) })),
    heals,
    next: range.from > 0 ? range.from + 1 : null,
  }
}

function newest(before: number | null) {
  return query((db) => {
    const rows = db.selectFrom('track_records').select(['incident', 'opened_at']).orderBy('incident', 'desc').limit(1)
    return before === null ? rows : rows.where('incident', '<', before)
  })
}

/** Incidents after `from`, up to and with `upTo`. */
interface Range {
  readonly since: Instant
  readonly rule: string | null
  readonly from: number
  readonly upTo: number
}

function groupsIn(range: Range) {
  return query((db) => {
    const rows = db
      .selectFrom('track_records as t')
      .select((eb) => [
        't.rule',
        't.cluster',
        't.facts',
        eb.fn.countAll<number>().as('incidents'),
        // Postgres sums integers as numeric.
        eb.cast<number>(eb.fn.sum('t.alerts'), 'integer').as('alerts'),
        eb.fn.min('t.opened_at').as('oldestAt'),
      ])
      .where('t.incident', '>', range.from)
      .where('t.incident', '<=', range.upTo)
      .where('t.opened_at', '>=', range.since)
      .groupBy(['t.rule', 't.cluster', 't.facts'])
    return range.rule === null ? rows : rows.where('t.rule', '=', range.rule)
  })
}

function healsIn(range: Range) {
  return query((db) => {
    const rows = db
      .selectFrom('track_records as t')
      .select((eb) => [
        't.rule',
        't.cluster',
        eb('t.healed_at', '-', eb.ref('t.opened_at')).$castTo<number>().as('fromOpeningMs'),
        eb('t.healed_at', '-', eb.ref('t.attempt_at')).$castTo<number | null>().as('fromAttemptMs'),
      ])
      .where('t.incident', '>', range.from)
      .where('t.incident', '<=', range.upTo)
      .where('t.opened_at', '>=', range.since)
      .where('t.healed_at', 'is not', null)
    return range.rule === null ? rows : rows.where('t.rule', '=', range.rule)
  })
}
