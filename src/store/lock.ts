import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { StoreInUseError, unavailable } from './errors.ts'

export interface Lock {
  release(): void
}

/**
 * Makes this process the only one on the database: an exclusive transaction on a second, empty database beside it, held
 * for as long as the process lives. The kernel drops it with the process, `kill -9` included, so it is never stale.
 * Throws {@link StoreInUseError} when another process holds it.
 */
export function lockFile(path: string): Lock {
  const pidFile = `${path}.pid`
  const lock = new Database(`${path}.lock`, { timeout: 0 })
  try {
    lock.pragma('locking_mode = exclusive')
    lock.exec('begin exclusive')
  } catch (error) {
    lock.close()
    if (unavailable(error)?.reason === 'busy') throw new StoreInUseError(path, readPid(pidFile), error)
    throw error
  }
  // Only a kindness to whoever is refused; a full disk must not keep us from starting.
  attempt(() => writeFileSync(pidFile, `${process.pid}\n`))
  return {
    release() {
      attempt(() => rmSync(pidFile, { force: true }))
      lock.close()
    },
  }
}

function attempt(work: () => void): void {
  try {
    work()
  } catch {
    // See above.
  }
}

function readPid(file: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    return Number.isInteger(pid) ? pid : null
  } catch {
    return null
  }
}
