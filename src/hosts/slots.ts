export interface Slots {
  take(): { readonly taken: Promise<void>; release(): void }
}

/** At most `count` holders at a time, first come first served; releasing before the turn gives the turn up. */
export function openSlots(count: number): Slots {
  const waiting: (() => void)[] = []
  let free = count
  const next = () => {
    if (free === 0) return
    const grant = waiting.shift()
    if (grant === undefined) return
    free--
    grant()
  }
  return {
    take() {
      const { promise, resolve } = Promise.withResolvers<void>()
      let state: 'waiting' | 'held' | 'over' = 'waiting'
      const grant = () => {
        state = 'held'
        resolve()
      }
      waiting.push(grant)
      next()
      return {
        taken: promise,
        release() {
          if (state === 'waiting') waiting.splice(waiting.indexOf(grant), 1)
          if (state === 'held') free++
          state = 'over'
          next()
        },
      }
    },
  }
}
