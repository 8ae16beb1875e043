import { z } from 'zod'
import { PauseAnswer, ResumeAnswer } from '../../http/shapes.ts'
import { printable } from '../terminal.ts'
import { wrongUsage } from './error.ts'
import { type ClientOptions, personHere, type Screen, withService } from './session.ts'
import { type Column, table } from './table.ts'
import { ago, moment, stamp } from './times.ts'

export interface PauseOptions extends ClientOptions {
  readonly duration?: string
  readonly comment?: string
  readonly by?: string
}

export interface ResumeOptions extends ClientOptions {
  readonly by?: string
}

type Pause = z.infer<typeof PauseAnswer>

export const Pauses = z.object({ items: z.array(PauseAnswer) })

/** `pause <scope>`: nothing new is tried there until it ends. Without a scope: the pauses in force. */
export async function pause(scope: string | undefined, options: PauseOptions): Promise<void> {
  const { duration, comment, by } = options
  await withService(options, async (session) => {
    if (scope === undefined) {
      if (duration !== undefined || comment !== undefined || by !== undefined)
        throw wrongUsage('what is to be paused? all, cluster:<name>, target:<key> or rule:<name>')
      const found = await session.ask({ method: 'GET', path: '/pause' }, Pauses)
      return session.print(found, ({ items }) => pausesLines(items, session.screen))
    }
    if (comment === undefined) throw wrongUsage('say why with --comment: it stands in the mails that tell of the pause')
    const body = { scope, author: by ?? personHere(), comment, duration }
    const made = await session.ask({ method: 'POST', path: '/pause', body }, PauseAnswer)
    session.print(made, ({ scope, endsAt }) => [
      `${session.screen.paint('green', 'Paused')} ${printable(scope)} until ${moment(endsAt, session.screen)}`,
      `It ends sooner with: ${session.propose('resume', scope)}`,
    ])
  })
}

export function pausesLines(items: readonly Pause[], screen: Screen): readonly string[] {
  return items.length === 0 ? ['Nothing is paused.'] : table(columns(screen), items, screen)
}

function columns(screen: Screen): readonly Column<Pause>[] {
  return [
    { head: 'PAUSED', cell: ({ scope }) => scope },
    { head: 'ENDS', cell: ({ endsAt }) => stamp(endsAt, screen), drop: 3 },
    { head: '', cell: ({ endsAt }) => ago(endsAt, screen) },
    { head: 'BY', cell: ({ author }) => author, least: 5, drop: 2 },
    { head: 'COMMENT', cell: ({ comment }) => comment, least: 10, drop: 1 },
  ]
}

/** `resume <scope>`: ends its pauses, and lets act again what a breaker, a storm or recurrence had stopped. */
export async function resume(scope: string, options: ResumeOptions): Promise<void> {
  const { by = personHere() } = options
  await withService(options, async (session) => {
    const done = await session.ask({ method: 'POST', path: '/resume', body: { scope, by } }, ResumeAnswer)
    session.print(done, ({ ended, resumed, demotions, starts }) => [
      ...ended.map((pause) => `The pause of ${printable(pause.scope)} by ${printable(pause.author)} is over.`),
      ...demotions.map(
        ({ rule, target, cluster }) => `Rule ${printable(rule)} may act again on ${printable(target ?? cluster)}.`,
      ),
      ...(resumed ? [`${printable(scope)} may act again by itself; it had not stayed healed.`] : []),
      ...(starts ? ['Starts go on in the storm.'] : []),
    ])
  })
}
