import type { Clock } from '../clock.ts'

/**
 * Lets one line per key through in `everyMs`; Alertmanager repeats what was refused for ever. Answers how many were held
 * back since the last one let through, or null when this one is held back. Knows at most 1,000 keys at a time.
 */
export function sparingly(clock: Clock, everyMs: number): (key: string) => number | null {
  const seen = new Map<string, { at: number; heldBack: number }>()
  return (key) => {
    const now = clock.monotonic()
    const last = seen.get(key)
    if (last && now - last.at < everyMs) {
      last.heldBack += 1
      return null
    }
    if (!last && seen.size >= 1_000) seen.clear()
    seen.set(key, { at: now, heldBack: 0 })
    return last?.heldBack ?? 0
  }
}
