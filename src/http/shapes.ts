import { z } from 'zod'
import { OUTCOMES, STATES, TIMER_KINDS } from '../incident/incident.ts'
import { ATTEMPT_STATUSES } from '../store/store.ts'
import { Trace } from './trace-shape.ts'

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
  revision: z.string().describe('Revision of rule and runbook'),
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

/** Where an incident stands after what a person decided. */
export const WishAnswer = z.object({
  id: z.int(),
  state: z.enum(STATES),
  reason: z.string(),
  detail: z.string(),
  owner: z.string().nullable(),
})

export const PossibleAnswer = z.object({
  approve: z.boolean(),
  takeOver: z.boolean(),
  retry: z.boolean(),
  replan: z.boolean().describe('A retry by the rule in force, which is another than the one that this follows'),
  cancel: z.boolean(),
})

/** What a person is asked to approve (S-3.5). */
const ApprovalAnswer = z.looseObject({
  request: z.int().describe('Which question this is; an approval names it'),
  about: z.string(),
  waives: z.array(z.string()).describe('Refusals of guards that a yes covers'),
  askedAt: Time,
  expiresAt: Time,
  by: z.string().nullable(),
})

export const ResumeAnswer = z.object({
  ended: z.array(PauseAnswer),
  resumed: z.boolean().describe('A suspended target may act again'),
  demotions: z.array(DemotionAnswer).describe('Rules that may act again by themselves'),
  starts: z.boolean().describe('Starts go on in a storm that a failed one had stopped'),
})

/** What is in force; all but the name null where it is not known. */
const revisionFields = {
  commit: z.string().nullable().describe('Checked out around the files; null outside git'),
  dirty: z.boolean().nullable().describe('The files are not what the commit holds'),
  differing: z.array(z.string()).describe('Files that are not as the commit holds them'),
  applied: z.boolean().describe('Open incidents are held to it; false while the store is away'),
  atNextStart: z.array(z.string()).describe('Settings that are read at a start only, and were others then'),
}

export const ReloadAnswer = z.object({
  revision: z.string(),
  ...revisionFields,
  hash: z.string().describe('SHA-256 over configuration, inventory and rules'),
})

export const StatusAnswer = z.object({
  version: z.string(),
  node: z.string(),
  startedAt: Time,
  configuration: z.object({
    loaded: z.boolean(),
    revision: z.string().nullable(),
    ...revisionFields,
    hash: z.string().nullable(),
    loadedAt: Time.nullable(),
    watched: z.boolean().describe('Changed files are taken into force by themselves'),
    lastReloadSuccessful: z.boolean(),
    problems: z.array(z.string()).describe('Why what lies there now is not in force'),
  }),
  store: z.object({
    commits: z.boolean(),
    problem: z.string().nullable(),
    inboxDepth: z.int().nullable(),
    outboxDepth: z.int().nullable(),
    outboxOldestMs: z.number().nullable(),
    timersLate: z.int().nullable(),
    failedMails: z.int().nullable(),
    incidents: z.record(z.string(), z.int()),
  }),
  storms: z.array(StormAnswer).nullable().describe('Storms that are not over; null while the store is away'),
  demotions: z
    .array(DemotionAnswer)
    .nullable()
    .describe('Rules that may only inform because they failed too often; null while the store is away'),
  maintenance: z
    .object({ current: z.array(WindowAnswer), next: WindowAnswer.nullable() })
    .nullable()
    .describe('Windows that last, and the one that begins next; null while the store is away'),
  reconcile: z
    .object({
      lastSureAt: Time.nullable().describe('Last poll by which an alert could have been called gone'),
      lastPoll: z
        .object({
          at: Time,
          doubt: z.string().nullable().describe('Why no alert can be called gone now'),
          adopted: z.int().describe('Alerts that no webhook brought'),
          gone: z.int().describe('Alerts that no Alertmanager shows any more'),
          alertmanagers: z.array(
            z.object({
              url: z.string(),
              problem: z.string().nullable(),
              startedAt: Time.nullable(),
              watchdog: z.boolean(),
            }),
          ),
        })
        .nullable(),
    })
    .nullable()
    .describe('What the Alertmanagers show; null when none is configured'),
  loops: z.array(
    z.object({ name: z.string(), running: z.boolean(), lastRunAt: Time.nullable(), lastError: z.string().nullable() }),
  ),
})

export const Step = z.object({
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

/** Rule and runbook at the revision that the incident follows. */
const PlanAnswer = z.looseObject({
  rule: z.string(),
  revision: z.string(),
  mode: z.string(),
  attempts: z.looseObject({ max: z.int() }),
  escalation: z.looseObject({
    repeatMs: z.number(),
    levels: z.array(z.looseObject({ to: z.array(z.string()), afterMs: z.number() })),
  }),
  runbook: z.looseObject({
    name: z.string(),
    url: z.string().nullable(),
    rungs: z.array(z.array(z.looseObject({ type: z.string(), params: z.record(z.string(), z.unknown()) }))),
  }),
})

/** The whole trace: what was seen, decided, done and told, with the plan it followed. */
export const IncidentAnswer = z.object({
  incident: z.looseObject({
    id: z.int(),
    state: z.enum(STATES),
    reason: z.string(),
    detail: z.string(),
    openedAt: Time,
    stateSince: Time,
    closedAt: Time.nullable(),
    outcome: z.enum(OUTCOMES).nullable(),
    target: z.string().nullable(),
    firing: z.array(z.looseObject({ fingerprint: z.string(), startsAt: Time.nullable() })),
    attempts: z.int(),
    level: z.int().describe('Of the escalation, the next one, from 1'),
    leader: z.int().nullable().describe('The incident on the same target that acts instead'),
    owner: z.string().nullable().describe('Who took over'),
    held: z.looseObject({ by: z.string(), since: Time }).nullable().describe('What stops every clock (S-3.4)'),
    plan: PlanAnswer,
    subject: z.looseObject({
      kind: z.string(),
      key: z.string(),
      cluster: z.string().nullable(),
      problem: z.string().optional().describe('Why the labels name nothing'),
    }),
    approval: ApprovalAnswer.nullable(),
  }),
  possible: PossibleAnswer.describe('What a person could ask of it now; all else would change nothing'),
  alerts: z.array(AlertAnswer),
  attempts: z.array(HistoryItemAnswer.extend({ steps: z.array(Step) })),
  decisions: z.array(Trace),
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
  timers: z.array(z.object({ incident: z.int(), kind: z.enum(TIMER_KINDS), dueAt: Time })),
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
