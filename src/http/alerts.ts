import { z } from 'zod'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { present } from './present.ts'
import { AlertAnswer } from './shapes.ts'

export function alertRoutes(app: App, { store }: HttpDeps): void {
  app.get(
    '/alerts',
    {
      schema: {
        summary: 'Alerts as last stated by Alertmanager',
        tags: ['alerts'],
        security: SECURED,
        querystring: z.strictObject({
          firing: z
            .enum(['true', 'false'], { error: 'expected true or false' })
            .default('false')
            .describe('Only those that fire'),
        }),
        response: { 200: z.object({ items: z.array(AlertAnswer) }) },
      },
    },
    async ({ query }) => ({ items: present(await store.alerts({ firingOnly: query.firing === 'true' })) }),
  )
}
