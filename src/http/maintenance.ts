import { z } from 'zod'
import { formatMatcher } from '../alert/matcher.ts'
import type { Instant } from '../clock.ts'
import { compiled } from '../store/silence-matcher.ts'
import type { MaintenanceWindow } from '../store/store.ts'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { present } from './present.ts'
import { WindowAnswer } from './shapes.ts'

/** Maintenance windows as the configuration plans them; nothing is done to what one covers (S-3.4). */
export function maintenanceRoutes(app: App, { store, clock }: HttpDeps): void {
  app.get(
    '/maintenance',
    {
      schema: {
        summary: 'Maintenance windows: those that last, and those of the next 48 hours',
        tags: ['maintenance'],
        security: SECURED,
        response: { 200: z.object({ items: z.array(WindowAnswer) }) },
      },
    },
    async () => {
      const now = clock.now()
      return { items: (await store.windows(now)).map((window) => presentWindow(window, now)) }
    },
  )
}

export function presentWindow(window: MaintenanceWindow, now: Instant): z.infer<typeof WindowAnswer> {
  const { name, covers, startsAt, endsAt, comment } = window
  return {
    ...present({ name, startsAt, endsAt, comment }),
    state: startsAt <= now ? 'active' : 'pending',
    clusters: 'clusters' in covers ? [...covers.clusters] : [],
    targets: 'targets' in covers ? [...covers.targets] : [],
    matchers: 'matchers' in covers ? covers.matchers.map((matcher) => formatMatcher(compiled(matcher))) : [],
  }
}
