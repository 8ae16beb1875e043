import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { waitFor } from '../lab/wait.ts'

const root = join(import.meta.dirname, '../..')

/** A kafka-healing of its own, as a process. */
export interface Service {
  readonly url: string
  readonly pid: number
  readonly output: () => string
  get(path: string): Promise<unknown>
  text(path: string): Promise<string>
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>
  /** SIGTERM, and answers its exit code. */
  stop(): Promise<number | null>
}

export interface ServiceOptions {
  readonly config: string
  readonly listen?: string
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds until it must listen. */
  readonly deadlineMs?: number
}

/** Starts the service from its sources and waits until it prints where it listens. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const args = ['src/main.ts', 'serve', '--config', options.config, '--listen', options.listen ?? '127.0.0.1:0']
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const url = await waitFor(
    'kafka-healing to listen',
    () => {
      const at = /listening on (https?:\/\/[^\s"]+)/.exec(output)?.[1]
      if (at === undefined && child.exitCode !== null) return { ended: child.exitCode }
      return at
    },
    options.deadlineMs ?? 30_000,
  ).catch(async (error: unknown) => {
    await end(child, 'SIGKILL')
    throw new Error(`${String(error)}\n${output}`)
  })
  if (typeof url !== 'string') throw new Error(`kafka-healing ended with ${url.ended}:\n${output}`)
  return {
    url,
    pid: child.pid ?? -1,
    output: () => output,
    get: async (path) => {
      const answer = await fetch(url + path)
      if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
      return answer.json()
    },
    text: async (path) => (await fetch(url + path)).text(),
    post: (path, body, headers = {}) =>
      fetch(url + path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    kill: () => end(child, 'SIGKILL').then(() => undefined),
    stop: () => end(child, 'SIGTERM'),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
  return child.exitCode
}
