import { type Command, Option } from 'commander'
import type { ApproveOptions } from '../client/approve.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions, incidentNumber, positive } from './service-options.ts'

export function addApprove(program: Command): void {
  const command = program
    .command('approve')
    .summary('say yes to what an incident asks')
    .description('Say yes to what an incident asks; shows it first. The guards run again, and the yes lapses')
    .argument('<incident>', 'its number', incidentNumber)
    .addOption(
      new Option(
        '--request <number>',
        'the request that you have read: does not ask, and approves no other. Needed where there is no terminal',
      ).argParser(positive),
    )
    .option('--by <name>', 'who decides; else you')
    .option('--comment <text>', 'why')
  addServiceOptions(command).action(async (incident: number, options: ApproveOptions) =>
    (await import('../client/approve.ts')).approve(incident, options),
  )
  addHelpEnd(command, {
    examples: [
      ['approve 7', 'read what incident 7 asks, then answer y or N'],
      ['approve 7 --request 2', 'say yes to its request 2, which `show 7` has shown'],
    ],
    exitCodes: { 1: 'it failed, could not be asked, or changed nothing: the message says why, also after N' },
  })
}
