import { z } from 'zod'
import { ask, type Source } from './ask.ts'
import type { Monitoring, PromSample, SeenAlert } from './probe.ts'

/** How this instance reaches Prometheus and the Alertmanagers. */
export interface MonitoringOptions {
  readonly prometheus?: Source | null
  readonly alertmanagers?: readonly Source[]
  readonly largestAnswerBytes?: number
}

type Limits = Pick<MonitoringOptions, 'largestAnswerBytes'>

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

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

const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'not a time')

const seenAlerts = z.array(
  z.object({
    fingerprint: z.string(),
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()).default({}),
    receivers: z.array(z.object({ name: z.string() })).default([]),
    status: z.object({ state: z.enum(['unprocessed', 'active', 'suppressed']) }),
    startsAt: time,
    endsAt: time,
    updatedAt: time,
  }),
)

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
  const answers = await Promise.allSettled(sources.map((source) => askAlertmanager(source, labels, limits)))
  const seen = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  const failed = answers.flatMap((answer) => (answer.status === 'rejected' ? [messageOf(answer.reason)] : []))
  if (failed.length > 0 && seen.length === 0) throw new Error(failed.join('; '))
  return seen
}

async function askAlertmanager(
  source: Source,
  labels: Readonly<Record<string, string>>,
  limits: Limits,
): Promise<readonly SeenAlert[]> {
  const wanted = Object.entries(labels)
  const query = new URLSearchParams()
  // Only names that every version's matcher syntax takes; the rest is compared here.
  for (const [name, value] of wanted) if (LABEL_NAME.test(name)) query.append('filter', `${name}=${quoted(value)}`)
  const path = `/api/v2/alerts?${query.toString()}`
  const alerts = await ask(source, { method: 'GET', path, ...limits }, seenAlerts)
  return alerts
    .filter((alert) => wanted.every(([name, value]) => (alert.labels[name] ?? '') === value))
    .map(({ receivers, status, startsAt, endsAt, updatedAt, ...alert }) => ({
      ...alert,
      receivers: receivers.map(({ name }) => name),
      state: status.state,
      startsAt: Date.parse(startsAt),
      endsAt: Date.parse(endsAt),
      updatedAt: Date.parse(updatedAt),
    }))
}

/** A label value as a double-quoted string: the same three escapes in PromQL and in every Alertmanager's matchers. */
export function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
