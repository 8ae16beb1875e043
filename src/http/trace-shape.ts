import { z } from 'zod'
import { STATES } from '../incident/incident.ts'
import { MODES } from '../incident/plan.ts'
import { type Followed, type Intended, TRACE } from '../incident/trace.ts'
import type { Evidence, GuardResult, ProbeResult } from '../incident/verdict.ts'
import type { DecisionView } from '../store/store.ts'

/**
 * The trace of one decision as it leaves: `/incidents/:id` answers with it, `explain` renders it, and
 * docs/schemas/trace.schema.json is made of it. What is here stays as it is under one {@link TRACE}.
 */

const time = z.string().describe('RFC 3339, UTC')

const TracedEvidence = z.object({
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]).describe('Null: could not be read, or there is none'),
  wanted: z
    .union([z.string(), z.number(), z.boolean()])
    .exactOptional()
    .describe('Where the value is compared: what it must be, or in words what it must satisfy, e.g. "at least 2"'),
  source: z.string().describe('Where it was seen, e.g. a host, "cluster", "prometheus", "store"'),
  at: time.describe('When it was seen; where the same was decided several times, the first time'),
} satisfies Record<keyof Evidence, z.ZodType>)

const params = z
  .record(z.string(), z.unknown())
  .exactOptional()
  .describe('What the runbook asks of it; too long to keep, a text under "…"')
const evidence = z.array(TracedEvidence)

const TracedGuard = z.object({
  guard: z.string(),
  verdict: z.enum(['pass', 'hold', 'refuse', 'unknown']),
  reason: z.string(),
  evidence,
  params,
  quiet: z.boolean().exactOptional().describe('A hold that stops every clock (S-5.2)'),
  until: time.exactOptional().describe('When a hold ends by itself'),
  escalate: z
    .enum(['identity', 'permission', 'unreachable', 'humanChanged'])
    .exactOptional()
    .describe('Waiting cannot help: a person is told at once'),
  approvable: z.literal(true).exactOptional().describe('A person may approve it (S-3.5)'),
  urgent: z.literal(true).exactOptional().describe('A partition is offline or under its min.insync.replicas (S-6.1)'),
  gone: z.boolean().exactOptional().describe('The alert is gone, so the probes are asked (S-1.3)'),
} satisfies Record<keyof GuardResult, z.ZodType>)

const TracedProbe = z.object({
  probe: z.string(),
  verdict: z.enum(['healed', 'broken', 'progressing', 'unknown']),
  reason: z.string(),
  evidence,
  params,
  withinMs: z.number().exactOptional().describe('How long it may stay unhealed without progress (S-4.9)'),
  mark: z.string().exactOptional().describe('Progressing: changes when progress was made'),
  starting: z.boolean().exactOptional().describe('Progressing: never seen serving since the process began (S-2.6)'),
  serves: z.boolean().exactOptional().describe('The process answers, whatever else is still missing'),
  conclusive: z.boolean().exactOptional().describe('Broken, and it cannot heal by itself'),
} satisfies Record<keyof ProbeResult, z.ZodType>)

const TracedIntent = z.object({
  revision: z.string().describe('Of rule and runbook'),
  mode: z.enum(MODES),
  target: z.string().nullable().describe('Null: none found, or unresolvable'),
  attempt: z.int().nullable().describe('Counted from 1 within the incident; null for probes without one'),
  rung: z.int().nullable().describe('Counted from 1; null for probes'),
  step: z.int().nullable().describe('Counted from 1; null where it is about the rung as a whole'),
  disruptive: z.boolean(),
  byPerson: z.boolean().describe('Asked for by a person'),
} satisfies Record<keyof Intended, z.ZodType>)

const TracedConsequence = z.object({
  state: z.enum(STATES),
  reason: z.string().describe('Why it stands there, one of a fixed list'),
  until: time.nullable().describe('When what keeps it waiting ends by itself, where that is known'),
  nextAt: time.nullable().describe('When it is looked at again, as planned then'),
} satisfies Record<keyof Followed, z.ZodType>)

export const Trace = z
  .object({
    trace: z.literal(TRACE).describe('Version of this shape'),
    id: z.int(),
    kind: z
      .enum(['guards', 'claim', 'step', 'probe'])
      .describe('guards: before an attempt; claim: as it begins; step: before a step; probe: is it well'),
    attempt: z.int().nullable().describe('The attempt under way; null when none was'),
    intent: TracedIntent.nullable().describe('What was about to be done; null: decided before this was kept'),
    results: z.array(z.union([TracedGuard, TracedProbe])).describe('Everyone that was asked, with what they saw'),
    verdict: z.string().describe('Of all together'),
    guard: z.string().nullable().describe('Who decided; null when all passed, and for probes'),
    reason: z.string(),
    followed: TracedConsequence.nullable().describe(
      'Where the incident stood then, the last time it was decided; null: decided before this was kept',
    ),
    firstAt: time,
    lastAt: time,
    count: z.int().describe('Identical consecutive decisions are one'),
  } satisfies Record<keyof DecisionView, z.ZodType>)
  .meta({ description: `Trace of one decision of kafka-healing, version ${TRACE}` })

export type Trace = z.infer<typeof Trace>
