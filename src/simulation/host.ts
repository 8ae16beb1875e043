import { HOLD_FILE } from '../guards/identity-facts.ts'
import type { Host, RunOptions, RunResult } from '../hosts/host.ts'
import type { Target } from '../inventory/inventory.ts'
import { assertNever } from '../never.ts'
import { changeUnit, type Stepping, takeProgram } from './host-steps.ts'
import { connectInside } from './inside.ts'
import type { Machine, Model, TargetModel } from './model.ts'
import { exited, missed } from './ran.ts'
import { showManager, showUnit } from './show-unit.ts'
import { hasServed, isUp, pidOf } from './unit.ts'

type Argv = readonly string[]

/** A host that answers commands as a real one with that unit on it would. Those that it does not know are programs of the user's. */
export function simulatedHost(target: Target, deps: Stepping): Host {
  const { model, clock } = deps
  const machine = model.targets.get(target.key)?.machine
  if (!machine) throw new Error(`the world has no target ${target.key}`)
  const { connection, host } = target
  return {
    name: connection.driver === 'local' ? 'local' : `ssh ${connection.user}@${host}`,
    async run(argv, options) {
      return unreached(machine, target) ?? answer(argv, options, machine, target, deps)
    },
    async connect(address, _limitMs) {
      const there = [...model.targets.values()].find(
        (one) => one.target.address?.host === address.host && one.target.address.port === address.port,
      )
      return there ? connectInside(there, clock.now()) : { kind: 'refused', reason: 'nobody listens there' }
    },
  }
}

/** The machine that kafka-healing itself runs on: only programs run there. */
export function simulatedSelf(deps: Stepping): Host {
  return {
    name: 'local',
    run: async (argv, options) => takeProgram(argv, options, lockedBy(options), deps),
    connect: async () => ({ kind: 'here' }),
  }
}

/** Why nothing reaches it; the words are those of src/hosts. */
function unreached({ ssh, name }: Machine, { connection }: Target): RunResult | null {
  const user = connection.driver === 'ssh' ? connection.user : 'us'
  const port = connection.driver === 'ssh' ? connection.port : 22
  switch (ssh) {
    case 'ok':
      return null
    case 'lost':
      return {
        kind: 'lost',
        reason: 'the connection was lost while the command ran: read ECONNRESET',
        stdout: '',
        stderr: '',
      }
    case 'unreachable':
      return missed('unreachable', `${name}:${port}: connect EHOSTUNREACH`)
    case 'authentication':
      return missed('authentication', `${name} does not let ${user} in: All configured authentication methods failed`)
    case 'host-key':
      return missed('hostKey', `${name} shows the host key SHA256:another, the inventory pins another one`)
    default:
      return assertNever(ssh, 'connection')
  }
}

async function answer(
  argv: Argv,
  options: RunOptions,
  machine: Machine,
  target: Target,
  deps: Stepping,
): Promise<RunResult> {
  const [tool = '', ...rest] = argv[0] === 'sudo' ? argv.slice(2) : argv
  const on = onMachine(machine, deps.model)
  switch (tool) {
    case 'systemctl':
      return systemctl(
        rest.filter((word) => word !== '--user'),
        options,
        on,
        deps,
      )
    case 'systemd-run':
      return takeProgram(argv, options, lockedBy(options, on), deps)
    case 'head':
      return head(rest.slice(rest.indexOf('--') + 1), on, machine, deps)
    case 'df':
      return df(rest, on)
    case 'grep':
      return grep(rest, machine)
    case 'journalctl':
      return journal(rest, on)
    case 'cat':
      return processStatus(rest[0] ?? '', on)
    case 'dmesg':
      return exited('')
    case 'date':
      return exited(`${Math.floor(deps.clock.now() / 1_000)}\n`)
    case 'sh':
    case 'bash':
      return script(argv, options, on, target, deps)
    default:
      return takeProgram(argv, options, lockedBy(options, on), deps)
  }
}

function onMachine(machine: Machine, { targets }: Model): readonly TargetModel[] {
  return [...targets.values()].filter((one) => one.machine === machine)
}

/** Whose lock a changing command runs under: that of a unit on the host, or of a target on ours. Null: it only asks. */
function lockedBy({ lock }: RunOptions, on: readonly TargetModel[] = []): string | null {
  if (lock === undefined) return null
  const unit = on.find(({ target }) => lock === `unit ${target.unit.manager} ${target.unit.name}`)
  return unit?.target.key ?? lock.replace(/^target /, '')
}

async function systemctl(
  [verb = '', ...words]: Argv,
  options: RunOptions,
  on: readonly TargetModel[],
  deps: Stepping,
): Promise<RunResult> {
  const { clock } = deps
  const name = words.find((word) => !word.startsWith('--')) ?? ''
  const unit = on.find(({ target }) => target.unit.name === name)
  switch (verb) {
    case 'show':
      return name === '' ? showManager(on[0], words) : showUnit(unit, name, words, deps)
    case 'cat':
      return unit && unit.unit.loadState !== 'not-found'
        ? exited(`# /etc/systemd/system/${name}\n[Service]\nType=exec\n`)
        : exited('', 1, `No files found for ${name}.\n`)
    case 'kill':
      if (!unit || !isUp(unit.unit)) return exited('', 1, `Failed to kill unit ${name}: Unit ${name} not loaded.\n`)
      unit.quitAt = clock.now()
      return exited('')
    default:
      return changeUnit(verb, name, unit, options, deps)
  }
}

/** `head -v` of the hold file and of each meta.properties, in the order asked for. */
function head(files: Argv, on: readonly TargetModel[], { hold }: Machine, { model }: Stepping): RunResult {
  const parts = files.map((file): { readonly out?: string; readonly err?: string } => {
    const text = file === HOLD_FILE ? (hold ? '' : 'missing') : metaIn(file, on, model)
    if (text === 'missing') return { err: `head: cannot open '${file}' for reading: No such file or directory\n` }
    if (text === 'unreadable') return { err: `head: cannot open '${file}' for reading: Permission denied\n` }
    return { out: `==> ${file} <==\n${text}` }
  })
  const out = parts.flatMap((part) => part.out ?? []).join('\n')
  const err = parts.flatMap((part) => part.err ?? []).join('')
  return exited(out, err === '' ? 0 : 1, err)
}

function metaIn(file: string, on: readonly TargetModel[], { clusters }: Model): string {
  const owner = on.find(({ target }) =>
    target.data.some(({ path }) => `${path.replace(/\/+$/, '')}/meta.properties` === file),
  )
  if (!owner) return 'missing'
  const { meta = 'ok' } = owner.said
  if (meta === 'missing' || meta === 'unreadable') return meta
  const { clusterId } = clusters.get(owner.target.cluster)?.cluster ?? { clusterId: null }
  const said = meta === 'ok' ? {} : meta
  return [
    '#',
    '#Sat Nov 21 11:00:00 UTC 2026',
    `cluster.id=${said.cluster_id ?? clusterId ?? 'simulatedClusterIdAAAA'}`,
    'directory.id=AAAAAAAAAAAAAAAAAAAAAA',
    `node.id=${said.node_id ?? owner.target.name}`,
    'version=1',
    '',
  ].join('\n')
}

const GIB = 1024 ** 3

function df(words: Argv, on: readonly TargetModel[]): RunResult {
  const paths = words.slice(words.indexOf('--') + 1)
  const systems = paths.map((path) => {
    const owner = on.find(({ target }) => target.data.some((one) => one.path === path))
    const directory = owner?.target.data.find((one) => one.path === path)
    const { disk, mounted = directory?.mount ?? true } = owner?.said ?? {}
    const size = disk?.size ?? 100 * GIB
    return { path, size, free: Math.min(size, disk?.free ?? 60 * GIB), mountedAt: mounted ? path : '/' }
  })
  if (words[0] === '-B1') {
    const lines = systems.map(({ size, free, mountedAt }) => `${size} ${free} ${mountedAt.replace(/(.)\/+$/, '$1')}`)
    return exited(`   1B-blocks       Avail Mounted on\n${lines.join('\n')}\n`)
  }
  const lines = systems.map(({ size, free, mountedAt }) => {
    const used = Math.round(((size - free) / size) * 100)
    return `/dev/vdb ${Math.round(size / GIB)}G ${Math.round((size - free) / GIB)}G ${Math.round(free / GIB)}G ${used}% ${mountedAt}`
  })
  return exited(`Filesystem Size Used Avail Use% Mounted on\n${lines.join('\n')}\n`)
}

function grep(words: Argv, { bootedAt }: Machine): RunResult {
  if (words.includes('/proc/stat')) return exited(`btime ${Math.floor(bootedAt / 1_000)}\n`)
  if (words.includes('/proc/meminfo'))
    return exited('0.42 0.40 0.38 1/420 4711\nMemTotal:       16384000 kB\nMemAvailable:    8192000 kB\n')
  return exited('', 2, 'grep: /proc/pressure: No such file or directory\n')
}

/** `journalctl --unit … -n …`, with what the process wrote, a thread dump among it where one was asked for. */
function journal(words: Argv, on: readonly TargetModel[]): RunResult {
  const name = words[words.indexOf('--unit') + 1]
  const unit = words.includes('--unit') ? on.find(({ target }) => target.unit.name === name) : undefined
  if (!unit) return exited('')
  const since = words.find((word) => word.startsWith('--since=@'))
  if (since !== undefined) {
    const asked = unit.quitAt !== null && Math.floor(unit.quitAt / 1_000) >= Number(since.slice('--since=@'.length))
    return exited(asked ? DUMP : '')
  }
  const lines = Number(words[words.indexOf('-n') + 1] ?? 0)
  return exited(unit.log === '' ? '' : `${unit.log.trimEnd().split('\n').slice(-lines).join('\n')}\n`)
}

const DUMP = `2026-11-21 12:00:00
Full thread dump OpenJDK 64-Bit Server VM (21.0.5+11-Debian mixed mode, sharing):

"main" #1 [4711] prio=5 cpu=812.30ms elapsed=3600.00s waiting on condition
   java.lang.Thread.State: WAITING (parking)
\tat jdk.internal.misc.Unsafe.park(java.base@21.0.5/Native Method)
\tat kafka.Kafka$.main(Kafka.scala:99)

JNI global refs: 25, weak refs: 0
`

function processStatus(file: string, on: readonly TargetModel[]): RunResult {
  const one = on.find(({ unit }) => isUp(unit) && file === `/proc/${pidOf(unit)}/status`)
  if (!one) return exited('', 1, `cat: ${file}: No such file or directory\n`)
  const name = one.target.kind === 'exporter' ? 'kafka_exporter' : 'java'
  return exited(
    `Name:\t${name}\nState:\tS (sleeping)\nPid:\t${pidOf(one.unit)}\nVmRSS:\t 1048576 kB\nThreads:\t92\nSigCgt:\t2000000181005ccf\n`,
  )
}

/** Our own scripts, known by the names under which they run. */
async function script(
  argv: Argv,
  options: RunOptions,
  on: readonly TargetModel[],
  target: Target,
  deps: Stepping,
): Promise<RunResult> {
  const [, flag, , name, ...words] = argv
  if (flag === '-c' && name === 'scrape') return scrape(words, on, options, deps)
  if (flag === '-c' && name === 'journal') return startedLine(words, on, deps)
  if (flag === '-c' && name === 'kafka-healing-detect') {
    const root = target.connection.driver === 'ssh' && target.connection.user === 'root'
    return exited(`${words[0] === 'user' ? 'user' : root ? 'system' : 'none'}\n`)
  }
  return takeProgram(argv, options, lockedBy(options, on), deps)
}

function scrape(
  [host, port]: Argv,
  on: readonly TargetModel[],
  { limitMs }: RunOptions,
  { clock }: Stepping,
): RunResult {
  const one = on.find(({ target }) => target.address?.host === host && String(target.address?.port) === port)
  const { servesAt, answers } = one?.unit.process ?? { servesAt: null, answers: null }
  if (!one || !isUp(one.unit) || (answers !== null && (servesAt === null || servesAt > clock.now()))) {
    return exited(
      '',
      7,
      `bash: connect: Connection refused\nbash: line 1: /dev/tcp/${host}/${port}: Connection refused\n`,
    )
  }
  // The simulated time that it takes to find out is not taken.
  if (answers === null) return { ...exited('', 124), timedOut: limitMs > 0 }
  return exited(`HTTP/1.0 ${answers} ${answers === 200 ? 'OK' : 'Error'}\r\n`)
}

/** Whether there is any line of the process, and the one by which Kafka says that it has started. */
function startedLine(words: Argv, on: readonly TargetModel[], { clock }: Stepping): RunResult {
  const invocation = words.find((word) => word.startsWith('_SYSTEMD_INVOCATION_ID='))?.split('=')[1] ?? ''
  const one = on.find(({ unit }) => unit.invocation === invocation)
  if (!one || one.said.journal === 'unreadable') return exited('', 9)
  const started = `[2026-11-21 12:00:00,000] INFO [KafkaRaftServer nodeId=${one.target.name}] Kafka Server started (kafka.server.KafkaRaftServer)`
  return exited(`read\n${hasServed(one.unit, clock.now()) ? `${started}\n` : ''}`)
}
