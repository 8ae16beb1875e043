import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../../test/support/cluster-view.ts'
import { brokerTarget, clusterOf } from '../../test/support/look.ts'
import { planOf } from '../../test/support/plan.ts'
import type { Clock } from '../clock.ts'
import type { Cluster } from '../inventory/inventory.ts'
import type { ClusterView } from '../kafka/view.ts'
import { alert, fire } from '../store/conformance/fixtures.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store, StormChange } from '../store/store.ts'
import { Wake } from './wake.ts'
import { runWatch, type Watched } from './watch.ts'
import type { World } from './world.ts'

const MINUTE = 60_000
const T0 = 1_800_000_000_000

let store: Store
let now = T0
beforeEach(async () => {
  now = T0
  store = await openSqliteStore({ path: ':memory:' })
})
afterEach(() => store.close())

const orders = clusterOf([1, 2, 3, 4].map((id) => brokerTarget(id)))
const well: Partial<ClusterView> = {
  clusterId: orders.clusterId,
  brokers: [1, 2, 3, 4].map((id) => brokerSeen(id)),
  rights: ['DESCRIBE', 'DESCRIBE_CONFIGS'],
}
const deadBrokers = (...dead: number[]): Partial<ClusterView> => ({
  ...well,
  brokers: [1, 2, 3, 4].map((id) => brokerSeen(id, dead.includes(id) ? { liveness: liveness('refused') } : {})),
})

/** Watches for `minutes`; `see` is what a look shows at a minute after T0. Time passes only while it sleeps. */
async function watch(
  minutes: number,
  see: (minute: number, cluster: string) => Partial<ClusterView>,
  clusters: (minute: number) => readonly Cluster[] = () => [orders],
  /** Incidents that open there, in the order of time. */
  opens: [minute: number, cluster: string][] = [],
) {
  const stopping = new AbortController()
  const wanted = new Set<string>()
  const looks: { minute: number; cluster: string }[] = []
  const watched: Watched[] = []
  const names: string[][] = []
  const storms: StormChange[] = []
  const lines: { msg: string; drift?: readonly string[] }[] = []
  const minute = () => (now - T0) / MINUTE
  const clock: Clock = {
    now: () => now,
    monotonic: () => now - T0,
    async sleep(ms) {
      now += Math.max(1, ms)
      for (const one of opens.splice(0, opens.filter(([at]) => minute() >= at).length)) wanted.add(one[1])
      if (minute() > minutes) stopping.abort()
    },
  }
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const world = () => {
    const kafka = {
      async view({ name }: Cluster) {
        looks.push({ minute: minute(), cluster: name })
        return clusterView({ cluster: name, at: now, ...see(minute(), name) })
      },
    }
    const inventory = { clusters: new Map(clusters(minute()).map((one) => [one.name, one])), targets: new Map() }
    return { kafka, inventory } as unknown as World
  }
  await runWatch({
    store,
    wanted,
    wake: new Wake(),
    clock,
    log,
    signal: stopping.signal,
    onFailure: () => undefined,
    world,
    onClusters: (all) => names.push([...all]),
    onWatched: (one) => watched.push(one),
    onMoved: () => undefined,
    onStorm: (_, change) => storms.push(change),
  })
  const gaps = looks.slice(1).map((one, index) => one.minute - (looks[index]?.minute ?? 0))
  return { looks, gaps, watched, names, storms, lines }
}

describe('the watch in peace', () => {
  test('S-5.5 looks at the start and every five minutes, never quite at the same distance', async () => {
    const { looks, gaps, watched } = await watch(31, () => well)
    expect(looks[0]?.minute).toBe(0)
    expect(looks.length).toBeGreaterThanOrEqual(6)
    for (const gap of gaps) {
      expect(gap).toBeGreaterThanOrEqual(4.5)
      expect(gap).toBeLessThanOrEqual(5.5)
    }
    expect(new Set(gaps).size).toBeGreaterThan(1)
    expect(watched[0]).toEqual({
      cluster: 'orders',
      complete: true,
      drift: 0,
      missingRights: 0,
      unreachableControllers: 0,
    })
  })

  test('S-5.5 a cluster that a reload brings is looked at soon, one that it takes away no more', async () => {
    const payments = { ...orders, name: 'payments' }
    const { looks, names } = await watch(
      12,
      () => well,
      (minute) => (minute < 2 ? [orders] : minute < 7 ? [orders, payments] : [payments]),
    )
    const first = looks.find(({ cluster }) => cluster === 'payments')?.minute ?? Number.NaN
    expect(first).toBeGreaterThanOrEqual(2)
    expect(first).toBeLessThan(2.5)
    expect(looks.filter(({ cluster, minute }) => cluster === 'orders' && minute >= 7)).toEqual([])
    expect(names.at(-1)).toEqual(['payments'])
  })

  test('S-5.9 an incident that opens brings a look at once, many bring no more than one in five seconds', async () => {
    const opens = Array.from({ length: 12 }, (_, index): [number, string] => [2 + index / 60, 'orders'])
    const { looks } = await watch(4, () => well, undefined, [...opens, [3, 'unknown']])
    const after = looks.filter(({ minute }) => minute > 0).map(({ minute }) => minute)
    expect(after[0]).toBeGreaterThanOrEqual(2)
    expect(after[0]).toBeLessThan(2.5)
    expect(after.length).toBeGreaterThanOrEqual(1)
    expect(after.length).toBeLessThanOrEqual(4)
    after
      .slice(1)
      .forEach((minute, index) => expect(minute - (after[index] ?? 0)).toBeGreaterThanOrEqual(5 / 60 - 1e-9))
  })

  test('S-6.1 what is open in a cluster with a partition offline is told soon, whatever it waits for', async () => {
    const plan = planOf({ afterMs: 60 * MINUTE })
    const subject = { kind: 'broker', key: 'orders/broker/1', cluster: 'orders', target: 'orders/broker/1' } as const
    const { incident } = await fire(store, alert('A'), { plan, subject }, T0)
    await watch(1, () => ({ ...well, partitions: [partitionSeen({ leader: -1, isr: [] })] }))
    const timers = (await store.incidentView(incident.id))?.timers
    expect(timers).toContainEqual({ incident: incident.id, kind: 'tellBy', dueAt: T0 + 2 * MINUTE })
  })

  test('S-5.9 in a storm it looks each minute, and so sees its end', async () => {
    const { looks, storms } = await watch(40, (minute) => (minute < 12 ? deadBrokers(1, 2) : well))
    expect(storms[0]).toBe('began')
    expect(storms.at(-1)).toBe('ended')
    expect(looks.filter(({ minute }) => minute > 0 && minute < 10).length).toBeGreaterThanOrEqual(8)
    const over = (await store.dueNotices(now, 10)).map(({ kind, createdAt }) => [kind, (createdAt - T0) / MINUTE])
    expect(over).toEqual([
      ['storm', 0],
      ['stormOver', expect.closeTo(23, 0)],
    ])
  })

  test('S-5.9 where nothing answers it is asked again each minute, and that alone is no storm', async () => {
    const nothing = {
      ...well,
      brokers: [1, 2, 3, 4].map((id) => brokerSeen(id, { liveness: liveness('unreachable') })),
    }
    const { looks, watched } = await watch(5, () => ({
      ...nothing,
      quorum: { kind: 'unknown', reason: 'x', controllers: [] },
    }))
    expect(looks.length).toBeGreaterThanOrEqual(4)
    expect(watched[0]?.complete).toBe(false)
    expect(await store.storms()).toEqual([])
  })

  test('S-2.6 what serves is remembered, without forgetting which process it was', async () => {
    await store.rememberServing('orders/broker/1', T0 - MINUTE, 'abc')
    await watch(1, () => deadBrokers(2))
    const memory = (id: number) => store.memory(`orders/broker/${id}`, 'orders', now)
    expect(await memory(1)).toMatchObject({ servingAt: T0, servingInvocation: 'abc' })
    expect((await memory(2)).servingAt).toBeNull()
  })

  test('S-5.5 complete views become what later ones are compared with, others do not', async () => {
    await watch(1, () => ({ ...well, topics: 7, rights: [] }))
    expect((await store.memory('orders/broker/1', 'orders', now)).baseline).toBeNull()
    now = T0
    await watch(1, () => ({ ...well, topics: 7 }))
    expect((await store.memory('orders/broker/1', 'orders', now)).baseline).toMatchObject({ at: T0, topics: 7 })
  })

  test('S-5.5 drift, missing rights and silent controllers are counted; drift is logged once per change', async () => {
    const stranger = { brokers: [...(well.brokers ?? []), brokerSeen(9, { target: null })] }
    const silent = { address: { host: 'c', port: 1 }, says: 'silent', reason: 'refused' } as const
    const { watched, lines } = await watch(31, (minute) => ({
      ...well,
      ...(minute < 16 && stranger),
      rights: [],
      quorum: { kind: 'kraft', leader: 1, voters: [{ id: 1, caughtUp: true, lagMs: 0 }], controllers: [silent] },
    }))
    expect(watched[0]).toMatchObject({ drift: 1, missingRights: 2, unreachableControllers: 1 })
    expect(lines.map(({ msg }) => msg)).toEqual(['inventory and cluster disagree', 'inventory and cluster agree again'])
    expect(lines[0]?.drift?.[0]).toContain('broker 9')
  })

  test('a look that breaks does not end the watch', async () => {
    const { looks, lines } = await watch(11, (minute) => {
      if (minute < 1) throw new Error('a defect')
      return well
    })
    expect(looks.length).toBeGreaterThanOrEqual(2)
    expect(lines[0]?.msg).toBe('a cluster could not be looked at, will try again')
  })
})
