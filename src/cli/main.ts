import { Command } from 'commander'
import { suggestion } from '../document/problem.ts'
import { version } from '../version.ts'
import { addHelpEnd } from './commands/help.ts'
import { groups } from './commands/index.ts'

/** Reads argv and runs the command it names. Sets the exit code; never calls process.exit while something is open. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads along has seen enough, e.g. `head`.
    if (error.code === 'EPIPE') process.exit()
    console.error(`standard output cannot be written: ${error.message}`)
    process.exit(1)
  })
  const program = commandLine()
  const [, , named = ''] = argv
  const names = program.commands.map((command) => command.name())
  const visible = program
    .createHelp()
    .visibleCommands(program)
    .map((command) => command.name())
  // `serve` is the default, so commander would complain of an argument too many.
  if (/^[a-z]/.test(named) && !names.includes(named) && named !== 'help') {
    program.error(`error: unknown command '${named}'${suggestion(named, visible)}`)
  }
  await program.parseAsync([...argv])
}

/** The command line as a whole; nothing has run yet. */
export function commandLine(): Command {
  const program = new Command('kafka-healing')
    .description(
      'Receives Alertmanager alerts about Apache Kafka, repairs what is safe to repair, and tells a human what is not.',
    )
    .version(version)
    .showHelpAfterError('(add --help for what there is)')
    // Whatever commander ends with an error for is wrong usage.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  for (const { heading, commands } of groups) {
    program.commandsGroup(heading)
    for (const add of commands) add(program)
  }
  // After the last group, so that it stands in it.
  program.helpCommand('help [command]', 'what a command does')
  return addHelpEnd(program, {
    examples: [
      ['check', 'is what is written in configuration, inventory and rules right?'],
      ['serve --config config.yml', 'run the service'],
      ['incidents', 'what is open in the service of the configuration here?'],
      ['show 7', 'what is the matter with incident 7, and what can I do?'],
    ],
  })
}
