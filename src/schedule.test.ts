import { describe, expect, test } from 'vitest'
import { iso } from './clock.ts'
import { isTimeZone, parseSchedule, type Schedule, shortestGapMs } from './schedule.ts'

function schedule(text: string, zone = 'UTC'): Schedule {
  const read = parseSchedule(text, zone)
  if ('problem' in read) throw new Error(read.problem)
  return read.ok
}

function times(text: string, zone: string, from: string, count: number): readonly string[] {
  const read = schedule(text, zone)
  const found: string[] = []
  for (let at = read.next(Date.parse(from)); at !== null && found.length < count; at = read.next(at))
    found.push(iso(at))
  return found
}

describe('a schedule in a time zone', () => {
  test('follows the clocks of the zone through summer and winter', () => {
    expect(times('0 2 * * sun', 'Europe/Berlin', '2026-10-17T00:00:00Z', 2)).toEqual([
      '2026-10-18T00:00:00.000Z',
      '2026-10-25T00:00:00.000Z',
    ])
    expect(times('0 2 * * sun', 'Europe/Berlin', '2026-10-26T00:00:00Z', 1)).toEqual(['2026-11-01T01:00:00.000Z'])
  })

  test('comes at the first time that exists in the night that has no 02:30', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z', // 03:00 summer time
      '2026-03-30T00:30:00.000Z',
    ])
  })

  test('comes once, at the first, in the night that has two of them', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z', // 02:30 summer time; 01:30Z would be the second one
      '2026-10-26T01:30:00.000Z',
    ])
    expect(times('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ])
  })

  test('with a wildcard hour comes in each of the hours', () => {
    expect(times('30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 3)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:30:00.000Z',
    ])
  })

  test.each([
    ['0 2 * *', /five cron fields/],
    ['0 0 2 * * sun', /five cron fields/],
    ['@daily', /five cron fields/],
    ['? 2 * * sun', /five cron fields/],
    ['2026-03-29T02:30:00', /five cron fields/],
    ['61 2 * * sun', /no cron line: .*minute/],
    ['0 2 * * someday', /no cron line/],
    ['0 2 * * 5-1', /no cron line/],
  ])('refuses %j', (text, problem) => {
    expect(parseSchedule(text, 'UTC')).toEqual({ problem: expect.stringMatching(problem) })
  })

  test('says when it never comes, and how close it comes', () => {
    expect(schedule('0 0 30 2 *').next(0)).toBeNull()
    expect(shortestGapMs(schedule('0 0 30 2 *'), 0, 10)).toBeNull()
    expect(shortestGapMs(schedule('0 2 * * sat,sun'), 0, 10)).toBe(24 * 3_600_000)
    // A year in Berlin has one week that is an hour short.
    expect(shortestGapMs(schedule('0 2 * * sun', 'Europe/Berlin'), Date.parse('2026-01-01T00:00:00Z'), 60)).toBe(
      167 * 3_600_000,
    )
  })

  test('knows zones by name only', () => {
    for (const zone of ['Europe/Berlin', 'UTC', 'America/Argentina/Buenos_Aires']) expect(isTimeZone(zone)).toBe(true)
    for (const zone of ['Mars/Olympus', '+01:00', '', 'Berlin']) expect(isTimeZone(zone)).toBe(false)
  })
})
