import { z } from 'zod'
import { OUTCOMES } from '../incident/incident.ts'
import { SECURED } from './access.ts'
import { csv } from './csv.ts'
import type { App, HttpDeps } from './deps.ts'
import { present } from './present.ts'
import { Problem } from './problem.ts'
import { cursor, given, instantOf, limit, name, pageOrProblem, requireOrder, timeOrAgo } from './query.ts'
import { HistoryItemAnswer, pageOf } from './shapes.ts'

const Filters = z.strictObject({
  since: timeOrAgo.optional(),
  until: timeOrAgo.optional(),
  cluster: name.optional(),
  target: name.optional().describe('Key of the target, e.g. orders/broker/1'),
  rule: name.optional(),
  outcome: z
    .enum(OUTCOMES, { error: `expected one of ${OUTCOMES.join(', ')}` })
    .optional()
    .describe('How the incident of the attempt ended'),
  limit,
  cursor: cursor.optional(),
  format: z.enum(['json', 'csv'], { error: 'expected json or csv' }).optional().describe('Also by Accept: text/csv'),
})

const COLUMNS = Object.keys(HistoryItemAnswer.shape)

/** `GET /history`: attempts, newest first. */
export function historyRoutes(app: App, { store, clock }: HttpDeps): void {
  app.get(
    '/history',
    {
      schema: {
        summary: 'Attempts, newest first',
        tags: ['incidents'],
        security: SECURED,
        querystring: Filters,
        response: {
          200: {
            description: 'One page. As CSV the next page is in the Link header.',
            content: { 'application/json': { schema: pageOf(HistoryItemAnswer) }, 'text/csv': { schema: z.string() } },
          },
          400: Problem,
        },
      },
    },
    async (request, reply) => {
      const { format, ...query } = request.query
      const now = clock.now()
      const from = query.since === undefined ? undefined : instantOf(query.since, now)
      const to = query.until === undefined ? undefined : instantOf(query.until, now)
      requireOrder(from, to)
      const page = await pageOrProblem(() => store.history(given({ ...query, since: from, until: to })))
      const answer = { items: present(page.items), next: page.next }
      const asCsv = format === 'csv' || (format === undefined && (request.headers.accept ?? '').includes('text/csv'))
      if (!asCsv) return reply.send(answer)
      if (page.next !== null) {
        const next = new URL(request.url, 'http://localhost')
        next.searchParams.set('cursor', page.next)
        reply.header('link', `<${next.pathname}${next.search}>; rel="next"`)
      }
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="history.csv"')
        .header('x-content-type-options', 'nosniff')
        .send(csv(COLUMNS, answer.items))
    },
  )
}
