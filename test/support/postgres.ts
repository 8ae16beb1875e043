import { execFile, execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { openPostgres, type PostgresOptions } from '../../src/store/postgres.ts'
import { freePorts } from '../lab/ports.ts'

const run = promisify(execFile)

/** A PostgreSQL of the test's own, on a port of 127.0.0.1, without fsync. */
export interface Postgres {
  readonly port: number
  /** An empty database with all tables, ready to be opened. */
  database(): Promise<PostgresOptions>
  /** All databases given out so far are closed, and may be emptied and given out again: that is faster than making one. */
  reclaim(): void
  /** One with nothing in it. */
  emptyDatabase(): Promise<PostgresOptions>
  /** Asks as the superuser, in the database named. */
  ask(database: string, text: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** A copy by pg_dump, restored by pg_restore into an empty database. */
  copyOf(options: PostgresOptions): Promise<PostgresOptions>
  /** `immediate` is a crash: nothing is written down before it ends. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  start(): Promise<void>
  /** Stops it and removes all it had. */
  end(): Promise<void>
}

const binaries = '/usr/lib/postgresql'
const PREFIX = 'kafka-healing-pg-'
/** The process that started the server, by its id. */
const OWNER = 'owner'
const user = 'healing'
const password = 'pg-secret'

/** Why there is none on this machine; null: there is one. A machine of the CI must have it. */
export function noPostgres(): string | null {
  if (installed() !== null || process.env['CI'] === 'true') return null
  return `no PostgreSQL in ${binaries}`
}

function installed(): string | null {
  if (!existsSync(binaries)) return null
  const newest = readdirSync(binaries)
    .toSorted((a, b) => Number(b) - Number(a))
    .find((version) => existsSync(join(binaries, version, 'bin', 'initdb')))
  return newest === undefined ? null : join(binaries, newest, 'bin')
}

export interface PostgresStart {
  /** Commits are on the disk, as they would be anywhere else; for measuring. */
  readonly durable?: boolean
  /** TLS is offered by this certificate; clear text goes on to work. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string }
}

export async function startPostgres({ durable = false, tls }: PostgresStart = {}): Promise<Postgres> {
  const bin = installed()
  if (bin === null) throw new Error(`no PostgreSQL in ${binaries}`)
  await sweep(bin)
  const dir = mkdtempSync(join(tmpdir(), PREFIX))
  const as = unprivileged()
  writeFileSync(join(dir, OWNER), String(process.pid))
  if (as) chownSync(dir, as.uid, as.gid)
  const data = join(dir, 'data')
  const execute = (tool: string, args: readonly string[]) =>
    run(join(bin, tool), [...args], { ...as, cwd: dir, env: { PATH: process.env['PATH'], PGPASSWORD: password } })
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, `${password}\n`)
  const login = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`]
  await execute('initdb', ['-D', data, ...login, '-E', 'UTF8', '--locale=C', '--no-sync'])
  const [port = 0] = await freePorts(1)
  const own = (file: string, name: string): string => {
    const to = join(dir, name)
    copyFileSync(file, to)
    chmodSync(to, 0o600)
    if (as) chownSync(to, as.uid, as.gid)
    return to
  }
  const secure = tls
    ? ['ssl=on', `ssl_cert_file=${own(tls.certFile, 'server.pem')}`, `ssl_key_file=${own(tls.keyFile, 'server.key')}`]
    : []
  const settings = [
    `-p ${port}`,
    ...[
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${dir}`,
      ...(durable ? [] : ['fsync=off', 'full_page_writes=off']),
      'max_connections=60',
      'shared_buffers=32MB',
      ...secure,
    ].map((setting) => `-c ${setting}`),
  ].join(' ')
  const ctl = (args: readonly string[]) => execute('pg_ctl', ['-D', data, '-w', '-t', '60', ...args])
  const start = async () => {
    await ctl(['-o', settings, '-l', join(dir, 'log'), 'start'])
  }
  const stop = async (mode = 'fast') => {
    await ctl(['-m', mode, 'stop'])
  }
  await start()
  const ask = (database: string, text: string) => asked(port, database, text)
  const optionsFor = (database: string): PostgresOptions => ({
    host: '127.0.0.1',
    port,
    user,
    database,
    password,
    tls: false,
    pool: 8,
  })
  await ask('postgres', `create role ${user} login password '${password}'`)
  await ask('postgres', `create database template_healing owner ${user}`)
  await (await openPostgres(optionsFor('template_healing'))).close()
  let made = 0
  const free: PostgresOptions[] = []
  const given: PostgresOptions[] = []
  const emptied = async (options: PostgresOptions) => {
    await ask(options.database, await emptying(ask, options.database))
    return options
  }
  const make = async (template: string) => {
    const database = `healing_${++made}`
    await ask('postgres', `create database ${database} owner ${user} template ${template}`)
    return optionsFor(database)
  }
  return {
    port,
    async database() {
      const used = free.pop()
      const options = used ? await emptied(used) : await make('template_healing')
      given.push(options)
      return options
    },
    async copyOf(options) {
      const file = join(dir, `${options.database}.dump`)
      const at = ['-h', '127.0.0.1', '-p', String(port), '-U', user]
      await execute('pg_dump', [...at, '--format=custom', `--file=${file}`, options.database])
      const copy = await make('template0')
      await execute('pg_restore', [...at, '--clean', '--if-exists', `--dbname=${copy.database}`, file])
      return copy
    },
    reclaim: () => void free.push(...given.splice(0)),
    emptyDatabase: () => make('template0'),
    ask,
    stop,
    start,
    async end() {
      await stop('immediate').catch(() => undefined)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** What takes every row out, and lets ids begin at 1 again; what a migration put there is put there once more. */
async function emptying(ask: Postgres['ask'], database: string): Promise<string> {
  const tables = await ask(database, "select tablename as name from pg_tables where schemaname = 'public'")
  const sequences = await ask(database, "select sequencename as name from pg_sequences where schemaname = 'public'")
  const names = tables.map(({ name }) => String(name)).filter((name) => !['schema_version', 'counters'].includes(name))
  return [
    // Whatever refers to what.
    'set session_replication_role = replica',
    ...names.map((name) => `delete from ${name}`),
    'update counters set value = 0',
    ...sequences.map(({ name }) => `alter sequence ${String(name)} restart`),
  ].join('; ')
}

/** Servers that a test left behind which was killed itself. */
async function sweep(bin: string): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(PREFIX))) {
    const dir = join(tmpdir(), name)
    const owner = join(dir, OWNER)
    if (!existsSync(owner) || existsSync(`/proc/${readFileSync(owner, 'utf8')}`)) continue
    const stopping = ['-D', join(dir, 'data'), '-m', 'immediate', 'stop']
    await run(join(bin, 'pg_ctl'), stopping, { ...unprivileged(), cwd: dir }).catch(() => undefined)
    rmSync(dir, { recursive: true, force: true })
  }
}

async function asked(port: number, database: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password, database })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null
  const of = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: of('-u'), gid: of('-g') }
}
