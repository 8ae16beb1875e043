import type { Command } from 'commander'
import type { RulesOptions } from '../rules.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions, timeOrAgo } from './service-options.ts'

export function addRules(program: Command): void {
  const command = program
    .command('rules')
    .summary('what each rule did, and which mode it has earned')
    .description('what the rules in force did, and which mode each has earned')
    .argument('[name]', 'a rule: all that was counted of it')
    .option('--since <time>', 'of incidents opened since then', timeOrAgo, '30d')
  addServiceOptions(command).action(async (name: string | undefined, options: RulesOptions) =>
    (await import('../rules.ts')).rules(name ?? null, options),
  )
  addHelpEnd(command, {
    examples: [
      ['rules', 'all rules in their order, and what they have earned'],
      ['rules broker-down --since 90d', 'one rule over three months'],
      ['rules --json', 'every count, for a program'],
    ],
  })
}
