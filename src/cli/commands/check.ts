import type { Command } from 'commander'

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('check configuration, inventory and rules; print each rule’s worst case')
    .argument('[config]', 'configuration')
    .action(async (config?: string) => (await import('../check.ts')).check(config))
}
