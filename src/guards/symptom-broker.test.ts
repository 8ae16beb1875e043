import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../../test/support/cluster-view.ts'
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
import type { ClusterView } from '../kafka/view.ts'
import type { BrokerState } from '../probes/broker-state.ts'
import { crashState } from '../probes/unit-state.ts'
import type { Intent } from './guard.ts'
import { symptom } from './symptom.ts'
import type { BrokerSymptom } from './symptom-broker.ts'
import type { SymptomFacts } from './symptom-facts.ts'

const NOW = 1_800_000_000_000
const THIS = 'a'.repeat(32)
const seeing = (unit: UnitSeen): SymptomFacts['witness'] => ({
  kind: 'read',
  unit,
  state: crashState(unit, { bootedAt: null, servingAt: null }),
  bootedAt: null,
  servingAt: null,
  source: 'ssh',
})
const brokersWith = (mine: Partial<ClusterView['brokers'][number]>) => [
  brokerSeen(1, mine),
  brokerSeen(2),
  brokerSeen(3),
]
const fenced = (change: Partial<ClusterView> = {}) =>
  clusterView({
    brokers: brokersWith({ fenced: true, listed: false }),
    partitions: [partitionSeen({ leader: 2, isr: [2, 3], offline: [1] })],
    ...change,
  })
const lagging = clusterView({ partitions: [partitionSeen({ leader: 2, isr: [2, 3] })] })
const ran: BrokerState = { state: 3, remaining: null, journal: null, began: null, problems: [], at: NOW }
const ok = liveness('ok')
const mute = liveness('no-answer')
const long = { outOfSyncSince: NOW - 60_000 }
const served = memoryOf({ servingInvocation: THIS, servingAt: NOW - 1 })

/** It served, is mute, unfenced and in sync, and nobody could be asked on its host. */
const facts: SymptomFacts = {
  kind: 'broker',
  node: 1,
  memory: served,
  witness: seeing(runningUnit({ invocationId: THIS })),
  liveness: mute,
  brokers: [mute, ok, ok],
  scrape: null,
  view: fenced(),
  inside: liveness('unreachable'),
  brokerState: null,
  processAt: NOW - 3_600_000,
}
const judge = (broker: BrokerSymptom, change: Partial<SymptomFacts> = {}, intent: Partial<Intent> = {}) =>
  symptom.decide({ ...facts, ...change }, { broker }, intentOf(intent), NOW)

describe('S-5.4 broker: hung', () => {
  const hung = (change: Partial<SymptomFacts> = {}, intent: Partial<Intent> = {}) => judge('hung', change, intent)

  test.each<[string, Partial<SymptomFacts>]>([
    ['the cluster has fenced it', {}],
    [
      'the cluster misses it in its list, as before Kafka 4',
      { view: clusterView({ brokers: brokersWith({ fenced: null, listed: false }) }) },
    ],
    ['it is out of sync for long wherever others lead', { view: lagging, memory: { ...served, ...long } }],
    ['it does not answer its own host', { view: 'no answer', inside: mute }],
    ['its own word says that it has run since it began', { memory: memoryOf(), brokerState: ran }],
    [
      'we saw it serving after it began',
      {
        memory: memoryOf({ servingAt: NOW - 1_000_000 }),
        brokerState: { ...ran, state: null, began: NOW - 2_000_000 },
      },
    ],
    ['its journal says so', { memory: memoryOf(), brokerState: { ...ran, state: null, journal: 'started' } }],
  ])('it served, does not answer, and %s: pass', (_, change) => {
    expect(hung(change)).toMatchObject({ verdict: 'pass' })
  })

  test.each<[string, Partial<SymptomFacts>, RegExp]>([
    ['it answers', { liveness: ok, brokers: [ok, ok, ok] }, /it answers/],
    ['it answers its own host', { inside: ok }, /answers its own host/],
    [
      'connections are refused: that is a start',
      { liveness: liveness('refused'), brokers: [liveness('refused'), ok, ok] },
      /starting/,
    ],
    ['connections are refused on its own host', { inside: liveness('refused') }, /starting/],
    [
      'it was never seen serving since it began',
      { memory: memoryOf({ servingInvocation: 'b'.repeat(32) }) },
      /starting/,
    ],
    [
      'we saw it serving only before it began, or so soon after that clocks may deceive',
      {
        memory: memoryOf({ servingAt: NOW - 1_980_000 }),
        brokerState: { ...ran, state: null, began: NOW - 2_000_000 },
      },
      /starting/,
    ],
    ['its own word is that it recovers', { memory: memoryOf(), brokerState: { ...ran, state: 2 } }, /starting/],
    [
      'its unit is starting',
      { witness: seeing(runningUnit({ activeState: 'activating', subState: 'start' })) },
      /starting/,
    ],
    ['a job is queued for its unit', { witness: seeing(runningUnit({ queuedJob: '17' })) }, /starting/],
    ['its unit is being stopped', { witness: seeing(runningUnit({ activeState: 'deactivating' })) }, /being stopped/],
    ['its process is dead', { witness: seeing(killedUnit()) }, /dead/],
    [
      'its peers can reach it',
      { view: clusterView(), inside: liveness('unreachable') },
      /we cannot reach it, its peers can/,
    ],
    [
      'connections are refused although it served, and its peers can reach it',
      { view: clusterView(), liveness: liveness('refused'), brokers: [liveness('refused'), ok, ok] },
      /we cannot reach it, its peers can/,
    ],
    ['its peers can reach it, and its own host too', { view: clusterView(), inside: ok }, /its peers can/],
    ['its peers can reach it, whatever its host says', { view: clusterView(), inside: mute }, /its peers can/],
    ['probes fail to most brokers', { brokers: [mute, mute, ok] }, /prober is suspect/],
    ['probes time out to most brokers', { brokers: [mute, liveness('connect-timeout'), ok] }, /prober is suspect/],
  ])('%s: refuse', (_, change, wanted) => {
    const result = hung(change)
    expect(result.verdict).toBe('refuse')
    expect(result.reason).toMatch(wanted)
  })

  test.each(['connect-timeout', 'unreachable', 'tls-error', 'closed', 'error'] as const)(
    '%s is unknown, even when it is fenced',
    (why) => {
      expect(hung({ liveness: liveness(why), brokers: [liveness(why), ok, ok] }).verdict).toBe('unknown')
    },
  )

  const deaf = liveness('connect-timeout')
  test.each(['connect-timeout', 'no-answer'] as const)(
    'it accepts no connection any more: hung by the cluster’s word and its own host’s (%s) together',
    (why) => {
      const change = { liveness: deaf, brokers: [deaf, ok, ok], inside: liveness(why) }
      expect(hung(change)).toMatchObject({ verdict: 'pass' })
      expect(hung({ ...change, view: clusterView() })).toMatchObject({ verdict: 'refuse' })
      expect(hung({ ...change, view: 'no answer' })).toMatchObject({ verdict: 'unknown' })
      expect(hung({ ...change, memory: memoryOf() })).toMatchObject({ verdict: 'unknown' })
    },
  )

  test.each<[string, Partial<SymptomFacts>]>([
    ['the cluster cannot be seen and its host forbids the question', { view: 'no answer' }],
    ['out of sync only since this look', { view: lagging }],
    ['out of sync for less than the time-outs', { view: lagging, memory: { ...served, outOfSyncSince: NOW - 20_000 } }],
    [
      'nobody leads the quorum: what brokers show is old',
      { view: fenced({ quorum: { kind: 'frozen', reason: 'x', controllers: [] } }) },
    ],
    ['partitions could not be read', { view: fenced({ problems: [{ part: 'metadata', reason: 'x' }] }) }],
    [
      'out of sync in some partitions that others lead, in sync in others',
      {
        view: clusterView({
          partitions: [partitionSeen({ leader: 2, isr: [2, 3] }), partitionSeen({ partition: 1, leader: 2 })],
        }),
        memory: { ...served, ...long },
      },
    ],
  ])('without an inside witness it is unknown: %s', (_, change) => {
    expect(hung(change).verdict).toBe('unknown')
  })

  test('what was stopped on purpose is another matter, and so is a process that somebody else has started', () => {
    const restarted = { firstSeenUnit: runningUnit({ invocationId: 'c'.repeat(32) }) }
    expect(hung({}, restarted)).toMatchObject({ verdict: 'refuse', escalate: 'humanChanged' })
    expect(hung({ witness: seeing(killedUnit({ activeState: 'inactive', result: 'success' })) }).verdict).toBe('refuse')
  })

  test('only brokers hang in this sense', () => {
    expect(hung({ kind: 'exporter' }).verdict).toBe('unknown')
  })

  test('a unit that cannot be read is unknown', () => {
    const witness = { kind: 'unreadable', problem: { cause: 'hostKey', reason: 'x' }, source: 'ssh' } as const
    expect(hung({ witness })).toMatchObject({ verdict: 'unknown', escalate: 'permission' })
  })
})

describe('S-5.4 broker: fenced', () => {
  const judged = (change: Partial<SymptomFacts> = {}) =>
    judge('fenced', { liveness: ok, brokers: [ok, ok, ok], memory: { ...served, ...long }, ...change })

  test('it runs, has served, and is fenced for long: pass', () => {
    expect(judged().verdict).toBe('pass')
    expect(judged({ liveness: mute, brokers: [mute, ok, ok] }).verdict).toBe('pass')
  })

  test.each<[string, Partial<SymptomFacts>, RegExp]>([
    ['only since a moment', { memory: served }, /has not been seen so/],
    ['not fenced', { view: clusterView() }, /not fenced/],
    ['never seen serving, whatever its age', { memory: memoryOf(long) }, /starting/],
    ['refusing connections', { liveness: liveness('refused') }, /starting/],
    ['dead', { witness: seeing(killedUnit()) }, /answers|dead/],
    ['being started', { witness: seeing(runningUnit({ activeState: 'activating' })) }, /./],
  ])('%s: refuse', (_, change, wanted) => {
    const result = judged(change)
    expect(result.verdict).toBe('refuse')
    expect(result.reason).toMatch(wanted)
  })

  test('a cluster that cannot be seen, or a listener that cannot be told, is unknown', () => {
    expect(judged({ view: 'no answer' }).verdict).toBe('unknown')
    expect(judged({ liveness: liveness('tls-error') }).verdict).toBe('unknown')
  })
})

describe('S-5.4 broker: out-of-sync', () => {
  const caughtUp = { ...served, ...long, inSyncAt: NOW - 120_000 }
  const judged = (change: Partial<SymptomFacts> = {}) =>
    judge('out-of-sync', { liveness: ok, brokers: [ok, ok, ok], view: lagging, memory: caughtUp, ...change })

  test('it serves, was in sync since it began, and is out of an ISR for long: pass', () => {
    expect(judged().verdict).toBe('pass')
  })

  test.each<[string, Partial<SymptomFacts>, RegExp]>([
    ['in sync', { view: clusterView() }, /in sync/],
    ['only since a moment', { memory: { ...caughtUp, outOfSyncSince: null } }, /has not been seen so/],
    ['not in sync once since it began', { memory: { ...caughtUp, inSyncAt: NOW - 7_200_000 } }, /catching up/],
    ['never seen in sync', { memory: { ...caughtUp, inSyncAt: null } }, /catching up/],
    ['fenced', { view: fenced() }, /fenced/],
    ['mute', { liveness: mute, brokers: [mute, ok, ok] }, /does not serve/],
    [
      'out only of partitions that have no leader',
      { view: clusterView({ partitions: [partitionSeen({ leader: -1, isr: [] })] }) },
      /in sync/,
    ],
    [
      'out only of what is just being moved to it',
      {
        view: {
          ...lagging,
          reassignments: [{ topic: 'orders', partition: 0, replicas: [1, 2, 3], adding: [1], removing: [] }],
        },
      },
      /in sync/,
    ],
  ])('%s: refuse', (_, change, wanted) => {
    const result = judged(change)
    expect(result.verdict).toBe('refuse')
    expect(result.reason).toMatch(wanted)
  })

  test('nobody knows when its process began, or what is being moved: unknown', () => {
    expect(judged({ processAt: null }).verdict).toBe('unknown')
    expect(judged({ view: { ...lagging, problems: [{ part: 'reassignments', reason: 'x' }] } }).verdict).toBe('unknown')
  })
})

test('S-2.6 no facts let a live process be stopped that was never seen serving, refuses connections, or is not active', () => {
  const why = fc.constantFrom('ok', 'refused', 'no-answer', 'connect-timeout', 'closed' as const)
  fc.assert(
    fc.property(
      fc.constantFrom('hung', 'fenced', 'out-of-sync' as const),
      why,
      fc.option(why),
      fc.constantFrom('active', 'activating', 'deactivating', 'failed', 'inactive'),
      fc.constantFrom('success', 'signal'),
      fc.constantFrom(null, THIS, 'b'.repeat(32)),
      fc.constantFrom(null, 1, 2, 3),
      fc.constantFrom(fenced(), lagging, clusterView(), 'no answer'),
      fc.constantFrom(null, NOW - 60_000),
      (wanted, mine, inside, activeState, result, servingInvocation, state, view, since) => {
        const listener = liveness(mine)
        const judged = judge(wanted, {
          liveness: listener,
          brokers: [listener, ok, ok],
          inside: inside === null ? null : liveness(inside),
          witness: seeing(runningUnit({ activeState, result, invocationId: THIS })),
          memory: memoryOf({ servingInvocation, outOfSyncSince: since, inSyncAt: NOW - 120_000 }),
          brokerState: { ...ran, state },
          view,
        })
        if (judged.verdict !== 'pass') return
        expect(activeState).toBe('active')
        expect(mine).not.toBe('refused')
        expect(mine).not.toBe('closed')
        // What the network can cause counts only with both witnesses.
        if (mine === 'connect-timeout') {
          expect(wanted).toBe('hung')
          expect(['connect-timeout', 'no-answer']).toContain(inside)
          expect(typeof view).not.toBe('string')
        }
        if (wanted !== 'out-of-sync') expect(servingInvocation === THIS || state === 3).toBe(true)
        // An inside witness: the cluster, or the host itself.
        expect(typeof view !== 'string' || inside === 'no-answer').toBe(true)
      },
    ),
    { numRuns: 3_000 },
  )
})

test('a look asks the cluster once, and on the broker’s own host only for a hang', async () => {
  let tunnels = 0
  const target = brokerTarget(1)
  const unit = runningUnit({ invocationId: THIS })
  const shown = `ActiveState=active\nSubState=running\nLoadState=loaded\nUnitFileState=enabled\nResult=success\nInvocationID=${unit.invocationId}\nNRestarts=0\nJob=\nExecMainStartTimestamp=Sat 2026-11-21 14:38:00 UTC\nFinishTimestamp=\n`
  const run = async () =>
    ({ kind: 'exited', exitCode: 0, signal: null, timedOut: false, stdout: shown, stderr: '' }) as const
  const host = {
    ...fakeHost(run),
    connect: async () => {
      tunnels += 1
      return { kind: 'refused', reason: 'Connection refused' } as const
    },
  }
  const kafka = { ...noKafka, liveness: async () => mute }
  const look = (broker: BrokerSymptom) =>
    symptom.facts(
      { broker },
      intentOf(),
      lookContext({ target, cluster: clusterOf([target]), host, kafka, memory: served, view: async () => lagging }),
    )
  expect(await look('hung')).toMatchObject({ inside: { why: 'refused' }, view: lagging, brokerState: null })
  expect(tunnels).toBe(1)
  expect(await look('out-of-sync')).toMatchObject({ inside: null, processAt: Date.parse('2026-11-21T14:38:00Z') })
  expect(tunnels).toBe(1)
})

describe('S-5.1 each value with what was wanted', () => {
  const asked = ['brokers asked', '3: no-answer, ok, ok', 'at least half of them clear']

  test('hung: silence, this process seen serving, out of sync for long enough', () => {
    const inside = liveness('no-answer')
    expect(compared(judge('hung', { inside, memory: { ...served, ...long } }))).toEqual([
      ['ApiVersions', 'no-answer', 'no answer'],
      asked,
      ['invocation last seen serving', THIS, THIS],
      ['ApiVersions on its own host', 'no-answer', 'no answer'],
      ['out of sync since', new Date(NOW - 60_000).toISOString(), 'for 35s'],
    ])
  })

  test('fenced: the cluster says so', () => {
    expect(compared(judge('fenced'))).toEqual([
      asked,
      ['invocation last seen serving', THIS, THIS],
      ['fenced', true, true],
      ['out of sync since', null, 'for 35s'],
    ])
  })

  test('out of sync: it answers, is not fenced, and was in sync since it began', () => {
    const memory = { ...served, ...long, inSyncAt: NOW - 120_000 }
    expect(compared(judge('out-of-sync', { liveness: ok, brokers: [ok, ok, ok], view: lagging, memory }))).toEqual([
      ['ApiVersions', 'ok', 'ok'],
      ['brokers asked', '3: ok, ok, ok', 'at least half of them clear'],
      ['fenced', false, false],
      ['in sync last', new Date(NOW - 120_000).toISOString(), `after ${new Date(NOW - 3_600_000).toISOString()}`],
      ['out of sync since', new Date(NOW - 60_000).toISOString(), 'for 35s'],
    ])
  })
})
