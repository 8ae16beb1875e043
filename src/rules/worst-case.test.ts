import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../incident/backoff.ts'
import type { Plan, Step } from '../incident/plan.ts'
import { worstCase } from './worst-case.ts'

const step = (limitSeconds: number): Step => ({
  type: 'systemd',
  params: {},
  traits: { disruptive: false, repeatable: true, stops: false, starts: true, changes: true, limitSeconds },
})

const plan: Plan = {
  rule: 'broker-down',
  revision: 'r',
  rank: 60,
  mode: 'act',
  afterMs: 30_000,
  targetKind: 'broker',
  selects: 'labels',
  attempts: { max: 3, backoff: { initialMs: 30_000, multiplier: 2, maxMs: 300_000 }, stableMs: 900_000 },
  escalation: {
    to: ['oncall'],
    repeatMs: 1,
    levels: [],
    tellByMs: 600_000,
    escalateAfterMs: 900_000,
    giveUpMs: 7_200_000,
    startPatienceMs: 3_600_000,
    approvalMs: 900_000,
  },
  firing: { source: 'alertmanager', maxAgeMs: null },
  runbook: {
    name: 'start-broker',
    url: null,
    symptom: null,
    guards: [],
    rungs: [[step(60)], [step(10), step(60)]],
    verify: [
      { type: 'kafka-api', params: {}, withinMs: 120_000 },
      { type: 'in-sync', params: {}, withinMs: 900_000 },
    ],
  },
}

describe('S-6.5 the worst case of a rule', () => {
  it('adds up waiting, guards, step limits, the longest verification and back-off', () => {
    const guards = 3 * 30_000
    const steps = 75_000 + (25_000 + 75_000) + (25_000 + 75_000) // each with 5 s kill grace and 10 s margin
    const verify = 3 * 900_000
    const backoff = (30_000 + 60_000) * 1.2

    expect(worstCase(plan)).toEqual({
      firstActionMs: 60_000,
      firstMailMs: 600_000,
      exhaustedMs: 30_000 + guards + steps + verify + backoff,
    })
  })

  it('of a rule that informs is the one it would have if it acted', () => {
    expect(worstCase({ ...plan, mode: 'inform' })).toEqual(worstCase(plan))
  })

  it('covers every back-off that any incident can get', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(100_000),
        fc.nat(400_000),
        (key, max, initialMs, maxMs) => {
          const backoff = { initialMs, multiplier: 2, maxMs }
          const without = {
            ...plan,
            attempts: { max, backoff: { initialMs: 0, multiplier: 1, maxMs: 0 }, stableMs: 0 },
          }
          const waits = Array.from({ length: max - 1 }, (_, index) => backoffMs(backoff, index + 1, `${key}.${index}`))

          const room =
            worstCase({ ...plan, attempts: { max, backoff, stableMs: 0 } }).exhaustedMs - worstCase(without).exhaustedMs

          expect(waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThanOrEqual(room)
        },
      ),
    )
  })
})
