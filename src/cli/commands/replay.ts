import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ReplayOptions } from '../replay.ts'
import { addHelpEnd } from './help.ts'
import { timeOrAgo } from './service-options.ts'

export function addReplay(program: Command): void {
  const command = program
    .command('replay')
    .summary('what would a change of the rules have done with the alerts that really came?')
    .description(
      'Run two rule sets over the recorded alerts and print what they do differently: other matches, targets, runbooks and modes, more or fewer attempts, other refusals. It only reads, also while the service runs.',
    )
    .addOption(
      new Option('--rules <dir>', 'compare the rules in force here with those of a folder').conflicts('against'),
    )
    .option('--against <rev>', 'compare the rules and inventory of a git revision with those of the work tree')
    .addOption(
      new Option('--since <time>', 'RFC 3339, or how long before the end of the record (30d; of a file all)').argParser(
        timeOrAgo,
      ),
    )
    .option('--alerts <file>', 'what `export alerts` wrote, or - for standard input, instead of the database')
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .addOption(
      new Option('--max-changes <count>', 'fail when more alerts than this are treated differently').argParser(count),
    )
    .addOption(
      new Option('--detail <count>', 'print so many of these alerts, or `all`').argParser(countOrAll).default(20),
    )
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'markdown', 'json']).default('text'))
    .addOption(new Option('--json', 'the same as --format json').implies({ format: 'json' }))
    .action(async (options: ReplayOptions) => (await import('../replay.ts')).replay(options))
  addHelpEnd(command, {
    examples: [
      ['replay --rules new-rules/', 'what would these rules have done in the last 30 days?'],
      [
        'replay --against origin/main --since 90d --detail all',
        'every alert that the changes of this work tree concern',
      ],
      [
        'replay --against origin/main --alerts alerts.ndjson.gz --format markdown --max-changes 0',
        'in CI: a summary for the pull request, and failure when anything changes',
      ],
    ],
    exitCodes: {
      0: 'replayed; no more alerts than --max-changes are treated differently',
      1: 'it could not be replayed',
      3: 'more alerts than --max-changes are treated differently',
    },
  })
}

function count(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 0.')
  return Number(text)
}

function countOrAll(text: string): number | 'all' {
  return text === 'all' ? text : count(text)
}
