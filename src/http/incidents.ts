import { z } from 'zod'
import { STATES } from '../incident/incident.ts'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { grant, type Wish } from './persons-wish.ts'
import { present } from './present.ts'
import { notFound, Problem, ProblemError } from './problem.ts'
import { cursor, given, incidentId, limit, listOf, name, pageOrProblem, words } from './query.ts'
import { IncidentAnswer, IncidentSummaryAnswer, pageOf } from './shapes.ts'

const Filters = z.strictObject({
  state: listOf(STATES).optional().describe('Some of them, separated by commas'),
  cluster: name.optional(),
  target: name.optional(),
  rule: name.optional(),
  limit,
  cursor: cursor.optional(),
})

const WishBody = z
  .strictObject({
    by: words('by').optional().describe('Who decides; the name of the credential when left out'),
    comment: words('comment').optional(),
  })
  .nullish()

const WishAnswer = z.object({
  id: z.int(),
  state: z.enum(STATES),
  reason: z.string(),
  detail: z.string(),
  owner: z.string().nullable(),
})

const WISHES: readonly { readonly wish: Wish; readonly summary: string }[] = [
  { wish: 'cancel', summary: 'End it without healing; a rung that runs is finished first' },
  { wish: 'retry', summary: 'Grant exactly one more attempt at the last rung; the guards run all the same' },
  { wish: 'take-over', summary: 'Take over: no further levels, reminders and attempts' },
]

export function incidentRoutes(app: App, deps: HttpDeps): void {
  const { store } = deps

  app.get(
    '/incidents',
    {
      schema: {
        summary: 'Incidents, newest first',
        tags: ['incidents'],
        security: SECURED,
        querystring: Filters,
        response: { 200: pageOf(IncidentSummaryAnswer), 400: Problem },
      },
    },
    async ({ query: { state, ...query } }) => {
      const page = await pageOrProblem(() => store.incidents(given({ ...query, states: state })))
      return { items: present(page.items), next: page.next }
    },
  )
  app.get(
    '/incidents/:id',
    {
      schema: {
        summary: 'The whole trace of one incident',
        description: 'What was seen, decided, done and told, why, and the plan it followed.',
        tags: ['incidents'],
        security: SECURED,
        params: incidentId,
        response: { 200: IncidentAnswer, 404: Problem },
      },
    },
    async ({ params }) => {
      const view = await store.incidentView(params.id)
      if (view === null) throw notFound(`incident ${params.id}`)
      return present(view)
    },
  )
  for (const { wish, summary } of WISHES) {
    app.post(
      `/incidents/:id/${wish}`,
      {
        schema: {
          summary,
          tags: ['incidents'],
          security: SECURED,
          params: incidentId,
          body: WishBody,
          response: { 200: WishAnswer, 404: Problem, 409: Problem },
        },
      },
      async (request) => {
        const { id } = request.params
        const by = request.body?.by ?? request.speaker ?? 'somebody through the API'
        const granted = await grant(deps, id, wish, by, request.body?.comment ?? 'no reason given')
        if (granted.kind === 'unknown') throw notFound(`incident ${id}`)
        if (granted.kind === 'nothing') throw new ProblemError(409, 'It changes nothing', granted.why)
        const { state, reason, detail, owner } = granted.moved.incident
        return { id, state, reason, detail, owner }
      },
    )
  }
}
