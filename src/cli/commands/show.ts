import type { Command } from 'commander'
import type { ShowOptions } from '../client/show.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions, incidentNumber } from './service-options.ts'

export function addShow(program: Command): void {
  const command = program
    .command('show')
    .summary('one incident: why, what was tried and seen, what next, what you can do')
    .description('One incident: where it stands and why, what was tried and seen, what happens next, what you can do')
    .argument('<incident>', 'its number', incidentNumber)
    .option('--full', 'also mails, the journal, and more of what was printed')
  addServiceOptions(command).action(async (incident: number, options: ShowOptions) =>
    (await import('../client/show.ts')).show(incident, options),
  )
  addHelpEnd(command, {
    examples: [
      ['show 7', 'what is the matter with incident 7?'],
      ['show 7 --full', 'with everything that happened'],
      ['show 7 --json', 'the whole trace, for programs'],
    ],
  })
}
