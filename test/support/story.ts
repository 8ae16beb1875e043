import type { Incident } from '../../src/incident/incident.ts'
import { TRACE } from '../../src/incident/trace.ts'
import { open } from '../../src/incident/transition.ts'
import type { EscalationRow, IncidentView, StoredAlert } from '../../src/store/store.ts'
import { planOf } from './plan.ts'

/** 2026-11-21 08:00:00 UTC. */
export const T0 = Date.UTC(2026, 10, 21, 8)

/** As of a decision that was stored before intent and consequence were kept. */
export const UNTRACED = { trace: TRACE, intent: null, followed: null } as const

export const orders = { kind: 'broker', key: 'orders/broker/2', cluster: 'orders', target: 'orders/broker/2' } as const

export function incidentOf(change: Partial<Incident> = {}): Incident {
  const plan = planOf({ revision: 'c0ffee1' })
  const [incident] = open(12, plan, orders, { fingerprint: 'f1', startsAt: T0 - 20_000 }, null, T0)
  return { ...incident, ...change }
}

export function alertOf(change: Partial<StoredAlert> = {}): StoredAlert {
  return {
    fingerprint: 'f1',
    status: 'firing',
    labels: { alertname: 'KafkaBrokerDown', cluster: 'orders', broker_id: '2', instance: 'kafka-2:7071' },
    annotations: { summary: 'Broker 2 of orders is down', runbook_url: 'https://runbooks.example.org/broker-down' },
    startsAt: T0 - 20_000,
    endsAt: null,
    generatorURL: 'http://prometheus:9090/graph',
    seenAt: T0,
    firstSeenAt: T0,
    ...change,
  }
}

export function rowOf(change: Partial<EscalationRow> = {}): EscalationRow {
  return {
    id: 1,
    incident: 12,
    round: 1,
    kind: 'escalated',
    level: 0,
    to: ['oncall'],
    reason: 'exhausted',
    summary: '3 of 3 attempts spent: broker 2 does not answer',
    revision: 'c0ffee1',
    createdAt: T0 + 400_000,
    ...change,
  }
}

/** Broker 2 died, three starts failed, and it is a person's turn. */
export function viewOf(change: Partial<IncidentView> = {}): IncidentView {
  return {
    incident: incidentOf({
      state: 'escalated',
      reason: 'exhausted',
      detail: '3 of 3 attempts spent: broker 2 does not answer',
      attempts: 3,
      targetAttempts: 3,
      changed: true,
      round: 1,
      level: 1,
    }),
    alerts: [alertOf()],
    attempts: [1, 2, 3].map(attemptOf),
    decisions: [
      {
        id: 1,
        attempt: 3,
        kind: 'guards',
        verdict: 'pass',
        guard: null,
        reason: 'all guards passed',
        ...UNTRACED,
        results: [
          {
            guard: 'identity',
            verdict: 'pass',
            reason: 'the cluster is the one in the inventory',
            evidence: [
              { name: 'cluster id', value: 'MkU3OEVBNTcw', source: 'metadata of kafka-1:9092', at: T0 + 300_000 },
            ],
          },
        ],
        firstAt: T0 + 300_000,
        lastAt: T0 + 300_000,
        count: 1,
      },
      {
        id: 2,
        attempt: null,
        kind: 'probe',
        verdict: 'broken',
        guard: null,
        reason: 'connection refused',
        ...UNTRACED,
        results: [
          {
            probe: 'kafka-api',
            verdict: 'broken',
            reason: 'connection refused by kafka-2:9092',
            evidence: [
              { name: 'ApiVersions', value: 'refused', source: 'kafka-2:9092', at: T0 + 399_000 },
              {
                name: 'journal',
                value: 'FATAL no such option\nkafka.service: Failed',
                source: 'journalctl',
                at: T0 + 399_000,
              },
            ],
          },
        ],
        firstAt: T0 + 390_000,
        lastAt: T0 + 399_000,
        count: 4,
      },
    ],
    escalations: [{ ...rowOf(), toldAt: null }],
    mails: [],
    timers: [
      { incident: 12, kind: 'reminder', dueAt: T0 + 400_000 + 4 * 3_600_000 },
      { incident: 12, kind: 'verifyPoll', dueAt: T0 + 460_000 },
    ],
    journal: [],
    ...change,
  }
}

function attemptOf(attempt: number): IncidentView['attempts'][number] {
  const at = T0 + attempt * 100_000
  return {
    id: attempt,
    incident: 12,
    attempt,
    rule: 'broker-down',
    revision: 'c0ffee1',
    cluster: 'orders',
    target: 'orders/broker/2',
    rung: Math.min(attempt, 2),
    status: 'failed',
    reason: 'the unit did not stay up',
    byPerson: false,
    scheduledAt: at,
    startedAt: at,
    finishedAt: at + 3_000,
    outcome: null,
    steps: [
      {
        key: `12.${attempt}.1`,
        step: 1,
        type: 'systemd',
        params: { verb: 'start' },
        startedAt: at,
        finishedAt: at + 2_500,
        result: {
          outcome: 'failed',
          reason: 'kafka.service is failed (exit-code, status 1)',
          exitCode: attempt,
          output: `line one of ${attempt}\nunknown option: nonsense.${attempt}\n`,
        },
      },
    ],
  }
}
