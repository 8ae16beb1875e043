import { systemClock } from '../../src/clock.ts'
import { PASSED } from '../../src/incident/summary.ts'
import { deliveryOf } from './broker-delivery.ts'
import type { HttpWorld } from './http.ts'
import { planOf } from './plan.ts'

/** One attempt for each broker, in their order, that failed for `reason` and printed `output`. */
export async function attempted(
  on: HttpWorld,
  brokers: readonly string[],
  output: string,
  reason = output,
): Promise<void> {
  await on.deliver(deliveryOf(brokers))
  await on.settle(planOf({ afterMs: 0 }))
  for (const broker of brokers) {
    const now = systemClock.now()
    let look = await on.store.claimLook('test', now, 60_000)
    while (look?.kind === 'probe') look = await on.store.claimLook('test', now, 60_000)
    if (look === null) throw new Error(`no look for broker ${broker}`)
    await on.store.guardsEvaluated(look, PASSED, [], null, now)
    const claimed = await on.store.claimAttempt('test', now, 60_000, () => ({ decision: PASSED, results: [] }))
    if (claimed === null || 'refused' in claimed) throw new Error(`no attempt for broker ${broker}`)
    await on.store.startStep(claimed, 1, now)
    await on.store.finishStep(claimed, 1, { outcome: 'failed', reason: output, exitCode: 1, output }, now)
    await on.store.finishAttempt(claimed, { outcome: 'failed', reason, changed: true }, now)
  }
}
