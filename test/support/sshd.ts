import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Connection, Target } from '../../src/inventory/inventory.ts'
import { waitFor } from '../lab/wait.ts'
import { descendants } from './processes.ts'

/** A real sshd on loopback with throw-away keys, that lets this user in. */
export interface Sshd {
  readonly port: number
  /** `SHA256:…` of its host key. */
  readonly hostKey: string
  /** A key file that is let in, and one that is not. */
  readonly keyFile: string
  readonly strangerKeyFile: string
  readonly user: string
  readonly pid: number
  log(): string
  connection(changes?: Partial<SshConnection>): SshConnection
  /** Ends every session at once, as a cut cable or a killed sshd does; new ones are still let in. */
  killSessions(): void
  /** Stops and continues the listener and every session: the peer keeps its sockets and says nothing. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

type SshConnection = Extract<Connection, { driver: 'ssh' }>

/** @param environment what a session finds in its environment, e.g. XDG_RUNTIME_DIR for `systemctl --user`. */
export async function startSshd(
  environment: Readonly<Record<string, string>> = {},
  config: readonly string[] = [],
): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), 'kh-sshd-'))
  const path = (name: string) => join(dir, name)
  for (const name of ['host', 'client', 'stranger']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path(name)])
  }
  const publicKey = readFileSync(path('client.pub'), 'utf8')
  writeFileSync(path('authorized_keys'), publicKey, { mode: 0o600 })
  const user = userInfo().username
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const setEnv = Object.entries(environment).map(([name, value]) => `${name}="${value}"`)
  writeFileSync(
    path('sshd_config'),
    [
      ...config,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${path('host')}`,
      `AuthorizedKeysFile ${path('authorized_keys')}`,
      `PidFile ${path('pid')}`,
      `AllowUsers ${user}`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      ...(setEnv.length === 0 ? [] : [`SetEnv ${setEnv.join(' ')}`]),
      '',
    ].join('\n'),
  )
  const child = spawn('/usr/sbin/sshd', ['-D', '-f', path('sshd_config'), '-E', path('log')], { stdio: 'ignore' })
  const { pid } = child
  if (pid === undefined) throw new Error('sshd could not be started; is openssh-server installed?')
  const log = () => (existsSync(path('log')) ? readFileSync(path('log'), 'utf8') : '')
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await waitFor('sshd to listen', () => log().includes('Server listening'))
  const signalAll = (signal: NodeJS.Signals, pids: readonly number[]) => {
    for (const each of pids) {
      try {
        process.kill(each, signal)
      } catch {
        // Gone meanwhile.
      }
    }
  }
  const sessions = () => descendants(pid).filter((each) => nameOf(each).startsWith('sshd'))

  const hostKey = execFileSync('ssh-keygen', ['-lf', path('host.pub')], { encoding: 'utf8' }).split(' ')[1] ?? ''

  return {
    port,
    hostKey,
    keyFile: path('client'),
    strangerKeyFile: path('stranger'),
    user,
    pid,
    log,
    connection: (changes = {}) => ({ driver: 'ssh', user, port, keyFile: path('client'), hostKey, ...changes }),
    killSessions: () => signalAll('SIGKILL', sessions()),
    freeze: () => signalAll('SIGSTOP', [pid, ...sessions()]),
    thaw: () => signalAll('SIGCONT', [pid, ...sessions()]),
    async stop() {
      signalAll('SIGCONT', [pid])
      signalAll('SIGKILL', [...sessions(), pid])
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A target on this machine, reached as told. */
export function targetOn(connection: Connection, changes: Partial<Target> = {}): Target {
  return {
    key: 'test/broker/1',
    kind: 'broker',
    cluster: 'test',
    name: '1',
    host: '127.0.0.1',
    connection,
    unit: { name: 'kafka.service', manager: 'user', sudo: false },
    address: null,
    aliases: [],
    data: [],
    rack: null,
    minFree: { bytes: 0, ratio: 0 },
    ...changes,
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8')
  } catch {
    return ''
  }
}
