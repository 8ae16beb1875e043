import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Connection, Target } from '../inventory/inventory.ts'
import type { Host, Hosts } from './host.ts'
import { localHost } from './local.ts'
import type { SshLimits } from './ssh.ts'
import { defaultSshLimits, openSshHost, shownHostKey } from './ssh.ts'
import { redactorOf } from './transcript.ts'

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
}

/** Opens nothing yet: connections are made when the first command needs them, and shared by targets on one host. */
export function openHosts(options: HostsOptions): OpenHosts {
  const { clock, log } = options
  const redact = redactorOf(options.secrets ?? [])
  const runtimeDir = options.runtimeDir ?? process.env['XDG_RUNTIME_DIR'] ?? `/run/user/${process.getuid?.() ?? 0}`
  const limits = { ...defaultSshLimits, ...options.ssh }
  const local = localHost({ clock, redact, runtimeDir })
  const remote = new Map<string, ReturnType<typeof openSshHost>>()

  return {
    local,
    hostOf(target: Target) {
      const { connection, host } = target
      if (connection.driver === 'local') return local
      const { user, port, keyFile, hostKey } = connection
      const key = JSON.stringify([user, host, port, keyFile, hostKey])
      let opened = remote.get(key)
      if (opened === undefined) {
        opened = openSshHost({ clock, log, redact, limits }, host, connection)
        remote.set(key, opened)
      }
      return opened
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
