import { type Command, Option } from 'commander'
import type { ClientOptions } from '../client/session.ts'
import type { SilenceAddOptions, SilenceListOptions } from '../client/silence.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions, durationText, listOf, time } from './service-options.ts'

const STATES = ['pending', 'active', 'expired']

export function addSilence(program: Command): void {
  const silence = program
    .command('silence')
    .summary('hold back what matchers cover: add, list, expire')
    .description('Silences of kafka-healing: no new attempt, and every clock stands still for what they cover')
  addHelpEnd(silence, {
    examples: [
      ["silence add KafkaBrokerDown broker_id=2 --duration 2h --comment 'new disk'", 'hold back one broker'],
      ['silence list', 'which are there?'],
    ],
  })
  addAdd(silence)
  addList(silence)
  addExpire(silence)
}

function addAdd(silence: Command): void {
  const add = silence
    .command('add')
    .description('Silence what all of these matchers cover')
    .argument(
      '<matchers...>',
      'as amtool takes them: cluster=orders, broker_id!=2, \'topic=~"a|b"\'; a bare first word is the name of an alert',
    )
    .addOption(new Option('-d, --duration <duration>', 'for how long (1h)').argParser(durationText).conflicts('end'))
    .addOption(new Option('--start <time>', 'RFC 3339 (now)').argParser(time))
    .addOption(new Option('--end <time>', 'RFC 3339, instead of a duration').argParser(time))
    .option('--by <name>', 'who silences; else you')
    .requiredOption('--comment <text>', 'why')
    .option('--all', 'yes, it shall cover (nearly) every alert')
  addServiceOptions(add).action(async (matchers: readonly string[], options: SilenceAddOptions) =>
    (await import('../client/silence.ts')).addSilence(matchers, options),
  )
  addHelpEnd(add, {
    examples: [
      ["silence add alertname=KafkaBrokerDown broker_id=2 --duration 2h --comment 'new disk'", 'one broker, two hours'],
      [
        'silence add \'cluster=~"orders|payments"\' --start 2026-12-01T02:00:00+01:00 --duration 4h --comment kernel',
        'two clusters, in a night to come',
      ],
    ],
  })
}

function addList(silence: Command): void {
  const list = silence
    .command('list')
    .description('Silences that hold now or will')
    .addOption(
      new Option('--state <states>', 'in these states, separated by commas').choices(STATES).argParser(listOf(STATES)),
    )
  addServiceOptions(list).action(async (options: SilenceListOptions) =>
    (await import('../client/silence.ts')).listSilences(options),
  )
  addHelpEnd(list, {
    examples: [
      ['silence list', 'those that hold now or will'],
      ['silence list --state expired --json', 'those that are over, for programs'],
    ],
  })
}

function addExpire(silence: Command): void {
  const expire = silence.command('expire').description('End silences now').argument('<silence...>', 'their ids')
  addServiceOptions(expire).action(async (ids: readonly string[], options: ClientOptions) =>
    (await import('../client/silence.ts')).expireSilences(ids, options),
  )
  addHelpEnd(expire, {
    examples: [['silence expire 840b6fdc-9b98-499d-b266-49574d87e1ad', 'what it held back starts over']],
  })
}
