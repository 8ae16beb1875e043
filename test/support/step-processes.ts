import { readdirSync, readFileSync } from 'node:fs'

/** Command lines of all living processes that a step's program began, whatever group, session or unit they went to. */
export function processesOfStep(key: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).split('\0').includes(`KAFKA_HEALING_KEY=${key}`))
    .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()}`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // It ended meanwhile.
    return ''
  }
}
