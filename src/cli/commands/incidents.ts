import { type Command, Option } from 'commander'
import { STATES } from '../../incident/incident.ts'
import type { IncidentsOptions } from '../client/incidents.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions, listOf, positive } from './service-options.ts'

export function addIncidents(program: Command): void {
  const command = program
    .command('incidents')
    .summary('open incidents, newest first')
    .description('Open incidents of a running service, newest first')
    .addOption(
      new Option('--state <states>', 'in these states, separated by commas').choices(STATES).argParser(listOf(STATES)),
    )
    .option('-a, --all', 'closed ones as well')
    .option('--cluster <cluster>', 'of this cluster')
    .option('--target <target>', 'on this target, by its key, such as orders/broker/2')
    .option('--rule <rule>', 'of this rule')
    .addOption(new Option('-n, --limit <count>', 'at most so many').argParser(positive).default(100))
  addServiceOptions(command).action(async (options: IncidentsOptions) =>
    (await import('../client/incidents.ts')).incidents(options),
  )
  addHelpEnd(command, {
    examples: [
      ['incidents', 'what is open now'],
      ['incidents --state escalated', 'what waits for a person'],
      ['incidents --all --rule broker-down --limit 20', 'the last twenty of a rule, open or closed'],
    ],
  })
}
