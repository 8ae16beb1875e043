import { z } from 'zod'
import type { App, HttpDeps } from './deps.ts'
import { html } from './html.ts'
import { sendPage } from './page.ts'

const PLACES = [
  { path: '/incidents', what: 'Incidents, newest first; /incidents/<id> is the whole trace of one' },
  { path: '/history', what: 'Attempts, as JSON or CSV' },
  { path: '/alerts', what: 'Alerts as last stated by Alertmanager' },
  { path: '/silence', what: 'Silences' },
  { path: '/pause', what: 'Pauses in force' },
  { path: '/status', what: 'Revision in force, store, loops' },
  { path: '/metrics', what: 'Metrics for Prometheus' },
  { path: '/docs', what: 'How to use all of it' },
  { path: '/openapi.json', what: 'The same as OpenAPI' },
] as const

/** `GET /`: where things are, as a page for browsers and as JSON for everything else. */
export function landingRoutes(app: App, { version }: HttpDeps): void {
  app.get(
    '/',
    {
      schema: {
        summary: 'Where things are',
        tags: ['about'],
        response: {
          200: z.object({
            name: z.string(),
            version: z.string(),
            places: z.array(z.object({ path: z.string(), what: z.string() })),
          }),
        },
      },
    },
    async (request, reply) => {
      if (!(request.headers.accept ?? '').includes('text/html'))
        return reply.send({ name: 'kafka-healing', version, places: [...PLACES] })
      return sendPage(
        reply,
        200,
        'kafka-healing',
        html`<p>Version ${version}. Alertmanager delivers to <code>POST /webhook</code>.</p>
<table>${PLACES.map(({ path, what }) => html`<tr><td><a href="${path}">${path}</a></td><td>${what}</td></tr>`)}</table>`,
      )
    },
  )
}
