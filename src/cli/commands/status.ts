import type { Command } from 'commander'
import type { ClientOptions } from '../client/session.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions } from './service-options.ts'

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('a running service: revision, store, mails, loops, and what is held back')
    .description('A running service: revision in force, store, mails, loops, and what is held back')
  addServiceOptions(command).action(async (options: ClientOptions) =>
    (await import('../client/status.ts')).status(options),
  )
  addHelpEnd(command, {
    examples: [
      ['status', 'the service of the configuration here'],
      ['status --url https://kafka-healing.example.org --ca-file ca.pem', 'one elsewhere'],
    ],
  })
}
