import { parseTimestamp } from '../../alert/payload.ts'
import { type Instant, iso } from '../../clock.ts'
import { parseDuration } from '../../duration.ts'
import { wrongUsage } from '../client/error.ts'

/** A time, or how long before `end`; the option's own check has let nothing else through. */
export function startOf(since: string, end: Instant): Instant {
  const start = parseTimestamp(since) ?? end - (parseDuration(since) ?? 0)
  if (start > end) throw wrongUsage(`--since ${since} lies behind the end of the record, ${iso(end)}`)
  return start
}
