import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import {
  BUSY,
  boundedArgv,
  DEADLINE_MARGIN_MS,
  endedByLimit,
  invalidArgv,
  lockVerdict,
  MARKER,
  PIPE_GRACE_MS,
  quoted,
  sweepArgv,
} from './command.ts'
import type { Host, Reached, RunOptions, RunResult } from './host.ts'
import { KILL_GRACE_MS } from './host.ts'
import { openSlots, type Slots } from './slots.ts'
import type { Client, Connector, Link, NotSent, SshConnection, SshLimits } from './ssh-connection.ts'
import { openConnector } from './ssh-connection.ts'
import type { Redactor } from './transcript.ts'
import { openTranscript } from './transcript.ts'
import { aborted, LATE, within } from './waiting.ts'

export type { SshLimits } from './ssh-connection.ts'
export { defaultSshLimits, shownHostKey } from './ssh-connection.ts'

export interface SshContext {
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly redact: Redactor
  readonly limits: SshLimits
}

export interface SshHost extends Host {
  /** Closes the connection once nothing runs over it. */
  retire(): void
  close(): void
}

type Channel = Parameters<NonNullable<Parameters<Client['exec']>[1]>>[1]

/** A machine reached by SSH. The account's login shell must be a POSIX shell; `timeout`, `flock` and `env` must be there. */
export function openSshHost(context: SshContext, host: string, connection: SshConnection): SshHost {
  const connector = openConnector(context.clock, context.log, context.limits, host, connection)
  const slots = openSlots(context.limits.channels)
  return {
    name: `ssh ${connection.user}@${host}`,
    run: (argv, options) => runRemote(context, connector, slots, argv, options),
    connect: (address, limitMs) => connectFrom(context, connector, address, limitMs),
    retire: () => connector.retire(),
    close: () => connector.close(),
  }
}

/** RFC 4254, 5.1: the server's reasons to open no channel. Any other one says nothing about the address. */
const PROHIBITED = 1
const CONNECT_FAILED = 2

/**
 * A direct-tcpip channel of the pinned connection. Only a refusal that the host itself met says that nobody listens; it
 * comes as text, the same on every OpenSSH.
 */
async function connectFrom(
  { clock, redact }: SshContext,
  connector: Connector,
  address: HostPort,
  limitMs: number,
): Promise<Reached> {
  const until = clock.monotonic() + limitMs
  const notOpened = (reason: string): Reached => ({ kind: 'notOpened', reason: redact.whole(reason) })
  const release = connector.hold()
  const link = await within(clock, limitMs, connector.link())
  if (link === LATE || 'kind' in link) {
    release()
    return notOpened(link === LATE ? `no connection within ${limitMs} ms` : link.reason)
  }
  let late = false
  const asked = new Promise<Reached>((resolve) => {
    const refused = (err: Error & { readonly reason?: unknown }) => {
      if (err.reason === CONNECT_FAILED && /connection refused/i.test(err.message))
        return resolve({ kind: 'refused', reason: redact.whole(err.message) })
      resolve(notOpened(err.reason === PROHIBITED ? `the host forbids forwarding: ${err.message}` : err.message))
    }
    try {
      link.client.forwardOut('127.0.0.1', 0, address.host, address.port, (err, channel) => {
        if (err) return refused(err)
        // Without a listener an error of the channel would end the process.
        channel.on('error', () => channel.destroy())
        if (late) return void channel.destroy()
        channel.once('close', release)
        resolve({ kind: 'open', stream: channel })
      })
    } catch (err) {
      resolve(notOpened(err instanceof Error ? err.message : String(err)))
    }
  })
  const answer = await within(clock, until - clock.monotonic(), asked)
  late = answer === LATE
  if (answer === LATE || answer.kind !== 'open') release()
  return answer === LATE ? { kind: 'notAccepted', reason: `the host did not connect within ${limitMs} ms` } : answer
}

async function runRemote(
  context: SshContext,
  connector: Connector,
  slots: Slots,
  argv: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const { clock, limits, redact } = context
  const invalid = invalidArgv(argv, options.env)
  if (invalid !== null) return { kind: 'notSent', cause: 'invalid', reason: invalid }

  const until = clock.monotonic() + limits.sendWithinMs
  const abort = aborted(options.signal)
  const release = connector.hold()
  const slot = slots.take()
  try {
    const free = await within(clock, limits.sendWithinMs, Promise.race([slot.taken, abort.promise]))
    if (options.signal?.aborted === true) return unsent('given up before the command was sent')
    if (free === LATE) return unsent(`all ${limits.channels} channels of the connection stayed busy`)
    const marker = randomUUID()
    const command = commandLine(argv, options, marker)
    const opened = await openChannel(context, connector, command, until, options.signal)
    if (opened.kind !== 'open') return { ...opened, reason: redact.whole(opened.reason) }
    return await follow(context, opened, options, marker, abort.promise)
  } finally {
    slot.release()
    release()
    abort.release()
  }
}

const unsent = (reason: string): NotSent => ({ kind: 'notSent', cause: 'unreachable', reason })

/** Every word quoted: what a label put into argv arrives as it is, character by character. */
function commandLine(argv: readonly string[], options: RunOptions, marker: string): string {
  const env = { LANG: 'C.UTF-8', ...options.env, [MARKER]: marker }
  const words = [
    'env',
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...boundedArgv(argv, options),
  ]
  return words.map(quoted).join(' ')
}

interface Opened {
  readonly kind: 'open'
  readonly link: Link
  readonly channel: Channel
  readonly exit: Promise<Ended>
}
type Lost = Extract<RunResult, { kind: 'lost' }>

/** Sends the command. A refused channel is asked for again: sshd frees a session later than its client sees it end. */
async function openChannel(
  context: SshContext,
  connector: Connector,
  command: string,
  until: number,
  signal: AbortSignal | undefined,
): Promise<Opened | NotSent | Lost> {
  const { clock } = context
  for (let pause = 20; ; pause = Math.min(500, pause * 2)) {
    const link = await within(clock, until - clock.monotonic(), connector.link())
    if (link === LATE) return unsent('no connection in time')
    if ('kind' in link) return link
    if (signal?.aborted === true) return unsent('given up before the command was sent')
    const answer = await within(clock, until - clock.monotonic(), exec(link.client, command))
    if (answer === LATE) {
      // It was sent and not answered: the peer may be frozen with our command in its buffers.
      link.client.destroy()
      return lost('the host did not answer to the command')
    }
    if (answer.kind === 'open') return { ...answer, link }
    if (/unable to exec/i.test(answer.reason))
      return { kind: 'notSent', cause: 'authentication', reason: answer.reason }
    const begun = !/channel open failure|not connected/i.test(answer.reason)
    if (begun) return lost(answer.reason)
    if (clock.monotonic() + pause > until) return unsent(answer.reason)
    await clock.sleep(pause)
  }
}

const lost = (reason: string): Lost => ({ kind: 'lost', reason, stdout: '', stderr: '' })

type Answer =
  | { readonly kind: 'open'; readonly channel: Channel; readonly exit: Promise<Ended> }
  | { readonly kind: 'refused'; readonly reason: string }

function exec(client: Client, command: string): Promise<Answer> {
  return new Promise((resolve) => {
    try {
      client.exec(command, (err, channel) =>
        resolve(err ? { kind: 'refused', reason: err.message } : { kind: 'open', channel, exit: exitOf(channel) }),
      )
    } catch (err) {
      resolve({ kind: 'refused', reason: err instanceof Error ? err.message : String(err) })
    }
  })
}

interface Ended {
  readonly exitCode: number | null
  readonly signal: string | null
}

/**
 * Listens from the moment the channel is there: the end of a quick command can stand in the same packet as its beginning,
 * and is told only once.
 */
function exitOf(channel: Channel): Promise<Ended> {
  return new Promise((resolve) => {
    channel.once('exit', (code: number | null, signal?: string) =>
      resolve({ exitCode: code, signal: signal === undefined ? null : `SIG${signal.replace(/^SIG/, '')}` }),
    )
  })
}

/** Waits for the command's end, its deadline, the loss of the connection, or being told to give up. */
async function follow(
  context: SshContext,
  { link, channel, exit }: Opened,
  options: RunOptions,
  marker: string,
  abort: Promise<void>,
): Promise<RunResult> {
  const { clock, redact } = context
  const stdout = openTranscript(redact)
  const stderr = openTranscript(redact)
  const startedAt = clock.monotonic()
  channel.on('data', (chunk: Buffer) => stdout.push(chunk))
  channel.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  const close = new Promise<'closed'>((resolve) => channel.once('close', () => resolve('closed')))
  channel.end()

  const deadline = options.limitMs + KILL_GRACE_MS + DEADLINE_MARGIN_MS
  const ended = await within(
    clock,
    deadline,
    Promise.race([exit, close, link.lost.then(() => 'closed' as const), abort.then(() => 'abort' as const)]),
  )
  const texts = () => ({ stdout: stdout.text(), stderr: stderr.text() })
  if (ended === 'closed') {
    const reason = link.isLost() ? await link.lost : 'the channel was closed without an exit status'
    return {
      kind: 'lost',
      reason: `the connection was lost while the command ran: ${redact.whole(reason)}`,
      ...texts(),
    }
  }
  if (ended === LATE || ended === 'abort') {
    await sweep(context, link, marker)
    await within(clock, PIPE_GRACE_MS, close)
    channel.close()
    const what = ended === 'abort' ? 'given up while the command ran' : `the command did not end within ${deadline} ms`
    return { kind: 'lost', reason: `${what}; what was left of it was killed where it could be found`, ...texts() }
  }
  const timedOut = endedByLimit(ended.exitCode, ended.signal, clock.monotonic() - startedAt, options.limitMs)
  const open = (await within(clock, PIPE_GRACE_MS, close)) === LATE
  // What left the group is let live only by a command that ended in time and let go of its pipes: a daemon of its own.
  if (timedOut || open) await sweep(context, link, marker)
  if (open) {
    await within(clock, PIPE_GRACE_MS, close)
    channel.close()
  }
  const { stdout: out, stderr: err } = texts()
  const lock = ended.exitCode === BUSY && options.lock !== undefined ? lockVerdict(err, marker) : null
  if (lock?.kind === 'unsafe') return { kind: 'notSent', cause: 'invalid', reason: lock.reason }
  return {
    kind: 'exited',
    ...ended,
    timedOut,
    ...(lock === null ? { stdout: out, stderr: err } : { stdout: '', stderr: '', busy: true }),
  }
}

/** Closing a channel stops nothing on the other side, so what carries the marker is killed by a command of its own. */
async function sweep({ clock }: SshContext, link: Link, marker: string): Promise<void> {
  const answer = await within(clock, KILL_GRACE_MS, exec(link.client, sweepArgv(marker).map(quoted).join(' ')))
  if (answer === LATE || answer.kind !== 'open') return
  const { channel } = answer
  const done = new Promise<void>((resolve) => channel.once('close', () => resolve()))
  channel.resume()
  channel.stderr.resume()
  channel.end()
  await within(clock, KILL_GRACE_MS, done)
}
