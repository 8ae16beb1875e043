import { assertNever } from '../../../never.ts'
import { timerSays } from '../../../notify/next.ts'
import { printable } from '../../terminal.ts'
import type { Screen } from '../session.ts'
import { ago, stamp } from '../times.ts'
import { wrap } from '../wrap.ts'
import type { View } from './head.ts'
import { refusing } from './seen.ts'

/** What happens if nobody does anything, and when. */
export function next(view: View, screen: Screen): readonly string[] {
  const { incident, timers } = view
  const { escalation } = incident.plan
  const of = {
    state: incident.state,
    informs: incident.plan.mode === 'inform',
    next: escalation.levels[incident.level - 1],
    escalation,
  }
  const timed = timers
    .toSorted((a, b) => Date.parse(a.dueAt) - Date.parse(b.dueAt))
    .flatMap(({ kind, dueAt }) => timerSays(kind, of, when(dueAt, screen)) ?? [])
  const says = [...byState(view), ...timed]
  return (says.length === 0 ? ['nothing by itself'] : says).flatMap((text) =>
    wrap(`  ${printable(text)}`, screen.columns, 4),
  )
}

function when(dueAt: string, screen: Screen): string {
  return Date.parse(dueAt) <= screen.now ? 'now' : `${ago(dueAt, screen)} (${stamp(dueAt, screen)})`
}

function byState(view: View): readonly string[] {
  const { incident } = view
  if (incident.held !== null) return [`Every clock stands still: ${incident.held.by}.`]
  switch (incident.state) {
    case 'waiting':
      if (incident.reason === 'attached') return [`Incident ${incident.leader} leads on this target.`]
      if (incident.reason === 'approval') return ['Without a yes it does nothing.']
      return refusing(view) === null ? [] : [`It acts when ${refusing(view)?.guard ?? 'every guard'} passes.`]
    case 'escalated':
      return incident.owner === null
        ? ['No further attempt unless somebody asks for one. Taking over stops the reminders.']
        : [
            `No further attempt and no reminder: ${incident.owner} has taken over. The probes notice when it is repaired.`,
          ]
    case 'attempting':
      return ['The attempt under way is verified before anything else.']
    case 'settled':
      return ['It closes when none of its alerts fires any more.']
    case 'checking':
    case 'verifying':
    case 'probation':
    case 'closed':
      return []
    default:
      return assertNever(incident.state, 'state')
  }
}
