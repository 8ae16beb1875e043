import { readdirSync, readFileSync } from 'node:fs'

/**
 * Command lines of all living processes that a step's program began, whatever group, session or unit they went to. They
 * are known by their environment; `mark` is a variable of the caller's own, for other labs have steps of the same key.
 */
export function processesOfStep(key: string, mark: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const environment = read(`/proc/${pid}/environ`).split('\0')
      return environment.includes(`KAFKA_HEALING_KEY=${key}`) && environment.includes(mark)
    })
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
