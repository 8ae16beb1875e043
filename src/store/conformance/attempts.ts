import { describe, expect, test } from 'vitest'
import { surelyOverAt } from '../../hosts/host.ts'
import type { AttemptEnd } from '../../incident/event.ts'
import type { Step } from '../../incident/plan.ts'
import { type Store, stepKey } from '../store.ts'
import {
  alert,
  broker,
  claim,
  decidePass,
  fail,
  fire,
  fireTimers,
  HOUR,
  incident,
  look,
  MINUTE,
  ok,
  passGuards,
  plan,
  programStep,
  readStep,
  refuse,
  runAttempt,
  schedule,
  see,
  startStep,
  stopStep,
  T0,
} from './fixtures.ts'

const succeeded: AttemptEnd = { outcome: 'succeeded', reason: 'all steps succeeded', changed: true }

export function attemptConformance(fresh: () => Promise<Store>): void {
  const opening = (id: number, rung: readonly Step[] = [startStep], rule = 'broker-down') => ({
    plan: plan({ rule, rungs: [rung] }),
    subject: broker(id),
  })
  const now = T0 + MINUTE

  describe('claims', () => {
    test('S-4.1 a claim starts the attempt, counts it on the target and takes its hold', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1, [stopStep, startStep]), T0)
      const attempt = await claim(store, now)
      expect(attempt).toMatchObject({
        number: 1,
        rung: 1,
        steps: [stopStep, startStep],
        byPerson: false,
        owner: 'me',
        targetKey: 'orders/broker/1',
        startedAt: now,
        incident: { id, state: 'attempting', reason: 'running', attempts: 1 },
        alerts: [{ status: 'firing' }],
      })
      expect((await store.targetHistory('orders/broker/1', now)).attempts).toBe(1)
      const other = await schedule(store, opening(2, [stopStep]), T0)
      const { holds } = await store.ownFacts(other, 'orders/broker/1', 'orders', now)
      expect(holds).toEqual([
        { key: 'cluster:orders', incident: id, attempt: 1, takenAt: now },
        { key: 'target:orders/broker/1', incident: id, attempt: 1, takenAt: now },
      ])
      expect((await store.ownFacts(id, 'orders/broker/1', 'orders', now)).holds).toEqual([])
    })

    test('an attempt is claimed once', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0)
      const claims = await Promise.all([1, 2, 3].map((n) => store.claimAttempt(`p${n}`, now, MINUTE, decidePass)))
      expect(claims.filter((one) => one !== null)).toHaveLength(1)
    })

    test('S-5.2 the guards over our own rows are decided inside the claim, by what they find there', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1, [stopStep]), T0)
      await store.createPause({ scope: 'cluster:orders', endsAt: T0 + HOUR, author: 'jane', comment: 'upgrade' }, now)
      const refused = await store.claimAttempt('me', now, MINUTE, (facts, intent) => {
        expect(facts.pauses).toMatchObject([{ scope: 'cluster:orders', by: 'jane' }])
        expect(intent).toEqual({
          incident: id,
          targetKey: 'orders/broker/1',
          cluster: 'orders',
          disruptive: true,
          byPerson: false,
          attempt: 1,
          rack: null,
          firstStart: false,
        })
        return { decision: refuse, results: [] }
      })
      expect(refused).toMatchObject({ refused: { incident: { state: 'waiting', reason: 'refused' } } })
      expect(await store.claimAttempt('me', now, MINUTE, decidePass)).toBeNull()
      expect((await store.targetHistory('orders/broker/1', now)).attempts).toBe(0)
      const view = await store.incidentView(id)
      expect(view?.attempts).toMatchObject([{ status: 'withdrawn', startedAt: null }])
      expect(view?.decisions.at(-1)).toMatchObject({ kind: 'claim', verdict: 'refuse', guard: 'availability' })
    })

    test('S-3.5 what was approved and not begun in time is asked for again, not done', async () => {
      const store = await fresh()
      const { incident: asked } = await fire(
        store,
        alert('A'),
        { plan: plan({ mode: 'approve' }), subject: broker(1) },
        T0,
      )
      await fireTimers(store, T0 + MINUTE)
      await passGuards(store, T0 + MINUTE)
      await store.apply(asked.id, { type: 'approved', by: 'ann', request: 1 }, T0 + 2 * MINUTE)
      await passGuards(store, T0 + 2 * MINUTE)
      expect(await incident(store, asked.id)).toMatchObject({ state: 'attempting', reason: 'scheduled' })
      expect(await store.claimAttempt('me', T0 + 17 * MINUTE, MINUTE, decidePass)).toMatchObject({
        refused: { incident: { state: 'waiting', reason: 'refused' } },
      })
      expect(await store.claimAttempt('me', T0 + 17 * MINUTE, MINUTE, decidePass)).toBeNull()
      await fireTimers(store, T0 + 18 * MINUTE)
      await passGuards(store, T0 + 18 * MINUTE)
      expect(await incident(store, asked.id)).toMatchObject({ reason: 'approval', approval: { request: 2, by: null } })
    })

    test('S-5.10 only a first start is a first start', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0)
      let first: boolean | null = null
      await store.claimAttempt('me', now, MINUTE, (_facts, intent) => {
        first = intent.firstStart
        return decidePass()
      })
      expect(first).toBe(true)
    })

    test('S-4.2 at most one attempt runs on a target, whatever the guards say', async () => {
      const store = await fresh()
      const first = await schedule(store, opening(1), T0)
      await store.apply(first, { type: 'cancelled', by: 'jane', reason: 'drill' }, T0 + MINUTE)
      await schedule(store, opening(1, [startStep], 'other'), T0 + MINUTE)
      const running = await claim(store, now + MINUTE)
      await store.apply(first, { type: 'retryRequested', by: 'jane' }, now + MINUTE)
      await passGuards(store, now + MINUTE)
      expect(await store.claimAttempt('me', now + MINUTE, MINUTE, decidePass)).toMatchObject({
        refused: { incident: { id: first, state: 'waiting' }, event: { decision: { guard: 'one-at-a-time' } } },
      })
      expect(await store.startStep(running, 1, now + MINUTE)).toBe(true)
    })

    test('S-3.1 an incident that leaves settled does not lead beside another one', async () => {
      const store = await fresh()
      const first = await schedule(store, opening(1), T0)
      await store.apply(first, { type: 'cancelled', by: 'jane', reason: 'drill' }, T0 + MINUTE)
      const second = await schedule(store, opening(1, [startStep], 'other'), T0 + MINUTE)
      await store.electLeader('orders/broker/1', now)
      await store.apply(first, { type: 'retryRequested', by: 'jane' }, now)
      expect(await store.pendingElections()).toEqual(['orders/broker/1'])
      await store.electLeader('orders/broker/1', now)
      expect(await incident(store, first)).toMatchObject({ reason: 'attached', leader: second })
    })

    test('S-4.2 one disruptive attempt per cluster; a start on another target goes on', async () => {
      const store = await fresh()
      await schedule(store, opening(1, [stopStep]), T0)
      const waits = await schedule(store, opening(2, [stopStep]), T0)
      const goes = await schedule(store, opening(3), T0)
      const far = await schedule(store, { plan: plan({ rungs: [[stopStep]] }), subject: broker(1, 'logs') }, T0)
      await claim(store, now)
      expect(await store.claimAttempt('me', now, MINUTE, decidePass)).toMatchObject({
        refused: { incident: { id: waits, detail: 'another attempt holds cluster:orders' } },
      })
      expect((await claim(store, now)).incident.id).toBe(goes)
      expect((await claim(store, now)).incident.id).toBe(far)
    })

    test('S-4.2 holds last until the verdict of verification', async () => {
      const store = await fresh()
      await runAttempt(store, opening(1, [stopStep]), T0)
      const later = { ...opening(2, [stopStep]), plan: plan({ afterMs: 24 * HOUR }) }
      const waits = (await fire(store, alert('B'), later, T0 + MINUTE)).incident.id
      const held = async () =>
        (await store.ownFacts(waits, 'orders/broker/2', 'orders', now)).holds.map(({ key }) => key)
      expect(await held()).toEqual(['cluster:orders'])
      await see(store, look({ verdict: 'progressing', mark: '5' }), now + MINUTE)
      expect(await held()).toEqual(['cluster:orders'])
      const timer = await store.nextTimer(now + 2 * MINUTE)
      await store.fireTimer(timer ?? fail(), now + 2 * MINUTE)
      await see(store, look(), now + 2 * MINUTE)
      expect(await held()).toEqual([])
    })

    test('an attempt that its incident has left behind is withdrawn, not started', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1), T0)
      await store.apply(id, { type: 'takenOver', by: 'jane' }, now)
      expect(await store.claimAttempt('me', now, MINUTE, decidePass)).toBeNull()
      expect((await store.history({ limit: 1 })).items[0]).toMatchObject({ status: 'withdrawn' })
    })
  })

  describe('steps', () => {
    test('S-4.1 a step is committed as started before it runs, and never starts twice', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1), T0)
      const attempt = await claim(store, now)
      expect(await store.startStep(attempt, 1, now)).toBe(true)
      expect(await store.startStep(attempt, 1, now)).toBe(false)
      const steps = (await store.incidentView(id))?.attempts[0]?.steps
      expect(steps).toEqual([
        {
          key: stepKey(id, 1, 1),
          step: 1,
          type: 'systemd',
          params: { verb: 'start' },
          startedAt: now,
          finishedAt: null,
          result: null,
        },
      ])
      expect(await store.finishStep(attempt, 1, ok, now + 1)).toBe(true)
      expect(await store.finishStep(attempt, 1, { ...ok, outcome: 'failed' }, now + 2)).toBe(false)
      expect((await store.incidentView(id))?.attempts[0]?.steps[0]).toMatchObject({ result: ok, finishedAt: now + 1 })
    })

    test('S-5.10 an attempt counts in the budget from its first changing step on', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1, [readStep, startStep]), T0)
      const attempt = await claim(store, now)
      const counted = async () => (await store.ownFacts(id, 'orders/broker/1', 'orders', now + 1)).recent.length
      await store.startStep(attempt, 1, now)
      await store.finishStep(attempt, 1, ok, now)
      expect(await counted()).toBe(0)
      await store.startStep(attempt, 2, now)
      expect(await counted()).toBe(1)
    })

    test('S-4.1 only the owner renews, steps and finishes; a late result is dropped', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1), T0)
      const attempt = await claim(store, now, 'dead')
      expect(await store.renewLease(attempt, now, 0)).toBe(true)
      await store.interruptForeign('me', now)
      expect(await store.renewLease(attempt, now, MINUTE)).toBe(false)
      expect(await store.startStep(attempt, 1, now)).toBe(false)
      expect(await store.finishStep(attempt, 1, ok, now)).toBe(false)
      expect(await store.finishAttempt(attempt, succeeded, now)).toBeNull()
      expect((await store.incidentView(id))?.attempts[0]).toMatchObject({ status: 'interrupted', steps: [] })
    })

    test('S-3.7 a clock that jumps past the lease strands no attempt whose process lives', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0)
      const attempt = await claim(store, now)
      expect(await store.interruptForeign('me', now + 24 * HOUR)).toEqual([])
      expect(await store.startStep(attempt, 1, now + 24 * HOUR)).toBe(true)
      expect(await store.finishAttempt(attempt, succeeded, now + 24 * HOUR)).toMatchObject({
        incident: { state: 'verifying', changed: true },
      })
      expect(await store.finishAttempt(attempt, succeeded, now + 24 * HOUR)).toBeNull()
    })

    test('S-4.7 what was not run spends no attempt', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0)
      const attempt = await claim(store, now)
      const end = { outcome: 'notRun', notRun: 'busy', reason: 'exit 75', changed: false } as const
      expect((await store.finishAttempt(attempt, end, now))?.incident).toMatchObject({ state: 'waiting' })
      expect((await store.targetHistory('orders/broker/1', now)).attempts).toBe(0)
    })

    test('S-4.8 what is handed back spends nothing, frees its holds and is planned anew', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1, [stopStep]), T0)
      const attempt = await claim(store, now)
      await store.handBack(attempt, now)
      expect((await store.targetHistory('orders/broker/1', now)).attempts).toBe(0)
      const after = await incident(store, id)
      expect(after).toMatchObject({ state: 'waiting', targetAttempts: 0, changed: false })
      const waits = await schedule(store, opening(2, [stopStep]), T0)
      expect((await store.ownFacts(waits, 'orders/broker/2', 'orders', now)).holds).toEqual([])
      expect(await store.startStep(attempt, 1, now)).toBe(false)
    })

    test('S-4.8 an attempt with a step begun is not handed back', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1), T0)
      const attempt = await claim(store, now)
      await store.startStep(attempt, 1, now)
      await store.handBack(attempt, now)
      expect((await incident(store, id)).reason).toBe('running')
    })
  })

  describe('interrupted attempts', () => {
    async function begun(
      store: Store,
      rung: readonly Step[],
      play: (attempt: Awaited<ReturnType<typeof claim>>) => Promise<void>,
    ) {
      const id = await schedule(store, opening(1, rung), T0)
      const attempt = await claim(store, now, 'dead')
      await play(attempt)
      const [moved, ...rest] = await store.interruptForeign('me', now + MINUTE)
      expect(rest).toEqual([])
      if (moved?.event.type !== 'attemptInterrupted') throw new Error('not interrupted')
      expect(moved.incident.id).toBe(id)
      return moved.event.end
    }

    test('before any step: failed, nothing changed', async () => {
      const end = await begun(await fresh(), [startStep], async () => {})
      expect(end).toMatchObject({ outcome: 'failed', changed: false })
    })

    test('S-4.4 within a step: unknown, not judged before its bound, repeatable as the steps from it on are', async () => {
      const store = await fresh()
      const end = await begun(store, [stopStep, startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
      })
      const over = surelyOverAt(now, 60_000)
      expect(end).toMatchObject({ outcome: 'unknown', changed: true, repeatable: true, surelyOverAt: over })
      expect((await store.openIncidents())[0]).toMatchObject({ state: 'verifying', verifying: { notBefore: over } })
    })

    test('S-4.4 within a step that must not run twice: unknown and not repeatable', async () => {
      const store = await fresh()
      const end = await begun(store, [startStep, programStep, startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
        await store.finishStep(attempt, 1, ok, now)
        await store.startStep(attempt, 2, now + 1)
      })
      expect(end).toMatchObject({ outcome: 'unknown', repeatable: false, surelyOverAt: surelyOverAt(now + 1, 300_000) })
    })

    test('S-4.4 what ran before the unknown step does not matter to repeating it', async () => {
      const store = await fresh()
      const end = await begun(store, [programStep, startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
        await store.finishStep(attempt, 1, ok, now)
        await store.startStep(attempt, 2, now)
      })
      expect(end).toMatchObject({ outcome: 'unknown', repeatable: true })
    })

    test('a step that had already come back as unknown stays unknown', async () => {
      const store = await fresh()
      const end = await begun(store, [startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
        await store.finishStep(attempt, 1, { ...ok, outcome: 'unknown', reason: 'connection lost' }, now)
      })
      expect(end).toMatchObject({ outcome: 'unknown', reason: 'connection lost' })
    })

    test('after all steps: as they ended', async () => {
      const store = await fresh()
      const end = await begun(store, [startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
        await store.finishStep(attempt, 1, ok, now)
      })
      expect(end).toMatchObject({ outcome: 'succeeded', changed: true })
    })

    test('between two steps: failed, changed', async () => {
      const store = await fresh()
      const end = await begun(store, [stopStep, startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
        await store.finishStep(attempt, 1, ok, now)
      })
      expect(end).toMatchObject({ outcome: 'failed', changed: true })
    })

    test('after a step that was not run: not run, nothing spent', async () => {
      const store = await fresh()
      const end = await begun(store, [startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
        await store.finishStep(attempt, 1, { ...ok, outcome: 'failed', notRun: 'busy', reason: 'exit 75' }, now)
      })
      expect(end).toMatchObject({ outcome: 'notRun', notRun: 'busy', changed: false })
      expect((await store.targetHistory('orders/broker/1', now)).attempts).toBe(0)
    })

    test('S-5.10 after a step that only reads: nothing was changed, whatever became of the next', async () => {
      const first = await fresh()
      const between = await begun(first, [readStep, startStep], async (attempt) => {
        await first.startStep(attempt, 1, now)
        await first.finishStep(attempt, 1, ok, now)
      })
      expect(between).toMatchObject({ outcome: 'failed', changed: false })
      const store = await fresh()
      const busy = await begun(store, [readStep, startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
        await store.finishStep(attempt, 1, ok, now)
        await store.startStep(attempt, 2, now)
        await store.finishStep(attempt, 2, { ...ok, outcome: 'failed', notRun: 'busy', reason: 'exit 75' }, now)
      })
      expect(busy).toMatchObject({ outcome: 'notRun', notRun: 'busy', changed: false })
      expect((await store.targetHistory('orders/broker/1', now)).attempts).toBe(0)
    })

    test('S-4.1 an attempt that somebody still works on is never judged, whatever became of its lease', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0)
      const attempt = await claim(store, now, 'dead')
      expect(await store.interruptForeign('me', now, new Set([attempt.id]))).toEqual([])
      expect(await store.startStep(attempt, 1, now)).toBe(true)
      expect(await store.interruptForeign('me', now, new Set())).toHaveLength(1)
    })

    test('S-4.1 a result that is told twice, because its commit was not answered, is one', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0)
      const attempt = await claim(store, now)
      await store.startStep(attempt, 1, now)
      expect(await store.finishStep(attempt, 1, ok, now)).toBe(true)
      expect(await store.finishStep(attempt, 1, ok, now + 1)).toBe(true)
      expect((await store.incidentView(attempt.incident.id))?.attempts[0]?.steps).toMatchObject([{ finishedAt: now }])
    })

    test('S-4.1 an interrupted attempt counts; a second start of the process finds nothing', async () => {
      const store = await fresh()
      await begun(store, [startStep], async (attempt) => {
        await store.startStep(attempt, 1, now)
      })
      expect((await store.targetHistory('orders/broker/1', now)).attempts).toBe(1)
      expect(await store.interruptForeign('third', now + HOUR)).toEqual([])
    })

    test('questions that a dead process was answering are asked again at once', async () => {
      const store = await fresh()
      await runAttempt(store, opening(1), T0)
      const task = await store.claimLook('dead', now, 0)
      await store.interruptForeign('me', now)
      expect(await store.claimLook('me', now, HOUR)).toMatchObject({ id: task?.id })
    })
  })
}
