import { type Command, Option } from 'commander'
import { OUTCOMES } from '../../incident/incident.ts'
import type { HistoryOptions } from '../client/history.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions, positive, timeOrAgo } from './service-options.ts'

export function addHistory(program: Command): void {
  const command = program
    .command('history')
    .summary('attempts, newest first')
    .description('Attempts of a running service, newest first')
    .addOption(new Option('--since <time>', 'RFC 3339, or how long ago, such as 24h').argParser(timeOrAgo))
    .addOption(new Option('--until <time>', 'the same').argParser(timeOrAgo))
    .option('--cluster <cluster>', 'of this cluster')
    .option('--target <target>', 'on this target, by its key, such as orders/broker/2')
    .option('--rule <rule>', 'of this rule')
    .addOption(new Option('--outcome <outcome>', 'of incidents that ended so').choices(OUTCOMES))
    .addOption(new Option('-n, --limit <count>', 'at most so many').argParser(positive).default(100))
    .addOption(new Option('--csv', 'as CSV, safe to open in a spreadsheet').conflicts('json'))
  addServiceOptions(command).action(async (options: HistoryOptions) =>
    (await import('../client/history.ts')).history(options),
  )
  addHelpEnd(command, {
    examples: [
      ['history --since 24h', 'what was tried since yesterday'],
      ['history --target orders/broker/2 --limit 1000 --json', 'everything about one broker, for programs'],
      ['history --since 30d --limit 100000 --csv > attempts.csv', 'a month for a spreadsheet'],
    ],
  })
}
