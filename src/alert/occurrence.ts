import type { Instant } from '../clock.ts'
import type { Alert, AlertStatus } from './alert.ts'

/**
 * What a statement about an alert says that was not known.
 *
 * `firing` first heard of · `refired` a new occurrence · `resolved` the occurrence ended · `repeat` nothing new ·
 * `late` about an occurrence that is over, or about one never heard of.
 */
export type AlertChange = 'firing' | 'refired' | 'resolved' | 'repeat' | 'late'

/** The last statement that counted. `startsAt` is the earliest one named for a firing occurrence. */
export interface Known {
  readonly startsAt: Instant
  readonly status: AlertStatus
}

/**
 * Statements come repeated, out of order and from several Alertmanagers (S-3.8). While it fires, a startsAt that moves
 * backward is the same occurrence and one that moves forward is a new one (S-1.1). A firing that is no newer than what
 * has resolved is late. So is a resolved that ended before the current occurrence began; one that began earlier but
 * ended later belongs to the current occurrence, whose startsAt has moved backward.
 */
export function changeOf(previous: Known | null, incoming: Pick<Alert, 'status' | 'startsAt' | 'endsAt'>): AlertChange {
  if (previous === null) return incoming.status === 'firing' ? 'firing' : 'late'
  const newer = incoming.startsAt > previous.startsAt
  if (incoming.status === 'firing') {
    if (newer) return 'refired'
    return previous.status === 'firing' ? 'repeat' : 'late'
  }
  if (incoming.startsAt < previous.startsAt) {
    const before = incoming.endsAt === null || incoming.endsAt <= previous.startsAt
    if (before || previous.status === 'resolved') return 'late'
  }
  return previous.status === 'firing' ? 'resolved' : 'repeat'
}
