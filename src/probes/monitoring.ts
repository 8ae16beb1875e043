import { z } from 'zod'
import type { Monitoring, PromSample, SeenAlert } from './probe.ts'

/** How this instance reaches Prometheus and the Alertmanagers. */
export interface MonitoringOptions {
  readonly prometheus?: Source | null
  readonly alertmanagers?: readonly Source[]
  /** For each request, body included. Milliseconds. */
  readonly deadlineMs?: number
  readonly largestAnswerBytes?: number
}

interface Limits {
  readonly deadlineMs: number
  readonly largestAnswerBytes: number
}

export interface Source {
  /** Without `/api/…`, with any path prefix. */
  readonly url: string
  /** Sent with every request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
}

const DEADLINE_MS = 5_000
/** Ten thousand alerts take about 8 MB. What no webhook could bring, being over 16 MiB, must fit in here. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
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

/** Questions to Prometheus and Alertmanager: one request each, never retried, never redirected, hard deadline. */
export function openMonitoring(options: MonitoringOptions): Monitoring {
  const { prometheus = null, alertmanagers = [] } = options
  const { deadlineMs = DEADLINE_MS, largestAnswerBytes = LARGEST_ANSWER_BYTES } = options
  const limits = { deadlineMs, largestAnswerBytes }
  return {
    prometheus: prometheus ? (query) => askPrometheus(prometheus, query, limits) : null,
    alertmanager: alertmanagers.length > 0 ? (labels) => askAlertmanagers(alertmanagers, labels, limits) : null,
  }
}

async function askPrometheus(source: Source, query: string, limits: Limits): Promise<readonly PromSample[]> {
  // POST: a query may be longer than a URL.
  const body = new URLSearchParams({ query, timeout: `${limits.deadlineMs}ms` })
  const { data } = await fetchJson(source, '/api/v1/query', promAnswer, limits, { method: 'POST', body })
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
  const alerts = await fetchJson(source, `/api/v2/alerts?${query.toString()}`, seenAlerts, limits, {
    method: 'GET',
  })
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

async function fetchJson<T>(
  source: Source,
  path: string,
  schema: z.ZodType<T>,
  { deadlineMs, largestAnswerBytes }: Limits,
  request: { readonly method: 'GET' | 'POST'; readonly body?: URLSearchParams },
): Promise<T> {
  const where = new URL(source.url.replace(/\/+$/, '') + path)
  try {
    const response = await fetch(where, {
      ...request,
      headers: { accept: 'application/json', ...source.headers },
      redirect: 'error',
      signal: AbortSignal.timeout(deadlineMs),
    })
    const text = await capped(response, largestAnswerBytes)
    if (!response.ok) throw new Error(`status ${response.status}: ${text.slice(0, 200)}`)
    return schema.parse(JSON.parse(text))
  } catch (error) {
    throw new Error(`${where.origin}${where.pathname}: ${messageOf(error)}`, { cause: error })
  }
}

async function capped(response: Response, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > mostBytes) throw new Error(`answer over ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof z.ZodError)
    return `unexpected answer: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}`
  // fetch hides the reason ("fetch failed") in the cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
