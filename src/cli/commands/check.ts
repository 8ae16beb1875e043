import type { Command } from 'commander'
import type { CheckOptions } from '../check.ts'
import { addHelpEnd } from './help.ts'

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .summary('what is wrong in configuration, inventory and rules; else each rule’s worst case')
    .description(
      'Check configuration, inventory and rules together and print everything that is wrong, with file:line:column. Else print each rule’s worst case: until the first mail, the first action, and exhausted.',
    )
    .argument(
      '[paths...]',
      'a configuration, a folder that holds config.yml, or files of the configuration: then worst cases of their rules only',
    )
    .option('-c, --config <file>', 'configuration that rules belong to (config.yml, else config.example.yml)')
    .option(
      '--without-secrets',
      'files of passwords, keys and certificates need not be there, as in CI; each is a warning',
    )
    .option('--json', 'for programs; durations in milliseconds')
    .action(async (paths: readonly string[], options: CheckOptions) =>
      (await import('../check.ts')).check(paths, options),
    )
  addHelpEnd(command, {
    examples: [
      ['check', 'everything that config.yml names'],
      ['check /etc/kafka-healing', 'everything that the config.yml in a folder names'],
      ['check rules/kafka.yml', 'the same as the first, with worst cases of one file only'],
      ['check --without-secrets', 'as CI does, where no password and no key is'],
    ],
    exitCodes: { 0: 'nothing is wrong; there may be warnings', 1: 'something is wrong' },
  })
}
