import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Connection, Target } from '../inventory/inventory.ts'
import type { Host, Hosts } from './host.ts'
import { localHost } from './local.ts'
import type { SshLimits } from './ssh.ts'
import { defaultSshLimits, openSshHost, shownHostKey } from './ssh.ts'
import type { SshConnection } from './ssh-connection.ts'
import { type Redactor, redactorOf } from './transcript.ts'

export interface HostsOptions {
  readonly clock: Clock
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** Values that no output may show, e.g. passwords of the configuration. */
  readonly secrets?: readonly string[]
  /** Where the user's own systemd manager is found locally; the process's own XDG_RUNTIME_DIR by default. */
  readonly runtimeDir?: string
  readonly ssh?: Partial<SshLimits>
}

/** Hosts with the machine itself, for what runs beside kafka-healing. */
export interface OpenHosts extends Hosts {
  readonly local: Host
  /**
   * The inventory and the secrets are others now. A connection that no target uses any more is closed when its last command
   * has ended. Earlier secrets stay hidden: a program that began before may still print them.
   */
  renew(targets: Iterable<Target>, secrets: readonly string[]): void
}

/** Opens nothing yet: connections are made when the first command needs them, and shared by targets on one host. */
export function openHosts(options: HostsOptions): OpenHosts {
  const { clock, log } = options
  const hidden = new Set(options.secrets)
  let known = redactorOf([...hidden])
  const redact: Redactor = {
    whole: (text) => known.whole(text),
    cutEnd: (text) => known.cutEnd(text),
    cutStart: (text) => known.cutStart(text),
  }
  const runtimeDir = options.runtimeDir ?? process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`
  const limits = { ...defaultSshLimits, ...options.ssh }
  const local = localHost({ clock, redact, runtimeDir })
  const remote = new Map<string, ReturnType<typeof openSshHost>>()

  return {
    local,
    hostOf(target: Target) {
      const { connection, host } = target
      if (connection.driver === 'local') return local
      const key = keyOf(connection, host)
      let opened = remote.get(key)
      if (opened === undefined) {
        opened = openSshHost({ clock, log, redact, limits }, host, connection)
        remote.set(key, opened)
      }
      return opened
    },
    renew(targets, secrets) {
      for (const secret of secrets) hidden.add(secret)
      known = redactorOf([...hidden])
      const used = new Set<string>()
      for (const { connection, host } of targets) if (connection.driver === 'ssh') used.add(keyOf(connection, host))
      for (const [key, host] of [...remote].filter(([key]) => !used.has(key))) {
        remote.delete(key)
        host.retire()
      }
    },
    async hostKeyOf(connection: Connection, host: string) {
      return connection.driver === 'local' ? null : shownHostKey(host, connection.port, limits)
    },
    async close() {
      for (const host of remote.values()) host.close()
      remote.clear()
    },
  }
}

function keyOf({ user, port, keyFile, hostKey }: SshConnection, host: string): string {
  return JSON.stringify([user, host, port, keyFile, hostKey])
}
