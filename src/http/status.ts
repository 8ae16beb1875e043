import type { z } from 'zod'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { presentWindow } from './maintenance.ts'
import { present } from './present.ts'
import { StatusAnswer } from './shapes.ts'

/** `GET /status`: which revision is in force, how the store and the loops are. Answers while the store is away, too. */
export function statusRoutes(app: App, { status, store, clock, version }: HttpDeps): void {
  async function storeStatus(): Promise<z.infer<typeof StatusAnswer>['store']> {
    try {
      await store.ping(clock.now())
      const gauges = await store.gauges(clock.now())
      return { ...gauges, incidents: { ...gauges.incidents }, commits: true, problem: null }
    } catch (error) {
      const none = { inboxDepth: null, outboxDepth: null, outboxOldestMs: null, timersLate: null, failedMails: null }
      return { ...none, incidents: {}, commits: false, problem: error instanceof Error ? error.message : String(error) }
    }
  }

  async function stopped(): Promise<Pick<z.infer<typeof StatusAnswer>, 'storms' | 'demotions'>> {
    try {
      return present({ storms: await store.storms(), demotions: await store.demotions() })
    } catch {
      return { storms: null, demotions: null }
    }
  }

  async function maintenance(): Promise<z.infer<typeof StatusAnswer>['maintenance']> {
    try {
      const now = clock.now()
      const windows = (await store.windows(now)).map((window) => presentWindow(window, now))
      return {
        current: windows.filter(({ state }) => state === 'active'),
        next: windows.find(({ state }) => state === 'pending') ?? null,
      }
    } catch {
      return null
    }
  }

  app.get(
    '/status',
    {
      schema: {
        summary: 'Revision in force, store, loops',
        tags: ['operation'],
        security: SECURED,
        response: { 200: StatusAnswer },
      },
    },
    async () => ({
      version,
      node: process.version,
      ...present(status()),
      store: await storeStatus(),
      ...(await stopped()),
      maintenance: await maintenance(),
    }),
  )
}
