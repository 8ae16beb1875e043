import { Command, Option } from 'commander'
import { suggestion } from '../document/problem.ts'
import { version } from '../version.ts'
import type { DoctorOptions } from './doctor.ts'
import type { PlanOptions } from './plan.ts'

/** Reads argv and runs the command it names. Sets the exit code; never calls process.exit while something is open. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('kafka-healing')
    .description(
      'Receives Alertmanager alerts about Apache Kafka, repairs what is safe to repair, and tells a human what is not.',
    )
    .version(version)
    .showHelpAfterError()
  program
    .command('serve', { isDefault: true })
    .description('run the service')
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .option(
      '-l, --listen <host:port>',
      'listen there instead of where the configuration says; port 0 takes any free one',
    )
    .action(async (options: { config?: string; listen?: string }) => (await import('./serve.ts')).serve(options))
  program
    .command('check')
    .description('check configuration, inventory and rules; print each rule’s worst case')
    .argument('[config]', 'configuration')
    .action(async (config?: string) => (await import('./check.ts')).check(config))
  program
    .command('plan')
    .description(
      'what would happen now for the alerts of a webhook body: rule, subject, every guard for real; nothing is run',
    )
    .argument('<alert.json>', 'a webhook body, or - for standard input')
    .option('-c, --config <file>', 'configuration')
    .option('--json', 'for programs')
    .addHelpText('after', '\nExit code 0: it would act or inform; 2: it would not act; 1: it could not be told.')
    .action(async (file: string, options: PlanOptions) => (await import('./plan.ts')).plan(file, options))
  program
    .command('doctor')
    .description('look at every host, Kafka, Prometheus, Alertmanager and SMTP that the configuration names')
    .option('-c, --config <file>', 'configuration')
    .option('--json', 'for programs')
    .addOption(
      new Option(
        '--print <what>',
        'print what must be granted to kafka-healing on hosts or in Kafka, and look at nothing',
      ).choices(['sudoers', 'acls']),
    )
    .addHelpText('after', '\nExit code 1 when a check failed; warnings alone end with 0.')
    .action(async (options: DoctorOptions) => (await import('./doctor.ts')).doctor(options))
  const [, , named = ''] = argv
  const commands = program.commands.map((command) => command.name())
  // `serve` is the default, so commander would complain of an argument too many.
  if (/^[a-z]/.test(named) && !commands.includes(named) && named !== 'help') {
    program.error(`error: unknown command '${named}'${suggestion(named, commands)}`)
  }
  await program.parseAsync([...argv])
}
