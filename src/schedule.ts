import { Cron } from 'croner'
import type { Instant } from './clock.ts'

/** A cron line, read on the clocks of a time zone. */
export interface Schedule {
  /** The first time after `at`; null when there is none within some years. */
  next(at: Instant): Instant | null
}

/** Names and numbers, lists, ranges, steps, last (`L`), nearest weekday (`W`) and nth weekday (`#`). */
const FIELD = /^[0-9A-Za-z*,/#-]+$/

/**
 * Reads five fields: minute, hour, day of the month, month, weekday. A time that the clocks skip in spring comes at the
 * first one that exists; one that they show twice in autumn comes once, at the first, unless the hour is a wildcard. The
 * problem is a sentence.
 */
export function parseSchedule(
  text: string,
  timeZone: string,
): { readonly ok: Schedule } | { readonly problem: string } {
  const fields = text.trim().split(/\s+/)
  if (fields.length !== 5 || !fields.every((field) => FIELD.test(field))) {
    return { problem: 'expected five cron fields such as "0 2 * * sun": minute, hour, day, month, weekday' }
  }
  try {
    const cron = new Cron(fields.join(' '), { mode: '5-part', timezone: timeZone })
    return { ok: { next: (at) => cron.nextRun(new Date(at))?.getTime() ?? null } }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { problem: `no cron line: ${message.replace(/^CronPattern: /, '')}` }
  }
}

/** Whether this Node knows the zone by that name; an offset is none, because it does not know summer from winter. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** The shortest time between two of the first `most` times after `from`, in milliseconds; null where there are no two. */
export function shortestGapMs(schedule: Schedule, from: Instant, most: number): number | null {
  let shortest: number | null = null
  let before = schedule.next(from)
  for (let count = 1; count < most && before !== null; count += 1) {
    const at = schedule.next(before)
    if (at === null) break
    shortest = Math.min(shortest ?? Number.POSITIVE_INFINITY, at - before)
    before = at
  }
  return shortest
}
