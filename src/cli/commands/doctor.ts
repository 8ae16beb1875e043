import { type Command, Option } from 'commander'
import type { DoctorOptions } from '../doctor.ts'

export function addDoctor(program: Command): void {
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
    .action(async (options: DoctorOptions) => (await import('../doctor.ts')).doctor(options))
}
