import { z } from 'zod'
import { SECURED } from './access.ts'
import type { App, HttpDeps, KnownNames } from './deps.ts'
import { present } from './present.ts'
import { invalid, Problem, ProblemError } from './problem.ts'
import { duration, durationOf, words } from './query.ts'
import { PauseAnswer, ResumeAnswer } from './shapes.ts'

/** S-3.5: a pause has an end. */
const DEFAULT_PAUSE = '4h'
const LONGEST_PAUSE_MS = 7 * 86_400_000

const scope = z
  .string({ error: 'scope is missing; one of all, cluster:<name>, target:<key>, rule:<name>' })
  .max(300)
  .regex(/^(?:all|(?:cluster|target|rule):.+)$/, { error: 'expected all, cluster:<name>, target:<key> or rule:<name>' })
  .describe('all, cluster:<name>, target:<key> or rule:<name>')

const PauseBody = z.strictObject({
  scope,
  duration: duration
    .default(DEFAULT_PAUSE)
    .refine((text) => durationOf(text) <= LONGEST_PAUSE_MS, { error: 'at most 7d' })
    .describe('At most 7d'),
  author: words('author'),
  comment: words('comment'),
})

const ResumeBody = z.strictObject({ scope, by: words('by') })

/** Pauses stop new attempts and every clock of what they cover (S-3.4, S-3.5). Resume also frees a suspended target (S-4.10), lifts demotions (S-5.11), and lets starts go on in a storm (S-5.9). */
export function holdRoutes(app: App, { store, clock, log, known, wake }: HttpDeps): void {
  app.get(
    '/pause',
    {
      schema: {
        summary: 'Pauses in force',
        tags: ['pauses'],
        security: SECURED,
        response: { 200: z.object({ items: z.array(PauseAnswer) }) },
      },
    },
    async () => ({ items: present(await store.pauses(clock.now())) }),
  )
  app.post(
    '/pause',
    {
      schema: {
        summary: 'Pause healing',
        tags: ['pauses'],
        security: SECURED,
        body: PauseBody,
        response: { 201: PauseAnswer, 400: Problem },
      },
    },
    async ({ body }, reply) => {
      const unknown = unknownScope(body.scope, known())
      if (unknown !== null) throw invalid({ field: 'scope', problem: unknown })
      const now = clock.now()
      const { scope, author, comment } = body
      const pause = await store.createPause({ scope, author, comment, endsAt: now + durationOf(body.duration) }, now)
      log.warn({ pause: pause.id, scope, author, comment }, 'healing paused')
      wake()
      return reply.code(201).send(present(pause))
    },
  )
  app.post(
    '/resume',
    {
      schema: {
        summary: 'End the pauses of a scope, and let what failed too often act again',
        tags: ['pauses'],
        security: SECURED,
        body: ResumeBody,
        response: {
          200: ResumeAnswer,
          409: Problem,
        },
      },
    },
    async ({ body: { scope, by } }) => {
      const now = clock.now()
      const ended = await store.endPause(scope, by, now)
      const resumed = scope.startsWith('target:') && (await store.resumeTarget(scope.slice('target:'.length), by, now))
      const { demotions, starts } = await store.resumeScope(scope, by, now)
      if (ended.length === 0 && !resumed && demotions.length === 0 && !starts) {
        const inForce = (await store.pauses(now)).map((pause) => pause.scope)
        throw new ProblemError(
          409,
          'It changes nothing',
          `nothing is paused, suspended or demoted by ${scope}; paused are: ${inForce.join(', ') || 'none'}`,
        )
      }
      log.warn({ scope, by, ended: ended.length, resumed, demotions: demotions.length, starts }, 'healing resumed')
      wake()
      return { ended: present(ended), resumed, demotions: present(demotions), starts }
    },
  )
}

/** A pause of something misspelt would pause nothing. */
function unknownScope(scope: string, known: KnownNames): string | null {
  const [kind, ...rest] = scope.split(':')
  const name = rest.join(':')
  const names =
    kind === 'cluster' ? known.clusters : kind === 'target' ? known.targets : kind === 'rule' ? known.rules : null
  if (names === null || names.includes(name)) return null
  const shown = names.slice(0, 20).join(', ')
  return `there is no ${kind} ${JSON.stringify(name)}; there are: ${shown === '' ? 'none' : shown}`
}
