import { join } from 'node:path'
import { pino } from 'pino'
import { systemClock } from '../src/clock.ts'
import { Intake } from '../src/engine/intake.ts'
import { alert, broker, decidePass, delivery, pass, plan, receive } from '../src/store/conformance/fixtures.ts'
import { openPostgresStore } from '../src/store/postgres.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import type { Store } from '../src/store/store.ts'
import { noPostgres, startPostgres } from '../test/support/postgres.ts'
import { scratch } from './home.ts'
import { aside, type Row } from './row.ts'
import { quantile } from './sample.ts'

const DELIVERIES = 6_000
const AT_ONCE = 64
const INCIDENTS = 300
const HOW = `in this process, ${AT_ONCE} deliveries of one new alert each at a time through intake; both databases on the same disk, SQLite with WAL and synchronous=FULL, PostgreSQL by TCP on loopback with fsync`
const WAY = `the store's part of the way from "may act" to "step started" for ${INCIDENTS} incidents one by one: timer, look, guards, claim, step, five units in all`

/** PostgreSQL beside SQLite: what the same units cost there. */
export async function run(): Promise<readonly Row[]> {
  const missing = noPostgres()
  if (missing !== null) return [aside({ name: 'PostgreSQL', figure: null, unit: '/s', how: missing })]
  const folder = scratch()
  const server = await startPostgres({ durable: true })
  try {
    return [
      ...(await measured('SQLite', () => openSqliteStore({ path: join(folder, 'bench.db') }))),
      ...(await measured('PostgreSQL', async () => openPostgresStore(await server.database()))),
    ]
  } finally {
    await server.end()
  }
}

async function measured(name: string, open: () => Promise<Store>): Promise<readonly Row[]> {
  const store = await open()
  try {
    const perSecond = await webhooks(store)
    const ways = await toStep(store)
    const row = (what: string, figure: number, unit: string, how: string): Row =>
      aside({ name: `${name}: ${what}`, figure, unit, how })
    return [
      row('new alerts stored', perSecond, '/s', HOW),
      row('"may act" to "step started", p50', quantile(ways, 0.5), 'ms', WAY),
      row('"may act" to "step started", p99', quantile(ways, 0.99), 'ms', WAY),
    ]
  } finally {
    await store.close()
  }
}

async function webhooks(store: Store): Promise<number> {
  const intake = new Intake({
    store,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    onStored: () => {},
    onStoreFailure: () => {},
  })
  let next = 0
  const began = systemClock.monotonic()
  const sender = async (): Promise<void> => {
    for (let n = next++; n < DELIVERIES; n = next++) {
      const taken = await intake.submit(delivery([alert('Bench', { labels: { n: String(n) } })]))
      if (taken.kind !== 'stored') throw new Error(`not stored: ${taken.kind}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sender))
  const perSecond = (DELIVERIES * 1_000) / (systemClock.monotonic() - began)
  // What was stored for this waits for no core.
  for (let rows = await store.nextInboxRows(500); rows.length > 0; rows = await store.nextInboxRows(500))
    await store.admitAll(
      rows.map((row) => ({ row, openings: [] })),
      systemClock.now(),
    )
  return perSecond
}

async function toStep(store: Store): Promise<readonly number[]> {
  const times: number[] = []
  for (let n = 1; n <= INCIDENTS; n++) {
    const now = systemClock.now()
    await receive(store, [alert('Way', { labels: { n: String(n) } })], now)
    const opening = { plan: plan({ afterMs: 0 }), subject: broker(n) }
    const rows = await store.nextInboxRows(1)
    await store.admitAll(
      rows.map((row) => ({ row, openings: [opening] })),
      now,
    )
    const began = systemClock.monotonic()
    await store.fireDue(now, () => 0, 16)
    const task = await store.claimLook('bench', now, 30_000)
    if (task) await store.guardsEvaluated(task, pass, [], null, now)
    const attempt = await store.claimAttempt('bench', now, 60_000, decidePass)
    if (!attempt || 'refused' in attempt) throw new Error('not claimed')
    await store.startStep(attempt, 1, now)
    times.push(systemClock.monotonic() - began)
  }
  return times
}
