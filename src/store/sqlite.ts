import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { type Dialect, sqliteDialect } from './dialect.ts'
import { unavailable } from './errors.ts'
import { type Lock, lockFile } from './lock.ts'
import { migrateOnce } from './migrate.ts'
import { type Driver, SqlStore, type StoreOptions } from './sql-store.ts'
import { type Store, StoreUnavailableError } from './store.ts'
import { Parameter, parameters, type Statement, type Template, type Unit, type Value } from './unit.ts'

/** How long SQLite itself may block the event loop for somebody else's lock, in milliseconds. */
const BLOCK_MS = 20
/** How long a unit waits for somebody else's lock, outside the event loop, in milliseconds. */
const PATIENCE_MS = 2_000
/** Texts of statements that depend on what was asked; the rest is a few hundred. */
const MOST_TEXTS = 200

export interface SqliteOptions extends StoreOptions {
  /** The database file, or `:memory:` for simulations. */
  readonly path: string
}

/**
 * Opens (and where needed creates and migrates) the database. One process owns it: a second one is refused with
 * StoreInUseError; a schema of a newer build with SchemaTooNewError.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  return new SqlStore(await openSqlite(options.path), options)
}

/** An empty database in memory, once there was one: hundreds of simulations in a row migrate once. */
let migrated: Buffer | null = null

/** The driver below the store; of use by itself in tests and tools. */
export async function openSqlite(path: string): Promise<SqliteDriver> {
  const inMemory = path === ':memory:'
  const lock = inMemory ? null : guarded(() => lockDatabase(path))
  let writer: Connection | null = null
  try {
    writer = guarded(() => new Connection((inMemory && migrated) || path, false))
    const driver = new SqliteDriver(writer, inMemory ? null : () => new Connection(path, true), () => lock?.release())
    while (await driver.run(() => migrateOnce(sqliteDialect))) {
      // The next step.
    }
    if (inMemory) migrated ??= writer.serialize()
    return driver
  } catch (error) {
    writer?.close()
    lock?.release()
    throw error
  }
}

/** SQLite says only that it cannot open a file; whether the directory is there and writable is asked first. */
function lockDatabase(path: string): Lock {
  accessSync(dirname(path), constants.W_OK)
  return lockFile(path)
}

function guarded<T>(open: () => T): T {
  try {
    return open()
  } catch (error) {
    throw unavailable(error) ?? error
  }
}

interface Job {
  readonly begin: () => boolean
  readonly fail: (error: Error) => void
}

/**
 * The one door to the database. Units run one after another, each from `begin immediate` to `commit` without leaving the
 * stack; a unit that finds the database locked waits outside the event loop and is begun anew, and the later ones behind it.
 */
export class SqliteDriver implements Driver {
  readonly dialect: Dialect = sqliteDialect
  readonly #writer: Connection
  readonly #openReader: (() => Connection) | null
  readonly #release: () => void
  #reader: Connection | null = null
  readonly #queue: Job[] = []
  #draining = false
  #closed = false
  #idle: (() => void) | null = null

  constructor(writer: Connection, openReader: (() => Connection) | null, release: () => void) {
    this.#writer = writer
    this.#openReader = openReader
    this.#release = release
  }

  run<T>(unit: () => Unit<T>): Promise<T> {
    return this.#enqueue(() => this.#writer.transaction(unit, 'begin immediate', 'full'))
  }

  /** Kept by the operating system at once, on the disk with the next durable unit or checkpoint: `kill -9` loses none. */
  derive<T>(unit: () => Unit<T>): Promise<T> {
    return this.#enqueue(() => this.#writer.transaction(unit, 'begin immediate', 'normal'))
  }

  /** On a read-only connection of its own; sees everything committed so far. */
  async read<T>(unit: () => Unit<T>): Promise<T> {
    if (this.#closed) throw new StoreUnavailableError('closed', undefined)
    if (!this.#openReader) return this.#enqueue(() => this.#writer.transaction(unit, 'begin'))
    try {
      this.#reader ??= this.#openReader()
      return this.#reader.transaction(unit, 'begin')
    } catch (error) {
      throw unavailable(error) ?? error
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#draining) await new Promise<void>((resolve) => (this.#idle = resolve))
    this.#reader?.close()
    this.#writer.close()
    this.#release()
  }

  #enqueue<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreUnavailableError('closed', undefined))
    return new Promise<T>((resolve, reject) => {
      // True: done, well or badly. False: the database is locked by somebody else.
      const begin = (): boolean => {
        try {
          resolve(work())
        } catch (error) {
          const away = unavailable(error)
          if (away?.reason === 'busy') return false
          reject(away ?? toError(error))
        }
        return true
      }
      this.#queue.push({ begin, fail: reject })
      // What a unit itself asks for comes after it, never within it.
      if (!this.#draining) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#draining = true
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      if (!job.begin()) await this.#patiently(job)
    }
    this.#draining = false
    this.#idle?.()
  }

  async #patiently(job: Job): Promise<void> {
    for (let waited = 0, pause = 5; waited < PATIENCE_MS; waited += pause, pause = Math.min(pause * 2, 200)) {
      await delay(pause)
      if (job.begin()) return
    }
    job.fail(new StoreUnavailableError('busy', undefined))
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

interface Prepared {
  readonly statement: Database.Statement
  /** In the order of the placeholders: a constant, or the name of the value. */
  readonly order: readonly (Parameter | Value)[]
}

interface Compiled {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

const compiledTemplates = new WeakMap<Template, Compiled>()

/** A fixed statement has one text, whatever the connection. */
function compiledOnce(template: Template): Compiled {
  const known = template.fixed ? compiledTemplates.get(template) : undefined
  if (known) return known
  const { sql, parameters: wanted } = template.build(sqliteDialect.queries, parameters).compile()
  const compiled = { sql, parameters: wanted }
  if (template.fixed) compiledTemplates.set(template, compiled)
  return compiled
}

/** One connection with its prepared statements. */
export class Connection {
  readonly #db: Database.Database
  readonly #fixed = new Map<Template, Prepared>()
  #synchronous: 'full' | 'normal' | null = null
  readonly #texts = new Map<string, Database.Statement>()

  /** From a file, or from what {@link serialize} gave. */
  constructor(path: string | Buffer, readonly_: boolean) {
    this.#db = new Database(path, { readonly: readonly_, timeout: BLOCK_MS })
    try {
      if (!readonly_) {
        this.#db.pragma('journal_mode = wal')
        // 16 MiB: a storm rewrites the same pages again and again, and each checkpoint writes and syncs them.
        this.#db.pragma('wal_autocheckpoint = 4000')
        this.#db.pragma('synchronous = full')
        this.#synchronous = 'full'
      }
      this.#db.pragma('foreign_keys = on')
      this.#db.pragma('cache_size = -32768')
      this.#db.pragma('temp_store = memory')
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  transaction<T>(unit: () => Unit<T>, begin: 'begin' | 'begin immediate', synchronous?: 'full' | 'normal'): T {
    if (synchronous !== undefined && synchronous !== this.#synchronous) {
      this.#db.pragma(`synchronous = ${synchronous}`)
      this.#synchronous = synchronous
    }
    this.#db.exec(begin)
    try {
      const result = this.#steps(unit())
      this.#db.exec('commit')
      return result
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('rollback')
      throw error
    }
  }

  serialize(): Buffer {
    return this.#db.serialize()
  }

  close(): void {
    this.#db.close()
  }

  #steps<T>(unit: Unit<T>): T {
    let step = unit.next()
    while (!step.done) step = unit.next(this.#answer(step.value))
    return step.value
  }

  #answer({ template, values, want }: Statement): unknown {
    const { statement, order } = template.fixed ? this.#prepared(template) : this.#prepare(template)
    const bound = order.map((value) => (value instanceof Parameter ? values[value.name] : value))
    if (want === 'rows') return statement.all(bound)
    if (want === 'row') return statement.get(bound)
    return statement.run(bound).changes
  }

  #prepared(template: Template): Prepared {
    const known = this.#fixed.get(template)
    if (known) return known
    const made = this.#prepare(template)
    this.#fixed.set(template, made)
    return made
  }

  #prepare(template: Template): Prepared {
    const compiled = compiledOnce(template)
    let statement = this.#texts.get(compiled.sql)
    if (!statement) {
      statement = this.#db.prepare(compiled.sql)
      if (this.#texts.size >= MOST_TEXTS) this.#texts.clear()
      this.#texts.set(compiled.sql, statement)
    }
    return { statement, order: compiled.parameters as (Parameter | Value)[] }
  }
}
