import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../lab/wait.ts'

/** What a process holds once its garbage is collected. Bytes and counts. */
export interface Held {
  readonly heapUsed: number
  readonly external: number
  readonly rss: number
  /** Timers, sockets and the like that keep it alive. */
  readonly handles: number
  readonly files: number
}

/** What a process must be started with to be asked. */
export function heapEnv(file: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'heap.mjs')}`, HEAP_FILE: file }
}

export async function heldBy(pid: number, file: string): Promise<Held> {
  rmSync(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  const text = await waitFor('the heap to be written down', () => readFileSync(file, 'utf8'), 20_000, 20)
  return { ...(JSON.parse(text) as Omit<Held, 'files'>), files: readdirSync(`/proc/${pid}/fd`).length }
}
