import type { Command } from 'commander'
import type { PlanOptions } from '../plan.ts'
import { addHelpEnd } from './help.ts'

export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .summary('what would happen now for an alert, with every guard for real')
    .description(
      'What would happen now for the alerts of a webhook body: rule, subject, every guard and probe for real. Nothing is run or stored.',
    )
    .argument('<alert.json>', 'a webhook body, or - for standard input')
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .option('--json', 'for programs')
    .action(async (file: string, options: PlanOptions) => (await import('../plan.ts')).plan(file, options))
  addHelpEnd(command, {
    examples: [
      ['plan docs/sample-alert.json', 'what would be done about the alert in a file?'],
      ['plan --json - < alert.json', 'the same for programs'],
    ],
    exitCodes: { 0: 'it would act or inform', 1: 'it could not be told', 3: 'it would not act' },
  })
}
