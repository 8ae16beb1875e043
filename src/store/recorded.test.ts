import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { noPostgres, type Postgres, startPostgres } from '../../test/support/postgres.ts'
import type { GuardResult } from '../incident/verdict.ts'
import {
  alert,
  broker,
  claim,
  drain,
  fire,
  fireTimers,
  HOUR,
  look,
  MINUTE,
  ok,
  pass,
  plan,
  receive,
  refuse,
  resolved,
  SECOND,
  see,
  T0,
} from './conformance/fixtures.ts'
import { openPostgresReader, openSqliteReader } from './open-reader.ts'
import { openPostgresStore } from './postgres.ts'
import { OtherSchemaError, type Reader, type Recorded, type RecordedOptions, readRecorded } from './recorded.ts'
import { openSqliteStore } from './sqlite.ts'
import type { Store } from './store.ts'

const NIGHT = 12 * HOUR

interface Opened {
  readonly store: Store
  readonly reader: Reader
}

/** Promises about any database: `open` gives an empty one, as its service and as a reader beside it have it. */
function recordedOn(name: string, open: () => Promise<Opened>): void {
  describe(`what was recorded on ${name}`, () => {
    let store: Store
    let reader: Reader
    const close: (() => Promise<void>)[] = []
    const fresh = async (): Promise<void> => {
      ;({ store, reader } = await open())
      close.push(
        () => reader.close(),
        () => store.close(),
      )
    }
    afterEach(async () => {
      for (const one of close.splice(0)) await one()
    })

    /** By pages of two, so that all that is found is found on several. */
    async function read(options: Partial<RecordedOptions> = {}): Promise<readonly Recorded[]> {
      const all: Recorded[] = []
      const wanted = { since: T0, until: T0 + 1_000 * HOUR, annotations: false, page: 2, ...options }
      for await (const chunk of readRecorded(reader, wanted)) all.push(...chunk)
      return all
    }

    test('is every change of an alert since then, in the order of time, with its labels', async () => {
      await fresh()
      const down = alert('Down', { annotations: { summary: 'it is down' } })
      await receive(store, [down, alert('Old', { annotations: { summary: '' } })], T0)
      await receive(store, [resolved(down)], T0 + HOUR)
      await receive(store, [down], T0 + HOUR + 1)
      await receive(store, [alert('Down', { startsAt: T0 + 2 * HOUR })], T0 + 2 * HOUR)
      const said = (all: readonly Recorded[]) =>
        all.map((one) => (one.kind === 'alert' ? [one.at - T0, one.change, one.labels['alertname']] : one.kind))
      expect(said(await read())).toEqual([
        [0, 'firing', 'Down'],
        [0, 'firing', 'Old'],
        [HOUR, 'resolved', 'Down'],
        [2 * HOUR, 'refired', 'Down'],
      ])
      expect(said(await read({ since: T0 + 1, until: T0 + HOUR }))).toEqual([[HOUR, 'resolved', 'Down']])
      const [first] = await read({ annotations: true })
      expect(first).toEqual({
        kind: 'alert',
        at: T0,
        change: 'firing',
        fingerprint: down.fingerprint,
        labels: { alertname: 'Down', cluster: 'orders' },
        annotations: { summary: 'it is down' },
        startsAt: T0 - MINUTE,
        endsAt: null,
        credential: 'main',
      })
      expect((await read())[0]).toMatchObject({ annotations: null })
      await store.requeueOrphans(T0 + 3 * HOUR)
      expect(await read()).toHaveLength(4)
    })

    test('comes page by page; what the service writes meanwhile does not wait', async () => {
      await fresh()
      const many = (from: number, count: number) =>
        Array.from({ length: count }, (_, index) => alert('Many', { labels: { n: String(from + index) } }))
      for (let n = 0; n < 5; n += 1) await receive(store, many(n * 20, 20), T0 + n * MINUTE)
      const pages = readRecorded(reader, { since: T0 + MINUTE, until: T0 + HOUR, annotations: false, page: 7 })
      const seen: Recorded[] = []
      for (let page = await pages.next(); !page.done; page = await pages.next()) {
        seen.push(...page.value)
        await receive(store, many(1_000 + seen.length, 1), T0 + 2 * HOUR)
      }
      expect(seen).toHaveLength(80)
      expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).toSorted((a, b) => a - b))
      expect(new Set(seen.map((one) => one.kind === 'alert' && one.labels['n'])).size).toBe(80)
    })

    test('holds what guards said of a target, once for each time they said something else, and when probes found it healed', async () => {
      await fresh()
      const opening = { plan: plan(), subject: broker(2) }
      const { incident } = await fire(store, alert('Down'), opening, T0)
      const said = (verdict: GuardResult['verdict'], seconds: number): readonly GuardResult[] => [
        { guard: 'symptom', verdict, reason: `seen ${seconds} s ago`, params: { unit: 'crashed' }, evidence: [] },
        { guard: 'identity', verdict: 'pass', reason: 'the right one', evidence: [] },
      ]
      const evaluate = async (decision: typeof pass, results: readonly GuardResult[], now: number) => {
        await fireTimers(store, now)
        const task = await store.claimLook('me', now, MINUTE)
        if (task?.kind !== 'guards') throw new Error('nobody asks for guards')
        await store.guardsEvaluated(task, decision, results, null, now)
      }
      await evaluate(refuse, said('refuse', 1), T0 + MINUTE)
      await evaluate(refuse, said('refuse', 2), T0 + 2 * MINUTE)
      await evaluate(pass, said('pass', 3), T0 + 3 * MINUTE)
      const attempt = await claim(store, T0 + 3 * MINUTE)
      await store.startStep(attempt, 1, T0 + 3 * MINUTE)
      await store.finishStep(attempt, 1, ok, T0 + 3 * MINUTE)
      await store.finishAttempt(attempt, { outcome: 'succeeded', reason: 'ok', changed: true }, T0 + 3 * MINUTE)
      await see(store, look({ verdict: 'broken' }), T0 + 3 * MINUTE)
      await fireTimers(store, T0 + 3 * MINUTE + SECOND)
      await see(store, look({ verdict: 'broken', reason: 'still' }), T0 + 3 * MINUTE + SECOND)
      await fireTimers(store, T0 + 4 * MINUTE)
      await see(store, look(), T0 + 4 * MINUTE)
      const guards = { kind: 'guards', until: null, target: 'orders/broker/2', culpritOf: null, disruptive: false }
      const fingerprints = [alert('Down').fingerprint]
      expect((await read()).slice(1)).toEqual([
        {
          ...guards,
          at: T0 + MINUTE,
          verdicts: [
            { guard: 'symptom', verdict: 'refuse', reason: 'seen 1 s ago', params: { unit: 'crashed' } },
            { guard: 'identity', verdict: 'pass', reason: 'the right one' },
          ],
        },
        expect.objectContaining({ ...guards, at: T0 + 3 * MINUTE }),
        { kind: 'health', at: T0 + 3 * MINUTE, healed: false, fingerprints },
        { kind: 'attempt', at: T0 + 3 * MINUTE, rule: 'broker-down', target: 'orders/broker/2' },
        { kind: 'health', at: T0 + 4 * MINUTE, healed: true, fingerprints },
      ])
      expect(incident.plan.rule).toBe('broker-down')
      await receive(store, [resolved(alert('Down'))], T0 + 5 * MINUTE)
      await drain(store, [], T0 + 5 * MINUTE)
      await fireTimers(store, T0 + HOUR)
      await see(store, look(), T0 + HOUR)
      expect((await read()).find(({ kind }) => kind === 'guards')).toMatchObject({ until: T0 + HOUR })
    })

    test('begins with the silences and pauses that lasted at some time of it', async () => {
      await fresh()
      const matchers = [{ name: 'cluster', value: 'orders', isRegex: false, isEqual: true }]
      const silence = { matchers, startsAt: T0, endsAt: T0 + HOUR, author: 'ann', comment: 'disk' }
      await store.createSilence(silence, T0)
      await store.createSilence({ ...silence, startsAt: T0 + NIGHT, endsAt: T0 + 2 * NIGHT }, T0)
      await store.createPause({ scope: 'all', endsAt: T0 + 2 * HOUR, author: 'bob', comment: 'move' }, T0)
      await store.endPause('all', 'bob', T0 + HOUR)
      await receive(store, [alert('Down')], T0 + 30 * MINUTE)
      const all = await read({ since: T0 + 30 * MINUTE, until: T0 + 2 * HOUR })
      expect(all).toMatchObject([
        { kind: 'silence', at: T0 + 30 * MINUTE, startsAt: T0, endsAt: T0 + HOUR, matchers, author: 'ann' },
        { kind: 'pause', scope: 'all', startsAt: T0, endsAt: T0 + HOUR, author: 'bob' },
        { kind: 'alert' },
      ])
      expect((await read({ since: T0 + HOUR, until: T0 + NIGHT })).map(({ kind }) => kind)).toEqual(['silence'])
    })
  })
}

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-recorded-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

recordedOn('SQLite', async () => {
  const path = join(folder, `${++files}.db`)
  return { store: await openSqliteStore({ path }), reader: openSqliteReader(path) }
})

const missing = noPostgres()
describe.skipIf(missing !== null)(`PostgreSQL${missing === null ? '' : ` (${missing})`}`, () => {
  let server: Postgres
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.end())
  afterEach(() => server.reclaim())
  recordedOn('PostgreSQL', async () => {
    const options = await server.database()
    return { store: await openPostgresStore(options), reader: openPostgresReader(options) }
  })
})

describe('a reader', () => {
  test('takes no lock and migrates nothing: another schema is told', async () => {
    const path = join(folder, 'schema.db')
    await (await openSqliteStore({ path })).close()
    const db = new Database(path)
    db.exec('update schema_version set version = version - 1')
    const reader = openSqliteReader(path)
    const read = () => readRecorded(reader, { since: 0, until: 1, annotations: false }).next()
    await expect(read()).rejects.toThrow(OtherSchemaError)
    await expect(read()).rejects.toThrow(/start the service of this build once/)
    db.exec('update schema_version set version = version + 2')
    await expect(read()).rejects.toThrow(/use the newer build/)
    await reader.close()
    db.close()
  })
})
