import { IncidentAnswer } from '../../http/shapes.ts'
import { type ClientOptions, type Screen, type Session, withService } from './session.ts'
import { canDo } from './show/can-do.ts'
import { head, type View } from './show/head.ts'
import { journal, told } from './show/more.ts'
import { next } from './show/next.ts'
import { guardsSaid, probesSee } from './show/seen.ts'
import { tried } from './show/tried.ts'

export interface ShowOptions extends ClientOptions {
  readonly full?: boolean
}

/** `kafka-healing show <incident>`: what a person needs first, in the order in which they ask. */
export async function show(incident: number, options: ShowOptions): Promise<void> {
  await withService(options, async (session) => {
    const found = await session.ask({ method: 'GET', path: `/incidents/${incident}` }, IncidentAnswer)
    session.print(found, (view) => showLines(view, session.screen, session.propose, options.full === true))
  })
}

export function showLines(view: View, screen: Screen, propose: Session['propose'], full: boolean): readonly string[] {
  const section = (title: string, lines: readonly string[]): readonly string[] => [
    '',
    screen.paint('bold', title),
    ...lines,
  ]
  return [
    ...head(view, screen),
    ...section('What was tried', tried(view, screen, full)),
    ...section('What the guards said', guardsSaid(view, screen)),
    ...section('What the probes see', probesSee(view, screen)),
    ...(full ? section('Who was told', told(view, screen)) : []),
    ...(full ? section('Journal', journal(view, screen)) : []),
    ...section('What happens next', next(view, screen)),
    ...section('What you can do', canDo(view, screen, propose)),
  ]
}
