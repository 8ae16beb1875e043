import { z } from 'zod'
import type { App, HttpDeps } from './deps.ts'

export function metricsRoutes(app: App, { telemetry }: HttpDeps): void {
  app.get(
    '/metrics',
    { schema: { summary: 'Metrics for Prometheus', tags: ['operation'], response: { 200: z.string() } } },
    async (_request, reply) => reply.type(telemetry.contentType).send(await telemetry.metrics()),
  )
}
