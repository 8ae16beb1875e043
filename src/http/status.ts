import { z } from 'zod'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { presentWindow } from './maintenance.ts'
import { present } from './present.ts'
import { DemotionAnswer, StormAnswer, Time, WindowAnswer } from './shapes.ts'

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
  storms: z.array(StormAnswer).nullable().describe('Storms that are not over; null while the store is away'),
  demotions: z
    .array(DemotionAnswer)
    .nullable()
    .describe('Rules that may only inform because they failed too often; null while the store is away'),
  maintenance: z
    .object({ current: z.array(WindowAnswer), next: WindowAnswer.nullable() })
    .nullable()
    .describe('Windows that last, and the one that begins next; null while the store is away'),
  reconcile: z
    .object({
      lastSureAt: Time.nullable().describe('Last poll by which an alert could have been called gone'),
      lastPoll: z
        .object({
          at: Time,
          doubt: z.string().nullable().describe('Why no alert can be called gone now'),
          adopted: z.int().describe('Alerts that no webhook brought'),
          gone: z.int().describe('Alerts that no Alertmanager shows any more'),
          alertmanagers: z.array(
            z.object({
              url: z.string(),
              problem: z.string().nullable(),
              startedAt: Time.nullable(),
              watchdog: z.boolean(),
            }),
          ),
        })
        .nullable(),
    })
    .nullable()
    .describe('What the Alertmanagers show; null when none is configured'),
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
