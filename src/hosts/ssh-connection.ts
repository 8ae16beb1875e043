import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { NodeSSH } from 'node-ssh'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Connection } from '../inventory/inventory.ts'
import type { RunResult } from './host.ts'
import { LATE, within } from './waiting.ts'

export interface SshLimits {
  /**
   * From being asked to the command being sent: waiting for a free channel, connecting, opening. Below
   * UNKNOWN_MARGIN_MS, so that a step is surely over when S-4.4 says so, however late it was sent.
   */
  readonly sendWithinMs: number
  /** A silent peer counts as lost after about interval × (count + 1). */
  readonly keepaliveIntervalMs: number
  readonly keepaliveCount: number
  /** Commands at a time on one connection; sshd allows ten sessions, and frees one later than we see it end. */
  readonly channels: number
  /** An unused connection is closed after this. */
  readonly idleMs: number
}

export const defaultSshLimits: SshLimits = {
  sendWithinMs: 8_000,
  keepaliveIntervalMs: 2_000,
  keepaliveCount: 4,
  channels: 4,
  idleMs: 60_000,
}

export type SshConnection = Extract<Connection, { driver: 'ssh' }>
export type Client = NonNullable<NodeSSH['connection']>
export type NotSent = Extract<RunResult, { kind: 'notSent' }>

export interface Link {
  readonly client: Client
  /** Resolves when the connection is gone, with why. */
  readonly lost: Promise<string>
  isLost(): boolean
}

/** The connection to one host: made when needed, shared, dropped when lost or idle. */
export interface Connector {
  /** The live connection, or a new one. Never longer than sendWithinMs. */
  link(): Promise<Link | NotSent>
  /** Marks the connection as used; call the returned function when done. */
  hold(): () => void
  /** From now on the connection is closed as soon as nobody holds it. */
  retire(): void
  close(): void
}

export function openConnector(
  clock: Clock,
  log: Pick<Logger, 'info' | 'warn'>,
  limits: SshLimits,
  host: string,
  connection: SshConnection,
): Connector {
  let current: Link | null = null
  let pending: Promise<Link | NotSent> | null = null
  let users = 0
  let closed = false
  let retired = false
  let idle: NodeJS.Timeout | undefined

  const connect = async (): Promise<Link | NotSent> => {
    const made = await connectPatiently(clock, limits, host, connection)
    if (made.kind === 'notSent') return made
    const { promise: lost, resolve } = Promise.withResolvers<string>()
    let gone = false
    let why = 'the connection was closed'
    const link: Link = { client: made.client, lost, isLost: () => gone }
    // Without a listener an error of the connection would end the process.
    made.client.on('error', (err: Error) => {
      why = err.message
      log.warn({ host, err: err.message }, 'ssh connection failed')
      made.client.destroy()
    })
    made.client.once('close', () => {
      gone = true
      if (current === link) current = null
      resolve(why)
    })
    current = link
    // Closed while the connection was being made: nobody would close it any more.
    if (closed) made.client.end()
    return link
  }

  /** Whoever asks from here on gets a new connection. */
  const letGo = (): void => {
    current?.client.end()
    current = null
  }

  return {
    async link() {
      if (current !== null && !current.isLost()) return current
      pending ??= connect().finally(() => {
        pending = null
      })
      return pending
    },
    hold() {
      users++
      clearTimeout(idle)
      return () => {
        users--
        if (users === 0) idle = setTimeout(letGo, retired ? 0 : limits.idleMs).unref()
      }
    },
    retire() {
      retired = true
      if (users > 0) return
      clearTimeout(idle)
      letGo()
    },
    close() {
      closed = true
      clearTimeout(idle)
      letGo()
    },
  }
}

type Made = { readonly kind: 'made'; readonly client: Client }

/** sshd drops connections above MaxStartups before it says a word: that is no dead host, so it is asked again. */
async function connectPatiently(
  clock: Clock,
  limits: SshLimits,
  host: string,
  connection: SshConnection,
): Promise<Made | NotSent> {
  const until = clock.monotonic() + limits.sendWithinMs
  for (let pause = 100; ; pause *= 2) {
    const left = until - clock.monotonic()
    const made = await connectOnce(clock, limits, host, connection, left)
    if (made.kind === 'made' || !isDroppedAtStart(made.reason) || left < 2 * pause) return made
    await clock.sleep(pause)
  }
}

const isDroppedAtStart = (reason: string) => /ECONNRESET|lost before handshake/i.test(reason)

async function connectOnce(
  clock: Clock,
  limits: SshLimits,
  host: string,
  connection: SshConnection,
  withinMs: number,
): Promise<Made | NotSent> {
  let privateKey: string
  try {
    privateKey = await readFile(connection.keyFile, 'utf8')
  } catch (err) {
    return { kind: 'notSent', cause: 'authentication', reason: `the key file cannot be read: ${messageOf(err)}` }
  }
  const ssh = new NodeSSH()
  let shown: string | null = null
  const connecting = ssh.connect({
    host,
    port: connection.port,
    username: connection.user,
    privateKey,
    readyTimeout: Math.max(1, Math.round(withinMs)),
    keepaliveInterval: limits.keepaliveIntervalMs,
    keepaliveCountMax: limits.keepaliveCount,
    // Nothing is checked without this: ssh2 knows no known_hosts.
    hostVerifier: (key: Buffer) => {
      shown = fingerprintOf(key)
      return shown === connection.hostKey
    },
  })
  const { connection: client } = ssh
  try {
    // readyTimeout does not cover everything that can hang, e.g. a slow resolver.
    const ready = await within(clock, withinMs + 500, connecting)
    if (ready !== LATE && client !== null) {
      // Nagle and delayed acknowledgements cost 40 ms a turn.
      client.setNoDelay(true)
      return { kind: 'made', client }
    }
    client?.destroy()
    connecting.catch(() => undefined)
    return {
      kind: 'notSent',
      cause: 'unreachable',
      reason: `no connection to ${host} within ${Math.round(withinMs)} ms`,
    }
  } catch (err) {
    client?.destroy()
    return refusal(err, host, connection, shown)
  }
}

function refusal(err: unknown, host: string, connection: SshConnection, shown: string | null): NotSent {
  const reason = messageOf(err)
  if (shown !== null && shown !== connection.hostKey) {
    return {
      kind: 'notSent',
      cause: 'hostKey',
      reason: `${host} shows the host key ${shown}, the inventory pins ${connection.hostKey}`,
    }
  }
  const level = (err as { level?: unknown }).level
  if (level === 'client-authentication' || /parse privateKey|privateKey value/i.test(reason)) {
    return { kind: 'notSent', cause: 'authentication', reason: `${host} does not let ${connection.user} in: ${reason}` }
  }
  return { kind: 'notSent', cause: 'unreachable', reason: `${host}:${connection.port}: ${reason}` }
}

/** `SHA256:…` as `ssh-keygen -lf` prints it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

/** The host key a machine shows, trusting nothing: the handshake ends there. Null when it shows none within the time. */
export async function shownHostKey(host: string, port: number, limits: SshLimits): Promise<string | null> {
  const ssh = new NodeSSH()
  let shown: string | null = null
  const connecting = ssh.connect({
    host,
    port,
    username: 'nobody',
    readyTimeout: limits.sendWithinMs,
    hostVerifier: (key: Buffer) => {
      shown = fingerprintOf(key)
      return false
    },
  })
  const { connection: client } = ssh
  // It always fails: the key is never accepted.
  await connecting.catch(() => undefined)
  client?.destroy()
  return shown
}

function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
