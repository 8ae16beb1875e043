/** A point in time: whole milliseconds since the Unix epoch, UTC. Field names that hold one end in `At`. */
export type Instant = number

/** The only way to the time. Production uses {@link systemClock}; simulations and tests bring their own. */
export interface Clock {
  /** Wall time. May jump; durable due times are compared with it. */
  now(): Instant
  /** Milliseconds that never step back; deadlines of running work are measured with it. */
  monotonic(): number
  /** Resolves after `ms` milliseconds, or at once (without throwing) when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done)
    }),
}

/** The instant as people and APIs read it, e.g. `2026-11-21T08:49:33.649Z`. */
export function iso(at: Instant): string {
  return new Date(at).toISOString()
}
