import { printable } from '../../terminal.ts'
import type { Screen, Session } from '../session.ts'
import { moment } from '../times.ts'
import { wrap } from '../wrap.ts'
import type { View } from './head.ts'

/** Exact commands for what would bring something about now, each with what it does. */
export function canDo(view: View, screen: Screen, propose: Session['propose']): readonly string[] {
  const { incident, possible } = view
  const id = String(incident.id)
  const silence = incident.state === 'closed' ? null : silenceArgs(view)
  const offers: readonly (readonly [string, string] | null)[] = [
    possible.approve ? [propose('approve', id), approvalWords(view, screen)] : null,
    possible.takeOver ? [propose('ack', id), 'take over: nothing more is tried, nobody else is told'] : null,
    possible.retry
      ? [propose('retry', id), 'exactly one more attempt, at the last rung; the guards run all the same']
      : null,
    possible.replan ? [propose('retry', id, '--replan'), 'the same by the rule as it is in force now'] : null,
    possible.cancel ? [propose('cancel', id, '--comment', 'why'), 'end it without healing'] : null,
    silence === null ? null : [propose(...silence), 'hold back what these alerts concern: clocks stop, no new attempt'],
  ]
  const lines = offers.flatMap((offer) =>
    offer === null ? [] : [`  ${screen.paint('bold', offer[0])}`, ...wrap(`      ${offer[1]}`, screen.columns, 6)],
  )
  return lines.length === 0 ? ['  nothing: it is over'] : lines
}

/** What is asked for, word for word. */
function approvalWords({ incident: { approval } }: View, screen: Screen): string {
  if (approval === null) return ''
  return printable(
    `say yes to request ${approval.request}: ${approval.about}; it lapses ${moment(approval.expiresAt, screen)}`,
  )
}

/** By the labels that the firing alerts share; null where a shell line could not say them all unchanged: without one it would hold back more. */
function silenceArgs({ alerts }: View): readonly string[] | null {
  const firing = alerts.filter(({ status }) => status === 'firing').map(({ labels }) => labels)
  const [first] = firing
  if (first === undefined) return null
  const shared = Object.entries(first).filter(([name, value]) => firing.every((labels) => labels[name] === value))
  const sayable = shared.filter(([name, value]) => /^[a-zA-Z_]\w*$/.test(name) && printable(value) === value)
  if (sayable.length !== shared.length || !sayable.some(([name]) => name === 'alertname')) return null
  const matchers = sayable.map(
    ([name, value]) => `${name}=${/^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value)}`,
  )
  return ['silence', 'add', ...matchers, '--duration', '2h', '--comment', 'why']
}
