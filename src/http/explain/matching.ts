import { setImmediate } from 'node:timers/promises'
import type { Alert } from '../../alert/alert.ts'
import { type Matcher, matches } from '../../alert/matcher.ts'

/** So many alerts are matched in one turn of the event loop: with ten patterns a few milliseconds. */
export const SLICE = 200

/** Those that all matchers hold for, in their order; whatever comes meanwhile is answered in between. */
export async function matching<T extends Pick<Alert, 'labels'>>(
  alerts: readonly T[],
  matchers: readonly Matcher[],
): Promise<readonly T[]> {
  const found: T[] = []
  for (let from = 0; from < alerts.length; from += SLICE) {
    found.push(...alerts.slice(from, from + SLICE).filter(({ labels }) => matches(matchers, labels)))
    await setImmediate()
  }
  return found
}
