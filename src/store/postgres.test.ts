import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeAuthority } from '../../test/support/certificates.ts'
import { noPostgres, type Postgres, startPostgres } from '../../test/support/postgres.ts'
import {
  alert,
  broker,
  claim,
  decidePass,
  delivery,
  drain,
  fire,
  fireTimers,
  HOUR,
  MINUTE,
  plan,
  receive,
  refuseGuards,
  resolved,
  schedule,
  startStep,
  stopStep,
  T0,
} from './conformance/fixtures.ts'
import { BEFORE_TRACES, READ_FROM_BEFORE } from './conformance/tracing.ts'
import { storeConformance } from './conformance.ts'
import { SchemaTooNewError, StaleIncidentError } from './errors.ts'
import { openPostgres, openPostgresStore, PostgresDriver, type PostgresOptions } from './postgres.ts'
import { postgresUnavailable } from './postgres-errors.ts'
import { type Store, StoreUnavailableError } from './store.ts'
import { exec, fixed, one, query } from './unit.ts'

const missing = noPostgres()

const writePing = fixed((db, p: { one: number; at: number }) =>
  db
    .insertInto('pings')
    .values({ one: p.one, at: p.at })
    .onConflict((c) => c.column('one').doUpdateSet((eb) => ({ at: eb.ref('excluded.at') }))),
)
const sleep = sql<string>`pg_sleep(0.2)`
const suicide = sql<boolean>`pg_terminate_backend(pg_backend_pid())`
const overTls = sql<boolean>`(select ssl from pg_stat_ssl where pid = pg_backend_pid())`
const readPing = fixed((db) => db.selectFrom('pings').selectAll().where('one', '=', 1))

describe.skipIf(missing !== null)(`PostgreSQL${missing === null ? '' : ` (${missing})`}`, () => {
  let server: Postgres
  const opened: { close(): Promise<void> }[] = []
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.end())
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close()
    server.reclaim()
  })

  storeConformance('the store', async () => openPostgresStore(await server.database()))

  async function stores(count: number): Promise<readonly Store[]> {
    const options = await server.database()
    const all = await Promise.all(Array.from({ length: count }, () => openPostgresStore(options)))
    opened.push(...all)
    return all
  }
  async function driver(options?: PostgresOptions): Promise<PostgresDriver> {
    const made = await openPostgres(options ?? (await server.database()))
    opened.push(made)
    return made
  }
  const first = <T>(all: readonly T[]): T => all[0] ?? fail()

  describe('several processes at once', () => {
    test('S-4.1 each attempt, each look and each mail is taken by one of them', async () => {
      const all = await stores(4)
      const store = first(all)
      const count = 12
      const named = (id: number) => ({ plan: plan({ rungs: [[startStep]] }), subject: broker(id) })
      for (let id = 1; id <= count; id++) await fire(store, alert('A', { labels: { id: String(id) } }), named(id), T0)
      await fireTimers(store, T0 + MINUTE)
      const claimers = all.flatMap((one, index) => [1, 2, 3].map((n) => ({ one, owner: `${index}.${n}` })))

      const looks = await Promise.all(
        claimers.map(async ({ one, owner }) => {
          const mine = []
          for (let task = await one.claimLook(owner, T0, HOUR); task; task = await one.claimLook(owner, T0, HOUR))
            mine.push(task)
          return mine
        }),
      )
      expect(
        looks
          .flat()
          .map(({ id }) => id)
          .toSorted((a, b) => a - b),
      ).toHaveLength(count)
      expect(new Set(looks.flat().map(({ id }) => id)).size).toBe(count)
      await Promise.all(
        looks.flat().map((task, n) => (all[n % 4] ?? store).guardsEvaluated(task, decidePass().decision, [], null, T0)),
      )

      const claims = await Promise.all(
        claimers.map(async ({ one, owner }) => {
          const mine = []
          for (;;) {
            const claimed = await one.claimAttempt(owner, T0, HOUR, decidePass)
            if (claimed === null) return mine
            if (!('refused' in claimed)) mine.push(claimed)
          }
        }),
      )
      expect(
        claims
          .flat()
          .map(({ id }) => id)
          .toSorted((a, b) => a - b),
      ).toEqual(Array.from({ length: count }, (_, n) => n + 1))

      const mails = Array.from({ length: 30 }, (_, n) => ({
        receiver: 'r',
        recipient: 'a@example.net',
        thread: `incident-${n % 10}`,
        messageId: `<${n}@x>`,
        references: [],
        subject: String(n),
        text: '',
        html: null,
      }))
      await store.enqueueMails([], mails, T0)
      const taken = await Promise.all(claimers.map(({ one, owner }) => one.claimMails(owner, T0, HOUR, 3)))
      const ids = taken.flat().map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      // One of each thread at a time, the earliest.
      expect(ids.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    })

    test('S-4.2 one disruptive attempt per cluster, whoever claims', async () => {
      const all = await stores(4)
      for (let id = 1; id <= 6; id++)
        await schedule(first(all), { plan: plan({ rungs: [[stopStep]] }), subject: broker(id) }, T0)
      const claimed = await Promise.all(
        [...all, ...all].map((one, n) => one.claimAttempt(`p${n}`, T0 + MINUTE, HOUR, decidePass)),
      )
      expect(claimed.filter((one) => one !== null && !('refused' in one))).toHaveLength(1)
    })

    test('S-5.2 what one of them was told to leave alone, no other one claims', async () => {
      const all = await stores(2)
      await schedule(first(all), { plan: plan(), subject: broker(1) }, T0)
      await first(all).createPause({ scope: 'all', endsAt: T0 + HOUR, author: 'jane', comment: 'upgrade' }, T0)
      await all[1]?.claimAttempt('other', T0 + MINUTE, HOUR, (facts) => {
        expect(facts.pauses).toMatchObject([{ by: 'jane' }])
        return decidePass()
      })
      expect.assertions(1)
    })

    test('S-3.1 an alert that two take at the same moment opens one incident, and one leads on a target', async () => {
      const all = await stores(3)
      for (let round = 1; round <= 10; round++) {
        const named = alert('A', { labels: { round: String(round) } })
        const receipts = await Promise.all(all.map((one) => one.storeDeliveries([delivery([named])], T0)))
        expect(receipts.flat().reduce((sum, { firing }) => sum + firing, 0)).toBe(1)
        const openings = ['one', 'two', 'three'].map((rule) => ({ plan: plan({ rule }), subject: broker(round) }))
        await Promise.all(all.map((one) => drain(one, openings, T0)))
      }
      const open = await first(all).openIncidents()
      expect(open).toHaveLength(30)
      expect(open.filter(({ leader }) => leader === null)).toHaveLength(10)
      expect(await first(all).inboxDepth()).toBe(0)
    })

    test('S-3.8 changes of one alert are applied in the order they came, each once', async () => {
      const all = await stores(3)
      const opening = { plan: plan(), subject: broker(1) }
      const a = alert('A', { startsAt: T0 })
      for (let n = 0; n < 20; n++) {
        const startsAt = T0 + n * MINUTE
        await receive(first(all), [{ ...a, startsAt }], startsAt)
        await receive(first(all), [resolved(a, { startsAt, endsAt: startsAt + 1 })], startsAt)
      }
      await Promise.all(
        all.map(async (one) => {
          for (let rows = await one.nextInboxRows(3); rows.length > 0; rows = await one.nextInboxRows(3))
            await one.admitAll(
              rows.map((row) => ({ row, openings: row.change === 'resolved' ? [] : [opening] })),
              T0 + HOUR,
            )
        }),
      )
      const [incident, ...rest] = await first(all).openIncidents()
      expect(rest).toEqual([])
      const heard = (await first(all).journal(incident?.id ?? 0)).map(({ event }) => event)
      const starts = heard.flatMap((event) =>
        'occurrence' in event ? [`${event.type} ${event.occurrence.startsAt - T0}`] : [],
      )
      expect(starts).toEqual(
        Array.from({ length: 20 }, (_, n) => [
          `${n === 0 ? 'opened' : 'alertFiring'} ${n * MINUTE}`,
          `alertResolved ${n * MINUTE}`,
        ]).flat(),
      )
    })

    test('S-3.7 a timer fires once, whoever finds it due', async () => {
      const all = await stores(3)
      for (let id = 1; id <= 10; id++)
        await fire(first(all), alert('A', { labels: { id: String(id) } }), { plan: plan(), subject: broker(id) }, T0)
      const fired = await Promise.all([...all, ...all].map((one) => one.fireDue(T0 + MINUTE, () => 0, 4)))
      const ids = fired.flatMap(({ moved }) => moved.map(({ incident }) => incident.id))
      expect(ids.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    })

    test('S-4.1 an attempt is judged or goes on, never both', async () => {
      const [mine, other] = await stores(2)
      if (!mine || !other) return fail()
      for (let id = 1; id <= 10; id++) {
        await schedule(mine, { plan: plan(), subject: broker(id) }, T0)
        const attempt = await claim(mine, T0 + MINUTE, 'dead')
        const [began, interrupted] = await Promise.all([
          mine.startStep(attempt, 1, T0 + MINUTE),
          other.interruptForeign('other', T0 + MINUTE),
        ])
        const moved = interrupted[0] ?? (await other.interruptForeign('other', T0 + MINUTE))[0]
        const end = moved?.event.type === 'attemptInterrupted' ? moved.event.end : null
        // A step that was allowed to begin is known to whoever judges.
        expect(end?.outcome).toBe(began ? 'unknown' : 'failed')
      }
      return undefined
    })
  })

  describe('leases', () => {
    test("they are set and judged by the database's clock, whatever a process takes the time to be", async () => {
      const store = first(await stores(1))
      const id = await schedule(store, { plan: plan(), subject: broker(1) }, T0)
      await claim(store, T0)
      const view = await store.incidentView(id)
      expect(view?.attempts[0]).toMatchObject({ status: 'started', startedAt: T0 })
      expect(await store.interruptForeign('other', T0 + 1_000 * HOUR)).toEqual([])
      await fire(store, alert('B'), { plan: plan({ rule: 'other', afterMs: 0 }), subject: broker(2) }, T0)
      await fireTimers(store, T0)
      expect(await store.claimLook('me', T0, HOUR)).not.toBeNull()
      expect(await store.claimLook('you', T0 + 1_000 * HOUR, HOUR)).toBeNull()
    })

    test('S-4.1 what another one of the same database started is left to it until its lease is over', async () => {
      const [mine, other] = await stores(2)
      await schedule(mine ?? fail(), { plan: plan(), subject: broker(1) }, T0)
      const attempt = await claim(mine ?? fail(), T0 + MINUTE)
      expect(await other?.interruptForeign('other', T0 + MINUTE)).toEqual([])
      expect(await mine?.renewLease(attempt, T0 + MINUTE, 0)).toBe(true)
      expect(await other?.interruptForeign('other', T0 + MINUTE)).toMatchObject([
        { event: { type: 'attemptInterrupted', attempt: 1 } },
      ])
      expect(await mine?.renewLease(attempt, T0 + MINUTE, HOUR)).toBe(false)
    })
  })

  describe('the driver', () => {
    test('a unit that throws leaves nothing behind, and its connection goes on', async () => {
      const database = await driver()
      const broken = database.run(function* () {
        yield* exec(writePing({ one: 1, at: 1 }))
        throw new Error('defect')
      })
      await expect(broken).rejects.toThrow('defect')
      expect(await database.read(() => one(readPing({})))).toBeUndefined()
    })

    test('a deadlock is tried again until both units are done', async () => {
      const a = await driver()
      const both = (order: readonly number[], at: number) =>
        a.run(function* () {
          for (const n of order) {
            yield* exec(writePing({ one: n, at }))
            // Room for the other one to take its first row.
            yield* one(query((db) => db.selectNoFrom(sleep.as('slept'))))
          }
        }, 'beside')
      await Promise.all([both([1, 2], 7), both([2, 1], 8)])
      expect((await a.read(() => one(readPing({}))))?.at).toBeGreaterThanOrEqual(7)
    })

    test('an incident that moved on is read anew; one that never stands still is told as busy', async () => {
      const database = await driver()
      let tries = 0
      const value = await database.run(function* () {
        yield* one(readPing({}))
        if (++tries < 3) throw new StaleIncidentError(1, 1)
        return 'done'
      })
      expect([value, tries]).toEqual(['done', 3])
      const never = database.run(function* () {
        tries++
        yield* one(readPing({}))
        throw new StaleIncidentError(1, 1)
      })
      await expect(never).rejects.toMatchObject({ name: 'StoreUnavailableError', reason: 'busy' })
      expect(tries).toBe(3 + 4)
    })

    test('a look is of one moment, whatever is committed meanwhile', async () => {
      const database = await driver()
      await database.run(() => exec(writePing({ one: 1, at: 1 })))
      let written: Promise<unknown> = Promise.resolve()
      const seen = await database.read(function* () {
        const before = yield* one(readPing({}))
        written = database.run(() => exec(writePing({ one: 1, at: 2 })))
        for (let n = 0; n < 50; n++) yield* one(readPing({}))
        return [before?.at, (yield* one(readPing({})))?.at]
      })
      await written
      expect(seen).toEqual([1, 1])
      expect(await database.read(() => one(readPing({})))).toEqual({ one: 1, at: 2 })
    })

    test('a connection that is cut fails its unit as away, and the next one gets another', async () => {
      const options = await server.database()
      const database = await driver(options)
      const cut = database.run(function* () {
        yield* exec(writePing({ one: 1, at: 1 }))
        yield* one(query((db) => db.selectNoFrom(suicide.as('cut'))))
        yield* exec(writePing({ one: 1, at: 2 }))
      })
      await expect(cut).rejects.toMatchObject({ name: 'StoreUnavailableError', reason: 'io' })
      expect(await database.read(() => one(readPing({})))).toBeUndefined()
      await database.run(() => exec(writePing({ one: 1, at: 3 })))
    })

    test('a process that freezes within a unit is ended by the server, and whoever waits behind it has its turn', async () => {
      const options = await server.database()
      const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
      const script = `
        const { openPostgres } = await import(${here('./postgres.ts')})
        const { one, query } = await import(${here('./unit.ts')})
        const driver = await openPostgres(${JSON.stringify(options)})
        await driver.run(function* () {
          yield* one(query((db) => db.selectFrom('pings').selectAll()))
          console.log('frozen')
          process.kill(process.pid, 'SIGSTOP')
          yield* one(query((db) => db.selectFrom('pings').selectAll()))
        })`
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        await once(child.stdout, 'data')
        const database = await driver(options)
        // Beside the core at once, in the core in its turn.
        await database.run(() => exec(writePing({ one: 1, at: 1 })), 'beside')
        await database.run(() => exec(writePing({ one: 1, at: 2 })))
        expect(await database.read(() => one(readPing({})))).toEqual({ one: 1, at: 2 })
      } finally {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    })

    test('a column that a newer build adds meanwhile breaks no statement that is prepared', async () => {
      const options = await server.emptyDatabase()
      const database = await driver(options)
      await database.run(() => exec(writePing({ one: 1, at: 1 })))
      for (let n = 0; n < 4; n++) await database.read(() => one(readPing({})))
      await server.ask(options.database, 'alter table pings add column more bigint')
      expect(await database.read(() => one(readPing({})))).toMatchObject({ one: 1, at: 1 })
    })

    test('text with NUL is stored and asked for, with U+FFFD in its place', async () => {
      const store = first(await stores(1))
      const id = (await fire(store, alert('A'), { plan: plan(), subject: broker(1) }, T0)).incident.id
      await store.apply(id, { type: 'cancelled', by: 'x', reason: 'a\0b' }, T0)
      expect((await store.incidents({ limit: 1 })).items[0]?.detail).toContain('a')
      expect((await store.history({ cluster: '\0', limit: 1 })).items).toEqual([])
    })

    test('closing waits for what was asked, and refuses what comes later', async () => {
      const store = await openPostgresStore(await server.database())
      const asked = Promise.all([store.ping(T0), store.inboxDepth(), store.requeueOrphans(T0)])
      const closing = store.close()
      await asked
      await closing
      await store.close()
      await expect(store.ping(T0)).rejects.toMatchObject({ reason: 'closed' })
      await expect(store.inboxDepth()).rejects.toMatchObject({ reason: 'closed' })
    })

    test('a broken constraint is no outage', async () => {
      const database = await driver()
      const twice = fixed((db) => db.insertInto('pings').values({ one: 1, at: 1 }))
      await database.run(() => exec(twice({})))
      const error = await database.run(() => exec(twice({}))).catch((cause: unknown) => cause)
      expect(error).toMatchObject({ code: '23505' })
      expect(error).not.toBeInstanceOf(StoreUnavailableError)
    })
  })

  describe('a database that cannot be used', () => {
    const failing = async (options: PostgresOptions) =>
      openPostgresStore(options).then(
        async (store) => {
          await store.close()
          throw new Error('it opened')
        },
        (error: unknown) => error,
      )

    test('a wrong password, a database that is not there, nobody who listens: away, and the reason is told', async () => {
      const options = await server.database()
      const away = { name: 'StoreUnavailableError', reason: 'io' }
      expect(await failing({ ...options, password: 'wrong' })).toMatchObject({
        ...away,
        cause: { message: expect.stringContaining('password authentication failed') },
      })
      expect(await failing({ ...options, database: 'nowhere' })).toMatchObject({
        ...away,
        cause: { message: 'database "nowhere" does not exist' },
      })
      expect(await failing({ ...options, port: 1 })).toMatchObject({ ...away, cause: { code: 'ECONNREFUSED' } })
    })

    test('with TLS: by the authority that is named, and for the name of the server only', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-pgtls-'))
      const authority = makeAuthority(folder)
      const secure = await startPostgres({ tls: authority.issue('pg.example', { alsoIp: true }) })
      try {
        const options = await secure.database()
        const ca = readFileSync(authority.caFile, 'utf8')
        const database = await driver({ ...options, tls: { ca } })
        const seen = await database.read(() => one(query((db) => db.selectNoFrom(overTls.as('tls')))))
        expect(seen).toEqual({ tls: true })
        const stranger = readFileSync(makeAuthority(folder, 'stranger').caFile, 'utf8')
        const away = { name: 'StoreUnavailableError', reason: 'io' }
        expect(await failing({ ...options, tls: { ca: stranger } })).toMatchObject(away)
        expect(await failing({ ...options, tls: true })).toMatchObject(away)
        expect(await failing({ ...options, host: 'localhost', tls: { ca } })).toMatchObject(away)
        await database.close()
      } finally {
        await secure.end()
        rmSync(folder, { recursive: true })
      }
      // The other server offers none: nobody falls back to clear text.
      expect(await failing({ ...(await server.database()), tls: true })).toMatchObject({
        name: 'StoreUnavailableError',
        reason: 'io',
      })
    })

    test('a standby: read-only; no connection left: busy', async () => {
      const options = await server.emptyDatabase()
      await server.ask('postgres', `alter database ${options.database} set default_transaction_read_only = on`)
      expect(await failing(options)).toMatchObject({ reason: 'readonly' })
      const other = await server.database()
      await server.ask('postgres', `alter database ${other.database} connection limit 0`)
      expect(await failing(other)).toMatchObject({ reason: 'busy' })
      await server.ask('postgres', `alter database ${other.database} connection limit -1`)
    })

    test.each([
      ['53100', 'full'],
      ['53200', 'full'],
      ['53300', 'busy'],
      ['57014', 'busy'],
      ['40001', 'busy'],
      ['25006', 'readonly'],
      ['57P01', 'io'],
      ['57P03', 'io'],
      ['08006', 'io'],
      ['58030', 'io'],
    ])('%s means %s', async (code, reason) => {
      const { DatabaseError } = await import('pg')
      const error = Object.assign(new DatabaseError('x', 1, 'error'), { code })
      expect(postgresUnavailable(error)?.reason).toBe(reason)
    })

    test.each(['23505', '22021', '42P01'])('%s is no outage', async (code) => {
      const { DatabaseError } = await import('pg')
      expect(postgresUnavailable(Object.assign(new DatabaseError('x', 1, 'error'), { code }))).toBeNull()
    })
  })

  describe('migrations', () => {
    test('several that begin at once do the work once', async () => {
      const options = await server.emptyDatabase()
      const all = await Promise.all([1, 2, 3].map(() => openPostgresStore(options)))
      opened.push(...all)
      await receive(first(all), [alert('A')], T0)
      expect(await all[2]?.inboxDepth()).toBe(1)
    })

    test('a copy by pg_dump goes on where the database stood', async () => {
      const options = await server.database()
      const store = await openPostgresStore(options)
      const { incident } = await fire(store, alert('A'), { plan: plan(), subject: broker(1) }, T0)
      await store.close()
      const copy = await openPostgresStore(await server.copyOf(options))
      opened.push(copy)
      expect(await copy.openIncidents()).toEqual([incident])
      const next = await fire(copy, alert('B'), { plan: plan(), subject: broker(2) }, T0)
      expect(next.incident.id).toBe(incident.id + 1)
    })

    test('decisions from before their traces are read, and go on beside new ones', async () => {
      const options = await server.database()
      const store = await openPostgresStore(options)
      opened.push(store)
      const { id } = (await fire(store, alert('A'), { plan: plan(), subject: broker(1) }, T0)).incident
      await refuseGuards(store, T0 + MINUTE)
      await server.ask(options.database, `update decisions set trace = null, digest = '', results = '${BEFORE_TRACES}'`)
      await refuseGuards(store, T0 + 5 * MINUTE)
      const decisions = (await store.incidentView(id))?.decisions ?? []
      expect(decisions[0]).toMatchObject(READ_FROM_BEFORE)
      expect(decisions.at(-1)).toMatchObject({ lastAt: T0 + 5 * MINUTE, followed: { state: 'waiting' } })
    })

    test('a database of a newer build is refused, and not touched', async () => {
      const options = await server.emptyDatabase()
      await (await openPostgresStore(options)).close()
      await server.ask(options.database, 'update schema_version set version = 99')
      await expect(openPostgresStore(options)).rejects.toThrow(SchemaTooNewError)
      expect(await server.ask(options.database, 'select version from schema_version')).toEqual([{ version: '99' }])
    })

    test('no name is longer than PostgreSQL keeps (63 bytes), no number narrower than 64 bits', async () => {
      const { database } = await server.database()
      const names = await server.ask(database, 'select relname from pg_class where length(relname) >= 63')
      expect(names).toEqual([])
      const narrow = await server.ask(
        database,
        "select table_name, column_name from information_schema.columns where table_schema = 'public' and data_type not in ('bigint', 'text')",
      )
      expect(narrow).toEqual([])
    })
  })
})

function fail(): never {
  throw new Error('nothing there')
}
