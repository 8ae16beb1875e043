import type { Clock } from '../clock.ts'

/** Lets a loop sleep until its next due time, or until somebody has work for it. */
export class Wake {
  #pending = false
  #resolve: (() => void) | null = null

  wake(): void {
    this.#pending = true
    this.#resolve?.()
  }

  /** Returns at once when woken since the last wait. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#pending && ms > 0) {
      const sleep = new AbortController()
      const woken = new Promise<void>((resolve) => {
        this.#resolve = resolve
      })
      await Promise.race([woken, clock.sleep(ms, AbortSignal.any([sleep.signal, signal]))])
      sleep.abort()
      this.#resolve = null
    }
    this.#pending = false
  }
}
