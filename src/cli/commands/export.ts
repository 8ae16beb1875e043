import { type Command, Option } from 'commander'
import type { ExportOptions } from '../export.ts'
import { addHelpEnd } from './help.ts'
import { timeOrAgo } from './service-options.ts'

export function addExport(program: Command): void {
  const command = program
    .command('export')
    .summary('write what was recorded to a file')
    .description('Write what was recorded to a file. It only reads, also while the service runs.')
  addHelpEnd(command, { examples: [['export alerts -o alerts.ndjson.gz', 'the last 30 days, for `replay`']] })
  addAlerts(command)
}

function addAlerts(program: Command): void {
  const command = program
    .command('alerts')
    .description(
      'Write the changes of alerts, and what replay needs beside them: answers of guards, silences, pauses, attempts. One JSON object a line, in the order of time.',
    )
    .option('-o, --output <file>', 'file to write, packed when its name ends in .gz; else standard output')
    .addOption(new Option('--since <time>', 'RFC 3339, or how long ago').argParser(timeOrAgo).default('30d', '30d'))
    .option('--redact', 'leave out annotations, reasons of guards, and names and comments of people')
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .action(async (options: ExportOptions) => (await import('../export.ts')).exportAlerts(options))
  addHelpEnd(command, {
    examples: [
      ['export alerts -o alerts.ndjson.gz', 'the last 30 days, for `replay --alerts`'],
      ['export alerts --since 90d --redact -o alerts.ndjson.gz', 'a file that may leave the house'],
      ['export alerts --since 1h | head', 'have a look'],
    ],
  })
}
