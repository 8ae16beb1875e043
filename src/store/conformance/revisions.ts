import { describe, expect, test } from 'vitest'
import type { Store } from '../store.ts'
import {
  alert,
  broker,
  claim,
  drain,
  HOUR,
  look,
  MINUTE,
  ok,
  passGuards,
  plan,
  programStep,
  receive,
  resolved,
  schedule,
  see,
  startStep,
  T0,
} from './fixtures.ts'

export function revisionConformance(fresh: () => Promise<Store>): void {
  const opening = { plan: plan({ attempts: { ...plan().attempts, max: 1 } }), subject: broker(1) }
  const later = plan({ revision: 'def456', rungs: [[programStep]] })

  async function runNext(store: Store, now: number, outcome: 'succeeded' | 'failed'): Promise<void> {
    const attempt = await claim(store, now)
    for (const index of attempt.steps.keys()) {
      await store.startStep(attempt, index + 1, now)
      await store.finishStep(attempt, index + 1, { ...ok, outcome }, now)
    }
    await store.finishAttempt(attempt, { outcome, reason: 'ran', changed: true }, now)
  }

  /** One attempt by the plan of the opening, then a person's by the rule as it is in force now. */
  async function replanned(store: Store): Promise<number> {
    const id = await schedule(store, opening, T0)
    await runNext(store, T0 + MINUTE, 'failed')
    await see(store, look({ verdict: 'broken', conclusive: true, symptom: true }), T0 + 2 * MINUTE)
    await store.apply(id, { type: 'retryRequested', by: 'jane', plan: later }, T0 + 4 * MINUTE)
    await passGuards(store, T0 + 4 * MINUTE)
    await runNext(store, T0 + 5 * MINUTE, 'succeeded')
    return id
  }

  describe('S-3.6 revisions', () => {
    test('S-3.6 an incident, its attempts and what is told of it name the revision that decided each', async () => {
      const store = await fresh()
      const id = await replanned(store)
      await see(store, look(), T0 + 6 * MINUTE)
      const view = await store.incidentView(id)

      expect(view?.incident.plan.revision).toBe('def456')
      expect((await store.incidents({ limit: 1 })).items).toMatchObject([{ id, revision: 'def456' }])
      expect(view?.attempts.map(({ revision }) => revision)).toEqual(['abc123', 'def456'])
      expect((await store.history({ limit: 2 })).items.map(({ revision }) => revision)).toEqual(['def456', 'abc123'])
      const told = view?.escalations.map(({ kind, revision }) => [kind, revision])
      expect(told).toContainEqual(['escalated', 'abc123'])
      expect(told).toContainEqual(['recovered', 'def456'])
      const due = (await store.dueEscalations(T0 + HOUR, 10)).map(({ revision }) => revision)
      expect(new Set(due)).toEqual(new Set(['abc123', 'def456']))
    })

    test('the steps of each attempt are shown as they were run, whatever the rule says by then', async () => {
      const store = await fresh()
      const id = await replanned(store)
      const steps = (await store.incidentView(id))?.attempts.map((attempt) =>
        attempt.steps.map(({ type, params }) => ({ type, params })),
      )
      const shown = ({ type, params }: typeof startStep) => ({ type, params })
      expect(steps).toEqual([[shown(startStep)], [shown(programStep)]])
    })

    test('what restricts an open incident leaves the revision that opened it, and is named by the journal', async () => {
      const store = await fresh()
      const id = await schedule(store, opening, T0)
      await store.apply(id, { type: 'restricted', to: 'inform', reason: 'lowered by revision def456' }, T0 + MINUTE)
      await receive(store, [resolved(alert('BrokerDown'))], T0 + MINUTE)
      await drain(store, [], T0 + MINUTE)
      const view = await store.incidentView(id)
      expect(view?.incident.plan).toMatchObject({ revision: 'abc123', mode: 'inform' })
      expect(view?.attempts).toMatchObject([{ status: 'withdrawn', revision: 'abc123' }])
      expect(JSON.stringify(view?.journal)).toContain('by revision def456')
    })
  })
}
