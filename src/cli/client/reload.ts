import { ReloadAnswer } from '../../http/shapes.ts'
import { printable } from '../terminal.ts'
import { remarksOn } from './revision.ts'
import { type ClientOptions, withService } from './session.ts'

/** `kafka-healing reload`: the service reads its files again; with anything wrong in them the last good ones stay. */
export async function reload(options: ClientOptions): Promise<void> {
  await withService(options, async ({ ask, print, screen }) => {
    const done = await ask({ method: 'POST', path: '/-/reload' }, ReloadAnswer)
    print(done, (inForce) => [
      `${screen.paint('green', 'Reloaded')}: revision ${printable(inForce.revision)} is in force`,
      ...remarksOn(inForce).map((remark) => screen.paint('yellow', `  ${printable(remark)}`)),
    ])
  })
}
