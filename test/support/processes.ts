import { readdirSync, readFileSync } from 'node:fs'

/** Processes whose command line holds the words, in this order, one after another. */
export function processesWith(...words: readonly string[]): readonly number[] {
  const wanted = words.join('\0')
  return pids().filter((pid) => read(`/proc/${pid}/cmdline`).includes(wanted) && state(pid) !== 'Z')
}

/** All processes below one, children first found. */
export function descendants(pid: number): readonly number[] {
  const children = pids().filter((p) => parent(p) === pid)
  return children.flatMap((child) => [child, ...descendants(child)])
}

const pids = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid)

/** Fields after the command name, which may hold anything. */
const stat = (pid: number) =>
  read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
const state = (pid: number) => stat(pid)[0]
const parent = (pid: number) => Number(stat(pid)[1])

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
