import { z } from 'zod'
import { formatMatcher, matchesEverything } from '../alert/matcher.ts'
import { parseTimestamp } from '../alert/payload.ts'
import type { Instant } from '../clock.ts'
import { operatorOf, toSilenceMatcher } from '../store/silence-matcher.ts'
import type { NewSilence, Silence } from '../store/store.ts'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { parseMatchers } from './matcher-list.ts'
import { present } from './present.ts'
import { invalid, notFound, Problem } from './problem.ts'
import { duration, durationOf, listOf, time, words } from './query.ts'
import { SilenceAnswer } from './shapes.ts'

const NewSilenceBody = z.strictObject({
  matchers: z
    .union([z.string(), z.array(z.string()).max(100)], {
      error: 'expected a list such as ["alertname=\\"X\\""], or one text such as {alertname="X"}',
    })
    .describe('Alertmanager matcher syntax; all must hold'),
  author: words('author'),
  comment: words('comment'),
  start: time.optional().describe('RFC 3339; now when left out'),
  end: time.optional().describe('RFC 3339; either this or duration'),
  duration: duration.optional(),
  all: z.boolean().default(false).describe('Must be true for a silence that covers (nearly) every alert'),
})

const SilenceId = z.strictObject({ id: z.string().min(1).max(100) })
const STATES = ['pending', 'active', 'expired'] as const

/** Silences of our own: they stop new attempts and every clock of the incidents they cover, never an attempt under way (S-3.4). */
export function silenceRoutes(app: App, { store, clock, log, wake }: HttpDeps): void {
  const answer = (silence: Silence) => presentSilence(silence, clock.now())

  async function expire(id: string) {
    const expired = await store.expireSilence(id, clock.now())
    const silence = expired ?? (await store.silence(id))
    if (silence === null) throw notFound(`silence ${id}`)
    if (expired !== null) log.info({ silence: id }, 'silence ended by hand')
    wake()
    return answer(silence)
  }

  app.get(
    '/silence',
    {
      schema: {
        summary: 'List silences',
        tags: ['silences'],
        security: SECURED,
        querystring: z.strictObject({ state: listOf(STATES).optional() }),
        response: { 200: z.object({ items: z.array(SilenceAnswer) }) },
      },
    },
    async ({ query }) => {
      const items = (await store.silences()).map(answer)
      return { items: items.filter(({ state }) => query.state === undefined || query.state.includes(state)) }
    },
  )
  app.get(
    '/silence/:id',
    {
      schema: {
        summary: 'One silence',
        tags: ['silences'],
        security: SECURED,
        params: SilenceId,
        response: { 200: SilenceAnswer, 404: Problem },
      },
    },
    async ({ params }) => {
      const silence = await store.silence(params.id)
      if (silence === null) throw notFound(`silence ${params.id}`)
      return answer(silence)
    },
  )
  app.post(
    '/silence',
    {
      schema: {
        summary: 'Create a silence',
        tags: ['silences'],
        security: SECURED,
        body: NewSilenceBody,
        response: { 201: SilenceAnswer, 400: Problem },
      },
    },
    async ({ body }, reply) => {
      const silence = await store.createSilence(newSilence(body, clock.now()), clock.now())
      log.info({ silence: silence.id, author: silence.author }, 'silence created')
      wake()
      return reply.code(201).header('location', `/silence/${silence.id}`).send(answer(silence))
    },
  )
  app.delete(
    '/silence/:id',
    {
      schema: {
        summary: 'End a silence',
        tags: ['silences'],
        security: SECURED,
        params: SilenceId,
        response: { 200: SilenceAnswer, 404: Problem },
      },
    },
    ({ params }) => expire(params.id),
  )
  app.delete(
    '/silence',
    {
      schema: {
        summary: 'End a silence',
        tags: ['silences'],
        security: SECURED,
        querystring: SilenceId,
        response: { 200: SilenceAnswer, 404: Problem },
      },
    },
    ({ query }) => expire(query.id),
  )
}

function newSilence(body: z.infer<typeof NewSilenceBody>, now: Instant): NewSilence {
  const matchers = parseMatchers(body.matchers)
  const problems = 'problems' in matchers ? [...matchers.problems] : []
  if ('ok' in matchers && matchesEverything(matchers.ok) && !body.all) {
    problems.push({
      field: 'matchers',
      problem: 'would silence (nearly) every alert; narrow it down, or say so with "all": true',
    })
  }
  const startsAt = (body.start === undefined ? null : parseTimestamp(body.start)) ?? now
  const end = body.end === undefined ? null : parseTimestamp(body.end)
  if ((body.end === undefined) === (body.duration === undefined)) {
    problems.push({ field: 'duration', problem: 'give either end or duration' })
  }
  const endsAt = end ?? startsAt + durationOf(body.duration ?? '0')
  if (problems.length === 0 && endsAt <= Math.max(startsAt, now)) {
    problems.push({
      field: body.end === undefined ? 'start' : 'end',
      problem: 'it would be over before it begins; the end must lie after the start and ahead of now',
    })
  }
  if ('problems' in matchers || problems.length > 0) throw invalid(...problems)
  return { matchers: matchers.ok.map(toSilenceMatcher), startsAt, endsAt, author: body.author, comment: body.comment }
}

function presentSilence(silence: Silence, now: Instant): z.infer<typeof SilenceAnswer> {
  return {
    ...present(silence),
    matchers: silence.matchers.map((matcher) =>
      formatMatcher({ ...matcher, operator: operatorOf(matcher), test: () => false }),
    ),
    state: now >= silence.endsAt ? 'expired' : now >= silence.startsAt ? 'active' : 'pending',
  }
}
