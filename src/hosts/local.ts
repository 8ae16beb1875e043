import { randomUUID } from 'node:crypto'
import { execa } from 'execa'
import type { Clock } from '../clock.ts'
import {
  BUSY,
  boundedArgv,
  DEADLINE_MARGIN_MS,
  endedByLimit,
  invalidArgv,
  lockVerdict,
  MARKER,
  PIPE_GRACE_MS,
  sweepArgv,
} from './command.ts'
import type { Host, RunOptions, RunResult } from './host.ts'
import { KILL_GRACE_MS } from './host.ts'
import type { Redactor } from './transcript.ts'
import { openTranscript } from './transcript.ts'
import { aborted, LATE, within } from './waiting.ts'

export interface LocalContext {
  readonly clock: Clock
  readonly redact: Redactor
  /** Where the user's own systemd manager and bus are found: the one thing of our environment that commands get. */
  readonly runtimeDir: string
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The machine that kafka-healing itself runs on. */
export function localHost(context: LocalContext): Host {
  return {
    name: 'local',
    run: (argv, options) => runLocal(context, argv, options),
    connect: async () => ({ kind: 'here' }),
  }
}

async function runLocal(context: LocalContext, argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const { clock, redact } = context
  const invalid = invalidArgv(argv, options.env)
  if (invalid !== null) return { kind: 'notSent', cause: 'invalid', reason: invalid }
  if (options.signal?.aborted === true) {
    return { kind: 'notSent', cause: 'unreachable', reason: 'given up before the command was started' }
  }

  const marker = randomUUID()
  const env = { PATH, LANG: 'C.UTF-8', XDG_RUNTIME_DIR: context.runtimeDir, ...options.env, [MARKER]: marker }
  const stdout = openTranscript(redact)
  const stderr = openTranscript(redact)
  const startedAt = clock.monotonic()
  const command = start(boundedArgv(argv, options), env)
  command.child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  command.child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const { pid } = command.child
  if (pid === undefined) {
    const { shortMessage } = await command.child
    return {
      kind: 'notSent',
      cause: 'invalid',
      reason: redact.whole(shortMessage ?? 'the command could not be started'),
    }
  }

  const abort = aborted(options.signal)
  const deadline = options.limitMs + KILL_GRACE_MS + DEADLINE_MARGIN_MS
  const ended = await within(clock, deadline, Promise.race([command.exit, abort.promise.then(() => null)]))
  abort.release()

  if (ended === null) {
    signalGroup(pid, 'SIGTERM')
    await within(clock, KILL_GRACE_MS, command.exit)
  }
  if (ended !== null && ended !== LATE) await within(clock, PIPE_GRACE_MS, command.close)
  const timedOut =
    ended !== null &&
    ended !== LATE &&
    endedByLimit(ended.exitCode, ended.signal, clock.monotonic() - startedAt, options.limitMs)
  signalGroup(pid, 'SIGKILL')
  // What left the group is let live only by a command that ended in time and let go of its pipes: a daemon of its own.
  if (timedOut || !command.closed()) await sweep(marker)
  if (!command.closed()) {
    await within(clock, PIPE_GRACE_MS, command.close)
    command.child.stdout.destroy()
    command.child.stderr.destroy()
  }

  const texts = { stdout: stdout.text(), stderr: stderr.text() }
  if (ended === null) return { kind: 'lost', reason: 'given up while the command ran; it was killed', ...texts }
  if (ended === LATE) {
    return { kind: 'lost', reason: `the command did not end ${deadline} ms after its start; it was killed`, ...texts }
  }
  const lock = ended.exitCode === BUSY && options.lock !== undefined ? lockVerdict(texts.stderr, marker) : null
  if (lock?.kind === 'unsafe') return { kind: 'notSent', cause: 'invalid', reason: lock.reason }
  return {
    kind: 'exited',
    ...ended,
    timedOut,
    ...(lock === null ? texts : { stdout: '', stderr: '', busy: true }),
  }
}

interface Ended {
  readonly exitCode: number | null
  readonly signal: string | null
}

function start(argv: readonly string[], env: Readonly<Record<string, string>>) {
  const [file = '', ...args] = argv
  const child = execa(file, args, {
    reject: false,
    stdin: 'ignore',
    // Output is taken from the pipes as it comes: a full buffer would close them, and that changes what the command does.
    buffer: false,
    encoding: 'buffer',
    extendEnv: false,
    env: { ...env },
    cwd: '/',
    // Gives the command a process group of its own.
    killDescendants: true,
  })
  let closed = false
  const exit = new Promise<Ended>((resolve) => {
    child.nodeChildProcess.once('exit', (exitCode: number | null, signal: string | null) =>
      resolve({ exitCode, signal }),
    )
  })
  const close = new Promise<void>((resolve) => {
    child.nodeChildProcess.once('close', () => {
      closed = true
      resolve()
    })
  })
  return { child, exit, close, closed: () => closed }
}

function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // ESRCH: nobody is left.
  }
}

/** Kills what left the process group (setsid), found by the marker in its environment. */
async function sweep(marker: string): Promise<void> {
  const [file = '', ...args] = sweepArgv(marker)
  await execa(file, args, { reject: false, stdio: 'ignore', extendEnv: false, env: { PATH }, cwd: '/', timeout: 5_000 })
}
