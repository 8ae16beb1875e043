import type { Plan, Step } from '../../src/incident/plan.ts'
import type { Subject } from '../../src/inventory/inventory.ts'

export const startStep: Step = {
  type: 'systemd',
  params: { verb: 'start' },
  traits: { disruptive: false, repeatable: true, stops: false, starts: true, changes: true, limitSeconds: 60 },
}

/** A plan like the shipped broker-down, in mode act; `change` overrides its parts. */
export function planOf(change: Partial<Plan> = {}): Plan {
  return {
    rule: 'broker-down',
    revision: 'test',
    rank: 50,
    mode: 'act',
    afterMs: 30_000,
    targetKind: 'broker',
    selects: 'labels',
    attempts: { max: 3, backoff: { initialMs: 30_000, multiplier: 2, maxMs: 300_000 }, stableMs: 900_000 },
    escalation: {
      to: ['oncall'],
      repeatMs: 4 * 3_600_000,
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
      symptom: { type: 'symptom', params: { unit: 'crashed' } },
      guards: [],
      rungs: [[startStep], [startStep, startStep]],
      verify: [{ type: 'kafka-api', params: {}, withinMs: 120_000 }],
    },
    ...change,
  }
}

export const subject: Subject = { kind: 'broker', key: 'lab/broker/1', cluster: 'lab', target: 'lab/broker/1' }
export const unresolved: Subject = {
  kind: 'unresolved',
  key: 'unresolved:0000000000000001',
  cluster: null,
  problem: 'no label names a broker',
}
