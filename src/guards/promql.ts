import { z } from 'zod'
import { TARGET_KINDS } from '../inventory/inventory.ts'
import type { PromSample } from '../probes/probe.ts'
import {
  answerTo,
  conditionParam,
  describeCondition,
  fillIn,
  meets,
  queryEvidence,
  queryParam,
} from '../probes/promql.ts'
import { defineWorldGuard } from './guard.ts'
import { onErrorParam, unevaluated } from './on-error.ts'

interface QueryFacts {
  readonly query: string
  readonly answer: readonly PromSample[] | string
}

/** A question of the user's own, in front of everything a runbook does. */
export const promqlGuard = defineWorldGuard({
  kind: 'world',
  type: 'promql',
  summary: 'Prometheus answers one question as wanted.',
  params: z.strictObject({ query: queryParam, pass_when: conditionParam, on_error: onErrorParam }),
  targets: TARGET_KINDS,
  always: false,
  async facts(wanted, _intent, { monitoring, target }): Promise<QueryFacts> {
    const query = fillIn(wanted.query, target)
    return { query, answer: await answerTo(query, monitoring) }
  },
  decide({ query, answer }, wanted, _intent, now) {
    const { met, shown, reason } = meets(wanted.pass_when, answer)
    const evidence = queryEvidence(query, shown, wanted.pass_when, now)
    if (met === null) return { guard: 'promql', ...unevaluated(wanted.on_error, reason), evidence }
    const said = `${query}: ${reason}, passes when ${describeCondition(wanted.pass_when)}`
    return { guard: 'promql', verdict: met ? 'pass' : 'refuse', reason: said, evidence }
  },
})
