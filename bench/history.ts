import Database from 'better-sqlite3'
import { fingerprintOf } from '../src/alert/fingerprint.ts'
import { systemClock } from '../src/clock.ts'
import { openSqliteStore } from '../src/store/sqlite.ts'
import { planOf, subject } from '../test/support/plan.ts'
import { shippedRules } from '../test/support/rules.ts'
import { startService } from '../test/support/service.ts'
import { makeHome } from './home.ts'
import { against, aside, type Row } from './row.ts'
import { median, quantile } from './sample.ts'

const ATTEMPTS = 1_000_000
const TARGETS = 1_000
const PAGES = 400
const ROUNDS = 3
/** Requests whose times do not count: the first ones compile code and fill caches. */
const WARM_UP = 100

/** A page of `/history` out of a million attempts, over HTTP. */
export async function run(): Promise<readonly Row[]> {
  const home = makeHome({ exporters: ['exporter-1'], rules: shippedRules() })
  try {
    await fill(home.database)
    const service = await startService({ config: home.config })
    try {
      await timed(service.url, () => '/history?limit=100', WARM_UP)
      const first = await timed(service.url, () => '/history?limit=100')
      const filtered = await timed(service.url, (n) => `/history?limit=100&target=orders/exporter/${n % TARGETS}`)
      const outcome = await timed(service.url, () => '/history?limit=100&outcome=cancelled')
      const deep = await timedPaging(service.url)
      const how = (what: string) =>
        `${what}; 100 rows of ${ATTEMPTS.toLocaleString('en')} attempts, ${PAGES} requests one after another over HTTP, p99 (median of ${ROUNDS} rounds)`
      return [
        against({ name: '/history, first page', figure: first, unit: 'ms', how: how('newest first') }, '<', 20),
        against({ name: '/history, one target', figure: filtered, unit: 'ms', how: how('?target=…') }, '<', 20),
        against(
          { name: '/history, one outcome', figure: outcome, unit: 'ms', how: how('?outcome=…, one in 100') },
          '<',
          20,
        ),
        against(
          { name: '/history, page after page', figure: deep, unit: 'ms', how: how('following the cursor') },
          '<',
          20,
        ),
        aside({
          name: '/history, 1,000 rows',
          figure: await timed(service.url, () => '/history?limit=1000', 50),
          unit: 'ms',
          how: 'the longest page there is, p99 of 50 requests',
        }),
      ]
    } finally {
      await service.stop()
    }
  } finally {
    home.remove()
  }
}

/** p99 in milliseconds. */
async function timed(url: string, path: (n: number) => string, requests = PAGES): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < (requests === PAGES ? ROUNDS : 1); round += 1) {
    const took: number[] = []
    for (let n = 0; n < requests; n += 1) {
      const began = systemClock.monotonic()
      await page(url + path(n))
      took.push(systemClock.monotonic() - began)
    }
    rounds.push(quantile(took, 0.99))
  }
  return median(rounds)
}

async function timedPaging(url: string): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const took: number[] = []
    let next: string | null = null
    for (let n = 0; n < PAGES; n += 1) {
      const began = systemClock.monotonic()
      next = await page(`${url}/history?limit=100${next === null ? '' : `&cursor=${next}`}`)
      took.push(systemClock.monotonic() - began)
    }
    rounds.push(quantile(took, 0.99))
  }
  return median(rounds)
}

/** Reads the whole answer; returns the cursor of the next page. */
async function page(url: string): Promise<string | null> {
  const answer = await fetch(url)
  const { items, next } = (await answer.json()) as { readonly items: readonly unknown[]; readonly next: string | null }
  if (!answer.ok || items.length === 0) throw new Error(`${url}: ${answer.status}, ${items.length} rows`)
  return next
}

/** A database as the store makes it, with attempts put in by one statement. */
async function fill(path: string): Promise<void> {
  const store = await openSqliteStore({ path })
  const now = systemClock.now()
  const labels = { alertname: 'Filler' }
  const alert = {
    status: 'firing' as const,
    labels,
    annotations: {},
    startsAt: now,
    endsAt: null,
    generatorURL: '',
    fingerprint: fingerprintOf(labels),
  }
  const delivery = {
    receiver: 'bench',
    groupKey: 'bench',
    status: 'firing' as const,
    externalURL: '',
    truncatedAlerts: 0,
    alerts: [alert],
  }
  await store.storeDeliveries([{ delivery, rawBody: '', credential: null }], now)
  const row = await store.nextInboxRow()
  if (row) await store.admit(row, [{ plan: planOf({ mode: 'inform' }), subject }], now)
  await store.close()

  const db = new Database(path)
  db.pragma('synchronous = off')
  db.prepare(
    `insert into attempts (incident, number, rung, rule, cluster, target_key, by_person, disruptive, changed, status,
       reason, outcome, scheduled_at, started_at, finished_at)
     with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
     select 1, i, 1, 'rule-' || (i % 20), 'orders', 'orders/exporter/' || (i % cast(? as integer)), 0, 0, 1, 'succeeded',
       'all steps succeeded', case when i % 100 = 0 then 'cancelled' else 'healed' end,
       ? - (? - i) * 8000, ? - (? - i) * 8000 + 40, ? - (? - i) * 8000 + 900
     from n`,
  ).run(ATTEMPTS, TARGETS, now - 172_800_000, ATTEMPTS, now - 172_800_000, ATTEMPTS, now - 172_800_000, ATTEMPTS)
  db.close()
}
