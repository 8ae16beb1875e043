import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { planOf, subject } from '../../test/support/plan.ts'
import type { Alert } from '../alert/alert.ts'
import { fingerprintOf } from '../alert/fingerprint.ts'
import type { Alertmanager } from '../probes/alertmanager.ts'
import type { SeenAlert } from '../probes/probe.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { advance } from './advance.ts'
import { type Poll, Reconcile, type ReconcileSettings } from './reconcile.ts'

const MINUTE = 60_000
const T0 = 1_800_000_000_000
const EVERY = MINUTE
const GRACE = 90_000

let now = T0
let store: Store
beforeEach(async () => {
  now = T0
  store = await openSqliteStore({ path: ':memory:' })
})
afterEach(() => store.close())

/** One Alertmanager as its own port shows it: what it lists, and whether it answers. */
class Shows implements Alertmanager {
  readonly url: string
  alive = true
  watchdog = true
  list: SeenAlert[] = []

  constructor(url: string) {
    this.url = url
  }
  async #answer<T>(answer: T): Promise<T> {
    if (!this.alive) throw new Error(`${this.url} refuses`)
    return answer
  }
  async alerts(receiver: string | null, take: (alert: SeenAlert) => void) {
    for (const one of await this.#answer(this.list))
      if (receiver === null || one.receivers.includes(receiver)) take(one)
  }
  named(alertname: string) {
    return this.#answer(this.watchdog ? [seen(alertname, { updatedAt: now - 1 })] : [])
  }
  startedAt() {
    return this.#answer(T0 - 60 * MINUTE)
  }
}

function seen(name: string, change: Partial<SeenAlert> = {}): SeenAlert {
  const labels = { alertname: name, cluster: 'orders' }
  return {
    fingerprint: fingerprintOf(labels),
    labels,
    annotations: { summary: name },
    receivers: ['kafka-healing'],
    state: 'active',
    startsAt: T0 - 10 * MINUTE,
    endsAt: now + 4 * MINUTE,
    updatedAt: now - 1_000,
    ...change,
  }
}

async function deliver(name: string, change: Partial<Alert> = {}): Promise<void> {
  const { fingerprint, labels, startsAt } = seen(name)
  const said = { status: 'firing', annotations: {}, endsAt: null, generatorURL: '' } as const
  const alerts = [{ ...said, fingerprint, labels, startsAt, ...change }]
  const head = { receiver: 'kafka-healing', groupKey: 'g', externalURL: '', truncatedAlerts: 0 }
  await store.storeDeliveries(
    [{ delivery: { ...head, status: 'firing', alerts }, rawBody: '', credential: null }],
    now - 1,
  )
}

async function firing(): Promise<readonly string[]> {
  const all = await store.alerts({ firingOnly: true })
  return all.map(({ labels }) => labels['alertname'] ?? '').toSorted()
}

/** A minute passes; then a poll. */
function reconciler(shows: readonly Shows[], change: Partial<ReconcileSettings> = {}) {
  const polled: Poll[] = []
  const settings: ReconcileSettings = {
    alertmanagers: shows.map((alertmanager) => ({ alertmanager, credential: null })),
    receiver: 'kafka-healing',
    watchdog: 'Watchdog',
    everyMs: EVERY,
    groupWaitMs: GRACE - EVERY,
    settleMs: 5 * MINUTE,
    inboxDepth: 100_000,
    ...change,
  }
  const reconcile = new Reconcile({
    store,
    clock: { now: () => now, monotonic: () => now, sleep: async () => {} },
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    settings: () => settings,
    onStored: () => {},
    onPolled: (poll) => polled.push(poll),
  })
  return {
    reconcile,
    poll: async (): Promise<Poll> => {
      now += EVERY
      await reconcile.poll(null, true)
      const last = polled.at(-1)
      if (!last) throw new Error('it did not poll')
      return last
    },
  }
}

describe('S-1.4 adopts', () => {
  test('what is routed to us and older than group_wait and a minute, and nothing else', async () => {
    const am = new Shows('http://a')
    const { poll } = reconciler([am])
    const at = now + EVERY
    am.list = [
      seen('Ours'),
      seen('Others', { receivers: ['oncall'] }),
      seen('Both', { receivers: ['oncall', 'kafka-healing'] }),
      seen('Old enough', { startsAt: at - GRACE }),
      seen('Too young', { startsAt: at - GRACE + 1 }),
      seen('Silenced', { state: 'suppressed' }),
      seen('Not looked at yet', { state: 'unprocessed' }),
    ]
    expect(await poll()).toMatchObject({ adopted: 3, gone: 0, doubt: null })
    expect(await firing()).toEqual(['Both', 'Old enough', 'Ours'])
    expect(await poll()).toMatchObject({ adopted: 1, gone: 0 })
    expect(await firing()).toContain('Too young')
  })

  test('from one Alertmanager while another is away', async () => {
    const [a, b] = [new Shows('http://a'), new Shows('http://b')]
    const { poll } = reconciler([a, b])
    b.alive = false
    a.list = [seen('Ours')]
    expect(await poll()).toMatchObject({ adopted: 1, doubt: 'http://b does not answer' })
  })

  test('nothing that fires here already, though two Alertmanagers name two starts of it', async () => {
    const [a, b] = [new Shows('http://a'), new Shows('http://b')]
    const { poll } = reconciler([a, b])
    await deliver('Ours')
    a.list = [seen('Ours')]
    b.list = [seen('Ours', { startsAt: T0 - 5 * MINUTE })]
    expect(await poll()).toMatchObject({ adopted: 0, gone: 0 })
    // Both name a later start: it is a new occurrence.
    a.list = b.list
    expect(await poll()).toMatchObject({ adopted: 1, gone: 0 })
  })

  test('S-2.2 in the name of an Alertmanager that speaks for some clusters only, unless another one speaks for all', async () => {
    const [a, b] = [new Shows('http://a'), new Shows('http://b')]
    const bound = [{ alertmanager: a, credential: 'alertmanager:http://a' }]
    const { poll } = reconciler([], { alertmanagers: [...bound, { alertmanager: b, credential: null }] })
    a.list = [seen('One'), seen('Two')]
    b.list = [seen('Two')]
    await poll()
    const rows = await store.nextInboxRows(10)
    expect(rows.map((row) => [row.alert.labels['alertname'], row.credential])).toEqual([
      ['One', 'alertmanager:http://a'],
      ['Two', null],
    ])
  })

  test('no more than the core can follow; the rest comes with the next poll', async () => {
    const am = new Shows('http://a')
    const { poll } = reconciler([am], { inboxDepth: 100 })
    am.list = Array.from({ length: 600 }, (_, index) => seen(`A${index}`))
    expect(await poll()).toMatchObject({ adopted: 500 })
    expect(await poll()).toMatchObject({ adopted: 0 })
    while ((await store.inboxDepth()) > 0) await advance(store, now, { openings: () => [], onMoved: () => {} })
    expect(await poll()).toMatchObject({ adopted: 100 })
  })
})

describe('S-1.4 gone', () => {
  test('two polls that know everything; the incident goes to its probes and stays open', async () => {
    const [a, b] = [new Shows('http://a'), new Shows('http://b')]
    const { poll } = reconciler([a, b])
    await deliver('Ours')
    await advance(store, now, { openings: () => [{ plan: planOf(), subject }], onMoved: () => {} })
    expect(await poll()).toMatchObject({ gone: 0, doubt: null })
    expect(await poll()).toMatchObject({ gone: 1, doubt: null })
    await advance(store, now, { openings: () => [{ plan: planOf(), subject }], onMoved: () => {} })
    expect(await store.openIncidents()).toMatchObject([{ state: 'verifying', reason: 'afterResolve', firing: [] }])
    expect(await poll()).toMatchObject({ gone: 0 })
  })

  test('not what fires on and is only routed elsewhere, or under another name of ours', async () => {
    const am = new Shows('http://a')
    const { poll } = reconciler([am])
    await deliver('Ours')
    am.list = [seen('Ours', { receivers: ['oncall'] })]
    for (let i = 0; i < 4; i++) expect(await poll()).toMatchObject({ gone: 0, doubt: null })
    expect(await firing()).toEqual(['Ours'])
  })

  test('not what is silenced', async () => {
    const am = new Shows('http://a')
    const { poll } = reconciler([am])
    await deliver('Ours')
    am.list = [seen('Ours', { state: 'suppressed' })]
    for (let i = 0; i < 4; i++) expect(await poll()).toMatchObject({ gone: 0, adopted: 0 })
  })

  test('nothing while everything is away, and no memory of before counts afterwards', async () => {
    const [a, b] = [new Shows('http://a'), new Shows('http://b')]
    const { poll } = reconciler([a, b])
    await deliver('Ours')
    await poll()
    a.alive = false
    b.alive = false
    expect(await poll()).toMatchObject({ gone: 0, doubt: 'http://a does not answer; http://b does not answer' })
    a.alive = true
    b.alive = true
    b.watchdog = false
    expect(await poll()).toMatchObject({ gone: 0, doubt: 'http://b has no Watchdog' })
    b.watchdog = true
    expect(await poll()).toMatchObject({ gone: 0, doubt: null })
    expect(await poll()).toMatchObject({ gone: 1 })
  })

  test('two instances that do the same do it once', async () => {
    const am = new Shows('http://a')
    const [one, other] = [reconciler([am]), reconciler([am])]
    await deliver('Ours')
    am.list = [seen('New')]
    const all = [await one.poll(), await other.poll(), await one.poll(), await other.poll()]
    expect(all.map(({ gone }) => gone)).toEqual([0, 0, 1, 0])
    expect(all.map(({ adopted }) => adopted)).toEqual([1, 0, 0, 0])
  })
})

test('a fetch in between takes young alerts too, and is no poll', async () => {
  const am = new Shows('http://a')
  const { reconcile, poll } = reconciler([am])
  await deliver('Ours')
  await poll()
  am.list = [seen('Young', { startsAt: now })]
  now += 1_000
  await reconcile.poll('a delivery was truncated', false)
  expect(await firing()).toEqual(['Ours', 'Young'])
})

test('without Alertmanagers nothing is asked and nothing marked', async () => {
  const { reconcile } = reconciler([])
  await deliver('Ours')
  expect(reconcile.status()).toEqual({ lastPoll: null, lastSureAt: null })
  expect(await firing()).toEqual(['Ours'])
})

test('50,000 alerts that are known cost one pass and change nothing', async () => {
  const am = new Shows('http://a')
  const { poll } = reconciler([am])
  am.list = Array.from({ length: 50_000 }, (_, index) => seen(`A${index}`))
  for (let i = 0; i < 5; i++) expect(await poll()).toMatchObject({ adopted: 10_000, gone: 0 })
  const began = performance.now()
  expect(await poll()).toMatchObject({ adopted: 0, gone: 0 })
  expect(performance.now() - began).toBeLessThan(5_000)
}, 60_000)
