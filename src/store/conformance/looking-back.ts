import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Event } from '../../incident/event.ts'
import { replay } from '../../incident/replay.ts'
import type { Store } from '../store.ts'
import {
  alert,
  broker,
  decidePass,
  drain,
  fire,
  fireTimers,
  HOUR,
  incident,
  look,
  MINUTE,
  ok,
  pass,
  plan,
  receive,
  refuse,
  resolved,
  runAttempt,
  SECOND,
  schedule,
  see,
  startStep,
  stopStep,
  T0,
} from './fixtures.ts'

export function lookingBackConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan(), subject: broker(1) }

  async function closed(store: Store, n: number, now: number): Promise<number> {
    const a = alert('A', { labels: { broker: String(n) }, startsAt: now })
    const { id } = (await fire(store, a, { ...opening, subject: broker(n) }, now)).incident
    await receive(store, [resolved(a, { startsAt: now, endsAt: now + 1 })], now + 1)
    await drain(store, [], now + 1)
    await see(store, look(), now + 2)
    return id
  }

  describe('looking back', () => {
    test('history pages are newest first, whole, and do not move when something is added', async () => {
      const store = await fresh()
      for (let n = 1; n <= 7; n++) await schedule(store, { ...opening, subject: broker(n) }, T0 + n * MINUTE)
      const first = await store.history({ limit: 3 })
      await schedule(store, { ...opening, subject: broker(8) }, T0 + HOUR)
      const second = await store.history({ limit: 3, cursor: first.next ?? '' })
      const third = await store.history({ limit: 3, cursor: second.next ?? '' })
      const seen = [first, second, third].flatMap(({ items }) => items.map(({ target }) => target))
      expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1].map((n) => `orders/broker/${n}`))
      expect(third.next).toBeNull()
    })

    test('history is filtered by time, cluster, target, rule and outcome', async () => {
      const store = await fresh()
      await runAttempt(store, opening, T0)
      await schedule(store, { plan: plan({ rule: 'other' }), subject: broker(2, 'logs') }, T0 + HOUR)
      await store.apply(1, { type: 'cancelled', by: 'jane', reason: 'drill' }, T0 + HOUR)
      const targets = async (filter: Partial<Parameters<Store['history']>[0]>) =>
        (await store.history({ limit: 10, ...filter })).items.map(({ target }) => target)
      expect(await targets({ since: T0 + HOUR })).toEqual(['logs/broker/2'])
      expect(await targets({ until: T0 + HOUR })).toEqual(['orders/broker/1'])
      expect(await targets({ cluster: 'logs' })).toEqual(['logs/broker/2'])
      expect(await targets({ target: 'orders/broker/1', rule: 'broker-down' })).toEqual(['orders/broker/1'])
      expect(await targets({ rule: 'nobody' })).toEqual([])
      expect(await targets({ outcome: 'cancelled' })).toEqual(['orders/broker/1'])
      await expect(store.history({ limit: 10, cursor: 'x' })).rejects.toThrow(RangeError)
    })

    test('incidents are paged and filtered', async () => {
      const store = await fresh()
      await closed(store, 1, T0)
      for (let n = 2; n <= 5; n++)
        await fire(store, alert('A', { labels: { n: String(n) } }), { ...opening, subject: broker(n) }, T0)
      const page = await store.incidents({ limit: 2, states: ['waiting'] })
      expect(page.items.map(({ target }) => target)).toEqual(['orders/broker/5', 'orders/broker/4'])
      const next = await store.incidents({ limit: 2, states: ['waiting'], cursor: page.next ?? '' })
      expect(next.items.map(({ id }) => id)).toEqual([3, 2])
      expect(next.next).toBeNull()
      expect((await store.incidents({ limit: 9, states: ['closed'] })).items).toMatchObject([
        { id: 1, outcome: 'cleared', subject: 'orders/broker/1', firing: 0, revision: 'abc123' },
      ])
      expect((await store.incidents({ limit: 9, target: 'orders/broker/3' })).items).toHaveLength(1)
      expect((await store.incidents({ limit: 9, states: [] })).items).toEqual([])
    })

    test('gauges say what is open, closed, waiting and late', async () => {
      const store = await fresh()
      await closed(store, 1, T0)
      await fire(store, alert('B'), { ...opening, subject: broker(2) }, T0)
      await receive(store, [alert('C')], T0)
      const gauges = await store.gauges(T0 + MINUTE + SECOND)
      expect(gauges).toMatchObject({ inboxDepth: 1, incidents: { waiting: 1, closed: 1, escalated: 0 } })
      expect(gauges.timersLate).toBe(1)
    })

    test('an unknown incident has no view and an empty journal', async () => {
      const store = await fresh()
      expect(await store.incidentView(1)).toBeNull()
      expect(await store.journal(1)).toEqual([])
    })

    test('it can be asked whether it is writable', async () => {
      const store = await fresh()
      await store.ping(T0)
      await store.ping(T0 + 1)
    })

    test('S-3.8 whatever happens, replay of the journal equals the stored incident', async () => {
      const event: fc.Arbitrary<Play> = fc.oneof(
        fc.record({ do: fc.constant('time' as const), by: fc.constantFrom(SECOND, MINUTE, HOUR) }),
        fc.record({ do: fc.constant('guards' as const), decision: fc.constantFrom(pass, refuse) }),
        fc.record({
          do: fc.constant('probe' as const),
          verdict: fc.constantFrom('healed' as const, 'broken' as const, 'progressing' as const, 'unknown' as const),
        }),
        fc.record({ do: fc.constant('run' as const), end: fc.constantFrom('succeeded' as const, 'failed' as const) }),
        fc.record({ do: fc.constant('die' as const), steps: fc.integer({ min: 0, max: 2 }) }),
        fc.record({ do: fc.constant('alert' as const), firing: fc.boolean(), later: fc.boolean() }),
        fc.record({ do: fc.constant('silence' as const) }),
        fc.record({ do: fc.constant('elect' as const) }),
        fc.record({
          do: fc.constant('person' as const),
          event: fc.constantFrom<Event>(
            { type: 'takenOver', by: 'jane' },
            { type: 'retryRequested', by: 'jane' },
            { type: 'cancelled', by: 'jane', reason: 'drill' },
            { type: 'restricted', to: 'inform', reason: 'reload' },
          ),
        }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async (plays) => {
          const store = await fresh()
          await playAll(store, plays)
        }),
        { numRuns: 40 },
      )
    })
  })

  describe('retention', () => {
    const pruneAll = async (store: Store, before: number, maxBytes: number | null = null) => {
      let gone = 0
      for (let one = await store.prune(before, maxBytes, 20); one > 0; one = await store.prune(before, maxBytes, 20))
        gone += one
      return gone
    }

    test('what is older than asked goes in small batches, journal and incident together', async () => {
      const store = await fresh()
      const old = await closed(store, 1, T0)
      const young = await closed(store, 2, T0 + 2 * HOUR)
      expect(await store.prune(T0 - 1, null, 100)).toBe(0)
      const first = await store.prune(T0 + HOUR, null, 1)
      expect(first).toBeGreaterThan(0)
      expect(await store.incidentView(old)).toBeNull()
      expect(await store.journal(old)).toEqual([])
      expect(await pruneAll(store, T0 + HOUR)).toBeGreaterThan(0)
      expect(await store.prune(T0 + HOUR, null, 100)).toBe(0)
      expect((await store.incidentView(young))?.journal.length).toBeGreaterThan(1)
      expect((await store.alerts({ firingOnly: false })).map(({ labels }) => labels['broker'])).toEqual(['2'])
      expect((await store.gauges(T0)).incidents.closed).toBe(1)
    })

    test('open incidents, untold escalations and unsent mails stay whatever their age', async () => {
      const store = await fresh()
      const open = (await fire(store, alert('B'), { ...opening, subject: broker(9) }, T0)).incident.id
      const a = alert('A')
      const untold = (await fire(store, a, opening, T0)).incident.id
      await store.apply(untold, { type: 'timerDue', timer: 'giveUp' }, T0 + 1)
      await store.apply(untold, { type: 'cancelled', by: 'x', reason: 'y' }, T0 + 2)
      await receive(store, [resolved(a)], T0 + 3)
      await drain(store, [], T0 + 3)
      expect((await incident(store, untold)).state).toBe('closed')
      const future = T0 + 1_000 * HOUR
      await pruneAll(store, future)
      expect(await store.incidentView(open)).not.toBeNull()
      expect(await store.incidentView(untold)).not.toBeNull()
      const rows = (await store.dueEscalations(future, 10)).map(({ id }) => id)
      const mail = {
        receiver: 'r',
        recipient: 'r@x',
        thread: 't',
        messageId: '<1@x>',
        references: [],
        subject: 's',
        text: 't',
        html: null,
      }
      await store.enqueueMails(rows, [mail], T0 + 4)
      await pruneAll(store, future)
      expect(await store.incidentView(untold)).not.toBeNull()
      const [sending] = await store.claimMails('me', T0 + 4, MINUTE, 1)
      await store.mailSent(sending?.id ?? 0, 'me', '250', T0 + 5)
      await pruneAll(store, future)
      expect(await store.incidentView(untold)).toBeNull()
      expect(await store.requeueOrphans(future)).toBe(0)
      expect(await store.alerts({ firingOnly: true })).toHaveLength(1)
    })

    test('S-4.1 the count of attempts on a target is never forgotten by age', async () => {
      const store = await fresh()
      const id = await runAttempt(store, opening, T0)
      await store.rememberServing('orders/broker/5', T0, null)
      await store.apply(id, { type: 'cancelled', by: 'x', reason: 'y' }, T0 + HOUR)
      await receive(
        store,
        [resolved(alert('BrokerDown', { labels: { subject: 'orders/broker/1', rule: 'broker-down' } }))],
        T0 + HOUR,
      )
      await drain(store, [], T0 + HOUR)
      await pruneAll(store, T0 + 1_000 * HOUR)
      expect(await store.incidentView(id)).toBeNull()
      expect((await store.targetHistory('orders/broker/1', T0)).attempts).toBe(1)
      expect((await store.memory('orders/broker/5', 'orders', T0)).servingAt).toBeNull()
    })

    test('beyond the byte limit the oldest goes first, whatever its age', async () => {
      const store = await fresh()
      for (let n = 1; n <= 5; n++) await closed(store, n, T0 + n * MINUTE)
      expect(await store.prune(T0, 1, 10)).toBeGreaterThan(0)
      expect(await store.incidentView(1)).toBeNull()
      expect(await store.incidentView(5)).not.toBeNull()
    })
  })
}

type Play =
  | { readonly do: 'time'; readonly by: number }
  | { readonly do: 'guards'; readonly decision: typeof pass }
  | { readonly do: 'probe'; readonly verdict: 'healed' | 'broken' | 'progressing' | 'unknown' }
  | { readonly do: 'run'; readonly end: 'succeeded' | 'failed' }
  | { readonly do: 'die'; readonly steps: number }
  | { readonly do: 'alert'; readonly firing: boolean; readonly later: boolean }
  | { readonly do: 'silence' | 'elect' }
  | { readonly do: 'person'; readonly event: Event }

/** Two rules on one target, one alert each; anything may happen to them. The invariants hold after each step. */
async function playAll(store: Store, plays: readonly Play[]): Promise<void> {
  const openings = [
    { plan: plan({ rule: 'one', rungs: [[startStep], [stopStep, startStep]] }), subject: broker(1) },
    { plan: plan({ rule: 'two', rank: 50 }), subject: broker(1) },
  ]
  let now = T0
  let boot = 0
  const a = alert('A', { startsAt: T0 })
  let startsAt = T0
  await receive(store, [a], now)
  await drain(store, openings, now)
  for (const play of plays) {
    now += SECOND
    switch (play.do) {
      case 'time':
        now += play.by
        await store.holdBoundaries(now, () => 3)
        await fireTimers(store, now)
        break
      case 'guards':
      case 'probe': {
        const task = await store.claimLook(`boot${boot}`, now, SECOND)
        if (task?.kind === 'guards')
          await store.guardsEvaluated(task, play.do === 'guards' ? play.decision : pass, [], null, now)
        else if (task) {
          const verdict = play.do === 'probe' ? play.verdict : 'healed'
          await store.looked(task, look({ verdict, reason: verdict, mark: String(now % 3) }), [], [], now)
        }
        break
      }
      case 'run': {
        const attempt = await store.claimAttempt(`boot${boot}`, now, MINUTE, decidePass)
        if (!attempt || 'refused' in attempt) break
        expect(await store.startStep(attempt, 1, now)).toBe(true)
        await store.finishStep(attempt, 1, ok, now)
        await store.finishAttempt(attempt, { outcome: play.end, reason: play.end, changed: true }, now)
        break
      }
      case 'die': {
        const attempt = await store.claimAttempt(`boot${boot}`, now, 0, decidePass)
        if (attempt && !('refused' in attempt)) {
          for (let step = 1; step <= Math.min(play.steps, attempt.steps.length); step++)
            await store.startStep(attempt, step, now)
        }
        boot++
        await store.interruptForeign(`boot${boot}`, now)
        break
      }
      case 'alert':
        if (play.later) startsAt += MINUTE
        await receive(store, [play.firing ? { ...a, startsAt } : resolved(a, { startsAt, endsAt: now })], now)
        await drain(store, openings, now)
        break
      case 'silence':
        await store.createSilence(
          {
            matchers: [{ name: 'alertname', value: 'A', isRegex: false, isEqual: true }],
            startsAt: now,
            endsAt: now + MINUTE,
            author: 'jane',
            comment: 'x',
          },
          now,
        )
        await store.holdBoundaries(now, () => 3)
        break
      case 'elect':
        for (const target of await store.pendingElections()) await store.electLeader(target, now)
        break
      case 'person':
        for (const { id } of await store.openIncidents()) await store.apply(id, play.event, now)
        break
      default:
        throw new Error('no such play')
    }
  }
  await invariants(store)
}

async function invariants(store: Store): Promise<void> {
  const { items } = await store.incidents({ limit: 100 })
  const open = items.filter(({ state }) => state !== 'closed')
  expect(new Set(open.map(({ rule, subject }) => `${rule} ${subject}`)).size).toBe(open.length)
  for (const { id } of items) {
    const view = await store.incidentView(id)
    if (!view) throw new Error(`incident ${id} is gone`)
    expect({ ...replay(id, view.journal), version: view.incident.version }).toEqual(view.incident)
    expect(view.incident.version).toBe(view.journal.length)
    if (view.incident.state === 'closed') expect(view.timers).toEqual([])
    const keys = view.escalations.map(({ round, kind, level }) => `${round} ${kind} ${level}`)
    expect(new Set(keys).size).toBe(keys.length)
    const scheduled = view.attempts.filter(({ status }) => status === 'scheduled')
    const waits = view.incident.state === 'attempting' && view.incident.reason === 'scheduled'
    expect(scheduled.map(({ attempt }) => attempt)).toEqual(waits ? [view.incident.attempt] : [])
    const started = view.attempts.filter(({ status }) => status === 'started')
    expect(started).toEqual([])
    for (const attempt of view.attempts) {
      for (const step of attempt.steps) expect(step.key).toBe(`${id}.${attempt.attempt}.${step.step}`)
    }
  }
}
