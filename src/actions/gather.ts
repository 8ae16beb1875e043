import { z } from 'zod'
import type { StepResult } from '../incident/verdict.ts'
import { UNIT_KINDS, type Unit } from '../inventory/inventory.ts'
import { journalOf, logFile } from '../probes/unit-log.ts'
import { isUnitName, systemctl } from '../probes/unit-state.ts'
import type { ActionContext } from './action.ts'
import { defineAction } from './action.ts'
import { unreadableUnit } from './outcome.ts'
import { processSeen } from './process-seen.ts'
import { type Bounds, type Part, readPart } from './read-part.ts'
import { quitArgv, threadDump } from './thread-dump.ts'

const DEFAULT_LIMIT_SECONDS = 30
const DEFAULT_LOG_LINES = 100
/** Lines of the kernel that are kept, the newest. */
const KERNEL_LINES = 20
/** What the whole evidence may hold, in characters. The host has cut each command's output before. */
const MOST = 96_000

const params = z.strictObject({
  threads: z
    .boolean()
    .describe('A thread dump, where the process is a JVM that can answer: SIGQUIT, and what it then writes to its log'),
  disk: z.boolean().describe("Space and inodes of the target's data directories"),
  log_lines: z.int().min(0).max(2_000).optional().describe("Last lines of the unit's log; 100 by default"),
  limit: z.int().min(5).max(600).optional().describe('Seconds until it makes do with what it has; 30 by default'),
})

/** Evidence that a restart wipes out. It never ends a rung: what cannot be read is said, and the next step runs. */
export const gather = defineAction({
  type: 'gather',
  summary: 'Collects what a restart would wipe out: threads, log, kernel messages, process, disks, memory.',
  params,
  targets: UNIT_KINDS,
  traits: ({ limit }) => ({
    disruptive: false,
    repeatable: true,
    stops: false,
    starts: false,
    changes: false,
    limitSeconds: limit ?? DEFAULT_LIMIT_SECONDS,
  }),
  argv: ({ threads }, { target }) => ({ argv: threads ? quitArgv(target.unit) : showArgv(target.unit) }),
  run: collect,
})

const SHOWN = [
  'ActiveState',
  'SubState',
  'Result',
  'MainPID',
  'ExecMainStatus',
  'NRestarts',
  'InvocationID',
  'ActiveEnterTimestamp',
  'TasksCurrent',
  'MemoryCurrent',
  'LimitNOFILE',
]

const showArgv = (unit: Unit): readonly string[] => [
  ...systemctl({ ...unit, sudo: false }),
  'show',
  unit.name,
  `--property=${SHOWN.join(',')}`,
]

async function collect(wanted: z.infer<typeof params>, context: ActionContext): Promise<StepResult> {
  const { host, target, clock, signal, limitSeconds } = context
  if (!isUnitName(target.unit.name)) {
    return unreadableUnit({ problem: `"${target.unit.name}" is no unit name`, cause: 'invalid' })
  }
  const bounds: Bounds = { until: clock.monotonic() + limitSeconds * 1_000, signal, clock }
  // The first command also tells whether the host can be reached at all.
  const shown = await host.run(showArgv(target.unit), { limitMs: limitSeconds * 1_000, signal })
  if (shown.kind === 'notSent') return unreadableUnit({ problem: shown.reason, cause: shown.cause })
  if (shown.kind === 'lost') return unreadableUnit({ problem: shown.reason, cause: 'lost' })
  const unit: Part =
    shown.exitCode === 0
      ? { name: 'unit', text: shown.stdout.trimEnd() }
      : { name: 'unit', problem: shown.stderr.trim() || `systemctl ended with ${shown.exitCode ?? shown.signal}` }
  const pid = /^MainPID=([1-9]\d*)$/m.exec(shown.stdout)?.[1] ?? null

  const read = (name: string, ...argv: readonly string[]) => readPart(name, host, argv, bounds)
  const [status, log, kernel, memory, pressure, space, inodes] = await Promise.all([
    pid === null
      ? ({ name: 'process', problem: 'the unit has no main process' } as const)
      : read('process', 'cat', `/proc/${pid}/status`),
    logOf(wanted.log_lines ?? DEFAULT_LOG_LINES, context, bounds),
    kernelLog(context, bounds),
    read('load and memory', 'grep', '-hE', MEMORY, '/proc/loadavg', '/proc/meminfo'),
    read('pressure', 'grep', '-r', '.', '/proc/pressure'),
    disk(wanted.disk, 'df', ['-P', '-h'], context, bounds),
    disk(wanted.disk, 'inodes', ['-P', '-i'], context, bounds),
  ])
  // After the log was read: the dump would push out of it what came before.
  const dump = wanted.threads
    ? await threadDump(context, 'text' in status ? processSeen(status.text) : null, bounds.until)
    : null
  if (dump !== null && 'refused' in dump) return dump.refused
  // Mails show the end of an output, so the short facts come last.
  const parts = [dump, log, kernel, unit, shortStatus(status), pressure, space, inodes, memory].filter(
    (part) => part !== null,
  )
  return { outcome: 'succeeded', reason: reasonOf(parts), exitCode: null, output: outputOf(parts) }
}

/** The load average is the only line of these files that begins with a digit. */
const MEMORY = '^([0-9]|MemTotal:|MemAvailable:|SwapTotal:|SwapFree:|Dirty:|Writeback:)'

/** What of a process's status says why it hangs. */
const STATUS = /^(?:Name|State|Threads|VmRSS|VmSwap|SigCgt|voluntary_ctxt_switches|nonvoluntary_ctxt_switches):/

function shortStatus(status: Part): Part {
  if ('problem' in status) return status
  return {
    name: status.name,
    text: status.text
      .split('\n')
      .filter((line) => STATUS.test(line))
      .join('\n'),
  }
}

async function logOf(lines: number, { host, target, signal }: ActionContext, bounds: Bounds): Promise<Part | null> {
  if (lines === 0) return null
  const file = await logFile(host, target.unit, signal)
  const argv = file === null ? journalOf(target.unit, '-n', String(lines)) : ['tail', '-n', String(lines), '--', file]
  const part = await readPart('log', host, argv, bounds)
  // journalctl says nothing and 0 where the account may read nobody's messages.
  if ('text' in part && part.text === '')
    return { name: 'log', problem: 'it is empty, or this account may not read it' }
  return part
}

/** Out of memory, disks that fail, tasks that hang: from the ring buffer, else from the journal. */
async function kernelLog({ host }: ActionContext, bounds: Bounds): Promise<Part> {
  const ring = await readPart('kernel', host, ['dmesg', '--level=emerg,alert,crit,err,warn'], bounds)
  const part =
    'text' in ring
      ? ring
      : await readPart('kernel', host, ['journalctl', '-k', '-n', '500', '-o', 'short-iso', '-q', '--no-pager'], bounds)
  if ('problem' in part) return 'problem' in ring ? ring : part
  const telling = part.text.split('\n').filter((line) => TELLING.test(line))
  return {
    name: 'kernel',
    text: telling.length === 0 ? 'nothing about memory or disks' : telling.slice(-KERNEL_LINES).join('\n'),
  }
}

const TELLING =
  /out of memory|oom|killed process|i\/o error|blocked for more than|(?:ext4|xfs|btrfs|nvme|blk_update|buffer).*(?:error|fail)|read-only/i

async function disk(
  wanted: boolean,
  name: string,
  flags: readonly string[],
  { host, target }: ActionContext,
  bounds: Bounds,
): Promise<Part | null> {
  if (!wanted) return null
  if (target.data.length === 0) return { name, problem: 'the inventory names no data directories' }
  return readPart(name, host, ['df', ...flags, '--', ...target.data.map(({ path }) => path)], bounds)
}

function reasonOf(parts: readonly Part[]): string {
  const [had, missing] = [parts.filter((part) => 'text' in part), parts.filter((part) => 'problem' in part)]
  const got = had.length === 0 ? 'nothing could be read' : `gathered ${had.map(({ name }) => name).join(', ')}`
  if (missing.length === 0) return got
  return `${got}; could not read ${missing.map((part) => `${part.name} (${'problem' in part ? part.problem : ''})`).join(', ')}`
}

function outputOf(parts: readonly Part[]): string {
  const sections = parts.map(
    (part) => `== ${part.name}\n${'text' in part ? part.text : `could not read: ${part.problem}`}`,
  )
  const whole = sections.join('\n')
  if (whole.length <= MOST) return whole
  const [head = '', ...rest] = sections
  // Only the thread dump and the log can be that long; the facts after them are kept whole.
  const room = Math.max(0, MOST - rest.join('\n').length)
  return `${head.slice(0, room)}\n[… cut …]\n${rest.join('\n')}`.slice(-MOST)
}
