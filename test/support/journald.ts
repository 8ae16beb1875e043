import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../lab/wait.ts'

/** A real journald with a namespace of its own, which leaves the machine's journal alone. Needs root and systemd's cgroups. */
export interface Journald {
  /** What journalctl must be given: `--namespace=…`. */
  readonly option: string
  /** Writes a line as a process of a unit in its `invocation`: journald itself says so in the line's trusted fields. */
  write(invocation: string, line: string): void
  stop(): Promise<void>
}

const HOMES = ['unified', 'systemd'].map((name) => `/sys/fs/cgroup/${name}`).filter((path) => existsSync(path))

export async function startJournald(): Promise<Journald> {
  const name = `kh${process.pid}`
  const socket = `/run/systemd/journal.${name}/dev-log`
  const groups = HOMES.map((home) => join(home, 'system.slice', `${name}.service`))
  const mark = `/run/systemd/units/invocation:${name}.service`
  mkdirSync('/run/systemd/units', { recursive: true })
  for (const group of groups) mkdirSync(group, { recursive: true })
  const child = spawn('/lib/systemd/systemd-journald', [name], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await waitFor('journald to listen', () => existsSync(socket))
  return {
    option: `--namespace=${name}`,
    write(invocation, line) {
      rmSync(mark, { force: true })
      symlinkSync(invocation, mark)
      const enter = groups.map((group) => `echo $$ > ${group}/cgroup.procs; `).join('')
      // Who wrote must live until journald has looked at it, which it has when the line is there.
      const seen = `until journalctl --namespace=${name} -q -o cat | grep -qF -e "$1"; do sleep 0.05; done`
      const script = `${enter}{ printf '%s\\n' "$1"; ${seen}; } | logger -u ${socket} -d`
      const { status, stderr } = spawnSync('sh', ['-c', script, 'write', line], { encoding: 'utf8', timeout: 10_000 })
      if (status !== 0) throw new Error(stderr)
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(mark, { force: true })
      for (const group of groups) rmdirSync(group)
      rmSync(`/run/systemd/journal.${name}`, { recursive: true, force: true })
      for (const home of ['/run/log/journal', '/var/log/journal'].filter((path) => existsSync(path))) {
        for (const entry of readdirSync(home).filter((one) => one.endsWith(`.${name}`)))
          rmSync(join(home, entry), { recursive: true })
      }
    },
  }
}
