import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Debian's libfaketime: shifts the wall clock of one process by what a file says, and leaves the monotonic one alone. */
const LIBRARY = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`

export interface ShiftedClock {
  /** For the process whose clock is shifted. */
  readonly env: Readonly<Record<string, string>>
  /** Seconds by which its wall clock is off from now on. */
  shift(seconds: number): void
}

export function shiftedClock(folder: string): ShiftedClock {
  if (!existsSync(LIBRARY)) throw new Error(`${LIBRARY} is missing: apt-get install faketime`)
  const file = join(folder, 'clock')
  const shift = (seconds: number): void => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  shift(0)
  return {
    env: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    shift,
  }
}
