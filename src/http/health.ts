import { z } from 'zod'
import type { App, HttpDeps } from './deps.ts'

/** One commit serves all who ask within this time. */
const PING_FOR_MS = 1_000

/** `/-/healthy`: the process answers. `/-/ready`: a configuration is in force and the store commits. */
export function healthRoutes(app: App, { store, clock, status, telemetry }: HttpDeps): void {
  let checkedAt = Number.NEGATIVE_INFINITY
  let failure: string | null = null

  async function storeFailure(): Promise<string | null> {
    if (clock.monotonic() - checkedAt < PING_FOR_MS) return failure
    checkedAt = clock.monotonic()
    try {
      await store.ping(clock.now())
      failure = null
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error)
      telemetry.storeFailed('ping')
    }
    return failure
  }

  app.get(
    '/-/healthy',
    { schema: { summary: 'The process answers', tags: ['operation'], response: { 200: z.string() } } },
    async (_request, reply) => reply.type('text/plain; charset=utf-8').send('healthy\n'),
  )
  app.get(
    '/-/ready',
    {
      schema: {
        summary: 'A configuration is in force and the store commits',
        tags: ['operation'],
        response: { 200: z.string(), 503: z.string() },
      },
    },
    async (_request, reply) => {
      const why = status().configuration.loaded ? await storeFailure() : 'no configuration is loaded'
      return reply
        .code(why === null ? 200 : 503)
        .type('text/plain; charset=utf-8')
        .send(why === null ? 'ready\n' : `not ready: ${why}\n`)
    },
  )
}
