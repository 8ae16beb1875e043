import { setTimeout as pause } from 'node:timers/promises'

/** Asks `look` every `everyMs` until it answers something other than undefined, null or false; throws at the deadline. */
export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
  deadlineMs = 10_000,
  everyMs = 50,
): Promise<Exclude<T, undefined | null | false>> {
  const end = performance.now() + deadlineMs
  let last = 'no answer'
  for (;;) {
    try {
      const seen = await look()
      if (seen !== undefined && seen !== null && seen !== false) return seen as Exclude<T, undefined | null | false>
      last = String(seen)
    } catch (error) {
      last = error instanceof Error ? error.message : String(error)
    }
    if (performance.now() >= end) throw new Error(`waited ${deadlineMs} ms for ${what}; last seen: ${last}`)
    await pause(everyMs)
  }
}
