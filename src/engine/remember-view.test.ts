import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../../test/support/cluster-view.ts'
import type { ClusterView } from '../kafka/view.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { rememberView } from './remember-view.ts'

const T0 = 1_800_000_000_000
let store: Store
beforeEach(async () => {
  store = await openSqliteStore({ path: ':memory:' })
})
afterEach(() => store.close())

const memory = (id: number, now: number) => store.memory(`orders/broker/${id}`, 'orders', now)
/** One look: read what is known, look, keep what was seen. */
const look = async (at: number, change: Partial<ClusterView> = {}, target: number | null = null) => {
  const { baseline } = await memory(1, at)
  await rememberView(store, clusterView({ at, ...change }), target, baseline)
}
const small = { topics: 0.5 * 10, partitions: [partitionSeen()] }
const large = { topics: 10, partitions: Array.from({ length: 10 }, (_, n) => partitionSeen({ partition: n })) }

describe('S-5.5 the baseline', () => {
  test('is the last complete view', async () => {
    await look(T0, large)
    expect((await memory(1, T0)).baseline).toEqual({ at: T0, topics: 10, partitions: 10 })
  })

  test.each<[string, Partial<ClusterView>]>([
    ['a part was not read', { problems: [{ part: 'fencing', reason: 'x' }] }],
    ['our rights are gone', { rights: [] }],
    ['it shows nothing at all', { topics: 0, partitions: [] }],
    ['a broker could not be told', { brokers: [brokerSeen(1, { liveness: liveness('closed') }), brokerSeen(2)] }],
  ])('is not a view in which %s', async (_, change) => {
    await look(T0, change)
    expect((await memory(1, T0)).baseline).toBeNull()
  })

  test('may lack the target of the incident', async () => {
    await look(T0, { brokers: [brokerSeen(1, { liveness: liveness('closed') }), brokerSeen(2)] }, 1)
    expect((await memory(1, T0)).baseline).not.toBeNull()
  })

  test('what vanished becomes it when a look half a minute later finds the same', async () => {
    await look(T0, large)
    await look(T0 + 60_000, small)
    await look(T0 + 65_000, small)
    expect((await memory(1, T0 + 65_000)).baseline).toMatchObject({ topics: 10 })
    expect((await memory(1, T0 + 90_000)).baseline).toMatchObject({ topics: 5 })
    await look(T0 + 91_000, small)
    expect((await memory(1, T0 + 91_000)).baseline).toEqual({ at: T0 + 91_000, topics: 5, partitions: 1 })
  })
})

describe('S-5.4 who is out of sync', () => {
  test('lacks in a live ISR, is fenced, or is not listed', async () => {
    await look(T0, {
      brokers: [brokerSeen(1), brokerSeen(2), brokerSeen(3, { listed: false, fenced: true })],
      partitions: [partitionSeen({ isr: [1, 3] })],
    })
    expect((await memory(1, T0)).outOfSyncSince).toBeNull()
    expect((await memory(2, T0)).outOfSyncSince).toBe(T0)
    expect((await memory(3, T0)).outOfSyncSince).toBe(T0)
    expect((await memory(1, T0)).inSyncAt).toBe(T0)
  })

  test('not whom a reassignment is only bringing in, nor whoever waits for a leader', async () => {
    await look(T0, {
      partitions: [partitionSeen({ isr: [1, 2] }), partitionSeen({ partition: 1, leader: -1, isr: [] })],
      reassignments: [{ topic: 'orders', partition: 0, replicas: [1, 2, 3], adding: [3], removing: [] }],
    })
    expect((await memory(3, T0)).outOfSyncSince).toBeNull()
  })

  test('a view that lost much tells nobody to be back in sync', async () => {
    await look(T0, { ...large, partitions: large.partitions.map((one) => ({ ...one, isr: [1, 3] })) })
    await look(T0 + 60_000, small)
    expect((await memory(2, T0 + 60_000)).outOfSyncSince).toBe(T0)
  })
})
