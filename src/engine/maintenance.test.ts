import pino from 'pino'
import { afterEach, describe, expect, test } from 'vitest'
import { makeMatcher } from '../alert/matcher.ts'
import type { Clock } from '../clock.ts'
import type { Maintenance } from '../config.ts'
import { parseSchedule } from '../schedule.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { runMaintenance, upcomingWindows } from './maintenance.ts'

const HOUR = 3_600_000
const at = (text: string): number => Date.parse(text)

function entry(schedule: string, zone: string, over: Partial<Maintenance> = {}): Maintenance {
  const read = parseSchedule(schedule, zone)
  if ('problem' in read) throw new Error(read.problem)
  return {
    name: 'night',
    begins: { schedule: read.ok },
    durationMs: 2 * HOUR,
    covers: { clusters: ['orders'] },
    comment: 'patches',
    ...over,
  }
}

const spans = (maintenance: readonly Maintenance[], now: string) =>
  upcomingWindows(maintenance, at(now)).map(({ startsAt, endsAt }) => [
    new Date(startsAt).toISOString(),
    new Date(endsAt).toISOString(),
  ])

describe('windows that come up', () => {
  test('are those that last now and those that begin within 48 hours', () => {
    expect(spans([entry('0 2 * * *', 'Europe/Berlin')], '2026-12-01T02:00:00Z')).toEqual([
      ['2026-12-01T01:00:00.000Z', '2026-12-01T03:00:00.000Z'],
      ['2026-12-02T01:00:00.000Z', '2026-12-02T03:00:00.000Z'],
      ['2026-12-03T01:00:00.000Z', '2026-12-03T03:00:00.000Z'],
    ])
    expect(spans([entry('0 2 * * *', 'Europe/Berlin')], '2026-12-01T03:00:00Z')[0]?.[0]).toBe(
      '2026-12-02T01:00:00.000Z',
    )
  })

  test('last as long as they say in the nights when the clocks change', () => {
    expect(spans([entry('30 2 * * sun', 'Europe/Berlin')], '2026-03-28T12:00:00Z')).toEqual([
      ['2026-03-29T01:00:00.000Z', '2026-03-29T03:00:00.000Z'], // 03:00 to 05:00: there is no 02:30
    ])
    expect(spans([entry('30 2 * * sun', 'Europe/Berlin')], '2026-10-24T12:00:00Z')).toEqual([
      ['2026-10-25T00:30:00.000Z', '2026-10-25T02:30:00.000Z'], // from the first 02:30 to 03:30
    ])
  })

  test('come once where they name a time, as long as that has not passed', () => {
    const once = entry('* * * * *', 'UTC', { begins: { at: at('2026-12-01T02:00:00+01:00') } })
    expect(spans([once], '2026-11-20T00:00:00Z')).toEqual([])
    expect(spans([once], '2026-11-30T12:00:00Z')).toEqual([['2026-12-01T01:00:00.000Z', '2026-12-01T03:00:00.000Z']])
    expect(spans([once], '2026-12-01T02:59:59Z')).toHaveLength(1)
    expect(spans([once], '2026-12-01T03:00:00Z')).toEqual([])
  })

  test('cover what the entry names, matchers as they are stored', () => {
    const made = makeMatcher('alertname', '!~', 'Kafka.*')
    if ('problem' in made) throw new Error(made.problem)
    const [window] = upcomingWindows([entry('0 2 * * *', 'UTC', { covers: { matchers: [made.ok] } })], 0)
    expect(window?.covers).toEqual({
      matchers: [{ name: 'alertname', value: 'Kafka.*', isRegex: true, isEqual: false }],
    })
  })

  test('are bounded, however often they come, and last into the next planning', () => {
    const windows = upcomingWindows([entry('* * * * *', 'UTC', { durationMs: 60_000 })], at('2026-12-01T00:00:00Z'))
    expect(windows).toHaveLength(500)
    expect(windows.at(-1)?.endsAt).toBeGreaterThan(at('2026-12-01T02:00:00Z'))
  })
})

describe('planning', () => {
  const stopping = new AbortController()
  let store: Store | null = null
  afterEach(async () => {
    stopping.abort()
    await store?.close()
  })

  test('goes on once an hour, also when the wall clock jumps while it sleeps', async () => {
    const opened = await openSqliteStore({ path: ':memory:' })
    store = opened
    const jumps = [60_000, 30 * HOUR, 60_000]
    const plans: number[] = []
    let now = at('2026-12-01T00:00:00Z')
    const clock: Clock = {
      now: () => now,
      monotonic: () => now,
      async sleep() {
        const jump = jumps.shift()
        if (jump === undefined) stopping.abort()
        now += jump ?? 0
      },
    }
    await runMaintenance({
      store: opened,
      clock,
      log: pino({ level: 'silent' }),
      signal: stopping.signal,
      onFailure: () => undefined,
      maintenance: () => {
        plans.push(now)
        return [entry('0 2 * * *', 'UTC')]
      },
      onPlanned: () => undefined,
    })
    expect(plans).toEqual([at('2026-12-02T06:01:00Z')])
    expect((await opened.windows(now)).map(({ startsAt }) => new Date(startsAt).toISOString())).toEqual([
      '2026-12-03T02:00:00.000Z',
      '2026-12-04T02:00:00.000Z',
    ])
  })
})
