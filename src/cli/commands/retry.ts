import type { Command } from 'commander'
import type { DecideOptions } from '../client/decide.ts'
import { addHelpEnd, CHANGED_NOTHING } from './help.ts'
import { addServiceOptions, incidentNumber } from './service-options.ts'

export function addRetry(program: Command): void {
  const command = program
    .command('retry')
    .summary('grant an incident one more attempt')
    .description('Grant an incident exactly one more attempt, at the last rung; the guards run all the same')
    .argument('<incident>', 'its number', incidentNumber)
    .option('--replan', 'by the rule as it is in force now, instead of the one from when the incident opened')
    .option('--by <name>', 'who decides; else you')
    .option('--comment <text>', 'why')
  addServiceOptions(command).action(async (incident: number, options: DecideOptions & { replan?: boolean }) =>
    (await import('../client/decide.ts')).decide(incident, 'retry', options),
  )
  addHelpEnd(command, {
    examples: [
      ['retry 7', 'try once more'],
      ['retry 7 --replan', 'try once more, by the rule that was corrected meanwhile'],
    ],
    exitCodes: CHANGED_NOTHING,
  })
}
