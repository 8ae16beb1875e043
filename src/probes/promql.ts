import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { Evidence, ProbeResult } from '../incident/verdict.ts'
import { TARGET_KINDS, type Target } from '../inventory/inventory.ts'
import { defineProbe, type Monitoring, type PromSample } from './probe.ts'
import { quoted } from './quoted.ts'

const OPERATORS = ['<', '<=', '==', '!=', '>=', '>'] as const
const COMPARE: Readonly<Record<(typeof OPERATORS)[number], (left: number, right: number) => boolean>> = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '>=': (left, right) => left >= right,
  '>': (left, right) => left > right,
}
const FIELDS = ['cluster', 'kind', 'name', 'host', 'rack'] as const

/** A field of the target, where a whole label matcher's value stands: `{instance=$target.host}`. */
const PLACE = new RegExp(`(!?=)\\s*\\$target\\.(${FIELDS.join('|')})(?![\\w.])`, 'g')

export const queryParam = z
  .string()
  .min(1)
  .refine((query) => !query.replace(PLACE, '$1').includes('$'), {
    message: `$target.<${FIELDS.join('|')}> stands for the whole value of a matcher (= or !=), without quotes; nothing else is filled in`,
  })
  .describe('An instant query; $target.name and the like stand for whole label values')

export const conditionParam = z
  .union([z.enum(['empty', 'nonempty']), z.strictObject({ op: z.enum(OPERATORS), value: z.number() })])
  .describe('What the answer must look like; a comparison must hold for every sample, of which there must be one')

const params = z.strictObject({ query: queryParam, healed_when: conditionParam })
type Params = z.infer<typeof params>

export const promql = defineProbe({
  type: 'promql',
  summary: 'Asks Prometheus one question about the target.',
  params,
  targets: TARGET_KINDS,
  async look(wanted, { monitoring, target, clock }) {
    const query = fillIn(wanted.query, target)
    return judge(wanted, query, await answerTo(query, monitoring), clock.now())
  },
})

/** The samples, or why there are none. */
export async function answerTo(query: string, { prometheus }: Monitoring): Promise<readonly PromSample[] | string> {
  if (!prometheus) return 'Prometheus is not configured'
  try {
    return await prometheus(query)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export function fillIn(query: string, target: Target): string {
  const values = { ...target, rack: target.rack ?? '' }
  return query.replace(
    PLACE,
    (_, operator: string, field: (typeof FIELDS)[number]) => `${operator}${quoted(values[field])}`,
  )
}

/** `seen` is the answer, or why there is none. */
export function judge(wanted: Params, query: string, seen: readonly PromSample[] | string, at: Instant): ProbeResult {
  const { met, shown, reason } = meets(wanted.healed_when, seen)
  const verdict = met === null ? 'unknown' : met ? 'healed' : 'broken'
  const said = met === null ? reason : `${reason}, healed when ${describeCondition(wanted.healed_when)}`
  return { probe: promql.type, verdict, reason: said, evidence: queryEvidence(query, shown, wanted.healed_when, at) }
}

export function queryEvidence(
  query: string,
  shown: string | number | null,
  condition: z.infer<typeof conditionParam>,
  at: Instant,
): readonly Evidence[] {
  return [
    { name: 'query', value: query, source: 'prometheus', at },
    { name: 'answer', value: shown, wanted: describeCondition(condition), source: 'prometheus', at },
  ]
}

export function describeCondition(condition: z.infer<typeof conditionParam>): string {
  return typeof condition === 'string' ? condition : `${condition.op} ${condition.value}`
}

/** Whether the answer is as wanted; `met` null: it cannot be told. */
export function meets(
  condition: z.infer<typeof conditionParam>,
  seen: readonly PromSample[] | string,
): { readonly met: boolean | null; readonly shown: string | number | null; readonly reason: string } {
  if (typeof seen === 'string') return { met: null, shown: null, reason: seen }
  if (typeof condition === 'string') {
    const met = (seen.length === 0) === (condition === 'empty')
    return { met, shown: seen.length, reason: `${seen.length} samples` }
  }
  const values = seen.map(({ value }) => value)
  const shown = values.slice(0, 20).join(', ')
  if (values.length === 0)
    return { met: null, shown: null, reason: `no sample to compare with ${describeCondition(condition)}` }
  if (values.some(Number.isNaN)) return { met: null, shown, reason: `a sample is not a number: ${shown}` }
  return { met: values.every((value) => COMPARE[condition.op](value, condition.value)), shown, reason: shown }
}
