import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { present } from './present.ts'
import { Problem, ProblemError } from './problem.ts'
import { ReloadAnswer } from './shapes.ts'

/** `POST /-/reload`: reads all files again; with anything wrong in them the last good configuration stays. */
export function reloadRoutes(app: App, { reload }: HttpDeps): void {
  app.post(
    '/-/reload',
    {
      schema: {
        summary: 'Read the configuration, inventory and rules again',
        tags: ['operation'],
        security: SECURED,
        response: { 200: ReloadAnswer, 422: Problem },
      },
    },
    async () => {
      const result = await reload()
      if (result.ok) {
        const { name: revision, ...rest } = result.revision
        const { applied, atNextStart } = result
        return present({ revision, ...rest, applied, atNextStart })
      }
      throw new ProblemError(
        422,
        'The configuration is not valid; the last good one stays in force',
        '',
        result.problems.map((problem) => ({ field: whereOf(problem), problem })),
      )
    },
  )
}

/** `file:line:column` at the beginning of a problem, where it has one. */
function whereOf(problem: string): string {
  return /^\S+?:\d+(?::\d+)?/.exec(problem)?.[0] ?? 'configuration'
}
