import type { Labels } from '../alert/alert.ts'
import { makeMatcher, matchesEverything } from '../alert/matcher.ts'
import type { Instant } from '../clock.ts'
import type { IncidentView, NewSilence } from '../store/store.ts'

/** More separate silences than this help nobody; the oldest alerts of a huge incident stay unsilenced and say so in the list. */
const MOST = 20

/**
 * Silences that cover the alerts of an incident: one of the labels they share where these name the alert, else one for
 * each alert.
 */
export function silencesFor(
  view: IncidentView,
  author: string,
  durationMs: number,
  now: Instant,
): readonly NewSilence[] {
  const firing = view.alerts.filter(({ status }) => status === 'firing')
  const sets = (firing.length > 0 ? firing : view.alerts).map(({ labels }) => labels)
  const [first] = sets
  if (first === undefined) return []
  const shared = Object.fromEntries(
    Object.entries(first).filter(([name, value]) =>
      sets.every((labels) => Object.hasOwn(labels, name) && labels[name] === value),
    ),
  )
  const chosen = 'alertname' in shared && narrows(shared) ? [shared] : sets.filter(narrows).slice(0, MOST)
  return chosen.map((labels) => ({
    matchers: Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true })),
    startsAt: now,
    endsAt: now + durationMs,
    author,
    comment: `by the link in a mail about incident ${view.incident.id}`,
  }))
}

function narrows(labels: Labels): boolean {
  const matchers = Object.entries(labels).flatMap(([name, value]) => {
    const made = makeMatcher(name, '=', value)
    return 'ok' in made ? [made.ok] : []
  })
  return !matchesEverything(matchers)
}
