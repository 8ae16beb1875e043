import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../clock.ts'
import { type Moved, StoreUnavailableError } from '../store/store.ts'
import { type ReaperDeps, runReaper } from './reaper.ts'

/** Runs the reaper for `seconds` of a clock that never waits; `away` says when the store is. Answers when it judged. */
async function judgedAt(seconds: number, away: (second: number) => boolean, running: ReadonlySet<number> = new Set()) {
  const stop = new AbortController()
  let now = 0
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms) => {
      now += ms
      if (now >= seconds * 1_000) stop.abort()
    },
  }
  const judged: number[] = []
  const passed: ReadonlySet<number>[] = []
  const store: ReaperDeps['store'] = {
    inboxDepth: async () => {
      if (away(now / 1_000)) throw new StoreUnavailableError('io', undefined)
      return 0
    },
    interruptForeign: async (_owner, _now, kept): Promise<readonly Moved[]> => {
      judged.push(now / 1_000)
      passed.push(kept ?? new Set())
      return []
    },
  }
  const log = pino({ level: 'silent' })
  const deps = { store, owner: 'me', running, clock, log, signal: stop.signal, onMoved: () => {}, onFailure: () => {} }
  await runReaper(deps)
  return { judged, passed }
}

describe('the reaper', () => {
  test('S-4.5 looks for leases that ran out every few seconds, and passes on what this process works on', async () => {
    const running = new Set([7])
    const { judged, passed } = await judgedAt(40, () => false, running)
    expect(judged).toEqual([21, 24, 27, 30, 33, 36, 39])
    expect(new Set(passed)).toEqual(new Set([running]))
  })

  test('S-4.5 after the store was away for everybody it judges nobody before whoever lives could renew', async () => {
    const { judged } = await judgedAt(150, (second) => second > 30 && second < 90)
    expect(judged.filter((second) => second > 30 && second < 108)).toEqual([])
    expect(judged).toContain(27)
    expect(judged).toContain(111)
  })
})
