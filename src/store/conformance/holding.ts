import { describe, expect, test } from 'vitest'
import type { NewMaintenanceWindow, NewSilence, SilenceMatcher, Store, WindowScope } from '../store.ts'
import {
  alert,
  broker,
  claim,
  drain,
  fire,
  HOUR,
  incident,
  MINUTE,
  plan,
  receive,
  resolved,
  SECOND,
  schedule,
  T0,
} from './fixtures.ts'

export function holdingConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan(), subject: broker(1) }
  const jitter = () => 7
  const is = (name: string, value: string): SilenceMatcher => ({ name, value, isRegex: false, isEqual: true })
  const silence = (over: Partial<NewSilence> = {}): NewSilence => ({
    matchers: [is('alertname', 'A')],
    startsAt: T0,
    endsAt: T0 + HOUR,
    author: 'jane',
    comment: 'disk swap',
    ...over,
  })

  describe('silences', () => {
    test('S-3.4 a silence holds what it covers when it begins and releases it when it ends, each once', async () => {
      const store = await fresh()
      const covered = (await fire(store, alert('A'), opening, T0)).incident.id
      const free = (await fire(store, alert('B'), { ...opening, subject: broker(2) }, T0)).incident.id
      await store.createSilence(silence({ startsAt: T0 + 10 * SECOND }), T0)
      expect(await store.nextDueAt()).toBe(T0 + 10 * SECOND)
      expect(await store.holdBoundaries(T0 + 9 * SECOND, jitter)).toEqual([])
      expect(await store.holdBoundaries(T0 + 10 * SECOND, jitter)).toMatchObject([
        { incident: { id: covered, state: 'waiting', reason: 'held' }, event: { type: 'held' } },
      ])
      expect(await store.holdBoundaries(T0 + 11 * SECOND, jitter)).toEqual([])
      expect(await incident(store, free)).toMatchObject({ held: null, reason: 'after' })
      expect((await store.incidentView(covered))?.timers).toEqual([])
      const released = await store.holdBoundaries(T0 + HOUR, jitter)
      expect(released).toMatchObject([
        { incident: { id: covered, held: null, reason: 'after' }, event: { jitterMs: 7 } },
      ])
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toEqual([])
    })

    test('the next boundary is the next due time when nothing else is', async () => {
      const store = await fresh()
      await store.createSilence(silence(), T0 - HOUR)
      expect(await store.nextDueAt()).toBe(T0)
      await store.holdBoundaries(T0, jitter)
      expect(await store.nextDueAt()).toBe(T0 + HOUR)
      await store.holdBoundaries(T0 + HOUR, jitter)
      expect(await store.nextDueAt()).toBeNull()
    })

    test('S-3.4 what opens under a silence is held at once, boundaries or not', async () => {
      const store = await fresh()
      await store.createSilence(silence(), T0)
      const { incident } = await fire(store, alert('A'), opening, T0 + 1)
      expect(incident).toMatchObject({ state: 'waiting', reason: 'held', held: { since: T0 + 1 } })
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toMatchObject([{ event: { type: 'released' } }])
    })

    test('S-3.4 it is released only when no other hold covers it', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await store.createSilence(silence(), T0)
      await store.createPause({ scope: 'rule:broker-down', endsAt: T0 + 2 * HOUR, author: 'jim', comment: 'x' }, T0)
      expect(await store.holdBoundaries(T0, jitter)).toHaveLength(1)
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toEqual([])
      expect((await incident(store, id)).held).not.toBeNull()
      expect(await store.holdBoundaries(T0 + 2 * HOUR, jitter)).toMatchObject([{ event: { type: 'released' } }])
    })

    test('a silence that came and went while nobody looked holds nothing', async () => {
      const store = await fresh()
      await fire(store, alert('A'), opening, T0)
      await store.createSilence(silence({ startsAt: T0 + 1, endsAt: T0 + 2 }), T0)
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toEqual([])
    })

    test('expiring ends it now; one that has not begun never will', async () => {
      const store = await fresh()
      await fire(store, alert('A'), opening, T0)
      const now = await store.createSilence(silence(), T0)
      const later = await store.createSilence(silence({ startsAt: T0 + HOUR, endsAt: T0 + 2 * HOUR }), T0)
      await store.holdBoundaries(T0, jitter)
      expect(await store.expireSilence(now.id, T0 + MINUTE)).toMatchObject({ startsAt: T0, endsAt: T0 + MINUTE })
      expect(await store.expireSilence(later.id, T0 + MINUTE)).toMatchObject({ endsAt: T0 + MINUTE })
      expect(await store.expireSilence('nobody', T0)).toBeNull()
      expect(await store.expireSilence(now.id, T0 + HOUR)).toMatchObject({ endsAt: T0 + MINUTE })
      expect(await store.holdBoundaries(T0 + MINUTE, jitter)).toMatchObject([{ event: { type: 'released' } }])
      expect(await store.holdBoundaries(T0 + 3 * HOUR, jitter)).toEqual([])
      expect((await store.silences()).map(({ id }) => id).toSorted()).toEqual([now.id, later.id].toSorted())
      expect(await store.silence(now.id)).toMatchObject({ author: 'jane', matchers: [is('alertname', 'A')] })
      expect(await store.silence('nobody')).toBeNull()
    })

    test("matchers are Alertmanager's: all must hold, a missing label is empty, patterns match the whole value", async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A', { labels: { instance: 'kafka-1:7071' } }), opening, T0)).incident
      const covers = async (...matchers: SilenceMatcher[]) => {
        const made = await store.createSilence(silence({ matchers }), T0)
        const facts = await store.ownFacts(id, null, null, T0)
        await store.expireSilence(made.id, T0)
        return facts.silences.length === 1
      }
      expect(await covers(is('alertname', 'A'), is('cluster', 'orders'))).toBe(true)
      expect(await covers(is('alertname', 'A'), is('cluster', 'logs'))).toBe(false)
      expect(await covers({ ...is('instance', 'kafka-1'), isRegex: true })).toBe(false)
      expect(await covers({ ...is('instance', 'kafka-.*'), isRegex: true })).toBe(true)
      expect(await covers({ ...is('absent', ''), isEqual: true })).toBe(true)
      expect(await covers({ ...is('instance', 'kafka-2.*'), isRegex: true, isEqual: false })).toBe(true)
      await expect(
        store.createSilence(silence({ matchers: [{ ...is('a', '('), isRegex: true }] }), T0),
      ).rejects.toThrow()
    })

    test('a silence of one alert covers the incident also after that alert resolved', async () => {
      const store = await fresh()
      const a = alert('A')
      const { id } = (await fire(store, a, opening, T0)).incident
      await fire(store, alert('B'), opening, T0)
      await receive(store, [resolved(a)], T0)
      await drain(store, [], T0)
      await store.createSilence(silence(), T0)
      expect((await store.ownFacts(id, null, null, T0)).silences).toMatchObject([{ by: 'jane', endsAt: T0 + HOUR }])
    })
  })

  describe('pauses', () => {
    test('S-3.5 a pause covers all, a cluster, a target or a rule, until its end', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      for (const scope of ['all', 'cluster:orders', 'target:orders/broker/1', 'rule:broker-down']) {
        await store.createPause({ scope, endsAt: T0 + HOUR, author: 'jane', comment: 'x' }, T0)
      }
      for (const scope of ['cluster:logs', 'target:orders/broker/2', 'rule:other']) {
        await store.createPause({ scope, endsAt: T0 + HOUR, author: 'jane', comment: 'x' }, T0)
      }
      expect((await store.ownFacts(id, 'orders/broker/1', 'orders', T0)).pauses.map(({ scope }) => scope)).toEqual([
        'all',
        'cluster:orders',
        'target:orders/broker/1',
        'rule:broker-down',
      ])
      expect(await store.pauses(T0)).toHaveLength(7)
      expect(await store.pauses(T0 + HOUR)).toEqual([])
      expect((await store.ownFacts(id, 'orders/broker/1', 'orders', T0 + HOUR)).pauses).toEqual([])
    })

    test('S-3.4 ending a pause early releases what it held', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await store.createPause({ scope: 'all', endsAt: T0 + HOUR, author: 'jane', comment: 'x' }, T0)
      expect(await store.holdBoundaries(T0, jitter)).toHaveLength(1)
      expect(await store.endPause('all', 'jim', T0 + MINUTE)).toMatchObject([{ scope: 'all', endsAt: T0 + MINUTE }])
      expect(await store.endPause('all', 'jim', T0 + MINUTE)).toEqual([])
      expect(await store.nextDueAt()).toBeLessThanOrEqual(T0 + MINUTE)
      expect(await store.holdBoundaries(T0 + MINUTE, jitter)).toMatchObject([{ incident: { id, held: null } }])
    })

    test('S-3.4 a pause stops new attempts, never a started one', async () => {
      const store = await fresh()
      const id = await schedule(store, opening, T0)
      await claim(store, T0 + MINUTE)
      await store.createPause({ scope: 'all', endsAt: T0 + HOUR, author: 'jane', comment: 'x' }, T0 + MINUTE)
      await store.holdBoundaries(T0 + MINUTE, jitter)
      expect(await incident(store, id)).toMatchObject({ state: 'attempting', reason: 'running', held: {} })
    })
  })
  describe('mails of pauses', () => {
    const DAY = 24 * HOUR
    const told = async (store: Store, now: number) => {
      const notices = await store.dueNotices(now, 100)
      for (const { id } of notices) await store.enqueueNotice(id, [], now)
      return notices.map(({ kind, thread, document }) => ({ kind, thread, subject: document.subject }))
    }
    const pause = { scope: 'cluster:orders', endsAt: T0 + 3 * DAY, author: 'jane', comment: 'new disks' }

    test('S-3.5 a pause is mailed when set, daily, and when its time is over, in one thread', async () => {
      const store = await fresh()
      await store.createPause(pause, T0)
      expect(await told(store, T0)).toMatchObject([
        { kind: 'pause', subject: '[cluster:orders] paused for 3 d by jane' },
      ])
      await store.holdBoundaries(T0, jitter)
      expect(await store.nextDueAt()).toBe(T0 + DAY)
      await store.holdBoundaries(T0 + DAY - 1, jitter)
      expect(await told(store, T0 + DAY - 1)).toEqual([])
      await store.holdBoundaries(T0 + DAY, jitter)
      await store.holdBoundaries(T0 + DAY, jitter)
      const [first, ...none] = await told(store, T0 + DAY)
      expect(first?.subject).toBe('[cluster:orders] still paused, for another 2 d')
      expect(none).toEqual([])
      expect(await store.nextDueAt()).toBe(T0 + 2 * DAY)
      await store.holdBoundaries(T0 + 2 * DAY + HOUR, jitter)
      expect(await told(store, T0 + 2 * DAY + HOUR)).toHaveLength(1)
      expect(await store.nextDueAt()).toBe(T0 + 3 * DAY)
      await store.holdBoundaries(T0 + 3 * DAY, jitter)
      expect(await told(store, T0 + 3 * DAY)).toEqual([
        { kind: 'pause', thread: first?.thread, subject: '[cluster:orders] the pause is over' },
      ])
      await store.holdBoundaries(T0 + 9 * DAY, jitter)
      expect(await told(store, T0 + 9 * DAY)).toEqual([])
      expect(await store.nextDueAt()).toBeNull()
    })

    test('S-3.5 one that a person ends is mailed then, and not again', async () => {
      const store = await fresh()
      await store.createPause(pause, T0)
      await store.holdBoundaries(T0, jitter)
      await store.endPause('cluster:orders', 'jim', T0 + HOUR)
      expect((await told(store, T0 + HOUR)).map(({ subject }) => subject)).toEqual([
        '[cluster:orders] paused for 3 d by jane',
        '[cluster:orders] the pause was ended by jim',
      ])
      await store.holdBoundaries(T0 + HOUR, jitter)
      await store.holdBoundaries(T0 + 3 * DAY, jitter)
      expect(await told(store, T0 + 3 * DAY)).toEqual([])
    })

    test('S-3.7 days that nobody was there for are one mail', async () => {
      const store = await fresh()
      await store.createPause({ ...pause, endsAt: T0 + 7 * DAY }, T0)
      await store.holdBoundaries(T0, jitter)
      await told(store, T0)
      await store.holdBoundaries(T0 + 4 * DAY + HOUR, jitter)
      expect((await told(store, T0 + 4 * DAY + HOUR)).map(({ subject }) => subject)).toEqual([
        '[cluster:orders] still paused, for another 2 d 23 h',
      ])
      expect(await store.nextDueAt()).toBe(T0 + 5 * DAY)
    })

    test('the mails name what waits, how to end it, and what else is paused', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await store.createPause(pause, T0)
      await store.createPause({ ...pause, scope: 'all', author: 'jim' }, T0)
      await store.endPause('cluster:orders', 'ann', T0 + HOUR)
      const [set, , over] = await store.dueNotices(T0 + HOUR, 10)
      expect(JSON.stringify(set?.document)).toContain(`#${id} broker-down on `)
      expect(JSON.stringify(set?.document)).toContain('new disks')
      expect(JSON.stringify(set?.document.sections.at(-1))).toContain('POST /resume')
      expect(over?.document.sections.at(-1)?.title).toBe('Still paused')
      expect(JSON.stringify(over?.document.sections.at(-1))).toContain('all by jim')
    })
  })

  describe('maintenance windows', () => {
    const night = (covers: WindowScope, over: Partial<NewMaintenanceWindow> = {}): NewMaintenanceWindow => ({
      name: 'patch-night',
      covers,
      startsAt: T0,
      endsAt: T0 + HOUR,
      comment: 'kernel',
      ...over,
    })

    test('S-3.4 a window covers clusters, targets or alerts', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      const covering = async (covers: WindowScope) => {
        await store.planWindows([night(covers)], T0)
        return (await store.ownFacts(id, 'orders/broker/1', 'orders', T0)).windows.length
      }
      expect(await covering({ clusters: ['logs', 'orders'] })).toBe(1)
      expect(await covering({ clusters: ['logs'] })).toBe(0)
      expect(await covering({ targets: ['orders/broker/2', 'orders/broker/1'] })).toBe(1)
      expect(await covering({ targets: ['orders/broker/2'] })).toBe(0)
      expect(await covering({ matchers: [is('alertname', 'A')] })).toBe(1)
      expect(await covering({ matchers: [is('alertname', 'B')] })).toBe(0)
    })

    test('S-3.4 a window holds what it covers when it begins and releases it when it ends, each once', async () => {
      const store = await fresh()
      const covered = (await fire(store, alert('A'), opening, T0)).incident.id
      const begins = T0 + 10 * SECOND
      const later = night({ targets: ['orders/broker/1'] }, { startsAt: begins })
      expect(await store.planWindows([later], T0)).toEqual({ added: 1, gone: 0 })
      expect(await store.nextDueAt()).toBe(begins)
      expect(await store.holdBoundaries(begins - 1, jitter)).toEqual([])
      expect((await store.ownFacts(covered, null, null, T0)).windows).toEqual([])
      expect(await store.holdBoundaries(begins, jitter)).toMatchObject([
        {
          incident: { id: covered, reason: 'held', held: { by: 'maintenance patch-night: kernel' } },
          event: { type: 'held' },
        },
      ])
      expect(await store.holdBoundaries(begins, jitter)).toEqual([])
      for (const target of await store.pendingElections()) await store.electLeader(target, begins)
      expect(await store.nextDueAt()).toBe(T0 + HOUR)
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toMatchObject([
        { incident: { id: covered, held: null, reason: 'after' }, event: { type: 'released', jitterMs: 7 } },
      ])
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toEqual([])
      expect(await store.windows(T0)).toEqual([])
    })

    test('planning again changes nothing: neither what begins twice nor what has begun', async () => {
      const store = await fresh()
      await fire(store, alert('A'), opening, T0)
      const planned = [night({ clusters: ['orders'] }), night({ clusters: ['orders'] }, { startsAt: T0 + 30 * MINUTE })]
      expect(await store.planWindows(planned, T0)).toEqual({ added: 2, gone: 0 })
      expect(await store.holdBoundaries(T0, jitter)).toHaveLength(1)
      expect(await store.planWindows(planned, T0 + 1)).toEqual({ added: 0, gone: 0 })
      expect(await store.holdBoundaries(T0 + 1, jitter)).toEqual([])
      expect((await store.windows(T0 + 1)).map(({ startsAt }) => startsAt)).toEqual([T0, T0 + 30 * MINUTE])
    })

    test('S-3.4 a window that the configuration no longer has ends at once, one to come never begins', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      const lasting = night({ clusters: ['orders'] })
      const toCome = night({ clusters: ['orders'] }, { startsAt: T0 + 2 * HOUR, endsAt: T0 + 3 * HOUR })
      await store.planWindows([lasting, toCome], T0)
      await store.holdBoundaries(T0, jitter)
      expect(await store.planWindows([], T0 + MINUTE)).toEqual({ added: 0, gone: 2 })
      expect(await store.windows(T0 + MINUTE)).toEqual([])
      expect((await store.ownFacts(id, null, 'orders', T0 + MINUTE)).windows).toEqual([])
      expect(await store.nextDueAt()).toBeLessThanOrEqual(T0 + MINUTE)
      expect(await store.holdBoundaries(T0 + MINUTE, jitter)).toMatchObject([
        { incident: { id, held: null }, event: { type: 'released' } },
      ])
      expect(await store.holdBoundaries(T0 + 2 * HOUR, jitter)).toEqual([])
    })

    test('one that is taken back and comes again before anybody heard holds on', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      const lasting = night({ clusters: ['orders'] })
      await store.planWindows([lasting], T0)
      await store.holdBoundaries(T0, jitter)
      await store.planWindows([], T0 + 1)
      await store.planWindows([lasting], T0 + 2)
      expect(await store.holdBoundaries(T0 + 2, jitter)).toEqual([])
      expect((await incident(store, id)).held).not.toBeNull()
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toHaveLength(1)
    })

    test('S-3.4 holds that overlap: it is released when the last of three kinds ends', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await store.planWindows([night({ clusters: ['orders'] })], T0)
      await store.createSilence(silence({ startsAt: T0 + MINUTE, endsAt: T0 + 2 * HOUR }), T0)
      await store.createPause({ scope: 'all', endsAt: T0 + 3 * HOUR, author: 'jim', comment: 'x' }, T0 + 2 * MINUTE)
      for (const at of [T0, T0 + MINUTE, T0 + 2 * MINUTE]) await store.holdBoundaries(at, jitter)
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toEqual([])
      expect(await store.holdBoundaries(T0 + 2 * HOUR, jitter)).toEqual([])
      expect((await incident(store, id)).held).not.toBeNull()
      expect(await store.holdBoundaries(T0 + 3 * HOUR, jitter)).toMatchObject([{ incident: { id, held: null } }])
    })

    test('S-3.4 what opens within a window is held at once', async () => {
      const store = await fresh()
      await store.planWindows([night({ clusters: ['orders'] })], T0)
      const { incident } = await fire(store, alert('A'), opening, T0 + 1)
      expect(incident).toMatchObject({ state: 'waiting', reason: 'held', held: { since: T0 + 1 } })
    })

    test('a window that came and went while nobody looked holds nothing', async () => {
      const store = await fresh()
      await fire(store, alert('A'), opening, T0)
      await store.planWindows([night({ clusters: ['orders'] }, { startsAt: T0 + 1, endsAt: T0 + 2 })], T0)
      expect(await store.holdBoundaries(T0 + HOUR, jitter)).toEqual([])
    })
  })
}
