import { printable } from '../../terminal.ts'
import type { Screen } from '../session.ts'
import { stamp } from '../times.ts'
import { wrap } from '../wrap.ts'
import type { View } from './head.ts'

/** Each mail, and whether it got out. */
export function told({ mails }: View, screen: Screen): readonly string[] {
  if (mails.length === 0) return ['  nobody']
  return mails.flatMap(({ createdAt, recipient, subject, state, lastError }) =>
    wrap(
      printable(
        `  ${stamp(createdAt, screen)}  ${state.padEnd(6)}  ${recipient}: ${subject}${lastError === null ? '' : ` (${lastError})`}`,
      ),
      screen.columns,
      4,
    ),
  )
}

/** Every event in order, and what it made of the incident. */
export function journal({ journal }: View, screen: Screen): readonly string[] {
  return journal.flatMap(({ at, event, state, reason, detail }) =>
    wrap(printable(`  ${stamp(at, screen)}  ${event.type}: ${state} (${reason}) ${detail}`), screen.columns, 4),
  )
}
