import { sql } from 'kysely'
import type { Labels } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { GuardResult } from '../incident/verdict.ts'
import { labels as labelsSchema, matchers, read, results as resultsSchema, trace as traceSchema } from './json.ts'
import { migrations } from './migrations/index.ts'
import { CHANGES, type InboxRow, type Pause, type Silence } from './store.ts'
import type { Tables } from './tables.ts'
import { all, fixed, one, type Query, type Unit } from './unit.ts'

/**
 * What was recorded, read in the order of time for replay and export: page by page, each of which is one short look, on a
 * connection that only reads. A service that works on the same database is not held up by it.
 */

/** A change of an alert, as it was heard of. */
export interface RecordedAlert {
  readonly kind: 'alert'
  readonly at: Instant
  readonly change: InboxRow['change']
  readonly fingerprint: string
  readonly labels: Labels
  /** Null: left out. */
  readonly annotations: Labels | null
  readonly startsAt: Instant
  readonly endsAt: Instant | null
  readonly credential: string | null
}

/** What one guard over the world said. */
export type RecordedVerdict = Omit<GuardResult, 'evidence' | 'urgent'>

/** What the guards said about a target, until they said something else, or at the latest `until`. */
export interface RecordedGuards {
  readonly kind: 'guards'
  readonly at: Instant
  /** When the incident they were asked for closed; null: it is open. */
  readonly until: Instant | null
  readonly target: string
  /** The cluster in which a rule found it to be the culprit (S-2.7); null: the labels named it. */
  readonly culpritOf: string | null
  /** Whether the rung they were asked about was; null: it was not recorded. */
  readonly disruptive: boolean | null
  readonly verdicts: readonly RecordedVerdict[]
}

/** The probes found what these alerts are about healed, or broken again. */
export interface RecordedHealth {
  readonly kind: 'health'
  readonly at: Instant
  readonly healed: boolean
  readonly fingerprints: readonly string[]
}

/** An attempt was begun. */
export interface RecordedAttempt {
  readonly kind: 'attempt'
  readonly at: Instant
  readonly rule: string
  readonly target: string
}

export type RecordedHold =
  | ({ readonly kind: 'silence'; readonly at: Instant } & Omit<Silence, 'createdAt' | 'updatedAt'>)
  | ({ readonly kind: 'pause'; readonly at: Instant } & Omit<Pause, 'id'>)

export type Recorded = RecordedAlert | RecordedGuards | RecordedHealth | RecordedAttempt | RecordedHold

/** Runs units that only look; see `Driver` (sql-store.ts). */
export interface Reader {
  read<T>(unit: () => Unit<T>): Promise<T>
  close(): Promise<void>
}

/** The database was written by another build than this one. */
export class OtherSchemaError extends Error {
  override name = 'OtherSchemaError'
}

/** Rows of one page. One of decisions is worth less than one of changes, and its rows are larger. */
const PAGE = 2_000
const DECISIONS = 500
/** What is remembered of label sets and of incidents, so that it need not be read again. */
const MOST_KEPT = 20_000

export interface RecordedOptions {
  readonly since: Instant
  /** What comes later is left out. */
  readonly until: Instant
  readonly annotations: boolean
  /** Rows of one page at most. */
  readonly page?: number
}

/** Everything that was recorded from `since` on, in chunks, each in the order of time. Silences and pauses come first. */
export async function* readRecorded(
  reader: Reader,
  { since, until, annotations, page: most = PAGE }: RecordedOptions,
): AsyncGenerator<readonly Recorded[]> {
  await checkSchema(reader)
  yield await reader.read(() => holds(since, until))
  const labelsOf = labelCache()
  const changes = pages(reader, changeAt, since, (after) => changesAfter(after, most, annotations, labelsOf))
  const verdicts = sameLeftOut()
  const beside = [
    pages(reader, decisionAt, since, (after) => decisionsAfter(after, Math.min(most, DECISIONS), verdicts)),
    pages(reader, attemptAt, since, (after) => attemptsAfter(after, most)),
  ]
  for (;;) {
    const page = await changes.next()
    const last = page === null ? until : Math.min(page.upTo, until)
    const chunk: Recorded[] = page === null ? [] : [...page.rows]
    for (const one of beside) chunk.push(...(await one.upTo(last)))
    yield chunk.filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)
    if (page === null || page.upTo > until) return
  }
}

async function checkSchema(reader: Reader): Promise<void> {
  const found = await reader.read(schemaVersion)
  if (found === migrations.length) return
  throw new OtherSchemaError(
    found > migrations.length
      ? `the database has schema ${found}, this build knows up to ${migrations.length}: use the newer build`
      : `the database has schema ${found}, this build needs ${migrations.length}: start the service of this build once, it migrates`,
  )
}

const version = fixed((db) => db.selectFrom('schema_version').select('version').where('one', '=', 1))

function* schemaVersion(): Unit<number> {
  return (yield* one(version({})))?.version ?? 0
}

interface Page {
  readonly rows: readonly Recorded[]
  /** Id and time of the last row that was looked at. */
  readonly lastId: number
  readonly upTo: Instant
}

interface Pages {
  next(): Promise<Page | null>
  /** All that comes no later. */
  upTo(at: Instant): Promise<readonly Recorded[]>
}

/** One table from the first row at or after `since`. Ids are given in the order of time, and no table has an index on it. */
function pages(reader: Reader, rowAt: RowAt, since: Instant, after: (id: number) => Unit<Page | null>): Pages {
  let cursor: number | null = null
  let ahead: readonly Recorded[] = []
  let reached = -Infinity
  const next = async (): Promise<Page | null> => {
    cursor ??= await reader.read(() => before(rowAt, since))
    const from = cursor
    const page = await reader.read(() => after(from))
    if (page !== null) cursor = page.lastId
    return page
  }
  return {
    next,
    async upTo(at) {
      const found: Recorded[] = []
      for (;;) {
        const later = ahead.findIndex((row) => row.at > at)
        found.push(...(later < 0 ? ahead : ahead.slice(0, later)))
        ahead = later < 0 ? [] : ahead.slice(later)
        if (later >= 0 || reached > at) return found
        const page = await next()
        reached = page?.upTo ?? Infinity
        ahead = page?.rows ?? []
      }
    },
  }
}

/** The first row of a table with at least that id. */
type RowAt = (p: { readonly id: number }) => Query<{ readonly id: number; readonly at: Instant }>

const changeAt: RowAt = fixed((db, p: { id: number }) =>
  db.selectFrom('alert_changes').select(['id', 'received_at as at']).where('id', '>=', p.id).orderBy('id').limit(1),
)
const decisionAt: RowAt = fixed((db, p: { id: number }) =>
  db.selectFrom('decisions').select(['id', 'first_at as at']).where('id', '>=', p.id).orderBy('id').limit(1),
)
const attemptAt: RowAt = fixed((db, p: { id: number }) =>
  db.selectFrom('attempts').select(['id', 'scheduled_at as at']).where('id', '>=', p.id).orderBy('id').limit(1),
)

/** The last id that is older than `since`; 0 when none is. */
function* before(rowAt: RowAt, since: Instant): Unit<number> {
  let old = 0
  let young = 1
  for (let row = yield* one(rowAt({ id: young })); row && row.at < since; row = yield* one(rowAt({ id: young }))) {
    old = row.id
    young = row.id * 2
  }
  while (young - old > 1) {
    const middle = Math.floor((old + young) / 2)
    const row = yield* one(rowAt({ id: middle }))
    if (row && row.at < since) old = row.id
    else young = middle
  }
  return old
}

/** What was requeued after a reload is no change. */
const changeRows = fixed((db, p: { after: number; limit: number }) =>
  db
    .selectFrom('alert_changes as c')
    .leftJoin('alerts as a', 'a.fingerprint', 'c.fingerprint')
    .select([
      'c.id',
      'c.fingerprint',
      'c.change',
      'c.starts_at',
      'c.ends_at',
      'c.credential',
      'c.received_at',
      'a.labels',
    ])
    .where('c.id', '>', p.after)
    .where('c.delivery', 'is not', sql.lit(null))
    .orderBy('c.id')
    .limit(p.limit),
)
const annotationRows = fixed((db, p: { after: number; upTo: number }) =>
  db
    .selectFrom('alert_changes')
    .select(['id', 'annotations'])
    .where('id', '>', p.after)
    .where('id', '<=', p.upTo)
    .where('delivery', 'is not', sql.lit(null))
    .orderBy('id'),
)

function* changesAfter(
  after: number,
  limit: number,
  withAnnotations: boolean,
  labelsOf: (fingerprint: string, text: string) => Labels,
): Unit<Page | null> {
  const rows = yield* all(changeRows({ after, limit }))
  const last = rows.at(-1)
  if (last === undefined) return null
  const annotations = new Map(
    withAnnotations
      ? (yield* all(annotationRows({ after, upTo: last.id }))).map((row) => [row.id, row.annotations])
      : [],
  )
  const found = rows.flatMap((row): readonly RecordedAlert[] => {
    // The alert was pruned between two pages: it is older than what is kept.
    if (row.labels === null) return []
    const text = annotations.get(row.id)
    return [
      {
        kind: 'alert',
        at: row.received_at,
        change: CHANGES.find((known) => known === row.change) ?? 'firing',
        fingerprint: row.fingerprint,
        labels: labelsOf(row.fingerprint, row.labels),
        annotations: text === undefined ? null : read(labelsSchema, text, 'alert_changes.annotations'),
        startsAt: row.starts_at,
        endsAt: row.ends_at,
        credential: row.credential,
      },
    ]
  })
  return { rows: found, lastId: last.id, upTo: last.received_at }
}

/** Labels never change under a fingerprint: they are read once. */
function labelCache(): (fingerprint: string, text: string) => Labels {
  const known = new Map<string, Labels>()
  return (fingerprint, text) => {
    const found = known.get(fingerprint)
    if (found) return found
    if (known.size >= MOST_KEPT) known.clear()
    const labels = read(labelsSchema, text, 'alerts.labels')
    known.set(fingerprint, labels)
    return labels
  }
}

const decisionRows = fixed((db, p: { after: number; limit: number }) =>
  db
    .selectFrom('decisions as d')
    .innerJoin('incidents as i', 'i.id', 'd.incident')
    .select([
      'd.id',
      'd.incident',
      'd.kind',
      'd.verdict',
      'd.results',
      'd.trace',
      'd.first_at',
      'i.target_key',
      'i.subject_key',
      'i.cluster',
      'i.closed_at',
    ])
    .where('d.id', '>', p.after)
    .orderBy('d.id')
    .limit(p.limit),
)
const alertsOf = fixed((db, p: { incident: number }) =>
  db
    .selectFrom('incident_alerts')
    .select('fingerprint')
    .distinct()
    .where('incident', '=', p.incident)
    .orderBy('fingerprint'),
)

/** Of the decisions about one incident only those that say something else than the one before. */
function sameLeftOut(): (incident: number, said: string) => boolean {
  const last = new Map<number, string>()
  return (incident, said) => {
    if (last.get(incident) === said) return false
    if (last.size >= MOST_KEPT) last.clear()
    last.set(incident, said)
    return true
  }
}

function* decisionsAfter(
  after: number,
  limit: number,
  isNews: (incident: number, said: string) => boolean,
): Unit<Page | null> {
  const rows = yield* all(decisionRows({ after, limit }))
  const last = rows.at(-1)
  if (last === undefined) return null
  const found: Recorded[] = []
  for (const row of rows) {
    if (row.kind === 'probe') {
      const says = row.verdict === 'healed' || row.verdict === 'broken'
      if (says && isNews(-row.incident, row.verdict)) found.push(yield* healthIn(row))
    } else if (row.kind !== 'claim') {
      const guards = guardsIn(row)
      if (
        guards &&
        isNews(row.incident, JSON.stringify([guards.target, guards.disruptive, guards.verdicts.map(saidBy)]))
      )
        found.push(guards)
    }
  }
  return { rows: found, lastId: last.id, upTo: last.first_at }
}

type DecisionRow = Pick<Tables['decisions'], 'incident' | 'verdict' | 'results' | 'trace' | 'first_at'> & {
  readonly id: number
  readonly target_key: string | null
  readonly subject_key: string
  readonly cluster: string | null
  readonly closed_at: number | null
}

function* healthIn({ incident, verdict, first_at }: DecisionRow): Unit<RecordedHealth> {
  const fingerprints = (yield* all(alertsOf({ incident }))).map(({ fingerprint }) => fingerprint)
  return { kind: 'health', at: first_at, healed: verdict === 'healed', fingerprints }
}

function guardsIn(row: DecisionRow): RecordedGuards | null {
  const intent = row.trace === null ? null : read(traceSchema, row.trace, `decision ${row.id}`).intent
  const target = intent?.target ?? row.target_key
  if (target === null) return null
  const verdicts = read(resultsSchema, row.results, `decision ${row.id}`).flatMap((result): RecordedVerdict[] => {
    if (!('guard' in result)) return []
    const { evidence: _evidence, urgent: _urgent, ...said } = result
    return [said]
  })
  return {
    kind: 'guards',
    at: row.first_at,
    until: row.closed_at,
    target,
    culpritOf: target === row.subject_key ? null : row.cluster,
    disruptive: intent?.disruptive ?? null,
    verdicts,
  }
}

/** Reasons count seconds and offenders; the verdict is what matters. */
function saidBy({ reason: _reason, until: _until, ...verdict }: RecordedVerdict): object {
  return verdict
}

const attemptRows = fixed((db, p: { after: number; limit: number }) =>
  db
    .selectFrom('attempts')
    .select(['id', 'rule', 'target_key', 'scheduled_at', 'started_at'])
    .where('id', '>', p.after)
    .orderBy('id')
    .limit(p.limit),
)

function* attemptsAfter(after: number, limit: number): Unit<Page | null> {
  const rows = yield* all(attemptRows({ after, limit }))
  const last = rows.at(-1)
  if (last === undefined) return null
  const found = rows.flatMap(({ rule, target_key, started_at }): readonly RecordedAttempt[] =>
    started_at === null ? [] : [{ kind: 'attempt', at: started_at, rule, target: target_key }],
  )
  return { rows: found, lastId: last.id, upTo: last.scheduled_at }
}

const silenceRows = fixed((db, p: { since: number; until: number }) =>
  db.selectFrom('silences').selectAll().where('ends_at', '>', p.since).where('starts_at', '<=', p.until).orderBy('id'),
)
const pauseRows = fixed((db, p: { since: number; until: number }) =>
  db.selectFrom('pauses').selectAll().where('ends_at', '>', p.since).where('starts_at', '<=', p.until).orderBy('id'),
)

/** Those that lasted at some time in between. Maintenance windows are not kept; the configuration plans them anew. */
function* holds(since: Instant, until: Instant): Unit<readonly RecordedHold[]> {
  const silences = (yield* all(silenceRows({ since, until }))).map(
    (row): RecordedHold => ({
      kind: 'silence',
      at: since,
      id: row.id,
      matchers: read(matchers, row.matchers, `silence ${row.id}`),
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      author: row.author,
      comment: row.comment,
    }),
  )
  const pauses = (yield* all(pauseRows({ since, until }))).map(
    (row): RecordedHold => ({
      kind: 'pause',
      at: since,
      scope: row.scope,
      startsAt: row.starts_at,
      endsAt: row.ends_at,
      author: row.author,
      comment: row.comment,
    }),
  )
  return [...silences, ...pauses]
}
