import type { Command } from 'commander'
import type { DecideOptions } from '../client/decide.ts'
import { addHelpEnd, CHANGED_NOTHING } from './help.ts'
import { addServiceOptions, incidentNumber } from './service-options.ts'

export function addCancel(program: Command): void {
  const command = program
    .command('cancel')
    .summary('end an incident without healing')
    .description('End an incident without healing; a rung that runs is finished first')
    .argument('<incident>', 'its number', incidentNumber)
    .option('--by <name>', 'who decides; else you')
    .option('--comment <text>', 'why')
  addServiceOptions(command).action(async (incident: number, options: DecideOptions) =>
    (await import('../client/decide.ts')).decide(incident, 'cancel', options),
  )
  addHelpEnd(command, {
    examples: [['cancel 7 --comment "broker 2 was decommissioned"', 'nothing is to be healed here']],
    exitCodes: CHANGED_NOTHING,
  })
}
