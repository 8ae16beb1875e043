import { existsSync } from 'node:fs'
import type { Clock } from '../../clock.ts'
import { HOLD_FILE, readHostFacts } from '../../guards/identity-facts.ts'
import type { Host, Hosts, RunResult } from '../../hosts/host.ts'
import type { Cluster, Connection, Inventory, Target } from '../../inventory/inventory.ts'
import { assertNever } from '../../never.ts'
import type { Rule } from '../../rules/match.ts'
import { examineData } from './data.ts'
import { examine, type Finding, failed, type Outcome, ok, warning } from './finding.ts'
import { isPinned } from './known.ts'
import { examineSudo } from './sudo.ts'
import { examineUnit } from './units.ts'

export interface HostDeps {
  readonly inventory: Inventory
  readonly rules: readonly Rule[]
  readonly hosts: Hosts
  readonly clock: Clock
}

/** Beyond this, times in evidence and logs of two machines cannot be compared any more. Milliseconds. */
const LARGEST_SKEW_MS = 5_000
const LIMIT_MS = 8_000

/** Programs that a step or a look calls on the host. */
const TOOLS = ['timeout', 'flock', 'systemctl', 'sh', 'bash', 'head', 'df', 'grep', 'tail'] as const
const TOOLS_SCRIPT = 'for t in "$@"; do command -v "$t" >/dev/null || echo "$t"; done'

/** Every host of the inventory, side by side; of one that lets nobody in nothing more is asked. */
export async function examineHosts(deps: HostDeps): Promise<readonly Finding[]> {
  const byHost = new Map<Host, Target[]>()
  for (const target of deps.inventory.targets.values()) {
    const host = deps.hosts.hostOf(target)
    byHost.set(host, [...(byHost.get(host) ?? []), target])
  }
  const found = await Promise.all([...byHost].map(([host, targets]) => examineHost(host, targets, deps)))
  return found.flat()
}

async function examineHost(host: Host, targets: readonly Target[], deps: HostDeps): Promise<readonly Finding[]> {
  const { clock, hosts, inventory, rules } = deps
  const [first] = targets
  if (first === undefined) return []
  const on = placeOf(host, first)
  let letIn = false
  const connection = await examine(on, 'connection', clock, async (signal) => {
    const run = await host.run(['sh', '-c', TOOLS_SCRIPT, 'doctor', ...TOOLS], { limitMs: LIMIT_MS, signal })
    letIn = run.kind === 'exited'
    return letIn ? [ok(welcome(first.connection)), tools(run)] : refused(run, first, hosts)
  })
  if (!letIn) return connection
  const clusterOf = (target: Target): Cluster | undefined => inventory.clusters.get(target.cluster)
  const rest = await Promise.all([
    examine(on, 'clock', clock, (signal) => skew(host, clock, signal)),
    examine(on, 'hold file', clock, (signal) => holdFile(host, signal)),
    ...targets.flatMap((target) => [
      examineUnit(on, host, target, clock),
      examineSudo(on, host, target, rules, clock),
      examineData(on, host, target, clusterOf(target)?.clusterId ?? null, clock),
    ]),
  ])
  return [...connection, ...rest.flat()]
}

function placeOf(host: Host, { connection }: Target): string {
  return connection.driver === 'ssh' && connection.port !== 22 ? `${host.name}:${connection.port}` : host.name
}

function welcome(connection: Connection): string {
  return connection.driver === 'local'
    ? 'this machine'
    : `let in; the machine shows the pinned key ${connection.hostKey}`
}

function tools(run: RunResult): Outcome {
  const stderr = run.kind === 'exited' ? run.stderr.trim() : ''
  const missing = run.kind === 'exited' && run.exitCode === 0 ? run.stdout.split('\n').filter(Boolean) : ['timeout']
  if (missing.length === 0) return ok('timeout, flock and what else is called are there')
  return failed(
    `the host lacks ${missing.join(', ')}${stderr === '' ? '' : ` (${stderr})`}`,
    'install coreutils, util-linux, bash and grep there: every command runs under `timeout` and `flock`',
  )
}

/** What kept us out. A key that is not the pinned one is shown as the line to paste, once a person has compared it. */
async function refused(run: RunResult, { host, connection }: Target, hosts: Hosts): Promise<Outcome> {
  if (run.kind !== 'notSent' || connection.driver === 'local') {
    return failed(run.kind === 'exited' ? 'the command ended at once' : run.reason, 'try the same by hand')
  }
  if (!isPinned(connection) && run.cause !== 'unreachable') {
    const key = await hosts.hostKeyOf(connection, host)
    if (key !== null) return failed(`the inventory pins no host key; ${host} shows ${key}`, paste(key))
  }
  const login = `ssh -i ${connection.keyFile} -p ${connection.port} ${connection.user}@${host}`
  switch (run.cause) {
    case 'hostKey': {
      const key = await hosts.hostKeyOf(connection, host)
      if (key === null) return failed(run.reason, 'run doctor again: the machine showed no key the second time')
      const pinned = connection.hostKey
      return failed(
        `${host} shows the key ${key}, the inventory pins ${pinned}: another machine, or a new key`,
        paste(key),
      )
    }
    case 'authentication':
      return existsSync(connection.keyFile)
        ? failed(
            run.reason,
            `put the public half of ${connection.keyFile} into ~${connection.user}/.ssh/authorized_keys there; then try \`${login} true\``,
          )
        : failed(run.reason, `make one: \`ssh-keygen -t ed25519 -N '' -f ${connection.keyFile}\``)
    case 'unreachable':
      return failed(
        run.reason,
        `look at host and port in the inventory, at sshd there and at firewalls; then try \`${login} true\``,
      )
    case 'invalid':
      return failed(run.reason, 'see the message')
    default:
      return assertNever(run.cause, 'cause')
  }
}

/** A key seen over the network proves nothing yet: whoever sits in between could show it. */
function paste(key: string): string {
  return `compare on the machine itself: \`for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done\`. Only if it is there too, put into inventory.yml: host_key: "${key}"`
}

async function skew(host: Host, clock: Clock, signal: AbortSignal): Promise<Outcome> {
  const before = clock.now()
  const run = await host.run(['date', '+%s'], { limitMs: LIMIT_MS, signal })
  const after = clock.now()
  const seconds = run.kind === 'exited' ? Number(run.stdout.trim() || Number.NaN) : Number.NaN
  if (!Number.isFinite(seconds)) return warning('the time there could not be read', 'try `date +%s` there')
  // `date` cuts the fraction off.
  const ahead = Math.round(seconds * 1000 + 500 - (before + after) / 2)
  const text = `${(Math.abs(ahead) / 1000).toFixed(1)} s ${ahead < 0 ? 'behind' : 'ahead of'} this machine`
  if (Math.abs(ahead) <= LARGEST_SKEW_MS + (after - before) / 2) return ok(text)
  return warning(text, 'let both follow a time server: times in evidence, logs and mails cannot be compared')
}

async function holdFile(host: Host, signal: AbortSignal): Promise<Outcome> {
  const facts = await readHostFacts(host, [], signal)
  if ('cause' in facts)
    return failed(facts.reason, 'it must be readable whether the file is there: without that nothing is done')
  if (!facts.held) return ok(`no ${HOLD_FILE}`)
  return warning(`${HOLD_FILE} is there: nothing is done on this host`, `remove it when the work there is over`)
}
