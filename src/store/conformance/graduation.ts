import { describe, expect, test } from 'vitest'
import { killedUnit } from '../../../test/support/look.ts'
import type { Opening, Store, TrackPage } from '../store.ts'
import {
  alert,
  broker,
  drain,
  fire,
  fireTimers,
  HOUR,
  incident,
  look,
  MINUTE,
  pass,
  passGuards,
  plan,
  receive,
  refuse,
  resolved,
  runAttempt,
  SECOND,
  schedule,
  see,
  T0,
} from './fixtures.ts'

/** What incidents say of their rules (graduation). */
export function graduationConformance(fresh: () => Promise<Store>): void {
  const DAY = 24 * HOUR
  const opening = (id: number, mode: 'inform' | 'approve' | 'act', rule = 'broker-down'): Opening => ({
    plan: plan({ mode, rule }),
    subject: broker(id),
  })
  const unit = killedUnit({ invocationId: 'first', at: T0 })

  async function records(store: Store, filter: { since?: number; rule?: string } = {}): Promise<TrackPage> {
    return store.trackRecords({ since: filter.since ?? 0, rule: filter.rule ?? null, before: null, limit: 1_000 })
  }

  /** Opens an incident in mode inform and answers for its guards. */
  async function inform(store: Store, id: number, decision: typeof pass, now: number): Promise<void> {
    const one = opening(id, 'inform')
    await fire(store, alert('Down', { labels: { id: String(id) } }), one, now)
    await fireTimers(store, now + one.plan.afterMs)
    for (;;) {
      const task = await store.claimLook('me', now, 30 * SECOND)
      if (!task) return
      if (task.kind === 'guards') await store.guardsEvaluated(task, decision, [], unit, now + MINUTE)
    }
  }

  async function clear(store: Store, id: number, invocation: string, now: number): Promise<void> {
    await receive(store, [resolved(alert('Down', { labels: { id: String(id) } }), { endsAt: now })], now)
    await drain(store, [], now)
    await see(store, look({ invocation }), now)
  }

  describe('graduation', () => {
    test('S-3.3 what it would have done in mode inform, and who healed it, is counted by rule and cluster', async () => {
      const store = await fresh()
      for (const id of [1, 2, 3]) await inform(store, id, pass, T0 + id)
      await inform(store, 4, refuse, T0)
      for (const id of [1, 2]) await clear(store, id, 'second', T0 + HOUR)
      const { groups, heals, next } = await records(store)
      const informed = { mode: 'inform', outcome: 'informed', attempts: 0 }
      expect(groups).toHaveLength(3)
      expect(groups).toEqual(
        expect.arrayContaining(
          [
            { incidents: 2, oldestAt: T0 + 1, facts: { ...informed, would: 'act', healer: 'sameRemedy' } },
            { incidents: 1, oldestAt: T0 + 3, facts: { ...informed, would: 'act', healer: null } },
            { incidents: 1, oldestAt: T0, facts: { ...informed, would: 'refuse', refusedBy: ['availability'] } },
          ].map(({ facts, ...group }) =>
            expect.objectContaining({
              ...group,
              rule: 'broker-down',
              cluster: 'orders',
              facts: expect.objectContaining(facts),
            }),
          ),
        ),
      )
      expect({ heals, next }).toEqual({ heals: [], next: null })
    })

    test('a heal is timed from the opening and from the first attempt, once it has lasted', async () => {
      const store = await fresh()
      const id = await runAttempt(store, opening(1, 'act'), T0)
      await see(store, look(), T0 + 2 * MINUTE)
      expect((await records(store)).heals).toEqual([])
      const labels = { subject: 'orders/broker/1', rule: 'broker-down' }
      await receive(store, [resolved(alert('BrokerDown', { labels }))], T0 + 3 * MINUTE)
      await drain(store, [], T0 + 3 * MINUTE)
      await store.apply(id, { type: 'timerDue', timer: 'probationEnd' }, T0 + HOUR)
      await see(store, look(), T0 + HOUR)
      expect(await incident(store, id)).toMatchObject({ state: 'closed', outcome: 'healed' })
      const { groups, heals } = await records(store)
      expect(heals).toEqual([
        { rule: 'broker-down', cluster: 'orders', fromOpeningMs: 2 * MINUTE, fromAttemptMs: MINUTE },
      ])
      expect(groups).toMatchObject([{ incidents: 1, facts: { mode: 'act', attempts: 1, healer: 'us', failed: false } }])
    })

    test('what people decide is kept with the incident in the same unit', async () => {
      const store = await fresh()
      const asked = await schedule(store, opening(1, 'act'), T0)
      await store.apply(asked, { type: 'takenOver', by: 'jane' }, T0 + MINUTE)
      expect((await records(store)).groups).toMatchObject([{ facts: { overridden: ['takenOver'], outcome: null } }])
      const other = (await fire(store, alert('Other'), opening(2, 'approve'), T0)).incident
      await fireTimers(store, T0 + 30 * SECOND)
      await passGuards(store, T0 + 30 * SECOND)
      await store.apply(other.id, { type: 'approved', by: 'jane', request: 1 }, T0 + MINUTE)
      expect((await records(store)).groups).toContainEqual(
        expect.objectContaining({ facts: expect.objectContaining({ mode: 'approve', approval: 'given' }) }),
      )
    })

    test('S-5.2 a refusal within the claim counts as one', async () => {
      const store = await fresh()
      await schedule(store, opening(1, 'act'), T0)
      await store.claimAttempt('me', T0 + MINUTE, MINUTE, () => ({
        decision: { ...refuse, guard: 'budget' },
        results: [],
      }))
      expect((await records(store)).groups).toMatchObject([{ facts: { refusedBy: ['budget'], attempts: 0 } }])
    })

    test('only what opened since then is counted, and only of the rule that is asked for', async () => {
      const store = await fresh()
      const at = [T0, T0 + 10 * DAY, T0 + 20 * DAY]
      for (const [index, now] of at.entries()) await fire(store, alert(`A${index}`), opening(index, 'act'), now)
      await fire(store, alert('B'), opening(1, 'act', 'other'), T0 + 20 * DAY)
      const count = async (filter: { since?: number; rule?: string }) =>
        (await records(store, filter)).groups.reduce((sum, { incidents }) => sum + incidents, 0)
      expect(await count({})).toBe(4)
      expect(await count({ since: T0 + 10 * DAY })).toBe(3)
      expect(await count({ since: T0 + 10 * DAY + 1 })).toBe(2)
      expect(await count({ since: T0 + 20 * DAY, rule: 'other' })).toBe(1)
      expect(await count({ since: T0 + 30 * DAY })).toBe(0)
    })

    test('alerts are counted beside incidents', async () => {
      const store = await fresh()
      await fire(store, alert('A'), opening(1, 'act'), T0)
      await receive(store, [alert('A'), alert('B')], T0)
      await drain(store, [opening(1, 'act')], T0)
      expect((await records(store)).groups).toMatchObject([{ incidents: 1, alerts: 2 }])
    })

    test('a page goes on where the one before ended', async () => {
      const store = await fresh()
      for (const id of [1, 2, 3, 4, 5]) await fire(store, alert(`A${id}`), opening(id, 'act'), T0 + id)
      const pages: TrackPage[] = []
      let before: number | null = null
      do {
        const page: TrackPage = await store.trackRecords({ since: 0, rule: null, before, limit: 2 })
        pages.push(page)
        before = page.next
      } while (before !== null)
      expect(pages.map(({ groups }) => groups[0])).toMatchObject([
        { incidents: 2, oldestAt: T0 + 4 },
        { incidents: 2, oldestAt: T0 + 2 },
        { incidents: 1, oldestAt: T0 + 1 },
      ])
      expect(await store.trackRecords({ since: 0, rule: null, before: 1, limit: 2 })).toEqual({
        groups: [],
        heals: [],
        next: null,
      })
    })

    test('it is forgotten with its incident', async () => {
      const store = await fresh()
      await inform(store, 1, pass, T0)
      await clear(store, 1, 'second', T0 + HOUR)
      await fire(store, alert('Open'), opening(2, 'act'), T0)
      await store.enqueueMails(
        (await store.dueEscalations(T0 + 10 * DAY, 10)).map(({ id }) => id),
        [],
        T0 + 10 * DAY,
      )
      while ((await store.prune(T0 + 40 * DAY, null, 100)) > 0);
      expect((await records(store)).groups).toMatchObject([{ incidents: 1, facts: { mode: 'act' } }])
    })
  })
}
