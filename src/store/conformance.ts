import { afterEach, describe } from 'vitest'
import { coreConformance } from './conformance/core.ts'
import type { OpenStore } from './conformance/fixtures.ts'
import { intakeConformance } from './conformance/intake.ts'
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
  })
}
