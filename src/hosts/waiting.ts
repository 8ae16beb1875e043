import type { Clock } from '../clock.ts'

/** What `within` gives when the time is up first. */
export const LATE = Symbol('late')

/** The promise's value, or LATE after `ms` milliseconds. The promise goes on; its rejection is the caller's if it comes in time. */
export async function within<T>(clock: Clock, ms: number, promise: Promise<T>): Promise<T | typeof LATE> {
  const stop = new AbortController()
  try {
    return await Promise.race([promise, clock.sleep(Math.max(0, ms), stop.signal).then((): typeof LATE => LATE)])
  } finally {
    stop.abort()
  }
}

/** Resolves when the signal aborts; never when there is none. */
export function aborted(signal: AbortSignal | undefined): { readonly promise: Promise<void>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal?.aborted === true) resolve()
  const onAbort = () => resolve()
  signal?.addEventListener('abort', onAbort)
  return { promise, release: () => signal?.removeEventListener('abort', onAbort) }
}
