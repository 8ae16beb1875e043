import { z } from 'zod'
import type { Instant } from '../clock.ts'
import { ask, askEach, type Question } from './ask.ts'
import type { Source } from './exchange.ts'
import type { SeenAlert } from './probe.ts'
import { quoted } from './quoted.ts'

/** One Alertmanager, asked by itself: what another one answers says nothing about it (S-1.4). Each question throws when it cannot be asked. */
export interface Alertmanager {
  /** Scheme, host, port and path; without a login. Names it in logs and for people. */
  readonly url: string
  /** Alerts in every state (suppressed and unprocessed ones too) that are routed to `receiver`; null: to whomever. They may be many. */
  alerts(receiver: string | null, take: (alert: SeenAlert) => void, signal?: AbortSignal): Promise<void>
  /** Alerts of that name in every state, whomever they are routed to. */
  named(alertname: string, signal?: AbortSignal): Promise<readonly SeenAlert[]>
  /** When it was started, by its own clock. Its alerts live in memory only: it has heard nothing from before. */
  startedAt(signal?: AbortSignal): Promise<Instant>
}

type Limits = Pick<Question, 'largestAnswerBytes' | 'signal'>

/** A list is read as it comes, so it costs time, not memory; fifty thousand alerts take some 60 MB. */
const LARGEST_LIST_BYTES = 512 * 1024 * 1024

/** It may take so many times as long as any other answer. */
const LIST_TIMES = 6

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'not a time')

const seenAlert = z
  .object({
    fingerprint: z.string(),
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()).default({}),
    receivers: z.array(z.object({ name: z.string() })).default([]),
    status: z.object({ state: z.enum(['unprocessed', 'active', 'suppressed']) }),
    startsAt: time,
    endsAt: time,
    updatedAt: time,
  })
  .transform(({ receivers, status: { state }, startsAt, endsAt, updatedAt, ...alert }) => ({
    ...alert,
    receivers: receivers.map(({ name }) => name),
    state,
    startsAt: Date.parse(startsAt),
    endsAt: Date.parse(endsAt),
    updatedAt: Date.parse(updatedAt),
  }))

const status = z.object({ uptime: time })

export function openAlertmanager(source: Source): Alertmanager {
  const { origin, pathname } = new URL(source.url)
  return {
    url: `${origin}${pathname}`.replace(/\/+$/, ''),
    alerts: (receiver, take, signal) => {
      // Anchored by Alertmanager itself.
      const routed = receiver === null ? '' : `&receiver=${encodeURIComponent(literal(receiver))}`
      const limits = { largestAnswerBytes: LARGEST_LIST_BYTES, ...(signal && { signal }) }
      const patient = { ...source, timeoutMs: source.timeoutMs * LIST_TIMES }
      return askEach(patient, questionOf(`${EVERY_STATE}${routed}`, limits), seenAlert, take)
    },
    named: (alertname, signal) => askMatching(source, { alertname }, { ...(signal && { signal }) }),
    startedAt: async (signal) => {
      const question = { method: 'GET', path: '/api/v2/status', ...(signal && { signal }) } as const
      return Date.parse((await ask(source, question, status)).uptime)
    },
  }
}

/** Every version's default, said all the same: a default may change. */
const EVERY_STATE = 'active=true&silenced=true&inhibited=true&unprocessed=true'

/** The alerts of one Alertmanager that have all of `labels`. */
export async function askMatching(
  source: Source,
  labels: Readonly<Record<string, string>>,
  limits: Limits,
): Promise<readonly SeenAlert[]> {
  const wanted = Object.entries(labels)
  const query = new URLSearchParams(EVERY_STATE)
  // Only names that every version's matcher syntax takes; the rest is compared here.
  for (const [name, value] of wanted) if (LABEL_NAME.test(name)) query.append('filter', `${name}=${quoted(value)}`)
  const alerts = await ask(source, questionOf(query.toString(), limits), z.array(seenAlert))
  return alerts.filter((alert) => wanted.every(([name, value]) => (alert.labels[name] ?? '') === value))
}

function questionOf(query: string, limits: Limits): Question {
  return { method: 'GET', path: `/api/v2/alerts?${query}`, ...limits }
}

/** A regular expression (RE2) that matches exactly this text. */
function literal(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`)
}
