import { describe, expect, test } from 'vitest'
import { nextIntended } from '../../incident/trace.ts'
import type { GuardResult, ProbeResult } from '../../incident/verdict.ts'
import type { DecisionView, Store } from '../store.ts'
import {
  alert,
  broker,
  claim,
  drain,
  fail,
  fire,
  fireTimers,
  HOUR,
  incident,
  look,
  MINUTE,
  passGuards,
  plan,
  receive,
  refuse,
  resolved,
  SECOND,
  schedule,
  see,
  startStep,
  stopStep,
  T0,
} from './fixtures.ts'

/** `results` word for word as builds before version 1 wrote them; such a row has no `trace`. */
export const BEFORE_TRACES =
  '[{"guard":"identity","verdict":"unknown","reason":"kafka-1 cannot be asked","evidence":[{"name":"pinned cluster id","value":null,"source":"inventory","at":1763705993000}],"escalate":"unreachable"},' +
  '{"guard":"not-silenced","verdict":"hold","reason":"silenced by jane","evidence":[],"quiet":true,"until":1763709593000},' +
  '{"guard":"availability","verdict":"refuse","reason":"2 topics","evidence":[{"name":"and more","value":4980,"source":"kafka-healing","at":0}],"approvable":true,"urgent":true},' +
  '{"probe":"kafka-api","verdict":"progressing","reason":"it is starting","evidence":[],"mark":"start","starting":true}]'

/** How they are shown now. */
export const READ_FROM_BEFORE = {
  trace: 1,
  intent: null,
  followed: null,
  results: JSON.parse(BEFORE_TRACES) as unknown,
}

/** Each decision keeps what it was about, what was seen, and what followed. */
export function tracingConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan({ rungs: [[startStep], [stopStep, startStep]] }), subject: broker(1) }
  const isr: GuardResult = {
    guard: 'availability',
    verdict: 'refuse',
    reason: 'ISR is short',
    evidence: [{ name: 'orders-0', value: 'ISR 1', wanted: 'at least 2', source: 'cluster', at: T0 }],
    params: { look_back_minutes: 5 },
  }

  async function evaluated(store: Store, results: readonly GuardResult[], now: number): Promise<void> {
    await fireTimers(store, now)
    const task = (await store.claimLook('me', now, 1)) ?? fail()
    await store.guardsEvaluated(task, refuse, results, null, now)
  }
  async function decisions(store: Store, id: number): Promise<readonly DecisionView[]> {
    return (await store.incidentView(id))?.decisions ?? fail()
  }

  describe('traces of decisions', () => {
    test('the guards: what was about to be done, each value with what was wanted, and what followed', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await evaluated(store, [isr], T0 + MINUTE)
      const [only] = await decisions(store, id)
      expect(only).toEqual({
        id: only?.id,
        kind: 'guards',
        attempt: null,
        verdict: 'refuse',
        guard: 'availability',
        reason: 'ISR is short',
        trace: 1,
        intent: {
          revision: 'abc123',
          mode: 'act',
          target: 'orders/broker/1',
          attempt: 1,
          rung: 1,
          step: null,
          disruptive: false,
          byPerson: false,
        },
        results: [isr],
        followed: { state: 'waiting', reason: 'refused', until: null, nextAt: expect.any(Number) },
        firstAt: T0 + MINUTE,
        lastAt: T0 + MINUTE,
        count: 1,
      })
      const timer = (await store.incidentView(id))?.timers.find(({ kind }) => kind === 'guard')
      expect(only?.followed?.nextAt).toBe(timer?.dueAt)
    })

    test('the same again is one row: values of the first, what followed of the last', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await evaluated(store, [isr], T0 + MINUTE)
      const later = isr.evidence.map((one) => ({ ...one, at: T0 + 5 * MINUTE }))
      await evaluated(store, [{ ...isr, evidence: later }], T0 + 5 * MINUTE)
      const [only, ...others] = await decisions(store, id)
      expect(others).toEqual([])
      expect(only).toMatchObject({ count: 2, lastAt: T0 + 5 * MINUTE, results: [isr] })
      expect(only?.followed?.nextAt).toBeGreaterThan(T0 + 5 * MINUTE)
    })

    test('another value, or another one wanted, is another row', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await evaluated(store, [isr], T0 + MINUTE)
      const stricter = isr.evidence.map((one) => ({ ...one, wanted: 'at least 3' }))
      await evaluated(store, [{ ...isr, evidence: stricter }], T0 + 5 * MINUTE)
      expect(await decisions(store, id)).toHaveLength(2)
    })

    test('the claim: a hold that was lost is what decided', async () => {
      const store = await fresh()
      const other = { plan: plan({ rule: 'other', rungs: [[stopStep]] }), subject: broker(2) }
      const disruptive = { plan: plan({ rungs: [[stopStep]] }), subject: broker(1) }
      await schedule(store, other, T0, 'B')
      const id = await schedule(store, disruptive, T0 + SECOND, 'A')
      await claim(store, T0 + 2 * MINUTE)
      const passes = () => ({
        decision: { ...refuse, verdict: 'pass' as const, guard: null, reason: 'all guards passed' },
        results: [{ guard: 'one-at-a-time', verdict: 'pass' as const, reason: 'no other attempt', evidence: [] }],
      })
      expect(await store.claimAttempt('me', T0 + 2 * MINUTE, MINUTE, passes)).toHaveProperty('refused')
      const last = (await decisions(store, id)).at(-1)
      expect(last).toMatchObject({
        kind: 'claim',
        attempt: 1,
        verdict: 'refuse',
        guard: 'one-at-a-time',
        intent: { attempt: 1, rung: 1, disruptive: true, target: 'orders/broker/1' },
        results: [{ guard: 'one-at-a-time', verdict: 'refuse', reason: last?.reason }],
        followed: { state: 'waiting', reason: 'refused' },
      })
    })

    test('the claim that is begun, the guards before a step, and the probes after it', async () => {
      const store = await fresh()
      const id = await schedule(store, opening, T0)
      const attempt = await claim(store, T0 + MINUTE)
      const intent = { ...nextIntended(attempt.incident), attempt: 1, rung: 2, step: 1, disruptive: true }
      await store.recordDecision(id, intent, { ...refuse, until: T0 + HOUR }, [isr], T0 + MINUTE)
      await store.startStep(attempt, 1, T0 + MINUTE)
      await store.finishAttempt(attempt, { outcome: 'succeeded', reason: 'ok', changed: true }, T0 + MINUTE)
      const task = (await store.claimLook('me', T0 + MINUTE, SECOND)) ?? fail()
      const seen: ProbeResult = { probe: 'unit', verdict: 'broken', reason: 'down', evidence: [], withinMs: 120_000 }
      await store.looked(task, look({ verdict: 'broken', reason: 'down' }), [seen], [], T0 + MINUTE)
      const [, begun, step, probe] = await decisions(store, id)
      expect(begun).toMatchObject({
        kind: 'claim',
        verdict: 'pass',
        followed: { state: 'attempting', reason: 'running' },
      })
      expect(step).toMatchObject({
        kind: 'step',
        attempt: 1,
        intent,
        followed: { state: 'attempting', reason: 'running', until: T0 + HOUR, nextAt: null },
      })
      expect(probe).toMatchObject({
        kind: 'probe',
        attempt: 1,
        intent: { attempt: 1, rung: null, step: null, disruptive: false },
        results: [seen],
        followed: { state: 'verifying', reason: 'afterAttempt' },
      })
    })

    test('an alert: as last stated, whom it came by, and its incidents, the newest first', async () => {
      const store = await fresh()
      const a = alert('A')
      expect(await store.alertSeen(a.fingerprint, 5)).toBeNull()
      const ids: number[] = []
      for (let n = 0; n < 3; n++) {
        const now = T0 + n * HOUR
        ids.unshift((await fire(store, alert('A', { startsAt: now }), opening, now)).incident.id)
        await receive(store, [resolved(a, { startsAt: now, endsAt: now + 1 })], now + 1)
        await drain(store, [], now + 1)
        await see(store, look(), now + 2)
      }
      await fire(store, alert('B'), { plan: plan({ rule: 'other' }), subject: broker(2) }, T0)
      expect(await store.alertSeen(a.fingerprint, 2)).toMatchObject({
        fingerprint: a.fingerprint,
        status: 'resolved',
        labels: a.labels,
        credential: 'main',
        incidents: ids.slice(0, 2),
      })
      expect((await store.alertSeen(a.fingerprint, 5))?.incidents).toEqual(ids)
    })

    test('a retry is by a person, at the last rung', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      await store.apply(id, { type: 'takenOver', by: 'jane' }, T0 + MINUTE)
      await store.apply(id, { type: 'retryRequested', by: 'jane' }, T0 + MINUTE)
      await passGuards(store, T0 + MINUTE)
      expect((await decisions(store, id))[0]?.intent).toMatchObject({ rung: 2, disruptive: true, byPerson: true })
      expect((await incident(store, id)).state).toBe('attempting')
    })

    test('a decision takes at most 8 KiB, what was intended and what followed included', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      const sizes: number[] = []
      for (let length = 316; length <= 336; length += 4) {
        const evidence = Array.from({ length: 20 }, (_, n) => ({
          name: `answer ${n}`,
          value: 'x'.repeat(length),
          source: 'prometheus',
          at: T0,
        }))
        await evaluated(store, [{ ...isr, evidence }], T0 + (length - 300) * MINUTE)
        const { results, trace, intent, followed } = (await decisions(store, id)).at(-1) ?? fail()
        sizes.push(JSON.stringify(results).length + JSON.stringify({ trace, intent, followed }).length)
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(8_192)
      expect(Math.max(...sizes)).toBeGreaterThan(8_000)
    })

    test('parameters too long to keep are cut to a text', async () => {
      const store = await fresh()
      const { id } = (await fire(store, alert('A'), opening, T0)).incident
      const query = `up{job="${'x'.repeat(20_000)}"}`
      const evidence = Array.from({ length: 50 }, (_, n) => ({
        name: `answer ${n}`,
        value: n,
        wanted: 'w'.repeat(1_000),
        source: 'prometheus',
        at: T0,
      }))
      await evaluated(store, [{ ...isr, params: { query }, evidence }], T0 + MINUTE)
      const [kept] = await decisions(store, id)
      const { results, intent, followed, trace } = kept ?? fail()
      expect(JSON.stringify(results).length + JSON.stringify({ trace, intent, followed }).length).toBeLessThan(8_193)
      expect(results[0]?.params?.['…']).toMatch(/^\{"query":"up\{job=\\"x+…$/)
      expect(results[0]?.evidence.length).toBeGreaterThan(5)
    })
  })
}
