import type { Instant } from '../../clock.ts'
import { duration } from '../../notify/times.ts'
import { printable } from '../terminal.ts'

/** How times are read: from when, and in which zone (the machine's own when left out). */
export interface Watch {
  readonly now: Instant
  readonly zone?: string
}

/** An instant in the local zone with its offset, e.g. `2026-11-21 09:49:33 +01:00`. Text that is no time stays text. */
export function stamp(time: string, { zone }: Pick<Watch, 'zone'>): string {
  const at = Date.parse(time)
  if (Number.isNaN(at)) return printable(time)
  const parts = Object.fromEntries(
    formatter(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  const offset = (parts['timeZoneName'] ?? '').replace('GMT', '') || '+00:00'
  return `${parts['year']}-${parts['month']}-${parts['day']} ${parts['hour']}:${parts['minute']}:${parts['second']} ${offset}`
}

/** How long ago or ahead, e.g. `3 min 20 s ago`, `in 4 h`. */
export function ago(time: string, { now }: Pick<Watch, 'now'>): string {
  const past = now - Date.parse(time)
  if (Number.isNaN(past)) return ''
  if (Math.abs(past) < 1_000) return 'now'
  return past > 0 ? `${duration(past)} ago` : `in ${duration(-past)}`
}

/** Both. */
export function moment(time: string, watch: Watch): string {
  const away = ago(time, watch)
  return away === '' ? stamp(time, watch) : `${stamp(time, watch)} (${away})`
}

/** How long something took. */
export function span(from: string, to: string): string {
  const ms = Date.parse(to) - Date.parse(from)
  return Number.isNaN(ms) ? '' : duration(ms)
}

const formatters = new Map<string | undefined, Intl.DateTimeFormat>()

function formatter(zone: string | undefined): Intl.DateTimeFormat {
  const known = formatters.get(zone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-GB', {
    ...(zone !== undefined && { timeZone: zone }),
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  })
  formatters.set(zone, made)
  return made
}
