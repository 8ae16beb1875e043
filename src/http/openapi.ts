import { z } from 'zod'
import type { App } from './deps.ts'
import { docsPage } from './docs-page.ts'
import { sendPage } from './page.ts'

/** `GET /openapi.json`, made from the schemas that check requests and answers, and `GET /docs`, the same to read. */
export function openapiRoutes(app: App): void {
  app.get(
    '/openapi.json',
    {
      schema: {
        summary: 'This interface as OpenAPI 3.1',
        tags: ['about'],
        response: { 200: z.looseObject({ openapi: z.string() }) },
      },
    },
    async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger()) as never),
  )
  app.get(
    '/docs',
    { schema: { summary: 'This interface to read', tags: ['about'], response: { 200: z.string() } } },
    async (_request, reply) => sendPage(reply, 200, 'kafka-healing: HTTP interface', docsPage(app.swagger())),
  )
}
