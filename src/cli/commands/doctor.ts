import { type Command, Option } from 'commander'
import type { DoctorOptions } from '../doctor.ts'
import { addHelpEnd } from './help.ts'

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .summary('is everything that the configuration names there and as it says?')
    .description(
      'Look at every host, Kafka, Prometheus, Alertmanager and SMTP that the configuration names. Changes nothing.',
    )
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .option('--json', 'for programs')
    .addOption(
      new Option(
        '--print <what>',
        'print what must be granted to kafka-healing on hosts or in Kafka, and look at nothing',
      ).choices(['sudoers', 'acls']),
    )
    .action(async (options: DoctorOptions) => (await import('../doctor.ts')).doctor(options))
  addHelpEnd(command, {
    examples: [
      ['doctor', 'what is missing before it may act?'],
      ['doctor --print sudoers', 'the lines for /etc/sudoers.d of each host'],
      ['doctor --print acls', 'the commands that grant it what it asks of Kafka'],
    ],
    exitCodes: { 0: 'all is well, or there are warnings only', 1: 'a check has failed' },
  })
}
