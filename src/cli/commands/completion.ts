import { Argument, type Command } from 'commander'
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.ts'
import { addHelpEnd } from './help.ts'

export function addCompletion(program: Command): void {
  const command = program
    .command('completion')
    .summary('print what makes a shell complete kafka-healing')
    .description(
      'Print what makes a shell complete commands, options, choices and files, and incidents, silences and scopes of a service that answers at once.',
    )
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(SCRIPTS[shell]))
  addHelpEnd(command, {
    examples: [
      [
        'completion bash > ~/.local/share/bash-completion/completions/kafka-healing',
        'bash, from the next shell on (with the package bash-completion)',
      ],
      ['completion zsh > ~/.zfunc/_kafka-healing', 'zsh, where ~/.zfunc is in $fpath before compinit runs'],
      ['completion fish > ~/.config/fish/completions/kafka-healing.fish', 'fish'],
    ],
  })
  // What those ask.
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: readonly string[]) => (await import('../completion/answer.ts')).answerShell(program, words))
}
