import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { MODES } from '../incident/plan.ts'
import type { Facts, TrackGroup } from '../incident/track.ts'
import { type Report, reportOf } from './report.ts'
import { suggest } from './suggest.ts'

const facts: Facts = {
  mode: 'inform',
  would: null,
  refusedBy: [],
  followed: false,
  held: false,
  approval: null,
  attempts: 0,
  failed: false,
  escalated: [],
  relapsed: false,
  overridden: [],
  outcome: null,
  healer: null,
}
const some = (incidents: number, change: Partial<Facts>): TrackGroup => ({
  rule: 'broker-down',
  cluster: 'orders',
  facts: { ...facts, ...change },
  incidents,
  alerts: 2 * incidents,
  oldestAt: 1,
})
const report = (...groups: readonly TrackGroup[]): Report =>
  reportOf([{ groups, fromOpeningMs: [], fromAttemptMs: [] }])

const wouldAct = { would: 'act', outcome: 'informed' } as const
const agreed = { ...wouldAct, healer: 'sameRemedy' } as const
const wouldRefuse = { would: 'refuse', outcome: 'informed', refusedBy: ['availability'] } as const
const healed = { attempts: 1, outcome: 'healed', healer: 'us' } as const
const approved = { ...healed, mode: 'approve', approval: 'given' } as const
const failed = { attempts: 3, failed: true, escalated: ['exhausted'] } as const

describe('from inform to approve', () => {
  test.each<[string, readonly TrackGroup[], boolean, readonly string[]]>([
    [
      'nothing was seen',
      [],
      false,
      [
        'not enough seen yet: 0 of 5 incidents in which its guards were asked',
        'not enough seen yet: 0 of 3 incidents in which it would have acted',
      ],
    ],
    [
      'too little was seen',
      [some(2, agreed), some(9, { outcome: 'informed' })],
      false,
      [
        'not enough seen yet: 2 of 5 incidents in which its guards were asked',
        'not enough seen yet: 2 of 3 incidents in which it would have acted',
      ],
    ],
    [
      'people did what it would have done',
      [some(3, agreed), some(2, wouldAct)],
      true,
      [
        '5 incidents in which its guards were asked',
        '5 incidents in which it would have acted',
        'it was never well again without what it would have done; 3 of 5 times somebody did the same',
        'no guard would have refused more than half of them',
      ],
    ],
    [
      'it would have acted without need',
      [some(5, agreed), some(1, { ...wouldAct, healer: 'otherwise' })],
      false,
      ['1 of 6 times it was well again without what it would have done: a longer after, or a stricter symptom'],
    ],
    [
      'one guard would have refused most of them',
      [some(3, agreed), some(4, wouldRefuse)],
      false,
      ['guard availability decided against it in 4 of 7: the rule matches too much, or the guard is wrong here'],
    ],
  ])('%s', (_, groups, ready, reasons) => {
    expect(suggest('inform', report(...groups))).toEqual({ next: 'approve', ready, reasons })
  })
})

describe('from approve to act', () => {
  test.each<[string, readonly TrackGroup[], boolean, readonly string[]]>([
    [
      'too few were approved',
      [some(2, approved), some(4, healed)],
      false,
      ['not enough seen yet: 2 of 5 incidents healed by an approved attempt'],
    ],
    [
      'all that were approved healed',
      [some(5, approved)],
      true,
      ['5 incidents healed by an approved attempt', 'healed 5 of 5 that it tried', 'nobody overruled it'],
    ],
    [
      'one in ten failed',
      [some(9, approved), some(1, { ...failed, approval: 'given' })],
      false,
      ['healed 9 of 10 that it tried; 95 % are wanted'],
    ],
    [
      'a person took over',
      [some(9, approved), some(1, { approval: 'asked', overridden: ['takenOver'] })],
      false,
      ['people overruled it in 1 incident'],
    ],
  ])('%s', (_, groups, ready, reasons) => {
    expect(suggest('approve', report(...groups))).toEqual({ next: 'act', ready, reasons })
  })
})

describe('less than it has', () => {
  test.each<[string, 'approve' | 'act', readonly TrackGroup[], string]>([
    ['it fails', 'act', [some(5, healed), some(2, failed)], 'failed in 2 of 7 that it tried'],
    [
      'people overrule it',
      'act',
      [some(6, healed), some(3, { overridden: ['cancelled'] })],
      'people overruled it in 3 of 9 incidents',
    ],
    [
      'one guard stops it',
      'act',
      [some(2, healed), some(3, { refusedBy: ['availability', 'quorum'] }), some(1, { refusedBy: ['availability'] })],
      'guard availability decided against it in 4 of 6: the rule matches too much, or the guard is wrong here',
    ],
    [
      'nobody says yes',
      'approve',
      [some(5, { approval: 'asked', outcome: 'cleared' }), some(1, approved)],
      'nobody wants it: 1 of 6 questions were answered with yes',
    ],
  ])('%s', (_, mode, groups, reason) => {
    const next = mode === 'act' ? 'approve' : 'inform'
    expect(suggest(mode, report(...groups))).toEqual({ next, ready: true, reasons: [reason] })
  })

  it('is not said of a few', () => {
    expect(suggest('act', report(some(1, healed), some(1, failed)))).toEqual({
      next: null,
      ready: false,
      reasons: ['nothing speaks against act: healed 1 of 2 that it tried'],
    })
  })

  it('a demotion is a person’s to lift, not earned back by numbers', () => {
    const { next, reasons } = suggest('approve', report(some(20, approved)), ['cluster orders'])
    expect([next, reasons[0]]).toEqual([
      null,
      'demoted to inform on cluster orders; find out why it failed, then resume it',
    ])
  })
})

const anyFacts: fc.Arbitrary<Facts> = fc.record({
  mode: fc.constantFrom(...MODES),
  would: fc.constantFrom(null, 'act', 'ask', 'refuse'),
  refusedBy: fc.subarray(['availability', 'quorum']),
  followed: fc.boolean(),
  held: fc.boolean(),
  approval: fc.constantFrom(null, 'asked', 'given'),
  attempts: fc.nat(3),
  failed: fc.boolean(),
  escalated: fc.subarray(['exhausted', 'giveUp'] as const),
  relapsed: fc.boolean(),
  overridden: fc.subarray(['takenOver', 'humanFirst', 'cancelled'] as const),
  outcome: fc.constantFrom(null, 'healed', 'cleared', 'informed', 'unverified'),
  healer: fc.constantFrom(null, 'us', 'sameRemedy', 'otherwise', 'unknown'),
})
const anyGroups = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), anyFacts), { maxLength: 5 })

describe('whatever was seen', () => {
  const check = (holds: (given: Report, mode: 'inform' | 'approve' | 'act', demoted: readonly string[]) => void) =>
    fc.assert(
      fc.property(anyGroups, fc.constantFrom(...MODES), fc.subarray(['cluster a']), (groups, mode, demoted) =>
        holds(report(...groups.map(([incidents, one]) => some(incidents, one))), mode, demoted),
      ),
      { numRuns: 2_000 },
    )

  it('act is never ready where anybody overruled it, where it is demoted, or where nobody approved anything', () => {
    check((given, mode, demoted) => {
      const { next, ready } = suggest(mode, given, demoted)
      if (next !== 'act' || !ready) return
      expect(given.overridden.incidents).toBe(0)
      expect(given.approvals.healed).toBeGreaterThanOrEqual(5)
      expect(given.failed).toBeLessThanOrEqual(given.healed / 19)
      expect(demoted).toEqual([])
    })
  })

  it('it is one step at a time, and says why', () => {
    check((given, mode, demoted) => {
      const { next, reasons } = suggest(mode, given, demoted)
      if (next !== null) expect(Math.abs(MODES.indexOf(next) - MODES.indexOf(mode))).toBe(1)
      expect(reasons.length).toBeGreaterThan(0)
    })
  })

  it('one more failure never makes it ready for more', () => {
    check((given, mode, demoted) => {
      const before = suggest(mode, given, demoted)
      const after = suggest(mode, { ...given, failed: given.failed + 1 }, demoted)
      const isUp = ({ next, ready }: typeof before) => ready && MODES.indexOf(next ?? mode) > MODES.indexOf(mode)
      expect(isUp(after) && !isUp(before)).toBe(false)
    })
  })
})

describe('a report', () => {
  it('counts incidents by what they say', () => {
    const told = reportOf([
      {
        groups: [
          some(2, approved),
          some(3, {
            ...failed,
            approval: 'asked',
            refusedBy: ['quorum'],
            outcome: 'cancelled',
            overridden: ['cancelled'],
          }),
          some(4, { outcome: 'cleared', healer: 'otherwise', held: true }),
          some(1, { followed: true }),
        ],
        fromOpeningMs: [10, 30],
        fromAttemptMs: [5],
      },
      { groups: [some(1, { ...healed, failed: true })], fromOpeningMs: [20], fromAttemptMs: [] },
    ])
    expect(told).toMatchObject({
      incidents: 11,
      alerts: 22,
      open: 1,
      followed: 1,
      held: 4,
      refusedBy: [{ guard: 'quorum', incidents: 3 }],
      acted: 6,
      attempts: 12,
      healed: 2,
      failed: 4,
      cleared: { incidents: 4, otherwise: 4, sameRemedy: 0 },
      escalated: [{ cause: 'exhausted', incidents: 3 }],
      overridden: { incidents: 3, cancelled: 3 },
      approvals: { asked: 5, given: 2, lapsed: 3, healed: 2 },
      timeToHeal: { fromOpening: { count: 3, medianMs: 20, p90Ms: 30 }, fromAttempt: { count: 1, medianMs: 5 } },
    })
  })

  it('of nothing counts nothing', () => {
    expect(report()).toMatchObject({ incidents: 0, oldestAt: null, timeToHeal: { fromOpening: null } })
  })
})
