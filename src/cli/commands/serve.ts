import type { Command } from 'commander'
import { addHelpEnd } from './help.ts'

export function addServe(program: Command): void {
  const command = program
    .command('serve', { isDefault: true })
    .summary('run the service (also without a command)')
    .description(
      'Run the service until SIGTERM or SIGINT; it finishes the step that runs. SIGHUP reloads. Logs are JSON on standard output; LOG_LEVEL=debug says more.',
    )
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .option(
      '-l, --listen <host:port>',
      'listen there instead of where the configuration says; port 0 takes any free one',
    )
    .action(async (options: { config?: string; listen?: string }) => (await import('../serve.ts')).serve(options))
  addHelpEnd(command, {
    examples: [
      ['serve --config /etc/kafka-healing/config.yml', 'as a unit of systemd does'],
      ['serve --listen 127.0.0.1:0', 'beside another one, on any free port'],
    ],
    exitCodes: {
      0: 'it was asked to end, and has',
      1: 'it cannot start: the configuration is wrong, the address or the database is in use',
    },
  })
}
