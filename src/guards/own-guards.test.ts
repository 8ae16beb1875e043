import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BUDGET, budget } from './budget.ts'
import { cooldown } from './cooldown.ts'
import type { OwnFacts, OwnIntent } from './guard.ts'
import { notPaused } from './not-paused.ts'
import { notSilenced } from './not-silenced.ts'
import { oneAtATime } from './one-at-a-time.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const none: OwnFacts = { pauses: [], silences: [], holds: [], recent: [], cooldownUntil: null }
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

  test('S-5.10 one target at a time in a rack; the first start is exempt, and the target does not block itself', () => {
    const neighbour = began(3, { targetKey: 'orders/broker/2' })
    expect(judge([neighbour])).toBe('refuse')
    expect(judge([neighbour], { firstStart: true })).toBe('pass')
    expect(judge([began(3)])).toBe('pass')
    expect(judge([{ ...neighbour, rack: 'b' }])).toBe('pass')
    expect(judge([{ ...neighbour, cluster: 'payments' }])).toBe('pass')
    expect(judge([{ ...neighbour, rack: null }], { rack: null })).toBe('pass')
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
    expect(result.evidence.some(({ value }) => value === '50 of 4')).toBe(true)
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

describe('pauses and silences', () => {
  const pause = { id: 1, scope: 'cluster:orders', endsAt: NOW + HOUR, by: 'ann', comment: 'upgrade' }
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

  test('one that has ended holds nothing', () => {
    const facts = { ...none, pauses: [{ ...pause, endsAt: NOW }], silences: [{ ...silence, endsAt: NOW }] }
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
