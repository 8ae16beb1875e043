import { systemClock } from '../../src/clock.ts'

/** Waits for a condition; rejects with what was waited for when it does not come true in time. A throw of the condition ends the wait. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number = 10_000,
): Promise<void> {
  const startedAt = systemClock.monotonic()
  while (!(await condition())) {
    if (systemClock.monotonic() - startedAt > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await systemClock.sleep(50)
  }
}
