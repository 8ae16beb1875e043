import type { Command } from 'commander'
import type { ExplainOptions } from '../explain.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions } from './service-options.ts'

export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .summary('why it acted, or why not')
    .description('why it acted, or why not: each rule tried, each guard with its values, what it waits for')
    .argument(
      '<what>',
      'number of an incident, fingerprint of an alert, its name, or matchers such as alertname=X,broker_id=2',
    )
    .option('--full', 'every decision with all of its values, not only the last one')
    .option('--offline', 'ask no service: what the rules on disk would make of these labels')
  addServiceOptions(command).action(async (what: string, options: ExplainOptions) =>
    (await import('../explain.ts')).explain(what, options),
  )
  addHelpEnd(command, {
    examples: [
      ['explain 7', 'why does incident 7 stand where it stands?'],
      ['explain KafkaBrokerDown', 'what became of the alerts of that name?'],
      ["explain 'alertname=KafkaBrokerDown,broker_id=2'", 'of those about broker 2?'],
      ['explain 7 --json', 'the traces of its decisions, for programs'],
      [
        "explain --offline 'alertname=KafkaBrokerDown,cluster=orders,broker_id=2'",
        'would a rule match an alert that has not come yet?',
      ],
    ],
  })
}
