import { z } from 'zod'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { present } from './present.ts'
import { Time } from './shapes.ts'

const StatusAnswer = z.object({
  version: z.string(),
  node: z.string(),
  startedAt: Time,
  configuration: z.object({
    loaded: z.boolean(),
    revision: z.string().nullable(),
    loadedAt: Time.nullable(),
    lastReloadSuccessful: z.boolean(),
  }),
  store: z.object({
    commits: z.boolean(),
    problem: z.string().nullable(),
    inboxDepth: z.int().nullable(),
    outboxDepth: z.int().nullable(),
    outboxOldestMs: z.number().nullable(),
    timersLate: z.int().nullable(),
    failedMails: z.int().nullable(),
    incidents: z.record(z.string(), z.int()),
  }),
  loops: z.array(
    z.object({ name: z.string(), running: z.boolean(), lastRunAt: Time.nullable(), lastError: z.string().nullable() }),
  ),
})

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
    async () => ({ version, node: process.version, ...present(status()), store: await storeStatus() }),
  )
}
