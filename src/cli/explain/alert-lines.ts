import type { AlertExplanation, AlertExplanations } from '../../http/explain/shapes.ts'
import type { Screen, Session } from '../client/session.ts'
import { moment } from '../client/times.ts'
import { wrap } from '../client/wrap.ts'
import { printable } from '../terminal.ts'
import { alertWords, rulesTried, saidLines } from './words.ts'

/** One alert: the sentence, each rule as it was tried, and the incidents that it is or was in. */
export function alertLines(alert: AlertExplanation, screen: Screen, propose: Session['propose']): readonly string[] {
  return [
    ...saidLines(`${alert.summary}.`, screen).map((line) => screen.paint('bold', line)),
    '',
    ...wrap(`alert ${alertWords(alert, screen)}`, screen.columns, 2),
    ...rulesTried(alert, screen),
    ...alert.incidents.flatMap((one) => ['', ...incidentWhy(one, screen, propose)]),
  ]
}

function incidentWhy(
  { incident, summary }: AlertExplanation['incidents'][number],
  screen: Screen,
  propose: Session['propose'],
): readonly string[] {
  const { id, rule, target, subject, state, reason, openedAt } = incident
  const head = `incident ${id}: ${rule} on ${target ?? subject}, ${state} (${reason}), opened ${moment(openedAt, screen)}`
  return [
    ...wrap(printable(head), screen.columns, 2),
    ...saidLines(`  ${summary}.`, screen, 2),
    `  ${screen.paint('bold', propose('explain', String(id)))}`,
  ]
}

/** Several alerts, one after the other. */
export function alertsLines(
  { items, more }: AlertExplanations,
  screen: Screen,
  propose: Session['propose'],
): readonly string[] {
  if (items.length === 0) return ['No alert that is known matches.']
  const blocks = items.flatMap((one, index) => [...(index > 0 ? ['', ''] : []), ...alertLines(one, screen, propose)])
  return more === 0 ? blocks : [...blocks, '', `and ${more} more; a fingerprint or more matchers narrow it down`]
}
