import { existsSync } from 'node:fs'

/** The configuration named on the command line, else config.yml, else the example that ships. */
export function configFile(named: string | undefined): string {
  return named ?? (existsSync('config.yml') ? 'config.yml' : 'config.example.yml')
}
