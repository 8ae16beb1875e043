import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { descendants, launch, mustRun, type Output, program, run, signal, stop } from './processes.ts'
import type { LabState, StateFile } from './state.ts'
import { managerEnvironment } from './user-manager.ts'
import { waitFor } from './wait.ts'

export function clientKeyFile(state: LabState): string {
  return join(state.dir, 'ssh', 'id_ed25519')
}

function knownHostsFile(state: LabState): string {
  return join(state.dir, 'ssh', 'known_hosts')
}

/** Throw-away host and client keys, a config of its own, and a login as the user who runs the lab, by key only. */
export async function prepareSshd(file: StateFile): Promise<void> {
  const state = file.now
  const dir = join(state.dir, 'ssh')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const keygen = program('ssh-keygen', 'openssh-client')
  for (const name of ['host_key', 'id_ed25519'])
    await mustRun([keygen, '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', join(dir, name)])
  copyFileSync(join(dir, 'id_ed25519.pub'), join(dir, 'authorized_keys'))
  chmodSync(join(dir, 'authorized_keys'), 0o600)
  const user = userInfo().username
  writeFileSync(join(dir, 'sshd_config'), serverConfiguration(state, dir, user))
  const hostKey = readFileSync(join(dir, 'host_key.pub'), 'utf8')
  writeFileSync(knownHostsFile(state), `[127.0.0.1]:${state.ports.ssh} ${hostKey}`)
  const [, fingerprint = ''] = (await mustRun([keygen, '-lf', join(dir, 'host_key.pub')])).split(' ')
  file.update({ ssh: { user, hostKey: fingerprint } })
}

export async function startSshd(file: StateFile): Promise<void> {
  const state = file.now
  // sshd's own privilege separation folder, made by its init script on machines that boot.
  mkdirSync('/run/sshd', { recursive: true })
  const log = join(state.dir, 'ssh', 'sshd.log')
  const argv = [program('sshd', 'openssh-server'), '-D', '-f', join(state.dir, 'ssh', 'sshd_config'), '-E', log]
  file.recordProcess('sshd', launch(argv, log))
  await waitFor('sshd to let the lab user in', async () => (await ssh(state, ['true'])).code === 0, 20_000, 100)
}

/** Ends the listener and its sessions; new connections are refused. */
export async function stopSshd(state: LabState): Promise<void> {
  const listener = state.processes['sshd']
  if (listener === undefined) return
  cutSsh(state)
  await stop(listener)
}

/** Kills the session processes of every open connection. What a session had started runs on. */
export function cutSsh(state: LabState): number {
  const listener = state.processes['sshd']
  if (listener === undefined) return 0
  const sessions = descendants(listener.pid, 'sshd')
  for (const session of sessions) signal(session, 'SIGKILL')
  return sessions.length
}

/** Runs argv over the OpenSSH client, the way a person would. The remote shell splits words: keep to plain ones. */
export function ssh(state: LabState, argv: readonly string[]): Promise<Output> {
  const options = {
    BatchMode: 'yes',
    ConnectTimeout: '5',
    IdentitiesOnly: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHostsFile(state),
  }
  const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])
  const destination = `${state.ssh?.user ?? userInfo().username}@127.0.0.1`
  const client = [
    program('ssh', 'openssh-client'),
    '-F',
    'none',
    '-i',
    clientKeyFile(state),
    '-p',
    String(state.ports.ssh),
  ]
  return run([...client, ...flags, destination, '--', ...argv])
}

// SetEnv is what makes `systemctl --user` find this lab's manager in the session. bash reads the account's .bashrc for every
// command of a network session, which on a developer's machine takes 100 ms, but not at a shell level above one.
function serverConfiguration(state: LabState, dir: string, user: string): string {
  const environment = managerEnvironment(state)
  return `Port ${state.ports.ssh}
ListenAddress 127.0.0.1
HostKey ${join(dir, 'host_key')}
AuthorizedKeysFile ${join(dir, 'authorized_keys')}
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
AllowUsers ${user}
PrintMotd no
PrintLastLog no
SetEnv XDG_RUNTIME_DIR=${environment['XDG_RUNTIME_DIR']} XDG_CONFIG_HOME=${environment['XDG_CONFIG_HOME']} SHLVL=1
`
}
