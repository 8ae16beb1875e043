import { afterEach, describe } from 'vitest'
import { attemptConformance } from './conformance/attempts.ts'
import { breakerConformance } from './conformance/breaker.ts'
import { coreConformance } from './conformance/core.ts'
import type { OpenStore } from './conformance/fixtures.ts'
import { graduationConformance } from './conformance/graduation.ts'
import { holdingConformance } from './conformance/holding.ts'
import { intakeConformance } from './conformance/intake.ts'
import { lookingBackConformance } from './conformance/looking-back.ts'
import { reconcilingConformance } from './conformance/reconciling.ts'
import { revisionConformance } from './conformance/revisions.ts'
import { stormConformance } from './conformance/storms.ts'
import { tellingConformance } from './conformance/telling.ts'
import { tracingConformance } from './conformance/tracing.ts'
import type { Store } from './store.ts'

/** Every promise of the Store port, for any implementation. `open` gives an empty store each time. */
export function storeConformance(name: string, open: OpenStore): void {
  describe(name, () => {
    const opened: Store[] = []
    const fresh = async (): Promise<Store> => {
      const store = await open()
      opened.push(store)
      return store
    }
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close()
    })
    intakeConformance(fresh)
    coreConformance(fresh)
    attemptConformance(fresh)
    tellingConformance(fresh)
    holdingConformance(fresh)
    stormConformance(fresh)
    breakerConformance(fresh)
    graduationConformance(fresh)
    lookingBackConformance(fresh)
    revisionConformance(fresh)
    tracingConformance(fresh)
    reconcilingConformance(fresh)
  })
}
