import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { replay } from '../incident/replay.ts'
import {
  alert,
  broker,
  decidePass,
  delivery,
  fire,
  fireTimers,
  HOUR,
  MINUTE,
  plan,
  refuseGuards,
  schedule,
  T0,
} from './conformance/fixtures.ts'
import { BEFORE_TRACES, READ_FROM_BEFORE } from './conformance/tracing.ts'
import { storeConformance } from './conformance.ts'
import { sqliteDialect } from './dialect.ts'
import { SchemaTooNewError, StoreInUseError, unavailable } from './errors.ts'
import { migrateOnce } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import { Connection, openSqlite, openSqliteStore, SqliteDriver } from './sqlite.ts'
import { type Store, StoreUnavailableError } from './store.ts'
import { exec, fixed, one, type Unit } from './unit.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kafka-healing-store-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

storeConformance('SQLite in memory', () => openSqliteStore({ path: ':memory:' }))

let files = 0
storeConformance('SQLite in a file', () => openSqliteStore({ path: join(dir, `${++files}.db`) }))

const writePing = fixed((db, p: { at: number }) =>
  db
    .insertInto('pings')
    .values({ one: 1, at: p.at })
    .onConflict((c) => c.column('one').doUpdateSet((eb) => ({ at: eb.ref('excluded.at') }))),
)
const readPing = fixed((db) => db.selectFrom('pings').select('at'))

describe('one process owns it', () => {
  test("leases are set and judged by the caller's clock", async () => {
    const store = await openSqliteStore({ path: ':memory:' })
    await fire(store, alert('A'), { plan: plan({ afterMs: 0 }), subject: broker(1) }, T0)
    await fireTimers(store, T0)
    const task = await store.claimLook('me', T0, MINUTE)
    expect(await store.claimLook('you', T0 + MINUTE - 1, MINUTE)).toBeNull()
    expect(await store.claimLook('you', T0 + MINUTE, MINUTE)).toMatchObject({ id: task?.id })
    await store.close()
  })

  test('what another boot id left behind is over at once, whatever its lease says', async () => {
    const store = await openSqliteStore({ path: ':memory:' })
    await schedule(store, { plan: plan(), subject: broker(1) }, T0)
    expect(await store.claimAttempt('before', T0, HOUR, decidePass)).not.toBeNull()
    await fire(store, alert('B'), { plan: plan({ afterMs: 0 }), subject: broker(2) }, T0)
    await fireTimers(store, T0)
    const task = await store.claimLook('before', T0, HOUR)
    const mail = { receiver: 'r', recipient: 'r@x', thread: 't', messageId: '<1@x>', references: [], subject: 's' }
    await store.enqueueMails([], [{ ...mail, text: '', html: null }], T0)
    expect(await store.claimMails('before', T0, HOUR, 1)).toHaveLength(1)
    expect(await store.interruptForeign('me', T0)).toMatchObject([{ event: { type: 'attemptInterrupted' } }])
    expect(await store.releaseMails('me', T0)).toBe(1)
    expect(await store.claimLook('me', T0, HOUR)).toMatchObject({ id: task?.id })
    await store.close()
  })
})

describe('the one door', () => {
  test('a unit that throws leaves nothing behind, and the next one goes on', async () => {
    const driver = await openSqlite(join(dir, 'a.db'))
    const broken = driver.run(function* () {
      yield* exec(writePing({ at: 1 }))
      throw new Error('defect')
    })
    await expect(broken).rejects.toThrow('defect')
    expect(await driver.read(() => one(readPing({})))).toBeUndefined()
    await driver.run(() => exec(writePing({ at: 2 })))
    expect(await driver.read(() => one(readPing({})))).toEqual({ at: 2 })
    await driver.close()
  })

  test('what a unit asks for while it runs comes after it, not within it', async () => {
    const driver = await openSqlite(join(dir, 'a.db'))
    let inner: Promise<unknown> = Promise.resolve()
    const outer = driver.run(function* () {
      yield* exec(writePing({ at: 1 }))
      inner = driver.run(() => exec(writePing({ at: 2 })))
      throw new Error('defect')
    })
    await expect(outer).rejects.toThrow('defect')
    await inner
    expect(await driver.read(() => one(readPing({})))).toEqual({ at: 2 })
    await driver.close()
  })

  test('closing waits for what was asked, and refuses what comes later', async () => {
    const store = await openSqliteStore({ path: join(dir, 'a.db') })
    const asked = store.ping(T0)
    const closing = store.close()
    await asked
    await closing
    await store.close()
    await expect(store.ping(T0)).rejects.toMatchObject({ reason: 'closed' })
    await expect(store.inboxDepth()).rejects.toMatchObject({ reason: 'closed' })
  })

  test('a broken constraint is no outage', async () => {
    const driver = await openSqlite(':memory:')
    const twice = fixed((db) => db.insertInto('pings').values({ one: 1, at: 1 }))
    await driver.run(() => exec(twice({})))
    const error = await driver.run(() => exec(twice({}))).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'SQLITE_CONSTRAINT_PRIMARYKEY' })
    expect(error).not.toBeInstanceOf(StoreUnavailableError)
    await driver.close()
  })

  test('what is remembered survives a close and an open', async () => {
    const path = join(dir, 'a.db')
    const first = await openSqliteStore({ path })
    await first.storeDeliveries([delivery([alert('A')])], T0)
    await first.close()
    const second = await openSqliteStore({ path })
    expect(await second.nextInboxRow()).toMatchObject({ alert: alert('A') })
    await second.close()
  })
})

describe('migrations', () => {
  const plain = (path: string) => new SqliteDriver(new Connection(path, false), null, () => undefined)

  function schemaOf(path: string): unknown {
    const db = new Database(path, { readonly: true })
    const rows = db.prepare(`select type, name, sql from sqlite_schema order by type, name`).all()
    db.close()
    return rows
  }

  function* cut(unit: Unit<boolean>, after: number): Unit<boolean> {
    let step = unit.next()
    for (let done = 0; !step.done; done++) {
      if (done === after) throw new Error('cut off')
      step = unit.next(yield step.value)
    }
    return step.value
  }

  test('cut off after any statement of any step, the next start finishes the work', { timeout: 60_000 }, async () => {
    const whole = join(dir, 'whole.db')
    await (await openSqlite(whole)).close()
    const wanted = schemaOf(whole)
    const path = join(dir, 'cut.db')
    for (const migration of migrations) {
      // Before them the table of the number and the number are asked for, after them it is written.
      const statements = migration(sqliteDialect).length + 2
      for (let after = 0; after <= statements; after += 1) {
        const driver = plain(path)
        await expect(driver.run(() => cut(migrateOnce(sqliteDialect), after))).rejects.toThrow('cut off')
        await driver.close()
      }
      const driver = plain(path)
      expect(await driver.run(() => migrateOnce(sqliteDialect))).toBe(true)
      await driver.close()
    }
    await (await openSqlite(path)).close()
    expect(schemaOf(path)).toEqual(wanted)
  })

  test('attempts and tellings from before they named a revision get that of their incident, and keep their plan', async () => {
    const path = join(dir, 'unnamed.db')
    const driver = plain(path)
    for (let version = 0; version < 5; version += 1) await driver.run(() => migrateOnce(sqliteDialect))
    await driver.close()
    const db = new Database(path)
    db.exec(`
      insert into plans values ('p', ''), ('q', '');
      insert into incidents (id, version, rule, revision, subject_key, mode, rank, state, reason, detail, opened_at,
        state_since, attempts, firing, plan, opened_plan, body)
        values (1, 1, 'r', 'abc123', 's', 'act', 1, 'waiting', 'after', '', 0, 0, 1, 1, 'q', 'p', '');
      insert into attempts (incident, number, rung, rule, target_key, by_person, disruptive, first_start, changed, status,
        reason, scheduled_at) values (1, 1, 1, 'r', 't', 0, 0, 0, 0, 'failed', '', 0);
      insert into escalations (incident, round, kind, level, receivers, reason, summary, created_at, due_at)
        values (1, 1, 'told', 0, '[]', 'after', '', 0, 0);`)
    db.close()
    const store = await openSqliteStore({ path })
    expect((await store.history({ limit: 1 })).items).toMatchObject([{ revision: 'abc123' }])
    expect(await store.dueEscalations(T0, 1)).toMatchObject([{ revision: 'abc123' }])
    await store.close()
    const after = new Database(path)
    expect(after.prepare('select plan from attempts').all()).toEqual([{ plan: 'q' }])
    // The plan of an attempt stays although its incident has followed others before and since.
    after.exec(`insert into plans values ('z', ''), ('nobody', ''); update attempts set plan = 'z'`)
    after.close()
    const again = await openSqliteStore({ path })
    await again.prune(T0, null, 100)
    await again.close()
    const left = new Database(path, { readonly: true })
    expect(left.prepare('select hash from plans order by hash').pluck().all()).toEqual(['p', 'q', 'z'])
    left.close()
  })

  test('decisions from before their traces are read, and go on beside new ones', async () => {
    const path = join(dir, 'old.db')
    const before = await openSqliteStore({ path })
    const opening = { plan: plan(), subject: broker(1) }
    const { id } = (await fire(before, alert('A'), opening, T0)).incident
    await refuseGuards(before, T0 + MINUTE)
    await before.close()
    const db = new Database(path)
    db.prepare(`update decisions set trace = null, digest = '', results = ?`).run(BEFORE_TRACES)
    db.close()
    const store = await openSqliteStore({ path })
    await refuseGuards(store, T0 + 5 * MINUTE)
    const decisions = (await store.incidentView(id))?.decisions ?? []
    expect(decisions[0]).toMatchObject(READ_FROM_BEFORE)
    expect(decisions.at(-1)).toMatchObject({ lastAt: T0 + 5 * MINUTE, followed: { state: 'waiting' } })
    await store.close()
  })

  test('a database of a newer build is refused, and not touched', async () => {
    const path = join(dir, 'new.db')
    await (await openSqlite(path)).close()
    const db = new Database(path)
    db.exec('update schema_version set version = 99')
    db.close()
    for (let again = 0; again < 2; again++) {
      await expect(openSqliteStore({ path })).rejects.toThrow(SchemaTooNewError)
      await expect(openSqliteStore({ path })).rejects.toThrow('schema 99')
    }
  })
})

describe('other processes', () => {
  const children: ChildProcess[] = []
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })

  /** A process that runs `body` on a store of its own; answers with the lines it prints. */
  function otherProcess(path: string, body: string): { child: ChildProcess; lines: AsyncIterator<string> } {
    const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
    const script = `
      const { openSqliteStore } = await import(${here('./sqlite.ts')})
      const { alert, broker, delivery, drain, plan, T0 } = await import(${here('./conformance/fixtures.ts')})
      const store = await openSqliteStore({ path: ${JSON.stringify(path)} })
      ${body}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
  }

  test('a second process is refused and told the first one; a killed one leaves no lock', async () => {
    const path = join(dir, 'a.db')
    const { child, lines } = otherProcess(path, `console.log('open'); setInterval(() => {}, 1000)`)
    await lines.next()
    const refused = await openSqliteStore({ path }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(StoreInUseError)
    expect(refused).toMatchObject({ pid: child.pid })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = await openSqliteStore({ path })
    await expect(openSqliteStore({ path })).rejects.toMatchObject({ pid: process.pid })
    await store.ping(T0)
    await store.close()
    expect(existsSync(`${path}.pid`)).toBe(false)
  })

  test('kill -9 loses nothing that was acknowledged, and replay still holds', { timeout: 60_000 }, async () => {
    const path = join(dir, 'a.db')
    let acknowledged = 0
    for (const kills of [3, 40, 111]) {
      const { child, lines } = otherProcess(
        path,
        `const openings = [{ plan: plan({ afterMs: 0 }), subject: broker(1) }]
         for (let n = ${acknowledged};; n++) {
           await store.storeDeliveries([delivery([alert('A', { labels: { n: String(n) } })])], T0 + n)
           console.log(n)
           await drain(store, openings, T0 + n)
           const timer = await store.nextTimer(T0 + n)
           if (timer) await store.fireTimer(timer, T0 + n)
         }`,
      )
      for (let heard = 0; heard < kills; heard++) acknowledged = Number((await lines.next()).value) + 1
      child.kill('SIGKILL')
      await once(child, 'exit')
      // What it had printed before it died counts too.
      for (let line = await lines.next(); !line.done; line = await lines.next()) acknowledged = Number(line.value) + 1
      const store = await openSqliteStore({ path })
      const stored = new Set((await store.alerts({ firingOnly: true })).map(({ labels }) => labels['n']))
      for (let n = 0; n < acknowledged; n++) expect(stored).toContain(String(n))
      for (const incident of await store.openIncidents()) {
        const again = replay(incident.id, await store.journal(incident.id))
        expect({ ...again, version: incident.version }).toEqual(incident)
      }
      await store.close()
      const db = new Database(path, { readonly: true })
      expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
      expect(db.pragma('foreign_key_check')).toEqual([])
      db.close()
      acknowledged = Math.max(acknowledged, stored.size)
    }
  })

  test("somebody else's lock makes a unit wait without holding up the looks, then fails it as busy", async () => {
    const path = join(dir, 'a.db')
    const store = await openSqliteStore({ path })
    const other = new Database(path)
    other.exec('begin immediate')
    const order: string[] = []
    const pinged = store.ping(T0).then(
      () => order.push('pinged'),
      (error: unknown) => {
        order.push('failed')
        expect(error).toMatchObject({ name: 'StoreUnavailableError', reason: 'busy' })
      },
    )
    expect(await store.inboxDepth()).toBe(0)
    order.push('looked')
    await pinged
    expect(order).toEqual(['looked', 'failed'])
    const later = store.ping(T0 + 1)
    other.exec('rollback')
    other.close()
    await later
    await store.close()
  })
})

describe('a sick disk', () => {
  let mounted: string | null = null

  /** A file system of so many KiB. Only root can make one. */
  function smallDisk(kib: number): string {
    const at = mkdtempSync(join(tmpdir(), 'kafka-healing-disk-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', at])
    mounted = at
    return at
  }
  afterEach(() => {
    if (!mounted) return
    execFileSync('umount', [mounted])
    rmSync(mounted, { recursive: true, force: true })
    mounted = null
  })
  const root = process.getuid?.() === 0 || process.env['CI'] === 'true'

  test.runIf(root)('full: nothing is acknowledged that is not stored, and it goes on when there is room', async () => {
    const at = smallDisk(4_096)
    const filler = join(at, 'filler')
    writeFileSync(filler, Buffer.alloc(1_500_000))
    const path = join(at, 'a.db')
    let store: Store = await openSqliteStore({ path })
    let stored = 0
    const fill = async () => {
      for (; stored < 1_000; stored++) {
        const one = alert('A', { labels: { n: String(stored), pad: 'x'.repeat(20_000) } })
        await store.storeDeliveries([delivery([one])], T0)
      }
    }
    const failure = await fill().catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'StoreUnavailableError', reason: expect.stringMatching(/full|io/) })
    expect(await store.alerts({ firingOnly: true })).toHaveLength(stored)
    rmSync(filler)
    await store.storeDeliveries([delivery([alert('B')])], T0)
    await store.close()
    store = await openSqliteStore({ path })
    expect(await store.alerts({ firingOnly: true })).toHaveLength(stored + 1)
    await store.close()
  })

  test.runIf(root)('read-only: it says so when it is opened', async () => {
    const at = smallDisk(4_096)
    const path = join(at, 'a.db')
    await (await openSqliteStore({ path })).close()
    execFileSync('mount', ['-o', 'remount,ro', at])
    await expect(openSqliteStore({ path })).rejects.toMatchObject({ name: 'StoreUnavailableError', reason: 'readonly' })
  })

  test('a directory that is not there is no database', async () => {
    await expect(openSqliteStore({ path: join(dir, 'no', 'such', 'a.db') })).rejects.toThrow()
  })

  test.each([
    ['SQLITE_BUSY', 'busy'],
    ['SQLITE_BUSY_SNAPSHOT', 'busy'],
    ['SQLITE_LOCKED', 'busy'],
    ['SQLITE_FULL', 'full'],
    ['SQLITE_IOERR_FSYNC', 'io'],
    ['SQLITE_READONLY_DBMOVED', 'readonly'],
    ['SQLITE_CORRUPT', 'other'],
    ['EROFS', 'readonly'],
  ])('%s means %s', (code, cause) => {
    expect(unavailable(Object.assign(new Error('x'), { code }))?.reason).toBe(cause)
  })

  test.each(['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_ERROR', 'ENOENT'])('%s is no outage', (code) => {
    expect(unavailable(Object.assign(new Error('x'), { code }))).toBeNull()
    expect(unavailable(new Error(`${HOUR}`))).toBeNull()
  })
})
