import type { Command } from 'commander'
import type { DecideOptions } from '../client/decide.ts'
import { addHelpEnd, CHANGED_NOTHING } from './help.ts'
import { addServiceOptions, incidentNumber } from './service-options.ts'

export function addAck(program: Command): void {
  const command = program
    .command('ack')
    .summary('take an incident over')
    .description(
      'Take an incident over: no further attempts, levels and reminders; the probes notice when it is repaired',
    )
    .argument('<incident>', 'its number', incidentNumber)
    .option('--by <name>', 'who takes over; else you')
    .option('--comment <text>', 'why')
  addServiceOptions(command).action(async (incident: number, options: DecideOptions) =>
    (await import('../client/decide.ts')).decide(incident, 'take-over', options),
  )
  addHelpEnd(command, {
    examples: [
      ['ack 7', 'incident 7 is yours'],
      ['ack 7 --by ann', 'it is hers'],
    ],
    exitCodes: CHANGED_NOTHING,
  })
}
