import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Alert } from '../../alert/alert.ts'
import type { Store } from '../store.ts'
import { alert, broker, delivery, drain, fail, fire, HOUR, MINUTE, plan, receive, resolved, T0 } from './fixtures.ts'

export function intakeConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan(), subject: broker(1) }

  describe('intake', () => {
    test('a delivery is stored with its alerts, and each change waits in the inbox in order', async () => {
      const store = await fresh()
      const a = alert('A', { annotations: { summary: 'down' }, labels: { instance: 'kafka-1:7071' } })
      const b = alert('B')
      expect(await receive(store, [a, b], T0)).toMatchObject({ firing: 2, resolved: 0, repeats: 0 })
      expect(await store.inboxDepth()).toBe(2)
      const row = await store.nextInboxRow()
      expect(row).toMatchObject({ change: 'firing', alert: a, credential: 'main', receivedAt: T0 })
      expect(await store.alerts({ firingOnly: true })).toMatchObject([
        { fingerprint: expect.any(String), seenAt: T0, firstSeenAt: T0 },
        { seenAt: T0 },
      ])
    })

    test('receipts come in the order of the batch, with ids that only grow', async () => {
      const store = await fresh()
      const receipts = await store.storeDeliveries(
        [1, 2, 3].map((n) => delivery([alert(`A${n}`)])),
        T0,
      )
      expect(receipts.map((receipt) => receipt.firing)).toEqual([1, 1, 1])
      const ids = receipts.map((receipt) => receipt.delivery)
      expect(ids).toEqual([...ids].toSorted((x, y) => x - y))
      expect(new Set(ids).size).toBe(3)
    })

    test('S-1.5 a repeat makes no inbox row and refreshes what is known', async () => {
      const store = await fresh()
      const a = alert('A')
      await receive(store, [a], T0)
      expect(await receive(store, [{ ...a, annotations: { new: 'yes' } }], T0 + MINUTE)).toMatchObject({ repeats: 1 })
      expect(await store.inboxDepth()).toBe(1)
      expect(await store.alerts({ firingOnly: false })).toMatchObject([
        { seenAt: T0 + MINUTE, firstSeenAt: T0, annotations: { new: 'yes' } },
      ])
    })

    test('S-3.8 two Alertmanagers that deliver the same group in one batch are one change', async () => {
      const store = await fresh()
      const a = alert('A')
      const receipts = await store.storeDeliveries([delivery([a]), delivery([a])], T0)
      expect(receipts.map(({ firing, repeats }) => [firing, repeats])).toEqual([
        [1, 0],
        [0, 1],
      ])
    })

    test('S-1.1 a startsAt that moves backward is the same occurrence, one that moves forward is a new one', async () => {
      const store = await fresh()
      const a = alert('A', { startsAt: T0 })
      await receive(store, [a], T0)
      expect(await receive(store, [{ ...a, startsAt: T0 - HOUR }], T0)).toMatchObject({ firing: 0, repeats: 1 })
      expect((await store.alerts({ firingOnly: true }))[0]?.startsAt).toBe(T0 - HOUR)
      expect(await receive(store, [{ ...a, startsAt: T0 + 1 }], T0)).toMatchObject({ firing: 1 })
      await store.admit((await store.nextInboxRow()) ?? fail(), [], T0)
      expect(await store.nextInboxRow()).toMatchObject({ change: 'refired', alert: { startsAt: T0 + 1 } })
    })

    test('S-3.8 late, foreign and unknown statements reach the core never', async () => {
      const store = await fresh()
      const a = alert('A', { startsAt: T0 })
      expect(await receive(store, [resolved(alert('Never'))], T0)).toMatchObject({ firing: 0, resolved: 0, repeats: 1 })
      await receive(store, [a], T0)
      await receive(store, [resolved(a, { startsAt: T0 - HOUR, endsAt: T0 - MINUTE })], T0)
      await receive(store, [resolved(a)], T0)
      await receive(store, [a], T0)
      await receive(store, [{ ...a, startsAt: T0 - 1 }], T0)
      const changes = []
      for (let row = await store.nextInboxRow(); row; row = await store.nextInboxRow()) {
        changes.push(row.change)
        await store.admit(row, [], T0)
      }
      expect(changes).toEqual(['firing', 'resolved'])
      expect(await store.alerts({ firingOnly: true })).toEqual([])
    })

    test('what was resolved and fires anew is a new occurrence', async () => {
      const store = await fresh()
      const a = alert('A', { startsAt: T0 })
      await receive(store, [a, resolved(a), { ...a, startsAt: T0 + HOUR }], T0)
      await drain(store, [], T0)
      expect(await store.alerts({ firingOnly: true })).toMatchObject([{ startsAt: T0 + HOUR, endsAt: null }])
    })

    test('a rejected body is kept', async () => {
      const store = await fresh()
      await store.storeRejected({ problem: 'not JSON', rawBody: '{', credential: null }, T0)
      expect(await store.inboxDepth()).toBe(0)
    })

    test('an inbox row is admitted once, whoever asks', async () => {
      const store = await fresh()
      await receive(store, [alert('A')], T0)
      const row = (await store.nextInboxRow()) ?? fail()
      expect(await store.admit(row, [opening], T0)).toHaveLength(1)
      expect(await store.admit(row, [{ ...opening, subject: broker(2) }], T0)).toEqual([])
      expect(await store.openIncidents()).toHaveLength(1)
    })

    test('S-3.6 firing alerts without an open incident are queued again, once', async () => {
      const store = await fresh()
      await fire(store, alert('Known'), opening, T0)
      await receive(store, [alert('Orphan'), alert('Gone')], T0)
      await receive(store, [resolved(alert('Gone'))], T0)
      await drain(store, [], T0)
      expect(await store.requeueOrphans(T0 + 1)).toBe(1)
      expect(await store.requeueOrphans(T0 + 1)).toBe(0)
      expect(await store.nextInboxRow()).toMatchObject({ change: 'firing', alert: { labels: { alertname: 'Orphan' } } })
      await drain(store, [{ ...opening, subject: broker(2) }], T0 + 2)
      expect(await store.openIncidents()).toHaveLength(2)
    })

    test('a random stream of statements leaves the alerts as their last word in time says', async () => {
      const store = await fresh()
      let run = 0
      const statement = fc.record({
        name: fc.constantFrom('A', 'B', 'C'),
        startsAt: fc.integer({ min: 0, max: 5 }),
        resolved: fc.boolean(),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(statement, { maxLength: 5 }), { maxLength: 8 }), async (batches) => {
          run++
          const before = await store.inboxDepth()
          const sent: Alert[][] = batches.map((batch) =>
            batch.map(({ name, startsAt, resolved: isOver }) =>
              alert(name, {
                labels: { run: String(run) },
                startsAt: T0 + startsAt * MINUTE,
                status: isOver ? 'resolved' : 'firing',
                endsAt: isOver ? T0 + startsAt * MINUTE + 30_000 : null,
              }),
            ),
          )
          const receipts = await store.storeDeliveries(
            sent.map((alerts) => delivery(alerts)),
            T0,
          )
          const changes = receipts.reduce((sum, receipt) => sum + receipt.firing + receipt.resolved, 0)
          expect(await store.inboxDepth()).toBe(before + changes)
          const all = receipts.reduce((sum, receipt) => sum + receipt.firing + receipt.resolved + receipt.repeats, 0)
          expect(all).toBe(sent.flat().length)
          await changesAlternate(store)
          const firing = (await store.alerts({ firingOnly: true })).filter(
            ({ labels }) => labels['run'] === String(run),
          )
          for (const one of firing) {
            // Nothing said after the latest start resolved that very occurrence.
            const heard = sent.flat().filter(({ fingerprint }) => fingerprint === one.fingerprint)
            const latest = Math.max(...heard.filter((said) => said.status === 'firing').map((said) => said.startsAt))
            const ends = heard.filter((said) => said.status === 'resolved' && said.startsAt > latest)
            const last = heard.findLastIndex((said) => said.status === 'resolved' && said.startsAt > latest)
            const again = heard.findIndex((said) => said.status === 'firing')
            expect(ends.length === 0 || last < again).toBe(true)
          }
        }),
        { numRuns: 60 },
      )
    })
  })
}

/** To the core an alert never resolves twice in a row, nor does it begin twice without being a new occurrence. */
async function changesAlternate(store: Store): Promise<void> {
  const last = new Map<string, string>()
  for (let row = await store.nextInboxRow(); row; row = await store.nextInboxRow()) {
    const before = last.get(row.alert.fingerprint)
    if (row.change === 'resolved') expect(['firing', 'refired']).toContain(before)
    if (row.change === 'firing') expect(before).toBeUndefined()
    last.set(row.alert.fingerprint, row.change)
    await store.admit(row, [], T0)
  }
}
