import type { Inventory, Target } from '../../inventory/inventory.ts'
import type { Rule } from '../../rules/match.ts'
import { sudoCommands } from '../steps.ts'

/** Where systemd and its neighbours are on every distribution with a merged /usr. */
const BIN = '/usr/bin'

/**
 * The sudoers lines of every host: word for word the commands that some rule may send, and no more. One block per host, since
 * a file that holds every host's units would allow them where they are somebody else's.
 */
export function sudoersText(inventory: Inventory, rules: readonly Rule[]): string {
  const blocks = [...byAccount(inventory)].flatMap(([account, targets]) => {
    const lines = targets.flatMap((target) =>
      sudoCommands(rules, target).map((command) => line(account.user, command, target)),
    )
    return lines.length === 0 ? [] : [[`# on ${account.host}`, ...new Set(lines)].join('\n')]
  })
  const head = [
    '# Lets kafka-healing start and restart exactly the units of its inventory, without a password, and nothing else.',
    '# On each host: visudo -f /etc/sudoers.d/kafka-healing, and the lines of that host.',
  ]
  const none =
    '# No unit of this inventory is reached through sudo: local and root accounts and user managers need none.'
  return `${[head.join('\n'), ...(blocks.length === 0 ? [none] : blocks)].join('\n\n')}\n`
}

interface Account {
  readonly user: string
  readonly host: string
}

function byAccount(inventory: Inventory): ReadonlyMap<Account, readonly Target[]> {
  const accounts = new Map<string, { readonly account: Account; readonly targets: Target[] }>()
  for (const target of inventory.targets.values()) {
    const { connection, host } = target
    const account =
      connection.driver === 'ssh' ? { user: connection.user, host } : { user: 'kafka-healing', host: 'this machine' }
    const key = JSON.stringify(account)
    const known = accounts.get(key) ?? { account, targets: [] }
    known.targets.push(target)
    accounts.set(key, known)
  }
  return new Map([...accounts.values()].map(({ account, targets }) => [account, targets]))
}

function line(user: string, command: readonly string[], target: Target): string {
  const [program = '', ...args] = command
  const path = program.startsWith('/') ? program : `${BIN}/${program}`
  const text = `${user} ALL=(root) NOPASSWD: ${[path, ...args].map(escaped).join(' ')}`
  return `# ${target.key}: ${args.join(' ')}\n${text}`
}

/** sudoers(5): some characters end a command there; others would be wildcards, for which a backslash must reach fnmatch(3). */
function escaped(word: string): string {
  return word.replaceAll('\\', '\\\\\\\\').replaceAll(/[,:=#*?[\]!^ ]/g, '\\$&')
}
