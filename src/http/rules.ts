import { z } from 'zod'
import type { Instant } from '../clock.ts'
import { type ClusterTally, tally } from '../engine/tally.ts'
import type { Mode, Plan } from '../incident/plan.ts'
import { reportOf } from '../rules/report.ts'
import { suggest } from '../rules/suggest.ts'
import type { Demotion } from '../store/store.ts'
import { SECURED } from './access.ts'
import type { App, HttpDeps } from './deps.ts'
import { present } from './present.ts'
import { invalid, notFound, Problem } from './problem.ts'
import { instantOf, name, timeOrAgo } from './query.ts'
import { RuleAnswer, RulesAnswer } from './rule-shapes.ts'

const Window = z.strictObject({ since: timeOrAgo.default('30d') })

/** `GET /rules`, `GET /rules/:name`: the rules in force, what they did, and the mode they have earned. */
export function ruleRoutes(app: App, { store, clock, known, planOf }: HttpDeps): void {
  /** Refuses a window that has not begun. */
  function windowOf({ since }: z.infer<typeof Window>): { readonly since: Instant; readonly until: Instant } {
    const until = clock.now()
    const from = instantOf(since, until)
    if (from > until) throw invalid({ field: 'since', problem: 'lies ahead' })
    return { since: from, until }
  }

  async function rules(since: Instant, name: string | null): Promise<readonly RuleInForce[]> {
    const { rules, clusters } = known()
    const demotions = await store.demotions()
    const tallies = await tally(store, since, name)
    return rules.flatMap((rule, index) => {
      const plan = name === null || name === rule ? planOf(rule) : null
      if (plan === null) return []
      const of = (one: { readonly rule: string }) => one.rule === rule
      return [ruleInForce({ plan, order: index + 1, clusters, demotions: demotions.filter(of) }, tallies.filter(of))]
    })
  }

  app.get(
    '/rules',
    {
      schema: {
        summary: 'Rules in force, what they did, and which mode they have earned',
        tags: ['rules'],
        security: SECURED,
        querystring: Window,
        response: { 200: RulesAnswer, 400: Problem },
      },
    },
    async ({ query }) => {
      const window = windowOf(query)
      return { ...present(window), items: present(await rules(window.since, null)) }
    },
  )
  app.get(
    '/rules/:name',
    {
      schema: {
        summary: 'One rule, what it did, and which mode it has earned',
        tags: ['rules'],
        security: SECURED,
        params: z.object({ name }),
        querystring: Window,
        response: { 200: RulesAnswer.omit({ items: true }).extend(RuleAnswer.shape), 400: Problem, 404: Problem },
      },
    },
    async ({ params, query }) => {
      const window = windowOf(query)
      const [rule] = await rules(window.since, params.name)
      if (!rule) throw notFound(`rule ${params.name} in force; \`kafka-healing rules\` (GET /rules) lists them`)
      return { ...present(window), ...present(rule) }
    },
  )
}

interface Standing {
  readonly plan: Plan
  readonly order: number
  readonly clusters: readonly string[]
  readonly demotions: readonly Demotion[]
}

type RuleInForce = ReturnType<typeof ruleInForce>

function ruleInForce({ plan, order, clusters, demotions }: Standing, tallies: readonly ClusterTally[]) {
  const { mode, rule, rank, revision, runbook } = plan
  const report = reportOf(tallies)
  const modeIn = (cluster: string | null): Mode =>
    demotions.some((one) => one.cluster === cluster && one.target === null) ? 'inform' : mode
  const everywhere = clusters.length > 0 && clusters.every((cluster) => modeIn(cluster) === 'inform')
  return {
    name: rule,
    order,
    mode,
    effectiveMode: everywhere ? 'inform' : mode,
    demotions,
    rank,
    runbook: runbook.name,
    revision,
    report,
    clusters: tallies.map((one) => ({
      cluster: one.cluster,
      effectiveMode: modeIn(one.cluster),
      report: reportOf([one]),
    })),
    suggestion: suggest(
      mode,
      report,
      demotions.map(({ target, cluster }) => target ?? `cluster ${cluster}`),
    ),
  }
}
