import { execFile, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { waitFor } from './wait.ts'

/** A process of the lab. Pids come back; a pid with its start time does not. */
export interface RecordedProcess {
  readonly pid: number
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTicks: string
}

export interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The absolute path of a program; throws and names the Debian package when it is missing. */
export function program(name: string, debianPackage = name): string {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      if (folder.startsWith('/')) return path
    } catch {
      // not in this folder
    }
  }
  throw new Error(`the lab needs ${name}: apt-get install --no-install-recommends ${debianPackage}`)
}

/** Starts a program that outlives this process; its output goes to `logFile`. */
export function launch(
  argv: readonly string[],
  logFile: string,
  env: NodeJS.ProcessEnv = process.env,
): RecordedProcess {
  const [file = '', ...args] = argv
  const log = openSync(logFile, 'a')
  try {
    const child = spawn(file, args, { detached: true, stdio: ['ignore', log, log], env })
    child.once('error', () => undefined)
    if (child.pid === undefined) throw new Error(`${file} did not start`)
    child.unref()
    return { pid: child.pid, startTicks: stat(child.pid)?.startTicks ?? '' }
  } finally {
    closeSync(log)
  }
}

/** Runs a program to its end. A non-zero exit is an answer, not an exception. */
export function run(
  argv: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; timeoutMs?: number } = {},
): Promise<Output> {
  const [file = '', ...args] = argv
  const limits = { timeout: options.timeoutMs ?? 30_000, maxBuffer: 16 * 1024 * 1024, killSignal: 'SIGKILL' as const }
  return new Promise((resolve, reject) => {
    execFile(file, args, { ...limits, env: options.env ?? process.env, cwd: options.cwd }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code === 'string') return reject(error)
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128
      resolve({ code, stdout, stderr })
    })
  })
}

/** Like {@link run}, and throws with the program's own words when it fails. */
export async function mustRun(argv: readonly string[], options: Parameters<typeof run>[1] = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options)
  if (code !== 0) throw new Error(`${argv.join(' ')} exited ${code}: ${stderr.trim() || stdout.trim()}`)
  return stdout
}

/**
 * True while the very process that was recorded lives. A zombie is dead, but not while other threads of it are still
 * ending: they hold its sockets open.
 */
export function isAlive(recorded: RecordedProcess): boolean {
  const now = stat(recorded.pid)
  if (now === null || (recorded.startTicks !== '' && now.startTicks !== recorded.startTicks)) return false
  return now.state !== 'Z' || threads(recorded.pid) > 1
}

function threads(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length
  } catch {
    // It has been reaped meanwhile.
    return 0
  }
}

/** Sends SIGTERM, then SIGKILL after the grace. Returns when the process is gone. */
export async function stop(recorded: RecordedProcess, graceMs = 3000): Promise<void> {
  if (!isAlive(recorded)) return
  signal(recorded, 'SIGTERM')
  try {
    await waitFor(`process ${recorded.pid} to end`, () => !isAlive(recorded), graceMs, 20)
  } catch {
    signal(recorded, 'SIGKILL')
    await waitFor(`process ${recorded.pid} to be killed`, () => !isAlive(recorded), 5000, 20)
  }
}

export function signal(recorded: RecordedProcess, name: NodeJS.Signals): void {
  if (!isAlive(recorded)) return
  try {
    process.kill(recorded.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** How the process was started. */
export function commandLine({ pid }: RecordedProcess): readonly string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
}

export function record(pid: number): RecordedProcess {
  return { pid, startTicks: stat(pid)?.startTicks ?? '' }
}

/** All living descendants of a process, nearest first; only those whose program name is `comm` where one is given. */
export function descendants(pid: number, comm?: string): RecordedProcess[] {
  const children = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => ({ pid: Number(entry), stat: stat(Number(entry)) }))
    .filter(({ stat }) => stat?.parent === pid && stat.comm === (comm ?? stat.comm) && stat.state !== 'Z')
  return children.flatMap((child) => [record(child.pid), ...descendants(child.pid, comm)])
}

/** Processor time that a process has used, in ticks of 10 ms; 0 when there is no such process. */
export function processorTicks(pid: number): number {
  return stat(pid)?.processorTicks ?? 0
}

interface Stat {
  readonly comm: string
  readonly state: string
  readonly parent: number
  readonly startTicks: string
  readonly processorTicks: number
}

function stat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const close = text.lastIndexOf(')')
    const fields = text.slice(close + 2).split(' ')
    const comm = text.slice(text.indexOf('(') + 1, close)
    const processorTicks = Number(fields[11]) + Number(fields[12])
    return { comm, state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '', processorTicks }
  } catch {
    return null
  }
}
