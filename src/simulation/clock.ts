import type { Clock, Instant } from '../clock.ts'

/** Time that stands still while anything is done, and jumps to whatever comes next. */
export interface SimulatedClock extends Clock {
  /** Plans `work` for then; what is planned for the same moment is done in the order of planning. Returns what takes it back. */
  plan(at: Instant, work: () => void): () => void
  /** When the next of it is due; null: nothing is planned. */
  nextAt(): Instant | null
  /** Does what is due by now. False: nothing was. */
  fire(): boolean
  /** Jumps. What was planned for the time in between is left to {@link fire}. Never goes back. */
  moveTo(at: Instant): void
}

interface Planned {
  readonly at: Instant
  readonly order: number
  readonly work: () => void
}

export function simulatedClock(startsAt: Instant): SimulatedClock {
  let now = startsAt
  let order = 0
  /** The next one last, so that taking it costs nothing. */
  const planned: Planned[] = []

  /** Where in the list something of that time and order stands or belongs. */
  const placeOf = (at: Instant, order: number): number => {
    let [low, high] = [0, planned.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const one = planned[middle]
      if (one && (one.at > at || (one.at === at && one.order > order))) low = middle + 1
      else high = middle
    }
    return low
  }
  const plan = (at: Instant, work: () => void): (() => void) => {
    const one = { at, order: order++, work }
    planned.splice(placeOf(one.at, one.order), 0, one)
    return () => {
      const place = placeOf(one.at, one.order)
      if (planned[place] === one) planned.splice(place, 1)
    }
  }

  return {
    now: () => now,
    monotonic: () => now - startsAt,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const done = (): void => {
          takeBack()
          signal?.removeEventListener('abort', done)
          resolve()
        }
        const takeBack = plan(now + Math.max(0, Math.ceil(ms)), done)
        signal?.addEventListener('abort', done)
      }),
    plan,
    nextAt: () => planned.at(-1)?.at ?? null,
    fire() {
      let fired = false
      for (let next = planned.at(-1); next && next.at <= now; next = planned.at(-1)) {
        planned.pop()
        fired = true
        next.work()
      }
      return fired
    },
    moveTo(at) {
      now = Math.max(now, at)
    },
  }
}
