import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { ProbeResult } from '../incident/verdict.ts'
import { TARGET_KINDS, type Target } from '../inventory/inventory.ts'
import { quoted } from './monitoring.ts'
import { defineProbe, type PromSample } from './probe.ts'

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

const params = z.strictObject({
  query: z
    .string()
    .min(1)
    .refine((query) => !query.replace(PLACE, '$1').includes('$'), {
      message: `$target.<${FIELDS.join('|')}> stands for the whole value of a matcher (= or !=), without quotes; nothing else is filled in`,
    })
    .describe('An instant query; $target.name and the like stand for whole label values'),
  healed_when: z
    .union([z.enum(['empty', 'nonempty']), z.strictObject({ op: z.enum(OPERATORS), value: z.number() })])
    .describe('What the answer must look like; a comparison must hold for every sample, of which there must be one'),
})
type Params = z.infer<typeof params>

export const promql = defineProbe({
  type: 'promql',
  summary: 'Asks Prometheus one question about the target.',
  params,
  targets: TARGET_KINDS,
  async look(wanted, { monitoring, target, clock }) {
    const query = fillIn(wanted.query, target)
    if (!monitoring.prometheus) return judge(wanted, query, 'Prometheus is not configured', clock.now())
    try {
      return judge(wanted, query, await monitoring.prometheus(query), clock.now())
    } catch (error) {
      return judge(wanted, query, error instanceof Error ? error.message : String(error), clock.now())
    }
  },
})

export function fillIn(query: string, target: Target): string {
  const values = { ...target, rack: target.rack ?? '' }
  return query.replace(
    PLACE,
    (_, operator: string, field: (typeof FIELDS)[number]) => `${operator}${quoted(values[field])}`,
  )
}

/** `seen` is the answer, or why there is none. */
export function judge(wanted: Params, query: string, seen: readonly PromSample[] | string, at: Instant): ProbeResult {
  const result = (verdict: ProbeResult['verdict'], reason: string, value: string | number | null): ProbeResult => ({
    probe: promql.type,
    verdict,
    reason,
    evidence: [
      { name: 'query', value: query, source: 'prometheus', at },
      { name: 'answer', value, source: 'prometheus', at },
    ],
  })
  if (typeof seen === 'string') return result('unknown', seen, null)
  const { healed_when: healedWhen } = wanted
  if (typeof healedWhen === 'string') {
    const healed = (seen.length === 0) === (healedWhen === 'empty')
    return result(healed ? 'healed' : 'broken', `${seen.length} samples, healed when ${healedWhen}`, seen.length)
  }
  const shown = seen
    .map(({ value }) => value)
    .slice(0, 20)
    .join(', ')
  const want = `${healedWhen.op} ${healedWhen.value}`
  if (seen.length === 0) return result('unknown', `no sample to compare with ${want}`, null)
  if (seen.some(({ value }) => Number.isNaN(value)))
    return result('unknown', `a sample is not a number: ${shown}`, shown)
  const holds = seen.every(({ value }) => COMPARE[healedWhen.op](value, healedWhen.value))
  return result(holds ? 'healed' : 'broken', `${shown}, healed when ${want}`, shown)
}
