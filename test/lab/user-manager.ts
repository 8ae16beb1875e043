import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch, mustRun, type Output, program, run, stop } from './processes.ts'
import type { LabState, StateFile } from './state.ts'
import { waitFor } from './wait.ts'

const cgroupHomes = ['systemd', 'unified', 'pids', 'memory', 'cpu'].map((name) => `/sys/fs/cgroup/${name}`)

// Two user managers would share one cgroup tree, so that `systemctl kill` of one lab could hit the other's unit of the
// same name. Each gets its own, on the hybrid layout and on pure v2; where cgroups cannot be written it goes without.
const enterOwnCgroup = `
name=$1; shift
for home in "$@"; do
  mkdir -p "$home/$name" 2>/dev/null && echo $BASHPID > "$home/$name/cgroup.procs"
done 2>/dev/null
exec /lib/systemd/systemd --user`

export function managerEnvironment(state: LabState): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: process.env['HOME'] ?? '/root',
    LANG: 'C.UTF-8',
    XDG_RUNTIME_DIR: state.runtimeDir,
    XDG_CONFIG_HOME: join(state.dir, 'xdg'),
  }
}

/** Starts `systemd --user` of our own. Without /run/systemd/system it would exit at once and silently. */
export async function startUserManager(file: StateFile): Promise<void> {
  const state = file.now
  mkdirSync('/run/systemd/system', { recursive: true })
  mkdirSync(unitFolder(state), { recursive: true })
  mkdirSync(state.runtimeDir, { recursive: true, mode: 0o700 })
  const homes = existsSync('/sys/fs/cgroup/cgroup.controllers') ? ['/sys/fs/cgroup'] : cgroupHomes.filter(existsSync)
  const argv = [program('bash'), '-c', enterOwnCgroup, 'user-manager', cgroupName(state), ...homes]
  file.recordProcess('user-manager', launch(argv, join(state.dir, 'user-manager.log'), managerEnvironment(state)))
  const socket = join(state.runtimeDir, 'systemd/private')
  await waitFor(
    'the systemd user manager',
    async () => existsSync(socket) && (await systemctl(state, ['is-system-running'])).stdout.trim() === 'running',
    20_000,
  )
}

/** `systemctl --user` of this lab; a non-zero exit is an answer. */
export function systemctl(state: LabState, args: readonly string[]): Promise<Output> {
  return run([program('systemctl', 'systemd'), '--user', ...args], {
    env: managerEnvironment(state),
    timeoutMs: 120_000,
  })
}

/** Writes and enables units (`[Install] WantedBy=default.target` is added), then starts them together. */
export async function startUnits(state: LabState, units: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(units)) {
    writeFileSync(join(unitFolder(state), name), `${text.trim()}\n\n[Install]\nWantedBy=default.target\n`)
  }
  const names = Object.keys(units)
  const systemctlPath = program('systemctl', 'systemd')
  await mustRun([systemctlPath, '--user', 'enable', '--now', ...names], { env: managerEnvironment(state) })
}

/** Properties as `systemctl show` has them, e.g. `ActiveState`, `Result`, `ExecMainStatus`, `InvocationID`, `UnitFileState`. */
export async function unitProperties(state: LabState, unit: string): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await systemctl(state, ['show', unit])
  return Object.fromEntries(
    stdout
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

/** Kills what still runs (a clean stop of all brokers takes seconds), ends the manager and removes its cgroups. */
export async function stopUserManager(state: LabState): Promise<void> {
  const manager = state.processes['user-manager']
  if (manager !== undefined) {
    const units = existsSync(unitFolder(state))
      ? readdirSync(unitFolder(state)).filter((file) => file.endsWith('.service'))
      : []
    for (const unit of units) await systemctl(state, ['kill', '-s', 'KILL', unit])
    await systemctl(state, ['exit'])
    await stop(manager, 10_000)
  }
  for (const home of ['/sys/fs/cgroup', ...cgroupHomes]) removeCgroup(join(home, cgroupName(state)))
  rmSync(state.runtimeDir, { recursive: true, force: true })
}

function unitFolder(state: LabState): string {
  return join(state.dir, 'xdg/systemd/user')
}

function cgroupName(state: LabState): string {
  return `kafka-healing-${state.name}`
}

function removeCgroup(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeCgroup(join(folder, entry.name))
    }
    rmdirSync(folder)
  } catch {
    // not there, not ours to write, or a process is still leaving: harmless, names are unique per lab
  }
}
