import { z } from 'zod'
import { STATES } from '../incident/incident.ts'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { grant, type Wish } from './persons-wish.ts'
import { possible } from './possible.ts'
import { present } from './present.ts'
import { notFound, Problem, ProblemError } from './problem.ts'
import { cursor, given, incidentId, limit, listOf, name, pageOrProblem, words } from './query.ts'
import { IncidentAnswer, IncidentSummaryAnswer, pageOf, WishAnswer } from './shapes.ts'

const Filters = z.strictObject({
  state: listOf(STATES).optional().describe('Some of them, separated by commas'),
  cluster: name.optional(),
  target: name.optional(),
  rule: name.optional(),
  limit,
  cursor: cursor.optional(),
})

const wishFields = {
  by: words('by').optional().describe('Who decides; the name of the credential when left out'),
  comment: words('comment').optional(),
}
const WishBody = z.strictObject(wishFields).nullish()
const RetryBody = z
  .strictObject({ ...wishFields, replan: z.boolean().optional().describe('By the rule as it is in force now') })
  .nullish()
const ApproveBody = z.strictObject({ ...wishFields, request: z.int().min(1).describe('Which question is answered') })

const WISHES: readonly { readonly wish: Wish['wish'] & ('cancel' | 'take-over'); readonly summary: string }[] = [
  { wish: 'cancel', summary: 'End it without healing; a rung that runs is finished first' },
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
      const { incident } = view
      return {
        ...present(view),
        possible: possible(incident, deps.clock.now(), deps.planOf(incident.plan.rule)),
      }
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
      (request) => decided(request.params.id, { wish }, request.body, request.speaker),
    )
  }
  app.post(
    '/incidents/:id/retry',
    {
      schema: {
        summary: 'Grant exactly one more attempt at the last rung; the guards run all the same',
        description:
          'With `replan`, by the rule as it is in force now instead of the one frozen when the incident opened.',
        tags: ['incidents'],
        security: SECURED,
        params: incidentId,
        body: RetryBody,
        response: { 200: WishAnswer, 404: Problem, 409: Problem },
      },
    },
    async ({ params: { id }, body, speaker }) => {
      if (body?.replan !== true) return decided(id, { wish: 'retry' }, body, speaker)
      const view = await store.incidentView(id)
      if (view === null) throw notFound(`incident ${id}`)
      const { rule } = view.incident.plan
      const plan = deps.planOf(rule)
      if (plan === null) throw new ProblemError(409, 'It changes nothing', `there is no rule ${rule} any more`)
      return decided(id, { wish: 'retry', plan }, body, speaker)
    },
  )
  app.post(
    '/incidents/:id/approve',
    {
      schema: {
        summary: 'Approve what the incident asks for; the guards run again first',
        description: 'Lapses, as the request itself does. `request` is `incident.approval.request`.',
        tags: ['incidents'],
        security: SECURED,
        params: incidentId,
        body: ApproveBody,
        response: { 200: WishAnswer, 400: Problem, 404: Problem, 409: Problem },
      },
    },
    ({ params: { id }, body, speaker }) => decided(id, { wish: 'approve', request: body.request }, body, speaker),
  )

  async function decided(
    id: number,
    wish: Wish,
    body: z.output<typeof WishBody>,
    speaker: string | null | undefined,
  ): Promise<z.output<typeof WishAnswer>> {
    const by = body?.by ?? speaker ?? 'somebody through the API'
    const granted = await grant(deps, id, wish, by, body?.comment ?? 'no reason given')
    if (granted.kind === 'unknown') throw notFound(`incident ${id}`)
    if (granted.kind === 'nothing') throw new ProblemError(409, 'It changes nothing', granted.why)
    const { state, reason, detail, owner } = granted.moved.incident
    return { id, state, reason, detail, owner }
  }
}
