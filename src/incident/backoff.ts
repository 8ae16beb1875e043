import type { Backoff } from './plan.ts'

/**
 * Milliseconds until the next attempt after the n-th (counted from 1) has failed: `initial × multiplier^(n-1)`, at most
 * `max`, with up to a fifth more. The extra is derived from `key`, so that it is the same whenever it is asked for.
 */
export function backoffMs(backoff: Backoff, failed: number, key: string): number {
  const base = Math.min(backoff.maxMs, backoff.initialMs * backoff.multiplier ** Math.max(0, failed - 1))
  return Math.round(base * (1 + fraction(key) / 5))
}

/** How long to wait before evaluating guards again: 1, 2, 4 … at most 60 seconds (S-5.2). */
export function guardGapMs(refusals: number): number {
  return Math.min(60_000, 1_000 * 2 ** Math.min(6, Math.max(0, refusals - 1)))
}

/** So many looks in a row are a quarter of a second apart: most of what heals has healed by then. */
const QUICK_POLLS = 40

/** How long to wait before asking the probes again: 250 ms at first, then growing by a tenth, at most 5 s. */
export function pollGapMs(polls: number): number {
  return Math.min(5_000, Math.round(250 * 1.1 ** Math.min(Math.max(0, polls - QUICK_POLLS), 40)))
}

/** At most so long after a hold has ended for a whole cluster, in milliseconds (S-3.4). */
const RELEASE_JITTER_MS = 10_000

/** Spreads the incidents of one cluster when what held them all has ended (S-3.4), in milliseconds. */
export function releaseJitterMs(incident: number, cluster: string | null): number {
  return Math.round(RELEASE_JITTER_MS * fraction(`${cluster ?? ''}/${incident}`))
}

/** A number in [0, 1) that depends on nothing but the text (FNV-1a, 32 bit). */
export function fraction(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return (hash >>> 0) / 2 ** 32
}
