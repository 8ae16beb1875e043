import { type Command, Option } from 'commander'
import type { PauseOptions } from '../client/pause.ts'
import { addHelpEnd } from './help.ts'
import { addServiceOptions, durationText, scopeText } from './service-options.ts'

export function addPause(program: Command): void {
  const command = program
    .command('pause')
    .summary('hold back a scope for a while, or list the pauses')
    .description('Stop new attempts and every clock for a while; without a scope, list the pauses in force')
    .argument('[scope]', 'all, cluster:<name>, target:<key> or rule:<name>', scopeText)
    .addOption(new Option('-d, --duration <duration>', 'for how long, at most 7d (4h)').argParser(durationText))
    .option('--comment <text>', 'why; needed with a scope, and mailed')
    .option('--by <name>', 'who pauses; else you')
  addServiceOptions(command).action(async (scope: string | undefined, options: PauseOptions) =>
    (await import('../client/pause.ts')).pause(scope, options),
  )
  addHelpEnd(command, {
    examples: [
      ['pause cluster:orders --duration 4h --comment upgrade', 'nothing is tried on one cluster'],
      ["pause all --comment 'what is going on here?'", 'stop everything for four hours'],
      ['pause', 'what is paused?'],
    ],
  })
}
