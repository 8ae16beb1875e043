import { describe, expect, test } from 'vitest'
import { compared } from '../../test/support/compared.ts'
import { intentOf, killedUnit, lookContext } from '../../test/support/look.ts'
import { planOf, startStep } from '../../test/support/plan.ts'
import type { FiringSource } from '../incident/plan.ts'
import type { Liveness } from '../kafka/clients.ts'
import type { Monitoring, SeenAlert } from '../probes/probe.ts'
import { firingQuery, isSeries } from './firing-facts.ts'
import type { Intent } from './guard.ts'
import { type FiringFacts, FRESH_MS, stillFiring } from './still-firing.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const labels = { alertname: 'KafkaBrokerDown', cluster: 'orders', instance: 'kafka-1:7071' }
const alert: Intent['alerts'][number] = {
  fingerprint: '00000000000000aa',
  status: 'firing',
  labels,
  annotations: {},
  startsAt: NOW - 5 * MINUTE,
  endsAt: null,
  generatorURL: '',
  seenAt: NOW - 2 * MINUTE,
}
const copy: SeenAlert = {
  fingerprint: alert.fingerprint,
  labels,
  annotations: {},
  receivers: ['healing'],
  state: 'active',
  startsAt: alert.startsAt,
  endsAt: NOW + 4 * MINUTE,
  updatedAt: NOW - MINUTE,
}
const firing = (state: 'firing' | 'pending') => ({
  labels: { __name__: 'ALERTS', alertname: 'KafkaBrokerDown', alertstate: state, instance: 'kafka-1:7071' },
  value: 1,
})
const intent = (source: FiringSource, change: Partial<Intent> = {}, maxAgeMs: number | null = null) =>
  intentOf({ alerts: [alert], plan: planOf({ firing: { source, maxAgeMs } }), ...change })
const notAsked = { kind: 'notAsked' } as const
const nothing: FiringFacts = { alertmanager: notAsked, prometheus: notAsked, muted: notAsked, witness: null }
const failed = { kind: 'failed', why: 'connection refused' } as const
const from = (...seen: readonly SeenAlert[]): FiringFacts => ({ ...nothing, alertmanager: { kind: 'answered', seen } })
const decide = (facts: FiringFacts, wanted: Intent) => stillFiring.decide(facts, {}, wanted, NOW)

describe('S-5.3 Alertmanager', () => {
  const am = intent('alertmanager')
  test('a fresh active copy: pass', () => {
    expect(decide(from(copy), am).verdict).toBe('pass')
    expect(decide(from({ ...copy, state: 'unprocessed' }), am).verdict).toBe('pass')
  })

  test('a copy three minutes old, or one that has ended, is no evidence', () => {
    expect(decide(from({ ...copy, updatedAt: NOW - FRESH_MS + 1 }), am).verdict).toBe('pass')
    expect(decide(from({ ...copy, updatedAt: NOW - FRESH_MS }), am).verdict).toBe('unknown')
    expect(decide(from({ ...copy, endsAt: NOW }), am)).toMatchObject({ verdict: 'refuse', gone: true })
  })

  test('S-1.4 a suppressed alert counts as silenced: a quiet hold', () => {
    expect(decide(from({ ...copy, state: 'suppressed' }), am)).toMatchObject({ verdict: 'hold', quiet: true })
  })

  test('of several alerts one that fires unsilenced is enough', () => {
    const two = intent('alertmanager', { alerts: [alert, { ...alert, fingerprint: '00000000000000bb' }] })
    const other = { ...copy, fingerprint: '00000000000000bb' }
    expect(decide(from({ ...copy, state: 'suppressed' }, other), two).verdict).toBe('pass')
  })

  test('S-1.3 gone, or only others there: refused, and the question goes to the probes', () => {
    expect(decide(from(), am)).toMatchObject({ verdict: 'refuse', gone: true })
    expect(decide(from({ ...copy, fingerprint: 'ffffffffffffffff' }), am)).toMatchObject({ gone: true })
  })
})

describe('S-5.3 Prometheus', () => {
  const prometheus = intent('prometheus')
  const answered = (...seen: ReturnType<typeof firing>[]): FiringFacts => ({
    ...nothing,
    prometheus: { kind: 'answered', seen },
  })
  test('firing and pending pass, neither is gone', () => {
    expect(decide(answered(firing('firing')), prometheus).verdict).toBe('pass')
    expect(decide(answered(firing('pending')), prometheus).verdict).toBe('pass')
    expect(decide(answered(), prometheus)).toMatchObject({ verdict: 'refuse', gone: true })
  })

  test('the series of another instance is not this alert; external labels on either side do not matter', () => {
    const other = { labels: { ...firing('firing').labels, instance: 'kafka-2:7071' }, value: 1 }
    expect(isSeries(alert, other)).toBe(false)
    expect(decide(answered(other), prometheus)).toMatchObject({ gone: true })
    expect(isSeries(alert, { labels: { ...firing('firing').labels, replica: 'a' }, value: 1 })).toBe(true)
  })
})

describe('S-5.3 webhook', () => {
  test('a notification within maxAge passes, an older one is unknown, and without maxAge nothing passes', () => {
    expect(decide(nothing, intent('webhook', {}, 2 * MINUTE)).verdict).toBe('pass')
    expect(decide(nothing, intent('webhook', {}, 2 * MINUTE - 1)).verdict).toBe('unknown')
    expect(decide(nothing, intent('webhook')).verdict).toBe('unknown')
  })
})

test('S-5.3 it gates the first attempt only', () => {
  expect(decide(nothing, intent('alertmanager', { changedByUs: true, alerts: [] })).verdict).toBe('pass')
})

test.each<[string, Intent]>([
  ['a later attempt', intent('alertmanager', { changedByUs: true })],
  ['a rule that asks Prometheus', intent('prometheus')],
  ['a rule that goes by the webhook', intent('webhook', {}, 60 * MINUTE)],
])('S-1.4 what is suppressed in Alertmanager holds %s, and only while its copy is fresh', (_, wanted) => {
  const muted = (seen: SeenAlert): FiringFacts => ({
    ...nothing,
    prometheus: { kind: 'answered', seen: [firing('firing')] },
    muted: { kind: 'answered', seen: [seen] },
  })
  expect(decide(muted({ ...copy, state: 'suppressed' }), wanted)).toMatchObject({ verdict: 'hold', quiet: true })
  expect(decide(muted(copy), wanted).verdict).toBe('pass')
  expect(decide(muted({ ...copy, state: 'suppressed', updatedAt: NOW - FRESH_MS }), wanted).verdict).toBe('pass')
})

test('S-1.5 all resolved: no first attempt', () => {
  expect(decide(nothing, intent('alertmanager', { alerts: [] }))).toMatchObject({ verdict: 'refuse', gone: true })
})

describe('S-5.3 the source cannot be asked', () => {
  const refused: Liveness = { state: 'notServing', why: 'refused', detail: null, ms: 1 }
  const crashed = {
    kind: 'read',
    state: 'crashed',
    unit: killedUnit(),
    bootedAt: null,
    servingAt: null,
    source: 'x',
  } as const
  const blind: FiringFacts = {
    ...nothing,
    alertmanager: failed,
    prometheus: failed,
    witness: { liveness: refused, unit: crashed },
  }
  const am = intent('alertmanager')
  const restart = { ...startStep, traits: { ...startStep.traits, disruptive: true } }
  const disruptive = intent('alertmanager', { disruptive: true })
  const notAStart = intentOf({
    alerts: [alert],
    plan: planOf({
      runbook: { ...planOf().runbook, rungs: [[{ ...startStep, traits: { ...startStep.traits, starts: false } }]] },
    }),
  })

  test('two own witnesses let the start of a crashed unit go on', () => {
    expect(decide(blind, am).verdict).toBe('pass')
    expect(decide(blind, intent('prometheus')).verdict).toBe('pass')
  })

  test('nothing disruptive goes on, nor anything that is not a start', () => {
    expect(decide(blind, disruptive).verdict).toBe('unknown')
    const plan = planOf({ runbook: { ...planOf().runbook, rungs: [[restart]] } })
    expect(decide(blind, { ...am, disruptive: true, plan }).verdict).toBe('unknown')
    expect(decide(blind, notAStart).verdict).toBe('unknown')
  })

  test.each<[string, FiringFacts['witness']]>([
    ['no witness', null],
    ['it serves', { liveness: { ...refused, state: 'serving', why: 'ok' }, unit: crashed }],
    ['the probe cannot tell', { liveness: { ...refused, state: 'unknown', why: 'connect-timeout' }, unit: crashed }],
    ['there is no listener', { liveness: null, unit: crashed }],
    ['it was stopped on purpose', { liveness: refused, unit: { ...crashed, state: 'stoppedOnPurpose' } }],
    ['the unit runs', { liveness: refused, unit: { ...crashed, state: 'running' } }],
    [
      'the unit is unreadable',
      { liveness: refused, unit: { kind: 'unreadable', problem: { cause: 'lost', reason: '' }, source: '' } },
    ],
  ])('one witness is none: %s', (_, witness) => {
    expect(decide({ ...blind, witness }, am).verdict).toBe('unknown')
  })

  test('the other one answers: its yes lets a start go on, nothing else; its no is no answer', () => {
    const yes: FiringFacts = { ...blind, prometheus: { kind: 'answered', seen: [firing('firing')] } }
    expect(decide(yes, am).verdict).toBe('pass')
    expect(decide(yes, disruptive).verdict).toBe('unknown')
    const no = decide({ ...blind, prometheus: { kind: 'answered', seen: [] } }, am)
    expect(no.verdict).toBe('unknown')
    expect(no.gone).toBeUndefined()
  })
})

describe('S-5.3 what is asked', () => {
  const asked: string[] = []
  const monitoring = (change: Partial<Monitoring> = {}): Monitoring => ({
    prometheus: async (query) => {
      asked.push(query)
      return [firing('firing')]
    },
    alertmanager: async (wanted) => {
      asked.push(JSON.stringify(wanted))
      return [copy]
    },
    ...change,
  })
  const facts = (wanted: Intent, change: Partial<Monitoring> = {}) => {
    asked.length = 0
    return stillFiring.facts({}, wanted, lookContext({ monitoring: monitoring(change) }))
  }
  const down = { alertmanager: () => Promise.reject(new Error('refused')) }

  test('only the rule’s own source decides; Alertmanager is asked besides, for what it mutes', async () => {
    await facts(intent('alertmanager'))
    expect(asked).toEqual([JSON.stringify(labels)])
    expect(await facts(intent('prometheus'))).toMatchObject({ alertmanager: { kind: 'notAsked' } })
    expect(asked).toEqual([firingQuery('KafkaBrokerDown'), JSON.stringify(labels)])
    expect(await facts(intent('webhook'))).toMatchObject({ alertmanager: { kind: 'notAsked' } })
    expect(asked).toEqual([JSON.stringify(labels)])
    await facts(intent('webhook'), { alertmanager: null })
    expect(asked).toEqual([])
  })

  test('of several alerts the labels that they share', async () => {
    const other = { ...alert, fingerprint: 'b', labels: { ...labels, instance: 'kafka-2:7071' } }
    await facts(intent('alertmanager', { alerts: [alert, other] }))
    expect(asked).toEqual([JSON.stringify({ alertname: 'KafkaBrokerDown', cluster: 'orders' })])
  })

  test('the other one when the own one fails, and our own eyes when both do', async () => {
    const stood = await facts(intent('alertmanager'), down)
    expect(stood).toMatchObject({ alertmanager: { kind: 'failed' }, prometheus: { kind: 'answered' }, witness: null })
    const blind = await facts(intent('alertmanager'), { ...down, prometheus: null })
    expect(blind.witness).not.toBeNull()
    const disruptive = await facts(intent('alertmanager', { disruptive: true }), { ...down, prometheus: null })
    expect(disruptive.witness).toBeNull()
  })

  test('on a later attempt only what is muted', async () => {
    const later = await facts(intent('alertmanager', { changedByUs: true }))
    expect(later).toMatchObject({ alertmanager: { kind: 'notAsked' }, muted: { kind: 'answered' } })
    const away = await facts(intent('alertmanager', { changedByUs: true }), down)
    expect(decide(away, intent('alertmanager', { changedByUs: true })).verdict).toBe('pass')
  })
})

describe('S-5.1 each value with what was wanted', () => {
  const at = (ms: number) => new Date(ms).toISOString()

  test('the last notification against the greatest age of the rule', () => {
    expect(compared(decide(nothing, intent('webhook', {}, 90_000)))).toEqual([
      ['last notification', at(NOW - 2 * MINUTE), 'at most 1m30s old'],
    ])
    expect(compared(decide(nothing, intent('webhook')))).toEqual([])
  })

  test("Alertmanager's copy", () => {
    expect(compared(decide(from(copy), intent('alertmanager')))).toEqual([
      [
        `alert ${copy.fingerprint}`,
        `active, updated ${at(copy.updatedAt)}, ends ${at(copy.endsAt)}`,
        'not suppressed, updated less than 3 min ago, not ended',
      ],
    ])
  })

  test("Prometheus' series", () => {
    const prometheus = { kind: 'answered', seen: [firing('pending')] } as const
    expect(compared(decide({ ...nothing, prometheus }, intent('prometheus')))).toEqual([
      ['ALERTS', 'pending', 'pending or firing'],
    ])
  })
})
