import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compared } from '../../test/support/compared.ts'
import type { GuardResult } from '../incident/verdict.ts'
import { breaker } from './breaker.ts'
import { BUDGET, budget } from './budget.ts'
import { cooldown } from './cooldown.ts'
import { NO_ROWS, type OwnFacts, type OwnIntent, type StormFacts } from './guard.ts'
import { maintenance } from './maintenance.ts'
import { notPaused } from './not-paused.ts'
import { notSilenced } from './not-silenced.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { CALM_MS, isStorm, storm } from './storm.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const none = NO_ROWS
const intent: OwnIntent = {
  incident: 7,
  targetKey: 'orders/broker/1',
  cluster: 'orders',
  disruptive: false,
  byPerson: false,
  attempt: 1,
  rack: 'a',
  firstStart: false,
}
type Recent = OwnFacts['recent'][number]
const began = (minutesAgo: number, more: Partial<Recent> = {}): Recent => ({
  targetKey: intent.targetKey,
  cluster: intent.cluster,
  rack: intent.rack,
  disruptive: false,
  firstStart: false,
  startedAt: NOW - minutesAgo * MINUTE,
  ...more,
})
const far = (minutesAgo: number, number: number): Recent =>
  began(minutesAgo, { targetKey: `far/broker/${number}`, cluster: `far-${number}`, rack: null })
const judge = (recent: readonly Recent[], more: Partial<OwnIntent> = {}) =>
  budget.decide({ ...none, recent }, { ...intent, ...more }, NOW).verdict

describe('budget', () => {
  test('S-5.10 four actions an hour on a target are the most', () => {
    expect(judge([began(5), began(20), began(40)])).toBe('pass')
    expect(judge([began(5), began(20), began(40), began(59)])).toBe('refuse')
    expect(judge([began(5), began(20), began(40), began(60)])).toBe('pass')
  })

  test('S-5.10 six actions a day on a target are the most, for a first start too', () => {
    const day = [100, 200, 300, 400, 500, 1439].map((minutes) => began(minutes))
    expect(judge(day.slice(0, 5))).toBe('pass')
    expect(judge(day)).toBe('refuse')
    expect(judge(day, { firstStart: true })).toBe('refuse')
    expect(judge([...day.slice(0, 5), began(1440)])).toBe('pass')
  })

  test('S-5.10 one disruptive action in 15 minutes in a cluster, which blocks no start', () => {
    const other = began(14, { targetKey: 'orders/broker/2', rack: 'b', disruptive: true })
    expect(judge([other], { disruptive: true })).toBe('refuse')
    expect(judge([{ ...other, disruptive: false }], { disruptive: true })).toBe('pass')
    expect(judge([{ ...other, cluster: 'payments' }], { disruptive: true })).toBe('pass')
    expect(judge([other])).toBe('pass')
    expect(judge([{ ...other, startedAt: NOW - 15 * MINUTE }], { disruptive: true })).toBe('pass')
  })

  test('S-5.10 six actions a day in a cluster; the first start of a crashed target is exempt', () => {
    const day = [2, 3, 4, 5, 6, 7].map((id) => began(id * 60, { targetKey: `orders/broker/${id}`, rack: 'b' }))
    expect(judge(day.slice(1))).toBe('pass')
    expect(judge(day)).toBe('refuse')
    expect(judge(day, { firstStart: true })).toBe('pass')
  })

  test('S-5.10 what was exempt is not counted: first starts of others leave the cluster and everywhere their budget', () => {
    const outage = Array.from({ length: 12 }, (_, id) =>
      began(10, { targetKey: `orders/broker/${id + 2}`, rack: 'b', firstStart: true }),
    )
    expect(judge(outage)).toBe('pass')
    expect(judge(outage.map((one) => ({ ...one, firstStart: false })))).toBe('refuse')
    const own = [5, 10, 15, 20].map((minutes) => began(minutes, { firstStart: true }))
    expect(judge(own)).toBe('refuse')
  })

  test('S-5.10 one target at a time in a rack, until it is verified; the first start is exempt', () => {
    const neighbour = {
      targetKey: 'orders/broker/2',
      rack: 'a',
      firstStart: false,
      incident: 3,
      attempt: 1,
      takenAt: NOW,
    }
    const beside = (atWork: OwnFacts['atWork'], more: Partial<OwnIntent> = {}) =>
      budget.decide({ ...none, atWork }, { ...intent, ...more }, NOW).verdict
    expect(beside([neighbour])).toBe('refuse')
    expect(beside([neighbour], { firstStart: true })).toBe('pass')
    expect(beside([neighbour], { byPerson: true })).toBe('pass')
    expect(beside([{ ...neighbour, firstStart: true }])).toBe('pass')
    expect(beside([{ ...neighbour, rack: 'b' }])).toBe('pass')
    expect(beside([{ ...neighbour, rack: null }], { rack: null })).toBe('pass')
    expect(judge([began(3, { targetKey: 'orders/broker/2' })]), 'over and verified').toBe('pass')
  })

  test('S-5.10 ten actions an hour everywhere; the first start is exempt', () => {
    const ten = Array.from({ length: 10 }, (_, number) => far(number + 1, number))
    expect(judge(ten.slice(1))).toBe('pass')
    expect(judge(ten)).toBe('refuse')
    expect(judge(ten, { firstStart: true })).toBe('pass')
  })

  test('S-5.10 a person is counted, never refused', () => {
    const all = Array.from({ length: 50 }, (_, number) => began(number / 10, { disruptive: true }))
    const result = budget.decide({ ...none, recent: all }, { ...intent, disruptive: true, byPerson: true }, NOW)
    expect(result.verdict).toBe('pass')
    expect(result.evidence.some(({ value }) => value === 50)).toBe(true)
  })

  test('a refusal says when it ends', () => {
    const { reason } = budget.decide({ ...none, recent: [50, 40, 30, 20].map((m) => began(m)) }, intent, NOW)
    expect(reason).toContain(new Date(NOW + 10 * MINUTE).toISOString())
  })

  const recents = fc.array(
    fc.record({
      targetKey: fc.constantFrom('orders/broker/1', 'orders/broker/2', 'pay/broker/1'),
      cluster: fc.constantFrom('orders', 'pay'),
      rack: fc.constantFrom('a', 'b', null),
      disruptive: fc.boolean(),
      firstStart: fc.boolean(),
      startedAt: fc.integer({ min: NOW - 25 * HOUR, max: NOW }),
    }),
    { maxLength: 30 },
  )

  test('what once refuses goes on refusing when more has been done', () => {
    fc.assert(
      fc.property(recents, recents, fc.boolean(), (some, more, disruptive) => {
        fc.pre(judge(some, { disruptive }) === 'refuse')
        expect(judge([...some, ...more], { disruptive })).toBe('refuse')
      }),
    )
  })

  test('a machine alone never gets more than four actions an hour and six a day out of it on one target', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 60 }), fc.boolean(), (gaps, firstStart) => {
        const done: Recent[] = []
        let now = NOW
        for (const gap of gaps) {
          now += gap * MINUTE
          const decided = budget.decide({ ...none, recent: done }, { ...intent, firstStart }, now)
          if (decided.verdict === 'pass') done.push(began(0, { startedAt: now }))
          expect(done.filter(({ startedAt }) => startedAt > now - HOUR).length).toBeLessThanOrEqual(4)
          expect(done.filter(({ startedAt }) => startedAt > now - 24 * HOUR).length).toBeLessThanOrEqual(6)
        }
      }),
    )
  })

  test('every limit lets at least one action through, or nothing could ever be healed', () => {
    for (const { most } of BUDGET) expect(most).toBeGreaterThanOrEqual(1)
    expect(judge([])).toBe('pass')
  })
})

describe('pauses, silences and maintenance', () => {
  const pause = { id: 1, scope: 'cluster:orders', endsAt: NOW + HOUR, by: 'ann', comment: 'upgrade' }
  const window = { id: 'w1', name: 'patch-night', endsAt: NOW + HOUR, comment: 'kernel' }
  const silence = { id: 's1', endsAt: NOW + HOUR, by: 'ann', comment: 'upgrade' }

  test('S-3.4 a pause holds quietly until the last one ends', () => {
    const pauses = [pause, { ...pause, id: 2, endsAt: NOW + 2 * HOUR }]
    const result = notPaused.decide({ ...none, pauses }, intent, NOW)
    expect(result).toMatchObject({ verdict: 'hold', quiet: true, until: NOW + 2 * HOUR })
    expect(result.reason).toContain('ann')
  })

  test('S-3.4 a silence holds quietly, a person too', () => {
    const result = notSilenced.decide({ ...none, silences: [silence] }, { ...intent, byPerson: true }, NOW)
    expect(result).toMatchObject({ verdict: 'hold', quiet: true, until: NOW + HOUR })
  })

  test('S-3.4 a maintenance window holds quietly until the last one ends', () => {
    const windows = [{ ...window, id: 'w2', endsAt: NOW + 2 * HOUR }, window]
    const result = maintenance.decide({ ...none, windows }, { ...intent, byPerson: true }, NOW)
    expect(result).toMatchObject({ verdict: 'hold', quiet: true, until: NOW + 2 * HOUR })
    expect(result.reason).toBe('maintenance patch-night: kernel')
  })

  test('one that has ended holds nothing', () => {
    const ended = { endsAt: NOW }
    const facts = {
      ...none,
      pauses: [{ ...pause, ...ended }],
      silences: [{ ...silence, ...ended }],
      windows: [{ ...window, ...ended }],
    }
    expect(maintenance.decide(facts, intent, NOW).verdict).toBe('pass')
    expect(notPaused.decide(facts, intent, NOW).verdict).toBe('pass')
    expect(notSilenced.decide(facts, intent, NOW).verdict).toBe('pass')
  })
})

describe('one-at-a-time', () => {
  const hold = (key: string) => ({ ...none, holds: [{ key, incident: 3, attempt: 1, takenAt: NOW }] })
  test.each([
    ['target:orders/broker/1', false, 'refuse'],
    ['target:orders/broker/1', true, 'refuse'],
    ['target:orders/broker/2', true, 'pass'],
    ['cluster:orders', true, 'refuse'],
    ['cluster:orders', false, 'pass'],
    ['cluster:payments', true, 'pass'],
  ])('S-4.2 the hold %s with disruptive %s gives %s', (key, disruptive, verdict) => {
    expect(oneAtATime.decide(hold(key), { ...intent, disruptive }, NOW).verdict).toBe(verdict)
  })
})

describe('storm', () => {
  const raging: StormFacts = {
    since: NOW - HOUR,
    bad: ['broker 2', 'broker 3'],
    total: 3,
    calmSince: null,
    failedStart: null,
    isVoter: false,
    starts: [],
    lacksMajority: false,
    votersFirst: [],
  }
  type Process = StormFacts['starts'][number]['process']
  const working = (targetKey: string, process: Process = null) => ({
    targetKey,
    rack: null,
    firstStart: true,
    incident: 9,
    attempt: 1,
    takenAt: NOW,
    process,
  })
  const starts = [working('orders/broker/2', 'starting')]
  const decide = (facts: Partial<OwnFacts>, more: Partial<OwnIntent> = {}) =>
    storm.decide({ ...none, ...facts }, { ...intent, ...more }, NOW)

  test.each([
    [1, 1, false],
    [1, 2, false],
    [2, 3, true],
    [2, 4, true],
    [2, 5, false],
    [2, 100, false],
    [3, 100, true],
    [3, 3, true],
  ])('S-5.9 %i bad of %i: a storm %s', (bad, total, expected) => {
    expect(isStorm(bad, total)).toBe(expected)
  })

  test('S-5.9 more that is bad never makes less of a storm', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(200), (bad, more, well) => {
        if (isStorm(bad, bad + more + well)) expect(isStorm(bad + more, bad + more + well)).toBe(true)
      }),
    )
  })

  test.each<[string, Partial<OwnFacts>, Partial<OwnIntent>, string]>([
    ['calm', {}, { disruptive: true }, 'pass'],
    ['disruptive', { storm: raging }, { disruptive: true }, 'hold'],
    ['disruptive, by a person', { storm: raging }, { disruptive: true, byPerson: true }, 'hold'],
    ['a start', { storm: raging }, {}, 'pass'],
    ['a start beside another one', { storm: { ...raging, starts: [working('orders/broker/2')] } }, {}, 'hold'],
    [
      'a start beside one that serves',
      { storm: { ...raging, starts: [working('orders/broker/2', 'serving')] } },
      {},
      'pass',
    ],
    ['a start beside one that starts', { storm: { ...raging, starts } }, {}, 'hold'],
    ['the same within a quorum that can elect', { storm: { ...raging, starts, isVoter: true } }, {}, 'hold'],
    [
      'the same within one that lacks its majority',
      { storm: { ...raging, starts, isVoter: true, lacksMajority: true } },
      {},
      'pass',
    ],
    ['the same outside of it', { storm: { ...raging, starts, lacksMajority: true } }, {}, 'hold'],
    [
      'one of two does not run yet',
      {
        storm: { ...raging, isVoter: true, lacksMajority: true, starts: [...starts, working('orders/broker/3')] },
      },
      {},
      'hold',
    ],
    ['a start beside an exporter', { storm: { ...raging, starts: [working('orders/exporter/jmx')] } }, {}, 'pass'],
    ['a start beside another one, in calm', { atWork: [working('orders/broker/2')] }, {}, 'pass'],
    ['a start before the quorum', { storm: { ...raging, votersFirst: ['orders/broker/2'] } }, {}, 'hold'],
    [
      'a start within the quorum',
      { storm: { ...raging, isVoter: true, votersFirst: ['orders/broker/2'] } },
      {},
      'pass',
    ],
    [
      'a start after a failed one',
      { storm: { ...raging, failedStart: { target: 'orders/broker/2', reason: 'exit 1' } } },
      {},
      'hold',
    ],
    [
      'the next start of what failed',
      { storm: { ...raging, failedStart: { target: intent.targetKey, reason: 'exit 1' } } },
      {},
      'pass',
    ],
    [
      'a start by a person after a failed one',
      { storm: { ...raging, failedStart: { target: 'orders/broker/2', reason: 'exit 1' } } },
      { byPerson: true },
      'pass',
    ],
    ['an exporter', { storm: raging, blindAt: NOW }, { targetKey: 'orders/exporter/jmx' }, 'pass'],
    ['a start by a prober that reaches nothing', { blindAt: NOW }, {}, 'hold'],
    ['disruptive, by a prober that reaches nothing', { blindAt: NOW }, { disruptive: true }, 'hold'],
    ['a start by a person while nothing is reached', { blindAt: NOW }, { byPerson: true }, 'pass'],
  ])('S-5.9 %s', (_, facts, more, verdict) => {
    expect(decide(facts, more).verdict).toBe(verdict)
  })

  test('S-5.2 it is a told hold, and says when it ends once it is calm', () => {
    const held = decide({ storm: { ...raging, calmSince: NOW - 60_000 } }, { disruptive: true })
    expect(held).toMatchObject({ verdict: 'hold', until: NOW - 60_000 + CALM_MS })
    expect(held.quiet).toBeUndefined()
    expect(decide({ storm: raging }, { disruptive: true }).until).toBeUndefined()
  })
})

describe('breaker', () => {
  const demotion = { at: NOW - HOUR, reason: '3 targets failed in 24 h' }
  test.each([
    [null, false, 'pass'],
    [demotion, false, 'refuse'],
    [demotion, true, 'pass'],
  ])('S-5.11 demoted %j, by a person %s: %s', (demoted, byPerson, verdict) => {
    expect(breaker.decide({ ...none, demotion: demoted }, { ...intent, byPerson }, NOW).verdict).toBe(verdict)
  })
})

describe('cooldown', () => {
  test.each([
    [null, false, 'pass'],
    [NOW + 1, false, 'refuse'],
    [NOW, false, 'pass'],
    [NOW + 1, true, 'pass'],
  ])('S-3.2 until %s, by a person %s: %s', (cooldownUntil, byPerson, verdict) => {
    expect(cooldown.decide({ ...none, cooldownUntil }, { ...intent, byPerson }, NOW).verdict).toBe(verdict)
  })
})

describe('S-5.1 each value with what was wanted', () => {
  const storming: StormFacts = {
    since: NOW - MINUTE,
    bad: ['broker 1', 'broker 2'],
    total: 3,
    calmSince: null,
    failedStart: null,
    isVoter: false,
    starts: [],
    lacksMajority: false,
    votersFirst: [],
  }
  const endsAt = NOW + HOUR
  const hold = { key: 'target:orders/broker/1', incident: 3, attempt: 1, takenAt: NOW }
  const silence = { id: 's1', endsAt, by: 'jane', comment: '' }

  test.each<[string, { readonly evidence: GuardResult['evidence'] }, readonly unknown[]]>([
    [
      'budget',
      budget.decide({ ...none, recent: [began(1), began(70)] }, { ...intent, disruptive: true }, NOW),
      [
        ['actions on the target per hour', 1, 'below 4'],
        ['actions on the target per day', 2, 'below 6'],
        ['disruptive actions in the cluster per 15 min', 0, 'below 1'],
        ['actions in the cluster per day', 2, 'below 6'],
        ['actions everywhere per hour', 1, 'below 10'],
      ],
    ],
    [
      'the rack',
      budget.decide(
        {
          ...none,
          atWork: [
            {
              targetKey: 'orders/broker/9',
              rack: 'a',
              firstStart: false,
              incident: 4,
              attempt: 1,
              takenAt: NOW,
            },
          ],
        },
        intent,
        NOW,
      ),
      expect.arrayContaining([['at work in the rack', 'orders/broker/9', 'nobody']]) as readonly unknown[],
    ],
    [
      'cooldown',
      cooldown.decide({ ...none, cooldownUntil: NOW + 1 }, intent, NOW),
      [['cooldown until', new Date(NOW + 1).toISOString(), 'none, or past']],
    ],
    ['cooldown, none', cooldown.decide(none, intent, NOW), [['cooldown until', null, 'none, or past']]],
    [
      'breaker',
      breaker.decide({ ...none, demotion: { at: NOW, reason: '3 targets failed' } }, intent, NOW),
      [['demoted', '3 targets failed', 'not demoted']],
    ],
    [
      'storm',
      storm.decide({ ...none, storm: storming }, { ...intent, disruptive: true }, NOW),
      [
        ['confirmed bad', 'broker 1, broker 2 of 3', 'at most 2, and not 2 of more than 40 %'],
        ['calm since', null, 'for 10 min'],
      ],
    ],
    [
      'a prober that is cut off',
      storm.decide({ ...none, blindAt: NOW }, intent, NOW),
      [['reaches', 'nothing', 'some listener']],
    ],
    [
      'one at a time',
      oneAtATime.decide({ ...none, holds: [hold] }, intent, NOW),
      [['target:orders/broker/1', 'incident 3, attempt 1', 'free']],
    ],
    ['silences', notSilenced.decide({ ...none, silences: [silence] }, intent, NOW), [['silence', 's1', 'no silence']]],
    [
      'pauses',
      notPaused.decide({ ...none, pauses: [{ ...silence, id: 5, scope: 'all' }] }, intent, NOW),
      [['pause 5', 'all', 'no pause']],
    ],
    [
      'maintenance',
      maintenance.decide({ ...none, windows: [{ ...silence, name: 'patch day' }] }, intent, NOW),
      [['maintenance window', 'patch day', 'no window']],
    ],
  ])('%s', (_, result, wanted) => {
    expect(compared(result)).toEqual(wanted)
  })
})
