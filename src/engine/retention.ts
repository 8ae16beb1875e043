import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'

const EVERY_MS = 10 * 60_000
/** Rows a unit deletes: small, so that intake never waits behind it. */
const BATCH = 500

export interface RetentionDeps {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly policy: () => { readonly days: number; readonly maxBytes: number }
}

/** Forgets what is older than the policy allows, in small batches with room for others in between. */
export async function runRetention({ store, clock, log, signal, policy }: RetentionDeps): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(EVERY_MS, signal)
    let pruned = 0
    try {
      for (let batch = BATCH; batch >= BATCH && !signal.aborted; ) {
        const { days, maxBytes } = policy()
        batch = await store.prune(clock.now() - days * 86_400_000, maxBytes, BATCH)
        pruned += batch
        await clock.sleep(50, signal)
      }
    } catch (err) {
      log.warn({ err }, 'could not prune, will try again')
    }
    if (pruned > 0) log.info({ rows: pruned }, 'pruned')
  }
}
