import { describe, expect, test } from 'vitest'
import { replay } from '../../incident/replay.ts'
import { nextIntended } from '../../incident/trace.ts'
import { NO_MEMORY } from '../../probes/probe.ts'
import type { Store } from '../store.ts'
import {
  alert,
  broker,
  claim,
  decidePass,
  drain,
  fail,
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

export function coreConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan(), subject: broker(1) }

  describe('incidents', () => {
    test('S-3.1 at most one open incident per rule and subject; further alerts join it', async () => {
      const store = await fresh()
      const first = await fire(store, alert('A', { labels: { instance: 'x' } }), opening, T0)
      const second = await fire(store, alert('A', { labels: { instance: 'y' } }), opening, T0)
      expect(second.incident.id).toBe(first.incident.id)
      expect(second.incident.firing).toHaveLength(2)
      await fire(store, alert('B'), { plan: plan({ rule: 'other' }), subject: broker(1) }, T0)
      expect(await store.openIncidents()).toHaveLength(2)
    })

    test('S-1.2 it is unfired only when the last of its alerts resolves', async () => {
      const store = await fresh()
      const [x, y] = [alert('A', { labels: { instance: 'x' } }), alert('A', { labels: { instance: 'y' } })]
      const { id } = (await fire(store, x, opening, T0)).incident
      await fire(store, y, opening, T0)
      await receive(store, [resolved(x)], T0)
      await drain(store, [], T0)
      expect(await incident(store, id)).toMatchObject({ state: 'waiting', firing: [{ fingerprint: y.fingerprint }] })
      await receive(store, [resolved(y)], T0)
      await drain(store, [], T0)
      expect(await incident(store, id)).toMatchObject({ state: 'verifying', firing: [] })
    })

    test('S-1.1 a startsAt that moved backward before the resolve still resolves the occurrence', async () => {
      const store = await fresh()
      const a = alert('A', { startsAt: T0 })
      const { id } = (await fire(store, a, opening, T0)).incident
      await receive(store, [{ ...a, startsAt: T0 - HOUR }], T0)
      await receive(store, [resolved(a, { startsAt: T0 - HOUR, endsAt: T0 + MINUTE })], T0 + MINUTE)
      await drain(store, [opening], T0 + MINUTE)
      expect((await incident(store, id)).firing).toEqual([])
    })

    test('a new occurrence without a resolve between replaces the old one', async () => {
      const store = await fresh()
      const a = alert('A', { startsAt: T0 })
      const { id } = (await fire(store, a, opening, T0)).incident
      await receive(store, [{ ...a, startsAt: T0 + MINUTE }], T0)
      await drain(store, [], T0)
      expect((await incident(store, id)).firing).toEqual([{ fingerprint: a.fingerprint, startsAt: T0 + MINUTE }])
    })

    test('every save bumps the version and writes one line of the journal', async () => {
      const store = await fresh()
      const { id, version } = (await fire(store, alert('A'), opening, T0)).incident
      expect(version).toBe(1)
      const taken = await store.apply(id, { type: 'takenOver', by: 'jane' }, T0 + 1)
      expect(taken?.incident).toMatchObject({ version: 2, owner: 'jane' })
      const journal = await store.journal(id)
      expect(journal.map(({ event, at }) => [event.type, at])).toEqual([
        ['opened', T0],
        ['takenOver', T0 + 1],
      ])
      expect(journal[0]?.event).toMatchObject({ plan: opening.plan, subject: opening.subject })
    })

    test('S-3.8 what changes nothing leaves no trace', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      expect(await store.apply(id, { type: 'attemptStarted', attempt: 7 }, T0)).toBeNull()
      expect(await store.apply(999, { type: 'leads' }, T0)).toBeNull()
      expect(await store.journal(id)).toHaveLength(1)
      expect((await incident(store, id)).version).toBe(1)
    })

    test('the plan comes back as it went in, also after a restriction', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      expect((await incident(store, id)).plan).toEqual(opening.plan)
      await store.apply(id, { type: 'restricted', to: 'inform', reason: 'rule changed' }, T0)
      expect((await incident(store, id)).plan).toEqual({ ...opening.plan, mode: 'inform' })
      expect((await store.incidents({ limit: 1 })).items[0]).toMatchObject({ mode: 'inform' })
    })

    test('S-3.8 replay of the journal equals the stored incident', async () => {
      const store = await fresh()
      const id = await runAttempt(
        store,
        { plan: plan({ rungs: [[opening.plan.runbook.rungs[0]?.[0] ?? fail()]] }), subject: broker(1) },
        T0,
      )
      await see(store, look(), T0 + 2 * MINUTE)
      await store.apply(id, { type: 'takenOver', by: 'jane' }, T0 + 3 * MINUTE)
      const stored = await incident(store, id)
      expect(stored.state).toBe('probation')
      expect({ ...replay(id, await store.journal(id)), version: stored.version }).toEqual(stored)
    })

    test('a closed incident leaves nothing due, holds nothing, and its subject can open anew', async () => {
      const store = await fresh()
      const a = alert('A')
      const { id } = (await fire(store, a, opening, T0)).incident
      await receive(store, [resolved(a)], T0 + 1)
      await drain(store, [], T0 + 1)
      await see(store, look(), T0 + 2)
      expect(await incident(store, id)).toMatchObject({ state: 'closed', outcome: 'cleared', closedAt: T0 + 2 })
      const view = await store.incidentView(id)
      expect(view?.timers).toEqual([])
      expect(await store.claimLook('me', T0 + 3, 1)).toBeNull()
      expect(await store.apply(id, { type: 'retryRequested', by: 'x' }, T0 + 3)).toBeNull()
      const again = await fire(store, { ...a, startsAt: T0 + HOUR }, opening, T0 + HOUR)
      expect(again.incident.id).toBeGreaterThan(id)
    })
  })

  describe('timers', () => {
    test('S-3.7 they come in the order of their time, each exactly once', async () => {
      const store = await fresh()
      await fire(store, alert('A'), { plan: plan({ afterMs: 50 * SECOND }), subject: broker(1) }, T0)
      await fire(store, alert('B'), { plan: plan({ afterMs: 40 * SECOND }), subject: broker(2) }, T0)
      expect(await store.nextDueAt()).toBe(T0 + 40 * SECOND)
      expect(await store.nextTimer(T0 + 39 * SECOND)).toBeNull()
      const timer = (await store.nextTimer(T0 + HOUR)) ?? fail()
      expect(timer).toMatchObject({ kind: 'act', dueAt: T0 + 40 * SECOND })
      expect((await store.fireTimer(timer, T0 + HOUR))?.incident.state).toBe('checking')
      expect(await store.fireTimer(timer, T0 + HOUR)).toBeNull()
      expect(await store.nextTimer(T0 + HOUR)).toMatchObject({ kind: 'act', dueAt: T0 + 50 * SECOND })
    })

    test('a timer that was moved meanwhile does not fire at its old time', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      const timer = (await store.nextTimer(T0 + HOUR)) ?? fail()
      expect(await store.fireTimer({ ...timer, dueAt: timer.dueAt - 1 }, T0 + HOUR)).toBeNull()
      await store.apply(id, { type: 'held', by: 'x' }, T0 + 1)
      expect(await store.fireTimer(timer, T0 + HOUR)).toBeNull()
    })

    test('an inbox row and an election are due at once, an empty store never', async () => {
      const store = await fresh()
      expect(await store.nextDueAt()).toBeNull()
      await receive(store, [alert('A')], T0)
      expect(await store.nextDueAt()).toBe(0)
    })
  })

  describe('several steps in one unit', () => {
    test('rows of the inbox come first in first out, as many as asked for', async () => {
      const store = await fresh()
      await receive(store, [alert('A'), alert('B'), alert('C')], T0)
      const names = async (limit: number) =>
        (await store.nextInboxRows(limit)).map(({ alert: { labels } }) => labels['alertname'])
      expect(await names(2)).toEqual(['A', 'B'])
      expect(await names(10)).toEqual(['A', 'B', 'C'])
    })

    test('what is admitted together is admitted in its order: the later change finds what the earlier one did', async () => {
      const store = await fresh()
      const a = alert('A', { startsAt: T0 })
      await receive(store, [a], T0)
      await receive(store, [resolved(a)], T0 + 1)
      const rows = await store.nextInboxRows(10)
      const admitted = rows.map((row) => ({ row, openings: row.change === 'resolved' ? [] : [opening] }))
      const moved = await store.admitAll(admitted, T0 + 2)
      expect(moved.map(({ event }) => event.type)).toEqual(['opened', 'alertResolved'])
      expect(moved.at(-1)?.incident).toMatchObject({ state: 'verifying', firing: [] })
      expect(await store.inboxDepth()).toBe(0)
      expect(await store.admitAll(admitted, T0 + 3)).toEqual([])
    })

    test('S-3.8 when one of them breaks, none is admitted', async () => {
      const store = await fresh()
      await receive(store, [alert('A'), alert('B')], T0)
      const [one, two] = await store.nextInboxRows(2)
      const broken = { ...opening, plan: { ...opening.plan, rule: null as unknown as string } }
      const rows = [
        { row: one ?? fail(), openings: [opening] },
        { row: two ?? fail(), openings: [broken] },
      ]
      await expect(store.admitAll(rows, T0)).rejects.toThrow()
      expect(await store.openIncidents()).toEqual([])
      expect(await store.inboxDepth()).toBe(2)
    })

    test('S-3.7 what is due is done in its order, up to the limit, and each once', async () => {
      const store = await fresh()
      for (const n of [1, 2, 3])
        await fire(store, alert(`A${n}`), { plan: plan({ afterMs: (4 - n) * SECOND }), subject: broker(n) }, T0)
      const first = await store.fireDue(T0 + 2 * SECOND, () => 0, 1)
      expect(first).toMatchObject({ more: true, moved: [{ incident: { subject: broker(3), state: 'checking' } }] })
      const second = await store.fireDue(T0 + 2 * SECOND, () => 0, 16)
      expect(second).toMatchObject({ more: false, moved: [{ incident: { subject: broker(2) } }] })
      expect(await store.fireDue(T0 + 2 * SECOND, () => 0, 16)).toEqual({ more: false, moved: [] })
    })

    test('S-3.4 a silence that began holds before the timers it stops could fire; elections are held before timers', async () => {
      const store = await fresh()
      const held = (await fire(store, alert('A'), opening, T0)).incident.id
      const high = { plan: plan({ rule: 'high', rank: 200 }), subject: broker(2) }
      const low = { plan: plan({ rule: 'low', rank: 10 }), subject: broker(2) }
      const follows = (await fire(store, alert('B'), high, T0)).incident.id
      const leads = (await fire(store, alert('C'), low, T0)).incident.id
      const matchers = [{ name: 'alertname', value: 'A', isRegex: false, isEqual: true }]
      const silence = { matchers, startsAt: T0 + 1, endsAt: T0 + HOUR, author: 'jane', comment: 'x' }
      await store.createSilence(silence, T0)
      const { moved } = await store.fireDue(T0 + MINUTE, () => 0, 16)
      expect(moved.filter(({ incident: { id } }) => id === held).map(({ event }) => event.type)).toEqual(['held'])
      expect(await incident(store, follows)).toMatchObject({ leader: leads, reason: 'attached' })
      expect(await incident(store, leads)).toMatchObject({ leader: null, reason: 'after' })
    })
  })

  describe('leaders', () => {
    const low = { plan: plan({ rule: 'low', rank: 10 }), subject: broker(1) }
    const high = { plan: plan({ rule: 'high', rank: 200 }), subject: broker(1) }

    async function elect(store: Store, now: number) {
      for (const target of await store.pendingElections()) await store.electLeader(target, now)
    }

    test('S-3.1 the second incident on a target attaches, and is evaluated anew when the leader closes', async () => {
      const store = await fresh()
      const a = alert('A')
      const leader = (await fire(store, a, opening, T0)).incident
      const other = (await fire(store, alert('B'), high, T0)).incident
      expect(other).toMatchObject({ leader: leader.id, reason: 'attached' })
      await receive(store, [resolved(a)], T0 + 1)
      await drain(store, [], T0 + 1)
      await see(store, look(), T0 + 2)
      expect(await store.pendingElections()).toEqual(['orders/broker/1'])
      expect(await store.nextDueAt()).toBe(0)
      await elect(store, T0 + 3)
      expect(await store.pendingElections()).toEqual([])
      expect(await incident(store, other.id)).toMatchObject({ leader: null, state: 'waiting', reason: 'after' })
    })

    test('S-3.1 a lower rank takes the lead from one that has begun nothing', async () => {
      const store = await fresh()
      const first = (await fire(store, alert('A'), high, T0)).incident
      const second = (await fire(store, alert('B'), low, T0)).incident
      await elect(store, T0 + 1)
      expect(await incident(store, second.id)).toMatchObject({ leader: null, reason: 'after' })
      expect(await incident(store, first.id)).toMatchObject({ leader: second.id, reason: 'attached' })
      expect(await store.pendingElections()).toEqual([])
    })

    test('S-3.4 a silence over the leader does not silence those that it does not cover', async () => {
      const store = await fresh()
      const leader = (await fire(store, alert('A'), low, T0)).incident
      const other = (await fire(store, alert('B'), high, T0)).incident
      expect(other.leader).toBe(leader.id)
      const a = { name: 'alertname', value: 'A', isRegex: false, isEqual: true }
      const endsAt = T0 + HOUR
      await store.createSilence({ matchers: [a], startsAt: T0, endsAt, author: 'ann', comment: 'known' }, T0)
      await store.holdBoundaries(T0, () => 0)
      await elect(store, T0)
      expect(await incident(store, leader.id)).toMatchObject({ leader: other.id, reason: 'attached' })
      expect(await incident(store, other.id)).toMatchObject({ leader: null, reason: 'after' })
      const third = (await fire(store, alert('C'), { ...high, plan: plan({ rule: 'third', rank: 300 }) }, T0)).incident
      expect(third.leader).toBe(other.id)
      // When it ends, the lower rank leads again.
      await store.holdBoundaries(endsAt, () => 0)
      await elect(store, endsAt)
      expect(await incident(store, leader.id)).toMatchObject({ leader: null, held: null, reason: 'after' })
      expect((await incident(store, other.id)).leader).toBe(leader.id)
    })

    test('S-3.4 one that opens on a target whose leader is silenced does not wait for it', async () => {
      const store = await fresh()
      const a = { name: 'alertname', value: 'A', isRegex: false, isEqual: true }
      await store.createSilence({ matchers: [a], startsAt: T0, endsAt: T0 + HOUR, author: 'ann', comment: 'x' }, T0)
      expect((await fire(store, alert('A'), low, T0)).incident.held).not.toBeNull()
      expect((await fire(store, alert('B'), high, T0)).incident).toMatchObject({ leader: null, reason: 'after' })
    })

    test('S-3.1 one that has begun something keeps the lead whatever its rank', async () => {
      const store = await fresh()
      const first = await schedule(store, high, T0)
      const second = (await fire(store, alert('B'), low, T0 + MINUTE)).incident
      await elect(store, T0 + MINUTE)
      expect((await incident(store, first)).leader).toBeNull()
      expect((await incident(store, second.id)).leader).toBe(first)
    })

    test('S-3.1 an inform incident neither leads nor attaches, other targets do not concern it', async () => {
      const store = await fresh()
      const inform = { plan: plan({ rule: 'inform', mode: 'inform', rank: 1 }), subject: broker(1) }
      await fire(store, alert('A'), inform, T0)
      expect((await fire(store, alert('B'), opening, T0)).incident.leader).toBeNull()
      expect((await fire(store, alert('C'), { ...low, subject: broker(2) }, T0)).incident.leader).toBeNull()
      const later = { plan: plan({ rule: 'inform2', mode: 'inform' }), subject: broker(1) }
      expect((await fire(store, alert('D'), later, T0)).incident.leader).toBeNull()
    })
  })

  describe('looks', () => {
    test('a question is leased to one, and free again when the lease is over', async () => {
      const store = await fresh()
      await fire(store, alert('A'), opening, T0)
      await fireTimers(store, T0 + 30 * SECOND)
      const task = await store.claimLook('me', T0 + 30 * SECOND, 0)
      expect(task).toMatchObject({
        kind: 'guards',
        alerts: [{ labels: { alertname: 'A' } }],
        incident: { state: 'checking' },
      })
      expect(await store.claimLook('you', T0 + 30 * SECOND, HOUR)).toMatchObject({ id: task?.id })
      expect(await store.claimLook('me', T0 + 31 * SECOND, HOUR)).toBeNull()
    })

    test('S-4.1 it is about the rung that would run, whichever incident spent the attempts before it', async () => {
      const store = await fresh()
      const id = await schedule(store, opening, T0)
      const attempt = await claim(store, T0 + MINUTE)
      await store.finishAttempt(attempt, { outcome: 'failed', reason: 'exit 1', changed: true }, T0 + MINUTE)
      await store.apply(id, { type: 'cancelled', by: 'x', reason: 'y', frees: true }, T0 + MINUTE)
      const next = { ...opening, plan: plan({ rule: 'other', afterMs: 0 }) }
      await fire(store, alert('B'), next, T0 + HOUR)
      await fireTimers(store, T0 + HOUR)
      const task = await store.claimLook('me', T0 + HOUR, MINUTE)
      expect(task).toMatchObject({ kind: 'guards', incident: { targetAttempts: 1 } })
    })

    test('the first answer counts, a second one is dropped', async () => {
      const store = await fresh()
      const id = (await fire(store, alert('A'), opening, T0)).incident.id
      await fireTimers(store, T0 + 30 * SECOND)
      const task = (await store.claimLook('me', T0 + 30 * SECOND, 1)) ?? fail()
      expect((await store.guardsEvaluated(task, pass, [], null, T0 + 31 * SECOND))?.incident.state).toBe('attempting')
      expect(await store.guardsEvaluated(task, refuse, [], null, T0 + 31 * SECOND)).toBeNull()
      expect((await store.incidentView(id))?.decisions).toHaveLength(1)
    })

    test('a question that the incident has left behind is not asked any more', async () => {
      const store = await fresh()
      const id = (await fire(store, alert('A'), opening, T0)).incident.id
      await fireTimers(store, T0 + 30 * SECOND)
      const task = (await store.claimLook('me', T0 + 30 * SECOND, MINUTE)) ?? fail()
      await store.apply(id, { type: 'held', by: 'x' }, T0 + 31 * SECOND)
      expect(await store.claimLook('me', T0 + HOUR, 1)).toBeNull()
      expect(await store.guardsEvaluated(task, pass, [], null, T0 + 32 * SECOND)).toBeNull()
      expect((await store.incidentView(id))?.decisions).toEqual([])
    })

    test('firing alerts come first, each by its newest statement', async () => {
      const store = await fresh()
      const [x, y] = [alert('A', { labels: { instance: 'x' } }), alert('A', { labels: { instance: 'y' } })]
      await fire(store, x, opening, T0)
      await fire(store, y, opening, T0)
      await receive(store, [resolved(x)], T0)
      await receive(store, [{ ...y, annotations: { n: '2' } }], T0 + 1)
      await drain(store, [opening], T0)
      await fireTimers(store, T0 + 30 * SECOND)
      const task = await store.claimLook('me', T0 + 30 * SECOND, 1)
      expect(task?.alerts).toMatchObject([
        { fingerprint: y.fingerprint, status: 'firing', annotations: { n: '2' }, seenAt: T0 + 1 },
        { fingerprint: x.fingerprint, status: 'resolved' },
      ])
    })

    test('S-5.2 identical consecutive refusals are one row with count and last time', async () => {
      const store = await fresh()
      const id = (await fire(store, alert('A'), opening, T0)).incident.id
      let now = T0
      for (let n = 0; n < 3; n++) {
        now += 2 * MINUTE
        await fireTimers(store, now)
        const task = (await store.claimLook('me', now, 1)) ?? fail()
        const evidence = [{ name: 'isr', value: 1, source: 'metadata', at: now }]
        const result = { guard: 'availability', verdict: 'refuse' as const, reason: 'ISR is short', evidence }
        await store.guardsEvaluated(task, refuse, [result], null, now)
      }
      const decisions = (await store.incidentView(id))?.decisions
      expect(decisions).toMatchObject([
        { count: 3, verdict: 'refuse', guard: 'availability', firstAt: T0 + 2 * MINUTE, lastAt: now },
      ])
    })

    test('a decision takes at most 8 KiB: the first offenders and how many more', async () => {
      const store = await fresh()
      const id = (await fire(store, alert('A'), opening, T0)).incident.id
      const evidence = Array.from({ length: 5_000 }, (_, n) => ({
        name: `partition topic-${n}`,
        value: 'x'.repeat(300),
        source: 'metadata',
        at: T0,
      }))
      const results = [{ guard: 'availability', verdict: 'refuse' as const, reason: 'ISR is short', evidence }]
      await store.recordDecision(id, nextIntended(await incident(store, id)), refuse, results, T0)
      const kept = (await store.incidentView(id))?.decisions[0]?.results ?? []
      expect(JSON.stringify(kept).length).toBeLessThanOrEqual(8_192)
      expect(kept[0]?.evidence.length).toBeGreaterThan(5)
      expect(kept[0]?.evidence.at(-1)).toMatchObject({ name: 'and more' })
    })
  })

  describe('targets', () => {
    test('S-4.1 attempts are counted on the target and forgiven after a completed probation', async () => {
      const store = await fresh()
      const id = await runAttempt(store, opening, T0)
      expect(await store.targetHistory('orders/broker/1', T0)).toEqual({ attempts: 1, heals: 0, suspended: false })
      await see(store, look(), T0 + 2 * MINUTE)
      await fireTimers(store, T0 + HOUR)
      await see(store, look(), T0 + HOUR)
      expect(await store.targetHistory('orders/broker/1', T0 + HOUR)).toEqual({
        attempts: 0,
        heals: 1,
        suspended: false,
      })
      expect((await store.targetHistory('orders/broker/1', T0 + 26 * HOUR)).heals).toBe(0)
      expect((await store.history({ limit: 1 })).items[0]).toMatchObject({ incident: id, outcome: 'healed' })
    })

    test('S-4.10 three heals in a day suspend the target until a person resumes it', async () => {
      const store = await fresh()
      for (let n = 0; n < 3; n++) {
        const now = T0 + n * 3 * HOUR
        const a = alert('A', { startsAt: now })
        await fire(store, a, opening, now)
        await fireTimers(store, now + MINUTE)
        await passGuards(store, now + MINUTE)
        const attempt = await claim(store, now + MINUTE)
        await store.startStep(attempt, 1, now + MINUTE)
        await store.finishAttempt(attempt, { outcome: 'succeeded', reason: 'ok', changed: true }, now + MINUTE)
        await receive(store, [resolved(a, { endsAt: now + MINUTE })], now + 2 * MINUTE)
        await drain(store, [], now + 2 * MINUTE)
        await see(store, look(), now + 2 * MINUTE)
        await fireTimers(store, now + 2 * HOUR)
        await see(store, look(), now + 2 * HOUR)
      }
      const at = T0 + 9 * HOUR
      expect(await store.targetHistory('orders/broker/1', at)).toMatchObject({ suspended: true, heals: 3 })
      expect(await store.resumeTarget('orders/broker/1', 'jane', at)).toBe(true)
      expect(await store.targetHistory('orders/broker/1', at)).toMatchObject({ suspended: false, heals: 0 })
      expect(await store.resumeTarget('orders/broker/1', 'jane', at)).toBe(false)
    })

    test('S-3.2 a cooldown keeps others waiting, not the incident that caused it', async () => {
      const store = await fresh()
      const id = await runAttempt(store, opening, T0)
      const other = (await fire(store, alert('B'), { plan: plan({ rule: 'other' }), subject: broker(1) }, T0)).incident
        .id
      const now = T0 + MINUTE
      expect((await store.ownFacts(id, 'orders/broker/1', 'orders', now)).cooldownUntil).toBeNull()
      expect((await store.ownFacts(other, 'orders/broker/1', 'orders', now)).cooldownUntil).toBe(now + 5 * MINUTE)
      expect((await store.ownFacts(other, 'orders/broker/1', 'orders', now + HOUR)).cooldownUntil).toBeNull()
    })

    test('S-2.6 it remembers when a target was last seen serving', async () => {
      const store = await fresh()
      const memory = (now: number) => store.memory('orders/broker/1', 'orders', now)
      const nothing = NO_MEMORY
      expect(await memory(T0)).toEqual(nothing)
      await store.rememberServing('orders/broker/1', T0, 'abc')
      await store.rememberServing('orders/broker/1', T0 + 1, null)
      expect(await memory(T0)).toEqual({ ...nothing, servingAt: T0 + 1, servingInvocation: 'abc' })
    })

    test('S-5.12 it remembers which starts of a target were ours, the newest first, over all incidents', async () => {
      const store = await fresh()
      const ours = async () => (await store.memory('orders/broker/1', 'orders', T0)).ourInvocations
      const finished = async (invocation: string | null, at: number) => {
        const attempt = await claim(store, at)
        const end = { outcome: 'failed', reason: 'exit 1', changed: true, invocation } as const
        await store.finishAttempt(attempt, end, at)
      }
      const first = await schedule(store, { plan: plan(), subject: broker(1) }, T0)
      await finished('one', T0 + MINUTE)
      expect(await ours()).toEqual(['one'])
      await store.apply(first, { type: 'cancelled', by: 'jane', reason: 'over', frees: true }, T0 + MINUTE)
      await schedule(store, { plan: plan({ rule: 'other' }), subject: broker(1) }, T0 + 10 * MINUTE)
      await finished('two', T0 + 11 * MINUTE)
      expect(await ours()).toEqual(['two', 'one'])
      expect((await store.memory('orders/broker/2', 'orders', T0)).ourInvocations).toEqual([])
    })

    test('S-5.5 the baseline is the last complete view, for an hour', async () => {
      const store = await fresh()
      const baseline = async (now: number) => (await store.memory('orders/broker/1', 'orders', now)).baseline
      await store.keepBaseline('orders', { at: T0, topics: 10, partitions: 100 }, false)
      await store.keepBaseline('orders', { at: T0 + MINUTE, topics: 11, partitions: 101 }, false)
      const last = { at: T0 + MINUTE, topics: 11, partitions: 101 }
      expect(await baseline(T0 + HOUR)).toEqual(last)
      expect(await baseline(T0 + 2 * HOUR)).toBeNull()
      expect((await store.memory('payments/broker/1', 'payments', T0)).baseline).toBeNull()
    })

    test('S-5.5 what vanished counts from half a minute after it was first seen', async () => {
      const store = await fresh()
      const baseline = async (now: number) => (await store.memory('orders/broker/1', 'orders', now)).baseline
      const before = { at: T0, topics: 10, partitions: 100 }
      const shrunk = { at: T0 + MINUTE, topics: 5, partitions: 50 }
      await store.keepBaseline('orders', before, false)
      await store.keepBaseline('orders', shrunk, true)
      expect(await baseline(shrunk.at + 29_000)).toEqual(before)
      await store.keepBaseline('orders', { at: shrunk.at + 20_000, topics: 4, partitions: 40 }, true)
      expect(await baseline(shrunk.at + 30_000)).toEqual(shrunk)
      const back = { at: shrunk.at + 35_000, topics: 10, partitions: 100 }
      await store.keepBaseline('orders', back, false)
      expect(await baseline(back.at + MINUTE)).toEqual(back)
    })

    test('S-5.4 out of sync is since when every look in a row has found it so', async () => {
      const store = await fresh()
      const since = async (now: number) => (await store.memory('orders/broker/1', 'orders', now)).outOfSyncSince
      const see = (out: boolean, at: number) => store.keepOutOfSync([{ target: 'orders/broker/1', out }], at)
      await see(false, T0)
      expect(await since(T0)).toBeNull()
      await see(true, T0)
      await see(true, T0 + 5 * MINUTE)
      expect(await since(T0 + 5 * MINUTE)).toBe(T0)
      expect(await since(T0 + 17 * MINUTE)).toBeNull()
      await see(true, T0 + 17 * MINUTE)
      expect(await since(T0 + 17 * MINUTE)).toBe(T0 + 17 * MINUTE)
      await see(false, T0 + 18 * MINUTE)
      expect(await since(T0 + 18 * MINUTE)).toBeNull()
      expect((await store.memory('orders/broker/1', 'orders', T0 + HOUR)).inSyncAt).toBe(T0 + 18 * MINUTE)
      await see(true, T0 + 19 * MINUTE)
      expect(await since(T0 + 19 * MINUTE)).toBe(T0 + 19 * MINUTE)
    })

    test('S-5.10 attempts that began a changing step count for a day, withdrawn and unrun ones do not', async () => {
      const store = await fresh()
      const id = await runAttempt(store, opening, T0)
      const other = await schedule(store, { plan: plan(), subject: broker(2) }, T0)
      const attempt = await claim(store, T0 + MINUTE)
      expect(attempt.incident.id).toBe(other)
      await store.startStep(attempt, 1, T0 + MINUTE)
      const facts = async (at: number) => (await store.ownFacts(id, 'orders/broker/1', 'orders', at)).recent
      expect((await facts(T0 + MINUTE)).map(({ targetKey }) => targetKey)).toEqual([
        'orders/broker/1',
        'orders/broker/2',
      ])
      await store.finishAttempt(
        attempt,
        { outcome: 'notRun', notRun: 'busy', reason: 'exit 75', changed: false },
        T0 + MINUTE,
      )
      expect(await facts(T0 + MINUTE)).toMatchObject([
        { targetKey: 'orders/broker/1', disruptive: false, startedAt: T0 + MINUTE },
      ])
      expect(await facts(T0 + 25 * HOUR)).toEqual([])
      expect(await store.claimAttempt('me', T0, 1, decidePass)).toBeNull()
    })
  })
}
