import { z } from 'zod'
import { OUTCOMES, STATES } from '../incident/incident.ts'
import { ATTEMPT_STATUSES } from '../store/store.ts'

/** What answers look like, for checking them and for the OpenAPI document. Times are RFC 3339 in UTC. */

export const Time = z.string().describe('RFC 3339, UTC')
const labels = z.record(z.string(), z.string())

/** One page; `next` is the cursor of the following one, null at the end. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().nullable() })
}

export const AlertAnswer = z.object({
  fingerprint: z.string(),
  status: z.enum(['firing', 'resolved']),
  labels,
  annotations: labels,
  startsAt: Time.nullable(),
  endsAt: Time.nullable(),
  generatorURL: z.string(),
  seenAt: Time,
  firstSeenAt: Time,
})

export const SilenceAnswer = z.object({
  id: z.string(),
  state: z.enum(['pending', 'active', 'expired']),
  matchers: z.array(z.string()).describe('In Alertmanager matcher syntax; all must hold'),
  author: z.string(),
  comment: z.string(),
  startsAt: Time,
  endsAt: Time,
  createdAt: Time,
  updatedAt: Time,
})

export const PauseAnswer = z.object({
  id: z.int(),
  scope: z.string(),
  startsAt: Time,
  endsAt: Time,
  author: z.string(),
  comment: z.string(),
})

export const WindowAnswer = z.object({
  name: z.string(),
  state: z.enum(['pending', 'active']),
  startsAt: Time,
  endsAt: Time,
  clusters: z.array(z.string()).describe('Covers any of these'),
  targets: z.array(z.string()).describe('Covers any of these'),
  matchers: z.array(z.string()).describe('Covers an incident with an alert for which all hold'),
  comment: z.string(),
})

export const DemotionAnswer = z.object({
  id: z.int(),
  rule: z.string(),
  cluster: z.string(),
  target: z.string().nullable().describe('Null: every target of the cluster'),
  at: Time,
  reason: z.string(),
})

export const StormAnswer = z.object({
  id: z.int(),
  cluster: z.string(),
  beganAt: Time,
  bad: z.array(z.string()).describe('Confirmed bad by a direct look'),
  total: z.int(),
  calmSince: Time.nullable().describe('Over after ten minutes of it'),
  failedStart: z
    .object({ target: z.string(), reason: z.string() })
    .nullable()
    .describe('It stops all further starts until a person resumes the cluster'),
})

export const IncidentSummaryAnswer = z.object({
  id: z.int(),
  rule: z.string(),
  cluster: z.string().nullable(),
  subject: z.string(),
  target: z.string().nullable(),
  mode: z.string(),
  state: z.enum(STATES),
  reason: z.string().describe('Why it stands there, one of a fixed list'),
  detail: z.string().describe('A sentence for people'),
  outcome: z.enum(OUTCOMES).nullable(),
  openedAt: Time,
  stateSince: Time,
  closedAt: Time.nullable(),
  attempts: z.int(),
  firing: z.int().describe('Alerts that still fire'),
  leader: z.int().nullable().describe('The incident on the same target that acts instead'),
  owner: z.string().nullable().describe('Who took over'),
  revision: z.string().describe('Revision of rule and runbook'),
})

export const HistoryItemAnswer = z.object({
  id: z.int(),
  incident: z.int(),
  attempt: z.int(),
  rule: z.string(),
  cluster: z.string().nullable(),
  target: z.string(),
  rung: z.int(),
  status: z.enum(ATTEMPT_STATUSES),
  reason: z.string(),
  byPerson: z.boolean(),
  scheduledAt: Time,
  startedAt: Time.nullable(),
  finishedAt: Time.nullable(),
  outcome: z.enum(OUTCOMES).nullable().describe('How the incident ended, where it has'),
})

const Result = z.looseObject({
  verdict: z.string(),
  reason: z.string(),
  evidence: z.array(z.looseObject({ name: z.string(), source: z.string(), at: Time })),
})
const Step = z.object({
  key: z.string().describe('<incident>.<attempt>.<step>'),
  step: z.int(),
  type: z.string(),
  params: z.record(z.string(), z.unknown()),
  startedAt: Time,
  finishedAt: Time.nullable(),
  result: z
    .looseObject({ outcome: z.string(), reason: z.string(), exitCode: z.number().nullable(), output: z.string() })
    .nullable(),
})

/** The whole trace: what was seen, decided, done and told, with the plan it followed. */
export const IncidentAnswer = z.object({
  incident: z.looseObject({
    id: z.int(),
    state: z.enum(STATES),
    reason: z.string(),
    detail: z.string(),
    openedAt: Time,
    closedAt: Time.nullable(),
    outcome: z.enum(OUTCOMES).nullable(),
    plan: z.looseObject({ rule: z.string(), revision: z.string(), mode: z.string() }),
    subject: z.looseObject({ kind: z.string(), key: z.string() }),
  }),
  alerts: z.array(AlertAnswer),
  attempts: z.array(HistoryItemAnswer.extend({ steps: z.array(Step) })),
  decisions: z.array(
    z.object({
      id: z.int(),
      attempt: z.int().nullable(),
      kind: z.enum(['guards', 'claim', 'step', 'probe']),
      verdict: z.string(),
      guard: z.string().nullable(),
      reason: z.string(),
      results: z.array(Result),
      firstAt: Time,
      lastAt: Time,
      count: z.int().describe('Identical consecutive decisions are one'),
    }),
  ),
  escalations: z.array(
    z.object({
      id: z.int(),
      incident: z.int(),
      round: z.int(),
      kind: z.string(),
      level: z.int(),
      to: z.array(z.string()),
      reason: z.string(),
      summary: z.string(),
      createdAt: Time,
      toldAt: Time.nullable(),
    }),
  ),
  mails: z.array(
    z.object({
      id: z.int(),
      messageId: z.string(),
      recipient: z.string(),
      subject: z.string(),
      state: z.enum(['queued', 'sent', 'failed']),
      createdAt: Time,
      sentAt: Time.nullable(),
      tries: z.int(),
      lastError: z.string().nullable(),
    }),
  ),
  timers: z.array(z.object({ incident: z.int(), kind: z.string(), dueAt: Time })),
  journal: z.array(
    z.object({
      id: z.int(),
      at: Time,
      event: z.looseObject({ type: z.string() }),
      state: z.enum(STATES),
      reason: z.string(),
      detail: z.string(),
      reducerVersion: z.int(),
    }),
  ),
})
