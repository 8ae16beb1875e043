import type { Command } from 'commander'
import type { ResumeOptions } from '../client/pause.ts'
import { addHelpEnd, CHANGED_NOTHING } from './help.ts'
import { addServiceOptions, scopeText } from './service-options.ts'

export function addResume(program: Command): void {
  const command = program
    .command('resume')
    .summary('let a scope act again')
    .description(
      'End the pauses of a scope; also lets act again a target that did not stay healed, a rule that failed too often, and starts in a storm',
    )
    .argument('<scope>', 'all, cluster:<name>, target:<key> or rule:<name>', scopeText)
    .option('--by <name>', 'who resumes; else you')
  addServiceOptions(command).action(async (scope: string, options: ResumeOptions) =>
    (await import('../client/pause.ts')).resume(scope, options),
  )
  addHelpEnd(command, {
    examples: [
      ['resume cluster:orders', 'the upgrade is over'],
      ['resume target:orders/broker/2', 'its cause was found: it may be healed again without asking'],
    ],
    exitCodes: CHANGED_NOTHING,
  })
}
