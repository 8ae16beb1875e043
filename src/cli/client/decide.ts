import type { z } from 'zod'
import { WishAnswer } from '../../http/shapes.ts'
import { type Paint, printable } from '../terminal.ts'
import { type ClientOptions, personHere, withService } from './session.ts'

export interface DecideOptions extends ClientOptions {
  readonly by?: string
  readonly comment?: string
}

type Wish = 'retry' | 'cancel' | 'take-over'

/** `retry`, `cancel` and `ack`: what a person decides about an incident. */
export async function decide(
  incident: number,
  wish: Wish,
  options: DecideOptions & { readonly replan?: boolean },
): Promise<void> {
  const { by = personHere(), comment, replan } = options
  await withService(options, async (session) => {
    const body = { by, comment, replan }
    const answered = await session.ask({ method: 'POST', path: `/incidents/${incident}/${wish}`, body }, WishAnswer)
    session.print(answered, (stands) => [
      ...standsLines(DONE[wish], stands, session.screen.paint),
      `  ${session.propose('show', String(incident))}`,
    ])
  })
}

const DONE: Readonly<Record<Wish, string>> = {
  retry: 'One more attempt is granted',
  cancel: 'Cancelled',
  'take-over': 'It is yours: nothing more is tried, and nobody else is told',
}

/** What was done, and where the incident stands now. */
export function standsLines(
  done: string,
  { id, state, reason, detail }: z.infer<typeof WishAnswer>,
  paint: Paint,
): readonly string[] {
  return [`${paint('green', done)}. Incident ${id} is ${state} (${printable(reason)}): ${printable(detail)}`]
}
