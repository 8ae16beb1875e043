import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../lab/wait.ts'

/** A real `systemd --user` manager of this user, with a runtime directory and cgroups of its own. */
export interface UserManager {
  /** What `systemctl --user` must find as XDG_RUNTIME_DIR. */
  readonly runtimeDir: string
  readonly dir: string
  /** Writes unit files (name → text) and reloads. */
  units(files: Readonly<Record<string, string>>): void
  systemctl(...args: readonly string[]): {
    readonly status: number | null
    readonly stdout: string
    readonly stderr: string
  }
  stop(): Promise<void>
}

const CONTROLLERS = ['systemd', 'unified', 'pids', 'memory', 'cpu']

export async function startUserManager(): Promise<UserManager> {
  // Short: socket paths must stay under 108 characters.
  const dir = mkdtempSync(join(tmpdir(), 'kh-um-'))
  const runtimeDir = join(dir, 'run')
  const configDir = join(dir, 'config')
  const unitDir = join(configDir, 'systemd', 'user')
  mkdirSync(runtimeDir, { mode: 0o700 })
  mkdirSync(unitDir, { recursive: true })
  // systemd exits at once and silently where this is missing.
  if (!existsSync('/run/systemd/system')) mkdirSync('/run/systemd/system', { recursive: true })
  const name = dir.split('/').at(-1) ?? 'kh'
  const env = { ...process.env, XDG_RUNTIME_DIR: runtimeDir, XDG_CONFIG_HOME: configDir }
  const systemctl = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('systemctl', ['--user', ...args], { env, encoding: 'utf8' })
    return { status, stdout, stderr }
  }

  // A cgroup of its own: two managers would share one tree, and could kill each other's units of the same name.
  const log = openSync(join(dir, 'log'), 'a')
  const script = `for h in ${CONTROLLERS.join(' ')}; do d=/sys/fs/cgroup/$h/${name}
    mkdir $d 2>/dev/null && echo $$ > $d/cgroup.procs; done; exec /lib/systemd/systemd --user`
  const child = spawn('sh', ['-c', script], { env, detached: true, stdio: ['ignore', log, log] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await waitFor('the user manager to run', () => {
    if (child.exitCode !== null) throw new Error(`systemd --user ended with ${child.exitCode}; see ${dir}/log`)
    return existsSync(join(runtimeDir, 'systemd/private')) && systemctl('is-system-running').stdout !== 'starting\n'
  })

  return {
    runtimeDir,
    dir,
    systemctl,
    units(files) {
      for (const [file, text] of Object.entries(files)) writeFileSync(join(unitDir, file), text)
      const { status, stderr } = systemctl('daemon-reload')
      if (status !== 0) throw new Error(stderr)
    },
    async stop() {
      systemctl('exit')
      await ended
      for (const controller of CONTROLLERS) removeGroups(`/sys/fs/cgroup/${controller}/${name}`)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Removes a cgroup and those below it, where nothing lives in them any more. */
function removeGroups(path: string): void {
  spawnSync('find', [path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'])
  try {
    rmdirSync(path)
  } catch {
    // Gone, or still in use.
  }
}
