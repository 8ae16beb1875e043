import { describe, expect, test } from 'vitest'
import { type Answer, Missing } from './missing.ts'

const MINUTE = 60_000
const T0 = 1_800_000_000_000
const SETTLE = 5 * MINUTE
const A = 'http://a:9093'
const B = 'http://b:9093'

/** What one Alertmanager answered, with a Watchdog that it has just heard of. */
const answer = (url: string, at: number, change: Partial<Answer> = {}): Answer => ({
  url,
  problem: null,
  startedAt: T0 - 60 * MINUTE,
  watchdogs: new Map([['w', at - 1_000]]),
  ...change,
})
const silent = (url: string): Answer => ({ url, problem: 'refused', startedAt: null, watchdogs: new Map() })
const X = { fingerprint: 'x', startsAt: T0 - 30 * MINUTE, seenAt: T0 - 30 * MINUTE }
const nothing = new Map<string, number>()
const shown = new Map([['x', X.startsAt]])

/** One poll a minute; `answers` of the poll's time. */
function polls(missing: Missing, ...each: readonly ((at: number) => readonly Answer[])[]) {
  return each.map((answers, index) => {
    const at = T0 + index * MINUTE
    return missing.judge(answers(at), [X], nothing, at, SETTLE)
  })
}
const both = (at: number): readonly Answer[] => [answer(A, at), answer(B, at)]

describe('S-1.4 gone', () => {
  test('needs two polls in a row', () => {
    const [first, second, third] = polls(new Missing(), both, both, both)
    expect(first).toEqual({ doubt: null, due: [] })
    expect(second).toEqual({ doubt: null, due: [{ fingerprint: 'x', since: T0 }] })
    // Until it is marked it stays due.
    expect(third?.due).toEqual([{ fingerprint: 'x', since: T0 }])
  })

  test('what one of them still lists is not gone, and starts over when it is missing again', () => {
    const missing = new Missing()
    missing.judge(both(T0), [X], nothing, T0, SETTLE)
    expect(missing.judge(both(T0 + MINUTE), [X], shown, T0 + MINUTE, SETTLE).due).toEqual([])
    expect(missing.judge(both(T0 + 2 * MINUTE), [X], nothing, T0 + 2 * MINUTE, SETTLE).due).toEqual([])
    expect(missing.judge(both(T0 + 3 * MINUTE), [X], nothing, T0 + 3 * MINUTE, SETTLE).due).toHaveLength(1)
  })

  test('one that a webhook has named in between is asked about anew', () => {
    const missing = new Missing()
    missing.judge(both(T0), [X], nothing, T0, SETTLE)
    const named = { ...X, seenAt: T0 + 1 }
    expect(missing.judge(both(T0 + MINUTE), [named], nothing, T0 + MINUTE, SETTLE).due).toEqual([])
    expect(missing.judge(both(T0 + 2 * MINUTE), [named], nothing, T0 + 2 * MINUTE, SETTLE).due).toHaveLength(1)
  })

  test.each<[string, (at: number) => Answer, RegExp]>([
    ['does not answer', () => silent(B), /b:9093 does not answer/],
    ['has no Watchdog', (at) => answer(B, at, { watchdogs: new Map() }), /b:9093 has no Watchdog/],
  ])('nothing is gone while one Alertmanager of two %s, and two polls are needed after it', (_, other, doubt) => {
    const doubtful = (at: number): readonly Answer[] => [answer(A, at), other(at)]
    const seen = polls(new Missing(), both, doubtful, doubtful, doubtful, both, both)
    expect(seen.map(({ due }) => due.length)).toEqual([0, 0, 0, 0, 0, 1])
    for (const poll of seen.slice(1, 4)) expect(poll.doubt).toMatch(doubt)
    expect(seen[5]?.due).toEqual([{ fingerprint: 'x', since: T0 + 4 * MINUTE }])
  })

  test('nothing is gone while one Alertmanager of two is younger than 5 min, and two polls are needed after it', () => {
    const young = (at: number): readonly Answer[] => [answer(A, at), answer(B, at, { startedAt: T0 - 3 * MINUTE - 1 })]
    const seen = polls(new Missing(), young, young, young, young)
    expect(seen.map(({ due }) => due.length)).toEqual([0, 0, 0, 1])
    expect(seen[1]?.doubt).toMatch(/b:9093 is up for less than 5m/)
  })

  test('an Alertmanager restarted under our eyes is young by our clock, whatever its own says', () => {
    const restarted = (at: number): readonly Answer[] => [answer(A, at, { startedAt: T0 - 59 * MINUTE })]
    const alone = (at: number): readonly Answer[] => [answer(A, at)]
    const seen = polls(new Missing(), alone, ...Array.from({ length: 8 }, () => restarted))
    // Young from minute 1 to minute 5; then two polls.
    expect(seen.map(({ doubt }) => doubt !== null)).toEqual([false, true, true, true, true, true, false, false, false])
    expect(seen.map(({ due }) => due.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1])
  })

  test('Prometheus must have spoken since it was first missed: a Watchdog that only has not run out yet is none', () => {
    const stale = (at: number): readonly Answer[] => [answer(A, at, { watchdogs: new Map([['w', T0 - 3 * MINUTE]]) })]
    const renewed = (at: number): readonly Answer[] => [answer(A, at)]
    expect(polls(new Missing(), stale, stale, stale).map(({ due }) => due.length)).toEqual([0, 0, 0])
    expect(polls(new Missing(), stale, stale, renewed).map(({ due }) => due.length)).toEqual([0, 0, 1])
  })

  test('of several Prometheus each one’s Watchdog must be there, for an hour after it was seen', () => {
    const two = (at: number) => [
      answer(A, at, {
        watchdogs: new Map([
          ['w', at - 1],
          ['v', at - 1],
        ]),
      }),
    ]
    const one = (at: number): readonly Answer[] => [answer(A, at)]
    const missing = new Missing()
    const seen = polls(missing, two, one, one, one)
    expect(seen.map(({ due }) => due.length)).toEqual([0, 0, 0, 0])
    expect(seen[3]?.doubt).toMatch(/lost one of its Watchdogs/)
    const later = T0 + 61 * MINUTE
    expect(missing.judge(one(later), [X], nothing, later, SETTLE).doubt).toBeNull()
  })

  test('nobody is configured any more: what was missed is forgotten', () => {
    const missing = new Missing()
    missing.judge(both(T0), [X], nothing, T0, SETTLE)
    missing.forget()
    expect(missing.judge(both(T0 + MINUTE), [X], nothing, T0 + MINUTE, SETTLE).due).toEqual([])
  })
})
