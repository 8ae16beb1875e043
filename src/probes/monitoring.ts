import { z } from 'zod'
import { askMatching } from './alertmanager.ts'
import { ask } from './ask.ts'
import type { Source } from './exchange.ts'
import type { Monitoring, PromSample, SeenAlert } from './probe.ts'

/** How this instance reaches Prometheus and the Alertmanagers. */
export interface MonitoringOptions {
  readonly prometheus?: Source | null
  readonly alertmanagers?: readonly Source[]
  readonly largestAnswerBytes?: number
}

type Limits = Pick<MonitoringOptions, 'largestAnswerBytes'>

const promAnswer = z.object({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
    }),
    z.object({ resultType: z.literal('scalar'), result: z.tuple([z.number(), z.string()]) }),
  ]),
})

/** Questions to Prometheus and Alertmanager: one request each, see {@link ask}. */
export function openMonitoring({ prometheus = null, alertmanagers = [], ...limits }: MonitoringOptions): Monitoring {
  return {
    prometheus: prometheus ? (query) => askPrometheus(prometheus, query, limits) : null,
    alertmanager: alertmanagers.length > 0 ? (labels) => askAlertmanagers(alertmanagers, labels, limits) : null,
  }
}

async function askPrometheus(source: Source, query: string, limits: Limits): Promise<readonly PromSample[]> {
  // POST: a query may be longer than a URL.
  const body = new URLSearchParams({ query, timeout: `${source.timeoutMs}ms` })
  const { data } = await ask(source, { method: 'POST', path: '/api/v1/query', body, ...limits }, promAnswer)
  if (data.resultType === 'scalar') return [{ labels: {}, value: promNumber(data.result[1]) }]
  return data.result.map(({ metric, value }) => ({ labels: metric, value: promNumber(value[1]) }))
}

function promNumber(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)
}

/**
 * What all Alertmanagers show together. One that does not answer may be the only one that holds the alert: while one is
 * silent, "there is none" cannot be said, and the question fails.
 */
async function askAlertmanagers(
  sources: readonly Source[],
  labels: Readonly<Record<string, string>>,
  limits: Limits,
): Promise<readonly SeenAlert[]> {
  const answers = await Promise.allSettled(sources.map((source) => askMatching(source, labels, limits)))
  const seen = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  const failed = answers.flatMap((answer) => (answer.status === 'rejected' ? [messageOf(answer.reason)] : []))
  if (failed.length > 0 && seen.length === 0) throw new Error(failed.join('; '))
  return seen
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
