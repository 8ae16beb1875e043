import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compared } from '../../test/support/compared.ts'
import {
  brokerTarget,
  clusterOf,
  fakeHost,
  intentOf,
  killedUnit,
  lookContext,
  memoryOf,
  noKafka,
  runningUnit,
} from '../../test/support/look.ts'
import type { UnitSeen } from '../incident/unit.ts'
import type { Liveness } from '../kafka/clients.ts'
import { crashState } from '../probes/unit-state.ts'
import type { Intent } from './guard.ts'
import { symptom } from './symptom.ts'
import type { SymptomFacts } from './symptom-facts.ts'
import type { ReadWitness } from './witness.ts'

const NOW = 1_800_000_000_000
const FIRST = 'a'.repeat(32)
const OURS = 'b'.repeat(32)
const THEIRS = 'c'.repeat(32)
const live = (state: Liveness['state'], why: Liveness['why']): Liveness => ({ state, why, detail: null, ms: 1 })
const serving = live('serving', 'ok')
const refused = live('notServing', 'refused')
const unclear = live('unknown', 'connect-timeout')
const stopped = killedUnit({
  activeState: 'inactive',
  subState: 'dead',
  result: 'success',
  execMainCode: '1',
  execMainStatus: 143,
})

function seeing(unit: UnitSeen, times: Partial<Pick<ReadWitness, 'bootedAt' | 'servingAt'>> = {}): ReadWitness {
  const facts = { bootedAt: null, servingAt: null, ...times }
  return { kind: 'read', unit, state: crashState(unit, facts), source: 'local', ...facts }
}
const facts: SymptomFacts = {
  kind: 'broker',
  node: 1,
  memory: memoryOf(),
  witness: seeing(killedUnit()),
  liveness: refused,
  brokers: [refused, serving, serving],
  scrape: null,
  view: null,
  inside: null,
  brokerState: null,
  processAt: null,
}
const crash = (change: Partial<SymptomFacts>, intent: Partial<Intent> = {}) =>
  symptom.decide(
    { ...facts, ...change },
    { unit: 'crashed' },
    intentOf({ firstSeenUnit: killedUnit(), ...intent }),
    NOW,
  )
const unit = (seen: UnitSeen, intent: Partial<Intent> = {}) => crash({ witness: seeing(seen) }, intent)

describe('S-2.5 unit: crashed', () => {
  test('killed, and its listener is silent: pass', () => {
    expect(crash({}).verdict).toBe('pass')
    expect(crash({}, { firstSeenUnit: null }).verdict).toBe('pass')
  })

  test('what systemd says needs no probe: a listener that cannot be told does not hinder', () => {
    expect(crash({ liveness: unclear, brokers: [unclear, serving, serving] }).verdict).toBe('pass')
  })

  test('it answers: refused, whatever its unit says', () => {
    expect(crash({ liveness: serving })).toMatchObject({ verdict: 'refuse' })
  })

  test.each([
    ['active', runningUnit({ invocationId: FIRST })],
    ['starting', runningUnit({ activeState: 'activating', subState: 'start' })],
    ['between two tries of systemd', killedUnit({ activeState: 'activating', subState: 'auto-restart' })],
    ['being stopped', runningUnit({ activeState: 'deactivating', subState: 'stop-sigterm' })],
  ])('%s: refused, and nobody is called for it', (_, seen) => {
    const result = unit(seen)
    expect(result.verdict).toBe('refuse')
    expect(result.escalate).toBeUndefined()
  })

  test.each([
    ['a clean stop', stopped],
    ['a stop that ended in SIGKILL', killedUnit({ result: 'timeout' })],
    ['masked', killedUnit({ loadState: 'masked', unitFileState: 'masked' })],
    ['disabled', killedUnit({ unitFileState: 'disabled' })],
  ])('%s was done on purpose: refused, a person decides', (_, seen) => {
    expect(unit(seen)).toMatchObject({ verdict: 'refuse', approvable: true })
  })

  test('never started since the host booted: pass', () => {
    const untouched = killedUnit({ ...stopped, execMainCode: '0', execMainStatus: 0, invocationId: '' })
    const rebooted = seeing(untouched, { bootedAt: NOW, servingAt: NOW - 1 })
    expect(crash({ witness: rebooted }).verdict).toBe('pass')
    expect(crash({ witness: seeing(untouched) })).toMatchObject({ approvable: true })
  })

  test('a unit that does not exist is unknown', () => {
    expect(unit(killedUnit({ loadState: 'not-found' })).verdict).toBe('unknown')
  })

  test.each([
    ['unreachable', 'unreachable'],
    ['lost', 'unreachable'],
    ['authentication', 'permission'],
    ['hostKey', 'permission'],
  ] as const)('S-4.7 a unit that cannot be read (%s) is unknown and becomes a matter of %s', (cause, escalate) => {
    const result = crash({ witness: { kind: 'unreadable', problem: { cause, reason: 'x' }, source: 'ssh' } })
    expect(result).toMatchObject({ verdict: 'unknown', escalate })
  })
})

describe('S-2.5 who changed the unit', () => {
  test('an invocation that is neither the first one nor ours: a person is at it', () => {
    expect(unit(killedUnit({ invocationId: THEIRS }))).toMatchObject({ verdict: 'refuse', escalate: 'humanChanged' })
    expect(unit(runningUnit({ invocationId: THEIRS }))).toMatchObject({ escalate: 'humanChanged' })
  })

  test('ours may crash again', () => {
    const again = { changedByUs: true, ourInvocations: [OURS], attempt: 2 }
    expect(unit(killedUnit({ invocationId: OURS }), again).verdict).toBe('pass')
  })

  test('a start of ours in another incident is ours too', () => {
    const memory = memoryOf({ ourInvocations: [OURS] })
    expect(crash({ witness: seeing(killedUnit({ invocationId: OURS })), memory }).verdict).toBe('pass')
    expect(crash({ witness: seeing(killedUnit({ invocationId: THEIRS })), memory })).toMatchObject({
      escalate: 'humanChanged',
    })
  })

  test('systemd’s own restarts are nobody’s doing', () => {
    expect(unit(killedUnit({ invocationId: THEIRS, nRestarts: 1 })).verdict).toBe('pass')
    const ours = { changedByUs: true, ourInvocations: [OURS], firstSeenUnit: killedUnit({ nRestarts: 5 }) }
    expect(unit(killedUnit({ invocationId: THEIRS, nRestarts: 1 }), ours).verdict).toBe('pass')
  })

  const reset = killedUnit({ activeState: 'inactive', subState: 'dead', result: 'success' })

  test('our own reset-failed makes a crash look like a stop, and is no stop', () => {
    expect(unit(reset)).toMatchObject({ approvable: true })
    expect(unit(reset, { changedByUs: true }).verdict).toBe('pass')
    expect(unit({ ...reset, invocationId: OURS }, { changedByUs: true, ourInvocations: [OURS] }).verdict).toBe('pass')
  })

  test('a template that our reset-failed unloaded is still a crash while no start of ours took hold', () => {
    const unloaded = { ...reset, invocationId: '', execMainCode: '0', execMainStatus: 0 }
    expect(unit(unloaded, { changedByUs: true }).verdict).toBe('pass')
    const started = { changedByUs: true, ourInvocations: [OURS] }
    expect(unit(unloaded, started)).toMatchObject({ approvable: true })
  })

  test('a person who stops what we started is obeyed', () => {
    const history = { changedByUs: true, ourInvocations: [OURS] }
    expect(unit({ ...stopped, invocationId: OURS }, history)).toMatchObject({ approvable: true })
  })

  test('a person who disables it after our attempt is obeyed', () => {
    const disabled = { ...reset, unitFileState: 'disabled' }
    expect(unit(disabled, { changedByUs: true })).toMatchObject({ approvable: true })
  })
})

describe('a person who asks for a retry has decided', () => {
  test('a unit that was stopped or changed by people may be started', () => {
    expect(unit(stopped, { byPerson: true }).verdict).toBe('pass')
    expect(unit(killedUnit({ invocationId: THEIRS }), { byPerson: true }).verdict).toBe('pass')
  })

  test('a unit that runs, or a broker that answers, is left alone all the same', () => {
    expect(unit(runningUnit(), { byPerson: true }).verdict).toBe('refuse')
    expect(crash({ liveness: serving }, { byPerson: true }).verdict).toBe('refuse')
  })
})

describe('S-5.4 a suspect prober', () => {
  test('more than half of all brokers cannot be told: nothing is done', () => {
    expect(crash({ brokers: [unclear, unclear, serving] }).verdict).toBe('refuse')
    expect(crash({ brokers: [unclear, refused, serving] }).verdict).toBe('pass')
    expect(crash({ brokers: [unclear, unclear, serving, serving] }).verdict).toBe('pass')
  })

  test('refused connections are clear answers: a cluster that is all dead may be started', () => {
    expect(crash({ brokers: [refused, refused, refused] }).verdict).toBe('pass')
  })
})

test('it passes only for a unit that is down and was not stopped by anybody', () => {
  const states = fc.constantFrom('active', 'activating', 'deactivating', 'inactive', 'failed')
  const results = fc.constantFrom('success', 'signal', 'exit-code', 'timeout', 'core-dump')
  fc.assert(
    fc.property(
      states,
      results,
      fc.constantFrom(FIRST, OURS, THEIRS, ''),
      fc.boolean(),
      (activeState, result, id, mine) => {
        const seen = killedUnit({ activeState, result, invocationId: id })
        const { verdict } = unit(seen, { changedByUs: mine, ourInvocations: mine ? [OURS] : [] })
        if (verdict !== 'pass') return
        expect(['inactive', 'failed']).toContain(activeState)
        expect(result).not.toBe('timeout')
        expect(id).not.toBe(THEIRS)
        if (!mine) expect(result).not.toBe('success')
      },
    ),
  )
})

describe('scrape: unanswered', () => {
  const judge = (scrape: SymptomFacts['scrape'], change: Partial<SymptomFacts> = {}) =>
    symptom.decide(
      { ...facts, kind: 'exporter', liveness: null, witness: seeing(runningUnit()), scrape, ...change },
      { scrape: 'unanswered' },
      intentOf({ firstSeenUnit: runningUnit() }),
      NOW,
    )

  test('its own host gets no answer: pass, running or crashed', () => {
    expect(judge({ kind: 'unanswered', why: 'refused' }).verdict).toBe('pass')
    expect(judge({ kind: 'unanswered', why: 'refused' }, { witness: seeing(killedUnit()) }).verdict).toBe('pass')
  })

  test('its own host gets an answer: Prometheus cannot reach it, and a restart would not help', () => {
    expect(judge({ kind: 'answered', status: 500 }).verdict).toBe('refuse')
  })

  test('unknown where the question could not be put', () => {
    expect(judge({ kind: 'unknown', why: 'x', cause: 'tool' }).verdict).toBe('unknown')
    expect(judge({ kind: 'unknown', why: 'x', cause: 'hostKey' })).toMatchObject({ escalate: 'permission' })
    expect(judge(null).verdict).toBe('unknown')
    expect(judge({ kind: 'unanswered', why: 'refused' }, { kind: 'broker' }).verdict).toBe('unknown')
  })

  test('an exporter that was stopped on purpose stays stopped', () => {
    const result = judge({ kind: 'unanswered', why: 'refused' }, { witness: seeing(stopped) })
    expect(result).toMatchObject({ verdict: 'refuse', approvable: true })
  })
})

test('each broker is asked once, the target’s own listener included', async () => {
  const asked: number[] = []
  const brokers = [1, 2, 3].map((id) => brokerTarget(id, { address: { host: '127.0.0.1', port: 9000 + id } }))
  const [target] = brokers
  if (!target) throw new Error('no target')
  const context = lookContext({
    target,
    cluster: clusterOf(brokers),
    host: fakeHost(async () => ({ kind: 'notSent', cause: 'unreachable', reason: 'no route' })),
    kafka: {
      ...noKafka,
      liveness: async ({ port }) => {
        asked.push(port)
        return port === 9001 ? refused : serving
      },
    },
  })
  const seen = await symptom.facts({ unit: 'crashed' }, intentOf(), context)
  expect(asked.toSorted((a, b) => a - b)).toEqual([9001, 9002, 9003])
  expect(seen).toMatchObject({ liveness: refused, witness: { kind: 'unreadable', problem: { cause: 'unreachable' } } })
})

describe('S-5.1 each value with what was wanted', () => {
  test('crashed: the unit, a silent listener, and eyes that see', () => {
    expect(compared(crash({}))).toEqual([
      ['unit', expect.stringContaining('failed (failed)'), 'crashed, or not started since the boot'],
      ['ApiVersions', 'refused', 'no answer'],
      ['brokers asked', '3: refused, ok, ok', 'at least half of them clear'],
    ])
  })

  test('a scrape that nobody answers', () => {
    const look = { ...facts, kind: 'exporter' as const, scrape: { kind: 'answered', status: 200 } as const }
    expect(compared(symptom.decide(look, { scrape: 'unanswered' }, intentOf(), NOW))).toEqual([
      ['scrape', 200, 'no answer'],
    ])
  })
})
