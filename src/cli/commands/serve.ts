import type { Command } from 'commander'

export function addServe(program: Command): void {
  program
    .command('serve', { isDefault: true })
    .description('run the service')
    .option('-c, --config <file>', 'configuration (config.yml, else config.example.yml)')
    .option(
      '-l, --listen <host:port>',
      'listen there instead of where the configuration says; port 0 takes any free one',
    )
    .action(async (options: { config?: string; listen?: string }) => (await import('../serve.ts')).serve(options))
}
