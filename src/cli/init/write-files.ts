import { existsSync, linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { InitFile } from './files.ts'

/** Files that are there and are in the way. */
export function inTheWay(folder: string, files: readonly InitFile[]): readonly string[] {
  return files.filter(({ path, keep }) => keep !== true && existsSync(join(folder, path))).map(({ path }) => path)
}

/** Those that are not to be written because they are there already. */
export function kept(folder: string, files: readonly InitFile[]): readonly string[] {
  return files.filter(({ path, keep }) => keep === true && existsSync(join(folder, path))).map(({ path }) => path)
}

/** Writes all files or, when one of them cannot be written, leaves everything as it was and throws. */
export function writeFiles(folder: string, files: readonly InitFile[], force: boolean): void {
  const undo: (() => void)[] = []
  const settle: (() => void)[] = []
  const replaced: string[] = []
  try {
    for (const { path, text, secret } of files) {
      const target = join(folder, path)
      const made = mkdirSync(dirname(target), { recursive: true, mode: secret ? 0o700 : 0o777 })
      if (made !== undefined) undo.push(() => rmSync(made, { recursive: true }))
      const [fresh, old] = [`${target}.init-new`, `${target}.init-old`]
      undo.push(() => rmSync(fresh, { force: true }))
      // One that was left or put there has another mode, or leads elsewhere.
      rmSync(fresh, { force: true })
      writeFileSync(fresh, text, { mode: secret ? 0o600 : 0o666, flag: 'wx' })
      settle.push(() => {
        if (force && existsSync(target)) {
          replace(target, fresh, old, undo)
          replaced.push(old)
          return
        }
        // Unlike a rename it never takes the place of what somebody has put there meanwhile.
        linkSync(fresh, target)
        undo.push(() => rmSync(target))
      })
    }
    for (const place of settle) place()
  } catch (error) {
    for (const step of undo.toReversed()) step()
    throw error
  }
  for (const { path } of files) rmSync(join(folder, `${path}.init-new`), { force: true })
  for (const old of replaced) rmSync(old)
}

/** At every moment one of both is there, also when we are killed in between; `old` keeps what is replaced. */
function replace(target: string, fresh: string, old: string, undo: (() => void)[]): void {
  if (existsSync(old))
    throw new Error(`${old} is there: what ${target} was before an init that was cut off; move it away or remove it`)
  linkSync(target, old)
  undo.push(() => {
    renameSync(old, target)
    // A rename onto itself leaves both.
    rmSync(old, { force: true })
  })
  renameSync(fresh, target)
}
