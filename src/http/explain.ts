import { z } from 'zod'
import { fingerprintOf } from '../alert/fingerprint.ts'
import type { Matcher } from '../alert/matcher.ts'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { explainAlert, explainIncident, explainLabels } from './explain/explain.ts'
import { matching } from './explain/matching.ts'
import { AlertExplanation, AlertExplanations, IncidentExplanation } from './explain/shapes.ts'
import { parseMatchers, splitMatchers } from './matcher-list.ts'
import { invalid, notFound, Problem } from './problem.ts'
import { incidentId, name } from './query.ts'

/** Alerts that one answer explains; matchers may cover thousands. */
const MOST_ALERTS = 10
const MOST_LABELS = 200
const MOST_MATCHERS = 100
/** Each is tried on every known alert, and takes some twenty times as long as a comparison. */
const MOST_PATTERNS = 10
const LONGEST_VALUE = 4_000

const Labels = z
  .record(z.string().min(1).max(LONGEST_VALUE), z.string().max(LONGEST_VALUE))
  .refine((labels) => Object.keys(labels).length <= MOST_LABELS, { error: `at most ${MOST_LABELS} labels` })

const Body = z.union([
  z.strictObject({ labels: Labels.describe('All labels of the alert, known or not') }),
  z.strictObject({
    matchers: z
      .union([z.string(), z.array(z.string()).max(MOST_MATCHERS)])
      .describe(
        `In Alertmanager matcher syntax, at most ${MOST_PATTERNS} with patterns; explains the alerts that are known and match`,
      ),
  }),
])

/** Why it acted, and why it did not: for an incident, for an alert, for labels of an alert that never came. */
export function explainRoutes(app: App, deps: HttpDeps): void {
  app.get(
    '/incidents/:id/explain',
    {
      schema: {
        summary: 'Why an incident stands where it stands',
        description:
          'One sentence, what happened in order of time, each decision with its values, what comes next, and what the rules make of its alerts.',
        tags: ['incidents'],
        security: SECURED,
        params: incidentId,
        response: { 200: IncidentExplanation, 404: Problem },
      },
    },
    async ({ params: { id } }) => {
      const explanation = await explainIncident(id, deps)
      if (explanation === null) throw notFound(`incident ${id}`)
      return explanation
    },
  )
  app.get(
    '/alerts/:fingerprint/explain',
    {
      schema: {
        summary: 'What became of an alert',
        description:
          'Each rule tried and which matcher failed, what the labels name, and the incidents it is or was in.',
        tags: ['alerts'],
        security: SECURED,
        params: z.object({ fingerprint: name }),
        response: { 200: AlertExplanation, 404: Problem },
      },
    },
    async ({ params: { fingerprint } }) => {
      const explanation = await explainAlert(fingerprint, deps)
      if (explanation === null) throw notFound(`alert ${fingerprint}`)
      return explanation
    },
  )
  app.post(
    '/explain',
    {
      schema: {
        summary: 'What becomes of alerts with these labels',
        description:
          'With `labels` one alert, whether it ever came or not. With `matchers` those that are known, firing ones first. Changes nothing.',
        tags: ['alerts'],
        security: SECURED,
        body: Body,
        response: { 200: AlertExplanations, 400: Problem },
      },
    },
    async ({ body }) => {
      if ('matchers' in body) return explainMatching(matchersOf(body.matchers), deps)
      const { labels } = body
      return { items: [await explainLabels({ labels, fingerprint: fingerprintOf(labels) }, deps)], more: 0 }
    },
  )
}

function matchersOf(written: string | readonly string[]): readonly Matcher[] {
  const list = typeof written === 'string' ? splitMatchers(written) : written
  if (list.length > MOST_MATCHERS) throw tooMany(`matchers, at most ${MOST_MATCHERS} may be asked for`, list.length)
  const parsed = parseMatchers(list)
  if ('problems' in parsed) throw invalid(...parsed.problems)
  const patterns = parsed.ok.filter(({ operator }) => operator === '=~' || operator === '!~').length
  if (patterns > MOST_PATTERNS) throw tooMany(`patterns (=~ and !~), at most ${MOST_PATTERNS} may be tried`, patterns)
  return parsed.ok
}

function tooMany(what: string, count: number): Error {
  return invalid({ field: 'matchers', problem: `there are ${count} ${what}` })
}

/** Where no alert matches, matchers that say what each label is are labels of one that may come. */
async function explainMatching(matchers: readonly Matcher[], deps: HttpDeps): Promise<AlertExplanations> {
  const all = await deps.store.alerts({ firingOnly: false })
  const known = (await matching(all, matchers)).toSorted(
    (a, b) => Number(b.status === 'firing') - Number(a.status === 'firing') || b.seenAt - a.seenAt,
  )
  if (known.length === 0 && matchers.every(({ operator }) => operator === '=')) {
    const labels = Object.fromEntries(matchers.map(({ name: label, value }) => [label, value]))
    return { items: [await explainLabels({ labels, fingerprint: fingerprintOf(labels) }, deps)], more: 0 }
  }
  const found = await Promise.all(known.slice(0, MOST_ALERTS).map(({ fingerprint }) => explainAlert(fingerprint, deps)))
  return { items: found.flatMap((one) => (one ? [one] : [])), more: Math.max(0, known.length - MOST_ALERTS) }
}
