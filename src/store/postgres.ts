import { setTimeout as delay } from 'node:timers/promises'
import { type ClientBase, Pool, type PoolClient, type PoolConfig, types } from 'pg'
import { type Dialect, postgresDialect } from './dialect.ts'
import { migrateOnce } from './migrate.ts'
import { isLost, isRetryable, isStalePlan, postgresUnavailable } from './postgres-errors.ts'
import { type Driver, type Lane, SqlStore, type StoreOptions } from './sql-store.ts'
import { type Store, StoreUnavailableError } from './store.ts'
import { Parameter, parameters, type Statement, type Template, type Unit, type Value } from './unit.ts'

/** A unit is begun anew so many times after a deadlock or a serialization failure. */
const RETRIES = 3
/** Longest statement, and longest wait for a turn in a lane, in milliseconds. A migration may take as long as it takes. */
const STATEMENT_MS = 10_000
/** On our side: an answer that does not come is a connection that is gone. */
const ANSWER_MS = STATEMENT_MS + 2_000
const MIGRATION_MS = 24 * 60 * 60_000
const CONNECT_MS = 5_000
/**
 * A unit awaits nothing but the database, so a session that idles within one belongs to a process that is frozen or cut
 * off. The server ends it after so many milliseconds, and everybody else has their turn.
 */
const IDLE_IN_UNIT_MS = 5_000
const IDLE_CONNECTION_MS = 60_000

/** What the advisory locks of one database are known by; the second number is the lane. */
const LOCK_CLASS = 1_263_551
const LOCKS = { core: 1, intake: 2, migrations: 3 } as const
const LANES: Readonly<Record<Lane | 'migrations', readonly (keyof typeof LOCKS)[]>> = {
  core: ['core'],
  intake: ['intake'],
  // Always in this order, or two of them would wait for each other.
  both: ['core', 'intake'],
  beside: [],
  migrations: ['migrations'],
}

export interface PostgresOptions extends StoreOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: string | null
  /** True: TLS by the authorities of the system; with text: by these alone. */
  readonly tls: boolean | { readonly ca: string }
  /** Connections at most. */
  readonly pool: number
}

/** Opens and where needed migrates the database. Several processes may share it; a schema of a newer build is refused. */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
  return new SqlStore(await openPostgres(options), options)
}

/** The driver below the store; of use by itself in tests and tools. */
export async function openPostgres(options: PostgresOptions): Promise<PostgresDriver> {
  const driver = new PostgresDriver(options)
  try {
    await driver.migrate()
    return driver
  } catch (error) {
    await driver.close()
    throw error
  }
}

/**
 * Runs the same units as SQLite, with awaits in between, in transactions READ COMMITTED. Units of one lane wait for each
 * other by a lock of the database, whichever process they are of, and within this process before they take a connection.
 */
export class PostgresDriver implements Driver {
  readonly dialect: Dialect = postgresDialect
  readonly #pool: Pool
  readonly #turns = { core: inTurn(), intake: inTurn(), migrations: inTurn() }
  #statements = new Map<Template, Prepared>()
  /** Part of the names of prepared statements: another one makes all of them anew. */
  #generation = 0
  readonly #asked = new Set<Promise<unknown>>()
  #closed = false

  constructor(options: PostgresOptions) {
    this.#pool = new Pool(configOf(options))
    // A connection that breaks while nobody uses it is replaced; one in use tells its user.
    this.#pool.on('error', () => undefined)
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  run<T>(unit: () => Unit<T>, lane: Lane = 'core'): Promise<T> {
    return this.#inLane(lane, begin(lane), unit)
  }

  /** Written to the disk with the next durable unit: the server may lose it only with all that came after it. */
  derive<T>(unit: () => Unit<T>, lane: Lane = 'core'): Promise<T> {
    return this.#inLane(lane, `${begin(lane)}; set local synchronous_commit = off`, unit)
  }

  /** As of one moment, whatever is committed meanwhile. */
  read<T>(unit: () => Unit<T>): Promise<T> {
    const start = 'begin isolation level repeatable read read only'
    return this.#while(() => this.#persistently(start, unit, ANSWER_MS))
  }

  /** Each step with its number in one transaction; whoever comes second finds the work done. */
  async migrate(): Promise<void> {
    const start = `${begin('migrations')}; set local statement_timeout = 0`
    while (await this.#persistently(start, () => migrateOnce(postgresDialect), MIGRATION_MS)) {
      // The next step.
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.allSettled(this.#asked)
    await this.#pool.end()
  }

  #inLane<T>(lane: Lane, start: string, unit: () => Unit<T>): Promise<T> {
    return this.#while(
      LANES[lane].reduceRight(
        (work, lock) => () => this.#turns[lock](work),
        () => this.#persistently(start, unit, ANSWER_MS),
      ),
    )
  }

  /** Closing waits for what was asked, and refuses what comes later. */
  async #while<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StoreUnavailableError('closed', undefined)
    const done = work()
    this.#asked.add(done)
    try {
      return await done
    } finally {
      this.#asked.delete(done)
    }
  }

  async #persistently<T>(start: string, unit: () => Unit<T>, answerMs: number): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#transaction(start, unit, answerMs)
      } catch (error) {
        if (isStalePlan(error) && tries <= RETRIES) this.#prepareAnew()
        else if (!isRetryable(error) || tries >= RETRIES) throw postgresUnavailable(error) ?? error
        else await delay(5 * 2 ** tries)
      }
    }
  }

  async #transaction<T>(start: string, unit: () => Unit<T>, answerMs: number): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw postgresUnavailable(error) ?? new StoreUnavailableError('io', error)
    })
    // One whose state nobody knows is thrown away: what it had begun is rolled back by the server.
    let poisoned = true
    try {
      await client.query(start)
      const result = await this.#steps(client, unit(), answerMs)
      await client.query('commit')
      poisoned = false
      return result
    } catch (error) {
      if (!isLost(error)) poisoned = !(await rolledBack(client))
      throw error
    } finally {
      client.release(poisoned)
    }
  }

  async #steps<T>(client: PoolClient, unit: Unit<T>, answerMs: number): Promise<T> {
    let step = unit.next()
    while (!step.done) step = unit.next(await this.#answer(client, step.value, answerMs))
    return step.value
  }

  async #answer(client: PoolClient, { template, values, want }: Statement, answerMs: number): Promise<unknown> {
    const { text, order, name } = template.fixed ? this.#prepared(template) : compiled(template)
    const bound = order.map((value) => storable(value instanceof Parameter ? (values[value.name] ?? null) : value))
    const query = { text, values: bound, query_timeout: answerMs, ...(name === null ? {} : { name }) }
    const { rows, rowCount } = await client.query(query)
    if (want === 'rows') return rows
    return want === 'row' ? rows[0] : (rowCount ?? 0)
  }

  #prepared(template: Template): Prepared {
    const known = this.#statements.get(template)
    if (known) return known
    const made = { ...compiled(template), name: `kh${this.#generation}_${this.#statements.size}` }
    this.#statements.set(template, made)
    return made
  }

  #prepareAnew(): void {
    this.#generation += 1
    this.#statements = new Map()
  }
}

interface Prepared {
  readonly text: string
  /** In the order of the placeholders: a constant, or the name of the value. */
  readonly order: readonly (Parameter | Value)[]
  /** Null: prepared for this one time. */
  readonly name: string | null
}

function compiled(template: Template): Prepared {
  const { sql, parameters: order } = template.build(postgresDialect.queries, parameters).compile()
  return { text: sql, order: order as (Parameter | Value)[], name: null }
}

/** NUL is the one character that text cannot hold here; U+FFFD stands for what cannot be shown. */
function storable(value: Value): Value {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\u{FFFD}') : value
}

/** One round trip: the transaction and the turn in its lane. */
function begin(lane: Lane | 'migrations'): string {
  const locks = LANES[lane].map((lock) => `select pg_advisory_xact_lock(${LOCK_CLASS}, ${LOCKS[lock]})`)
  return ['begin isolation level read committed', ...locks].join('; ')
}

async function rolledBack(client: ClientBase): Promise<boolean> {
  try {
    await client.query('rollback')
    return true
  } catch {
    // Its connection is gone; so is what it had begun.
    return false
  }
}

/** Runs what it is given one after another. */
function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(work, work)
    last = mine.catch(() => undefined)
    return mine
  }
}

function configOf({ host, port, user, database, password, tls, pool }: PostgresOptions): PoolConfig {
  return {
    host,
    port,
    user,
    database,
    // Undefined would be read from the environment.
    password: password ?? '',
    // With the host: an address is checked as well as a name.
    ssl: tls === false ? false : { host, ...(tls === true ? {} : tls) },
    max: pool,
    application_name: 'kafka-healing',
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: ANSWER_MS,
    idle_in_transaction_session_timeout: IDLE_IN_UNIT_MS,
    keepAlive: true,
    types: { getTypeParser },
  }
}

/** The type of ids and counts, by its number in PostgreSQL. */
const INT8 = 20

/** Counts and ids are numbers: none of ours grows beyond 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): unknown {
  if (oid === INT8 && format !== 'binary') return Number
  return types.getTypeParser(oid, format)
}
