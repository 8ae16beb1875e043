import { describe, expect, test } from 'vitest'
import type { Alert } from '../../alert/alert.ts'
import type { ShownAlert, Store } from '../store.ts'
import { alert, broker, drain, fire, HOUR, incident, MINUTE, plan, receive, resolved, T0 } from './fixtures.ts'

const from = { receiver: 'kafka-healing', graceMs: 90_000 }

export function reconcilingConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan(), subject: broker(1) }
  const shown = (one: Alert, change: Partial<ShownAlert> = {}): ShownAlert => ({
    ...one,
    updatedAt: T0,
    credential: null,
    ...change,
  })
  const held = async (store: Store, one: Alert) =>
    (await store.heldAlerts()).find(({ fingerprint }) => fingerprint === one.fingerprint)

  describe('reconciling (S-1.4)', () => {
    test('what fires is held, with its start and when it was last heard of', async () => {
      const store = await fresh()
      await receive(store, [alert('A'), alert('B'), resolved(alert('C'))], T0)
      await receive(store, [alert('B')], T0 + MINUTE)
      const all = await store.heldAlerts()
      expect(all).toHaveLength(2)
      expect(await held(store, alert('B'))).toMatchObject({ startsAt: alert('B').startsAt, seenAt: T0 + MINUTE })
    })

    test('an alert that no webhook brought is adopted like a delivered one, once, whoever does it', async () => {
      const store = await fresh()
      const a = shown(alert('A'), { credential: 'alertmanager:http://a' })
      expect(await store.adopt([a], from, T0)).toMatchObject({ firing: 1, resolved: 0, repeats: 0 })
      expect(await store.adopt([a], from, T0 + 1)).toBeNull()
      expect(await store.nextInboxRow()).toMatchObject({
        change: 'firing',
        alert: { fingerprint: a.fingerprint, labels: a.labels, startsAt: a.startsAt },
        credential: 'alertmanager:http://a',
      })
      expect(await drain(store, [opening], T0)).toMatchObject([{ event: { type: 'opened' } }])
      expect(await receive(store, [alert('A')], T0 + 2)).toMatchObject({ firing: 0, repeats: 1 })
    })

    test('of a batch only what is news counts', async () => {
      const store = await fresh()
      await receive(store, [alert('A')], T0)
      expect(await store.adopt([shown(alert('A')), shown(alert('B'))], from, T0)).toMatchObject({
        firing: 1,
        repeats: 1,
      })
    })

    test('an occurrence that is over goes on when Alertmanager heard of it long enough after its end, and not before', async () => {
      const store = await fresh()
      const { incident: opened } = await fire(store, alert('A'), opening, T0)
      await receive(store, [resolved(alert('A'), { endsAt: T0 + HOUR })], T0 + HOUR)
      await drain(store, [opening], T0 + HOUR)
      expect((await incident(store, opened.id)).firing).toEqual([])
      // A copy in an Alertmanager that has not heard of the end, or whose clock is ahead.
      const stale = shown(alert('A'), { updatedAt: T0 + HOUR + from.graceMs })
      expect(await store.adopt([stale], from, T0 + HOUR)).toBeNull()
      // A webhook that says the same may be late.
      expect(await receive(store, [alert('A')], T0 + HOUR)).toMatchObject({ firing: 0 })

      const known = shown(alert('A'), { updatedAt: T0 + HOUR + from.graceMs + 1 })
      expect(await store.adopt([known], from, T0 + 2 * HOUR)).toMatchObject({ firing: 1 })
      expect(await store.nextInboxRow()).toMatchObject({ change: 'refired' })
      await drain(store, [opening], T0 + 2 * HOUR)
      expect((await incident(store, opened.id)).firing).toHaveLength(1)
    })

    test('S-1.3 gone does what resolved does: a question to the probes, recorded as gone', async () => {
      const store = await fresh()
      const { incident: opened } = await fire(store, alert('A'), opening, T0)
      const missing = [{ fingerprint: alert('A').fingerprint, since: T0 + MINUTE }]
      expect(await store.markGone(missing, 'kafka-healing', T0 + HOUR)).toBe(1)
      expect(await store.nextInboxRow()).toMatchObject({
        change: 'gone',
        alert: { status: 'resolved', startsAt: alert('A').startsAt, endsAt: T0 + HOUR },
      })
      expect(await store.heldAlerts()).toEqual([])
      const [moved] = await drain(store, [opening], T0 + HOUR)
      expect(moved).toMatchObject({ event: { type: 'alertResolved' } })
      expect(await incident(store, opened.id)).toMatchObject({ state: 'verifying', firing: [] })
      // Another instance finds the same.
      expect(await store.markGone(missing, 'kafka-healing', T0 + HOUR)).toBe(0)
      expect(await store.inboxDepth()).toBe(0)
    })

    test('an alert that was heard of since it was missed, or that is unknown, is not gone', async () => {
      const store = await fresh()
      await fire(store, alert('A'), opening, T0)
      await receive(store, [alert('A')], T0 + MINUTE)
      const missing = [{ fingerprint: alert('A').fingerprint, since: T0 + MINUTE }]
      expect(await store.markGone(missing, 'kafka-healing', T0 + HOUR)).toBe(0)
      expect(await store.markGone([{ fingerprint: 'f'.repeat(16), since: T0 }], 'kafka-healing', T0)).toBe(0)
      expect(await store.heldAlerts()).toHaveLength(1)
    })

    test('what is gone and shown again fires again, also as the same occurrence', async () => {
      const store = await fresh()
      const { incident: opened } = await fire(store, alert('A'), opening, T0)
      await store.markGone([{ fingerprint: alert('A').fingerprint, since: T0 + 1 }], 'kafka-healing', T0 + MINUTE)
      await drain(store, [opening], T0 + MINUTE)
      const again = shown(alert('A'), { updatedAt: T0 + MINUTE + from.graceMs + 1 })
      expect(await store.adopt([again], from, T0 + HOUR)).toMatchObject({ firing: 1 })
      await drain(store, [opening], T0 + HOUR)
      expect(await incident(store, opened.id)).toMatchObject({ state: 'waiting', reason: 'after' })
    })
  })
}
