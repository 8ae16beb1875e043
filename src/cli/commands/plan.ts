import type { Command } from 'commander'
import type { PlanOptions } from '../plan.ts'

export function addPlan(program: Command): void {
  program
    .command('plan')
    .description(
      'what would happen now for the alerts of a webhook body: rule, subject, every guard for real; nothing is run',
    )
    .argument('<alert.json>', 'a webhook body, or - for standard input')
    .option('-c, --config <file>', 'configuration')
    .option('--json', 'for programs')
    .addHelpText('after', '\nExit code 0: it would act or inform; 2: it would not act; 1: it could not be told.')
    .action(async (file: string, options: PlanOptions) => (await import('../plan.ts')).plan(file, options))
}
