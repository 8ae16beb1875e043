import type { Clock } from '../../clock.ts'
import type { Host } from '../../hosts/host.ts'
import type { Target } from '../../inventory/inventory.ts'
import type { Rule } from '../../rules/match.ts'
import { sudoCommands } from '../steps.ts'
import { shown } from '../terminal.ts'
import { examine, type Finding, failed, type Outcome, ok, warning } from './finding.ts'

const LIMIT_MS = 8_000
const PRINT =
  '`kafka-healing doctor --print sudoers` prints the lines for `visudo -f /etc/sudoers.d/kafka-healing` there'

/** Whether sudo lets the account run each command that some rule may send, word for word and without a password. */
export async function examineSudo(
  on: string,
  host: Host,
  target: Target,
  rules: readonly Rule[],
  clock: Clock,
): Promise<readonly Finding[]> {
  const commands = sudoCommands(rules, target)
  if (commands.length === 0) return []
  return examine(on, `sudo for ${target.unit.name}`, clock, async (signal) => {
    const list = await host.run(['sudo', '-n', '-l'], { limitMs: LIMIT_MS, signal })
    if (list.kind !== 'exited') return failed(list.reason, 'try `sudo -n -l` there')
    if (list.exitCode !== 0) return failed(`sudo: ${list.stderr.trim() || `exit code ${list.exitCode}`}`, PRINT)
    const missing: string[] = []
    for (const command of commands) {
      const run = await host.run(['sudo', '-n', '-l', ...command], { limitMs: LIMIT_MS, signal })
      if (run.kind !== 'exited' || run.exitCode !== 0) missing.push(shown(command))
      else if (!withoutPassword(list.stdout, command)) missing.push(`${shown(command)} (only with a password)`)
    }
    if (missing.length > 0) return failed(`not allowed: ${missing.join('; ')}`, PRINT)
    return [ok(`allowed: ${commands.map(shown).join('; ')}`), ...tooMuch(list.stdout)]
  })
}

/** One entry of `sudo -l`: a command with its arguments, or `ALL`. */
interface Entry {
  readonly command: string
  readonly password: boolean
}

/** The entries under "may run the following commands", in sudo's order. */
export function entriesOf(listing: string): readonly Entry[] {
  const [, body = ''] = listing.split(/may run the following commands on .*:\n/)
  return body.split('\n').flatMap((line) => {
    const [, rest] = /^\s+\([^)]*\)\s*(.*)$/.exec(line) ?? []
    if (rest === undefined) return []
    let password = true
    // Commas separate commands; those within one are escaped. A tag holds for what follows it on the line.
    return rest.split(/(?<!\\),\s*/).map((part) => {
      const [, tags = '', command = ''] = /^((?:[A-Z]+:\s*)*)(.*)$/.exec(part) ?? []
      if (tags.includes('NOPASSWD:')) password = false
      if (/(?<!NO)PASSWD:/.test(tags)) password = true
      return { command: command.replaceAll(/\\(.)/g, '$1').trim(), password }
    })
  })
}

/** The last entry that matches counts, as in sudo. Directories are left to sudo itself, which has said yes already. */
export function withoutPassword(listing: string, command: readonly string[]): boolean {
  const wanted = command.join(' ')
  const matching = entriesOf(listing).filter((entry) => {
    if (entry.command === 'ALL') return true
    const [program = '', ...args] = entry.command.split(' ')
    const bare = [program.split('/').at(-1) ?? '', ...args].join(' ')
    return bare === wanted || (args.length === 0 && bare === command[0]) || /[*?[]/.test(entry.command)
  })
  return matching.at(-1)?.password === false
}

/** More than the lines we print: what our key can do there, whoever has it can do. */
function tooMuch(listing: string): readonly Outcome[] {
  const wide = entriesOf(listing)
    .filter(
      ({ command, password }) =>
        !password && (command === 'ALL' || /[*?[]/.test(command) || command.endsWith('/systemctl')),
    )
    .map(({ command }) => command)
  if (wide.length === 0) return []
  return [warning(`sudo allows more than is needed: ${wide.join('; ')}`, PRINT)]
}
