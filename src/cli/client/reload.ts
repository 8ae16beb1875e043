import { ReloadAnswer } from '../../http/shapes.ts'
import { printable } from '../terminal.ts'
import { type ClientOptions, withService } from './session.ts'

/** `kafka-healing reload`: the service reads its files again; with anything wrong in them the last good ones stay. */
export async function reload(options: ClientOptions): Promise<void> {
  await withService(options, async (session) => {
    const done = await session.ask({ method: 'POST', path: '/-/reload' }, ReloadAnswer)
    session.print(done, ({ revision }) => [
      `${session.screen.paint('green', 'Reloaded')}: revision ${printable(revision)} is in force`,
    ])
  })
}
