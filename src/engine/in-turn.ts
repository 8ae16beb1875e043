/**
 * Runs of `work` follow one another. Who asks while one is under way shares the next with all others who ask meanwhile: it
 * begins afterwards, so it sees whatever was there when they asked.
 */
export function inTurn<T>(work: () => Promise<T>): () => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  let next: Promise<T> | null = null
  return () => {
    if (next !== null) return next
    const begin = (): Promise<T> => {
      next = null
      return work()
    }
    next = last.then(begin, begin)
    last = next
    return next
  }
}
