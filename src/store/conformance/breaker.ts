import { describe, expect, test } from 'vitest'
import type { Plan } from '../../incident/plan.ts'
import { PASSED as passed } from '../../incident/summary.ts'
import type { ClaimedAttempt, Opening, Store } from '../store.ts'
import {
  alert,
  broker,
  claim,
  drain,
  fire,
  HOUR,
  incident,
  look,
  MINUTE,
  ok,
  plan,
  receive,
  resolved,
  SECOND,
  seeOf,
  T0,
} from './fixtures.ts'

/** Rules that failed too often (S-5.11). */
export function breakerConformance(fresh: () => Promise<Store>): void {
  const DAY = 24 * HOUR
  const once: Partial<Plan> = { attempts: { ...plan().attempts, max: 1 } }
  const opening = (id: number, over: Partial<Plan> = {}, cluster = 'orders'): Opening => ({
    plan: plan({ ...once, ...over }),
    subject: broker(id, cluster),
  })
  const dead = { verdict: 'broken', conclusive: true, symptom: true, reason: 'the unit has failed' } as const
  const jitter = () => 0

  /** The guards of one incident pass. */
  async function guardsPass(store: Store, id: number, now: number): Promise<void> {
    await store.apply(id, { type: 'timerDue', timer: 'act' }, now)
    for (let task = await store.claimLook('me', now, SECOND); task; task = await store.claimLook('me', now, SECOND)) {
      if (task.kind === 'guards' && task.incident.id === id) await store.guardsEvaluated(task, passed, [], null, now)
    }
  }

  async function begin(store: Store, one: Opening, now: number): Promise<ClaimedAttempt> {
    const labels = { subject: one.subject.key, rule: one.plan.rule }
    const { incident: opened } = await fire(store, alert('Down', { labels }), one, now)
    await guardsPass(store, opened.id, now)
    return claim(store, now)
  }

  async function failing(store: Store, attempt: ClaimedAttempt, now: number, changed = true): Promise<number> {
    const { id } = attempt.incident
    await store.startStep(attempt, 1, now)
    await store.finishStep(attempt, 1, ok, now)
    await store.finishAttempt(attempt, { outcome: 'succeeded', reason: 'ok', changed }, now)
    await seeOf(store, id, look(dead), now + 5 * SECOND)
    expect(await incident(store, id)).toMatchObject({ state: 'escalated', reason: 'exhausted' })
    return id
  }

  /** One attempt that does not heal, and no other one: `exhausted`. */
  async function fail(store: Store, one: Opening, now: number): Promise<number> {
    return failing(store, await begin(store, one, now), now)
  }
  const told = async (store: Store) =>
    (await store.dueNotices(T0 + 10 * DAY, 10)).filter(({ kind }) => kind === 'demotion')

  describe('breaker', () => {
    test('S-5.11 three failing targets of a rule in a cluster demote it there, once, with one mail', async () => {
      const store = await fresh()
      const running: ClaimedAttempt[] = []
      for (const id of [1, 2, 3, 4, 5]) running.push(await begin(store, opening(id), T0 + id * MINUTE))
      for (const attempt of running.slice(0, 2)) await failing(store, attempt, T0 + HOUR)
      expect(await store.demotions()).toEqual([])
      for (const attempt of running.slice(2)) await failing(store, attempt, T0 + HOUR)
      expect(await store.demotions()).toMatchObject([
        { rule: 'broker-down', cluster: 'orders', target: null, reason: '3 targets failed in 24 h' },
      ])
      const notices = await told(store)
      expect(notices).toMatchObject([
        { document: { subject: '[orders] broker-down only informs now: 3 targets failed in 24 h' } },
      ])
      expect(JSON.stringify(notices[0]?.document)).toContain('\\"scope\\": \\"rule:broker-down\\"')
      expect((await store.gauges(T0 + DAY)).demotions).toBe(1)
    })

    test('S-5.11 an incident counts once, however often it comes back from looking or falls again', async () => {
      const store = await fresh()
      const id = await fail(store, opening(1), T0)
      await fail(store, opening(2), T0)
      for (let hour = 1; hour <= 4; hour++) {
        await store.apply(id, { type: 'timerDue', timer: 'verifyPoll' }, T0 + hour * HOUR)
        await seeOf(store, id, look(dead), T0 + hour * HOUR)
        await store.apply(id, { type: 'retryRequested', by: 'jane' }, T0 + hour * HOUR)
        await store.apply(id, { type: 'timerDue', timer: 'giveUp' }, T0 + hour * HOUR)
      }
      expect(await store.demotions()).toEqual([])
    })

    test('S-5.11 other rules, other clusters and what lies more than a day back are not counted together', async () => {
      const store = await fresh()
      await fail(store, opening(1), T0)
      await fail(store, opening(2), T0)
      await fail(store, opening(3, { rule: 'other' }), T0)
      await fail(store, opening(3, {}, 'logs'), T0)
      await fail(store, opening(4), T0 + DAY + HOUR)
      expect(await store.demotions()).toEqual([])
    })

    test('S-5.11 one target that fails in three incidents is demoted alone', async () => {
      const store = await fresh()
      for (let n = 0; n < 3; n++) {
        const now = T0 + n * HOUR
        const id = n === 0 ? await fail(store, opening(1), now) : await failAgain(store, now, `A${n}`)
        await store.apply(id, { type: 'cancelled', by: 'jane', reason: 'done', frees: true }, now + 30 * MINUTE)
      }
      expect(await store.demotions()).toMatchObject([
        { target: 'orders/broker/1', reason: '3 incidents failed on it in 24 h' },
      ])
      const facts = async (id: number) => {
        const opened = (await fire(store, alert(`B${id}`), opening(id), T0 + 4 * HOUR)).incident
        return {
          mode: opened.plan.mode,
          demotion: (await store.ownFacts(opened.id, `orders/broker/${id}`, 'orders', T0)).demotion,
        }
      }
      // What it would do is what it would do if it were let.
      expect(await facts(1)).toEqual({ mode: 'inform', demotion: null })
      expect(await facts(2)).toEqual({ mode: 'act', demotion: null })
      expect(await store.resumeScope('target:orders/broker/1', 'jane', T0 + 5 * HOUR)).toMatchObject({
        demotions: [{ target: 'orders/broker/1' }],
      })
    })

    /** The target's attempts are spent, so the next incident on it is exhausted at once. */
    async function failAgain(store: Store, now: number, name: string, id = 1): Promise<number> {
      const { incident: opened } = await fire(store, alert(name), opening(id), now)
      await guardsPass(store, opened.id, now)
      expect(await incident(store, opened.id)).toMatchObject({ state: 'escalated', reason: 'exhausted' })
      return opened.id
    }

    test('S-5.11 new incidents only inform, open ones are restricted, those that wait for a person stay', async () => {
      const store = await fresh()
      const open = (await fire(store, alert('Open'), opening(5), T0)).incident.id
      const running = (await begin(store, opening(6), T0)).incident.id
      const failed: number[] = []
      for (const id of [1, 2, 3]) failed.push(await fail(store, opening(id), T0 + id * HOUR))
      const held = await store.ownFacts(open, 'orders/broker/5', 'orders', T0 + 3 * HOUR)
      expect(held.demotion).toMatchObject({ reason: '3 targets failed in 24 h' })
      expect(await store.nextDueAt()).toBe(0)
      const { moved } = await store.fireDue(T0 + 3 * HOUR, jitter, 1)
      expect(moved.filter(({ event }) => event.type === 'restricted').map((one) => one.incident.id)).toEqual([
        open,
        running,
      ])
      expect((await incident(store, open)).plan.mode).toBe('inform')
      for (const id of failed)
        expect(await incident(store, id)).toMatchObject({ state: 'escalated', plan: { mode: 'act' } })
      expect((await fire(store, alert('New'), opening(7), T0 + 4 * HOUR)).incident.plan.mode).toBe('inform')
      expect((await fire(store, alert('Other'), opening(8, { rule: 'other' }), T0 + 4 * HOUR)).incident.plan.mode).toBe(
        'act',
      )
      const again = await store.fireDue(T0 + 5 * HOUR, jitter, 1)
      expect(again.moved.filter(({ event }) => event.type === 'restricted')).toEqual([])
    })

    test('S-5.11 a person who resumes the rule or the cluster lifts it, and what failed before counts no more', async () => {
      const store = await fresh()
      for (const id of [1, 2, 3]) await fail(store, opening(id), T0 + id * HOUR)
      expect(await store.resumeScope('rule:other', 'jane', T0 + 4 * HOUR)).toEqual({ demotions: [], starts: false })
      expect(await store.resumeScope('rule:broker-down', 'jane', T0 + 4 * HOUR)).toMatchObject({
        demotions: [{ rule: 'broker-down' }],
      })
      expect(await store.demotions()).toEqual([])
      for (const id of [4, 5]) await fail(store, opening(id), T0 + id * HOUR)
      expect(await store.demotions()).toEqual([])
      expect((await fire(store, alert('New'), opening(9), T0 + 6 * HOUR)).incident.plan.mode).toBe('act')
      await fail(store, opening(6), T0 + 7 * HOUR)
      expect(await store.demotions()).toHaveLength(1)
      expect(await told(store)).toHaveLength(2)
      expect((await store.resumeScope('cluster:orders', 'jane', T0 + 8 * HOUR)).demotions).toHaveLength(1)
    })

    test('S-5.11 a person who takes over is no failure, and neither is what recovers', async () => {
      const store = await fresh()
      for (const id of [1, 2, 3, 4]) {
        const one = alert('A', { labels: { id: String(id) } })
        const { incident: opened } = await fire(store, one, opening(id), T0)
        await store.apply(opened.id, { type: 'takenOver', by: 'jane' }, T0)
        await receive(store, [resolved(one)], T0)
        await drain(store, [], T0)
      }
      expect(await store.demotions()).toEqual([])
    })

    /** Healed by an attempt and watched to the end, with nothing that fires any more. */
    async function heal(store: Store, one: Opening, now: number): Promise<void> {
      const attempt = await begin(store, one, now)
      const { id } = attempt.incident
      await store.startStep(attempt, 1, now)
      await store.finishStep(attempt, 1, ok, now)
      await store.finishAttempt(attempt, { outcome: 'succeeded', reason: 'ok', changed: true }, now)
      await seeOf(store, id, look(), now + SECOND)
      await receive(
        store,
        [resolved(alert('Down', { labels: { subject: one.subject.key, rule: one.plan.rule } }))],
        now,
      )
      await drain(store, [], now)
      await store.apply(id, { type: 'timerDue', timer: 'probationEnd' }, now + HOUR)
      await seeOf(store, id, look(), now + HOUR)
      expect(await incident(store, id)).toMatchObject({ state: 'closed', outcome: 'healed' })
    }

    test('S-5.11 a rule that mostly fails within a week is demoted in that cluster, once, with one mail', async () => {
      const store = await fresh()
      await heal(store, opening(9), T0)
      await fail(store, opening(1), T0 + 2 * DAY)
      await fail(store, opening(2), T0 + 4 * DAY)
      expect(await store.demotions()).toEqual([])
      await fail(store, opening(11, { rule: 'other' }), T0 + 5 * DAY)
      await fail(store, opening(3, {}, 'logs'), T0 + 5 * DAY)
      const running = await begin(store, opening(5), T0 + 6 * DAY)
      await fail(store, opening(4), T0 + 6 * DAY)
      expect(await store.demotions()).toMatchObject([
        { rule: 'broker-down', cluster: 'orders', target: null, reason: '3 of 4 incidents failed in 7 d' },
      ])
      const [notice, ...more] = await told(store)
      expect(more).toEqual([])
      expect(notice?.document.subject).toBe('[orders] broker-down only informs now: 3 of 4 incidents failed in 7 d')
      for (const id of [1, 2, 4]) expect(JSON.stringify(notice?.document)).toContain(`on orders/broker/${id}`)
      await failing(store, running, T0 + 6 * DAY)
      expect(await told(store)).toHaveLength(1)
      expect((await fire(store, alert('New'), opening(7), T0 + 7 * DAY)).incident.plan.mode).toBe('inform')
    })

    test('S-5.11 half of them, or what lies more than a week back, does not demote', async () => {
      const store = await fresh()
      for (const id of [1, 2]) await fail(store, opening(id), T0 + id * 2 * DAY)
      for (const id of [3, 4]) await heal(store, opening(id), T0 + id * 2 * DAY)
      await fail(store, opening(5), T0 + 9 * DAY + HOUR)
      await fail(store, opening(6), T0 + 11 * DAY + 2 * HOUR)
      expect(await store.demotions()).toEqual([])
    })

    test('S-5.11 incidents in which nothing was changed do not count within the week', async () => {
      const store = await fresh()
      await heal(store, opening(9), T0)
      await fail(store, opening(1), T0 + 2 * DAY)
      const second = await fail(store, opening(2), T0 + 4 * DAY)
      await failing(store, await begin(store, opening(3), T0 + 5 * DAY), T0 + 5 * DAY, false)
      await store.apply(second, { type: 'cancelled', by: 'jane', reason: 'done', frees: true }, T0 + 5 * DAY)
      await failAgain(store, T0 + 6 * DAY + HOUR, 'A', 2)
      expect(await store.demotions()).toEqual([])
      await fail(store, opening(4), T0 + 6 * DAY + 20 * HOUR)
      expect(await store.demotions()).toMatchObject([{ reason: '3 of 4 incidents failed in 7 d' }])
    })

    test('S-5.11 where a single target fails week by week, it is demoted alone', async () => {
      const store = await fresh()
      const first = await fail(store, opening(1), T0)
      await store.apply(first, { type: 'cancelled', by: 'jane', reason: 'done', frees: true }, T0 + HOUR)
      for (const day of [1, 2, 3]) {
        const now = T0 + day * 2 * DAY
        const id = await failAnew(store, opening(1), now, `A${day}`)
        await store.apply(id, { type: 'cancelled', by: 'jane', reason: 'done', frees: true }, now + HOUR)
      }
      expect(await store.demotions()).toMatchObject([
        { target: 'orders/broker/1', reason: '4 of 4 incidents on it failed in 7 d' },
      ])
    })

    /** With one attempt more than was spent on the target before. */
    async function failAnew(store: Store, one: Opening, now: number, name: string): Promise<number> {
      const { attempts } = await store.targetHistory(one.subject.key, now)
      const more = { ...one.plan, attempts: { ...one.plan.attempts, max: attempts + 1 } }
      const { incident: opened } = await fire(store, alert(name), { ...one, plan: more }, now)
      await guardsPass(store, opened.id, now)
      return failing(store, await claim(store, now), now)
    }

    test('S-5.11 after a person resumed it, neither failures nor heals of before count', async () => {
      const store = await fresh()
      await heal(store, opening(9), T0 + 2 * DAY)
      for (const id of [1, 2, 3]) await fail(store, opening(id), T0 + id * 2 * DAY - HOUR)
      expect(await store.demotions()).toHaveLength(1)
      await store.resumeScope('rule:broker-down', 'jane', T0 + 6 * DAY)
      const after = T0 + 6 * DAY + HOUR
      await heal(store, opening(8), after)
      for (const id of [4, 5]) await fail(store, opening(id), after + id * MINUTE)
      expect(await store.demotions()).toEqual([])
      await fail(store, opening(6), after + 2 * DAY)
      expect(await store.demotions()).toMatchObject([{ target: null, reason: '3 of 4 incidents failed in 7 d' }])
      expect(await told(store)).toHaveLength(2)
    })

    test('one in force is never forgotten by age, one that was lifted is', async () => {
      const store = await fresh()
      for (const id of [1, 2, 3]) await fail(store, opening(id), T0 + id * HOUR)
      for (const id of [4, 5, 6]) await fail(store, opening(id, { rule: 'other' }), T0 + id * HOUR)
      await store.resumeScope('rule:other', 'jane', T0 + DAY)
      while ((await store.prune(T0 + 40 * DAY, null, 100)) > 0);
      expect(await store.demotions()).toMatchObject([{ rule: 'broker-down' }])
    })
  })
}
