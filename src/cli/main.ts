import { Command } from 'commander'
import { suggestion } from '../document/problem.ts'
import { version } from '../version.ts'
import { commands } from './commands/index.ts'

/** Reads argv and runs the command it names. Sets the exit code; never calls process.exit while something is open. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('kafka-healing')
    .description(
      'Receives Alertmanager alerts about Apache Kafka, repairs what is safe to repair, and tells a human what is not.',
    )
    .version(version)
    .showHelpAfterError()
  for (const add of commands) add(program)
  const [, , named = ''] = argv
  const names = program.commands.map((command) => command.name())
  // `serve` is the default, so commander would complain of an argument too many.
  if (/^[a-z]/.test(named) && !names.includes(named) && named !== 'help') {
    program.error(`error: unknown command '${named}'${suggestion(named, names)}`)
  }
  await program.parseAsync([...argv])
}
