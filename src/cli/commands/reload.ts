import type { Command } from 'commander'
import type { ClientOptions } from '../client/session.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions } from './service-options.ts'

export function addReload(program: Command): void {
  const command = program
    .command('reload')
    .summary('take changed files into force, or say what is wrong in them')
    .description(
      'Make a running service read configuration, inventory and rules again; with an error the last good ones stay',
    )
  addServiceOptions(command).action(async (options: ClientOptions) =>
    (await import('../client/reload.ts')).reload(options),
  )
  addHelpEnd(command, {
    examples: [['reload', 'take the files into force, or say what is wrong in them']],
    exitCodes: { 1: 'it failed or could not be asked; errors in the files are listed, and the last good ones stay' },
  })
}
