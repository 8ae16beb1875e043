import { z } from 'zod'
import type { Decision, Event, Look, TargetHistory } from '../incident/event.ts'
import {
  type Incident,
  OUTCOMES,
  type Outcome,
  type Reason,
  STATES,
  type State,
  type TellKind,
  type TimerKind,
} from '../incident/incident.ts'
import { MODES, type Plan } from '../incident/plan.ts'
import type { Opened } from '../incident/replay.ts'
import { type Followed, type Intended, TRACE } from '../incident/trace.ts'
import type { UnitSeen } from '../incident/unit.ts'
import type { Evidence, GuardResult, ProbeResult, StepResult } from '../incident/verdict.ts'
import { type Subject, TARGET_KINDS } from '../inventory/inventory.ts'
import { ATTEMPT_STATUSES, type Leaderless, type SilenceMatcher, type WindowScope } from './store.ts'

/**
 * What stands in text columns, checked on the way out. Each schema is tied to the type it reads by its annotation, so a
 * field that is added to the type and not here does not compile.
 */

const instant = z.int()

export const labels = z.record(z.string(), z.string())
export const strings = z.array(z.string())
export const instants = z.array(instant)

const targetKind = z.enum(TARGET_KINDS)
const mode = z.enum(MODES)
const occurrence = z.object({ fingerprint: z.string(), startsAt: instant })

export const state: z.ZodType<State> = z.enum(STATES)
export const outcome: z.ZodType<Outcome> = z.enum(OUTCOMES)
export const reason: z.ZodType<Reason> = z.enum([
  'after',
  'held',
  'onHold',
  'refused',
  'evidenceMissing',
  'approval',
  'backoff',
  'attached',
  'symptomWithoutAlert',
  'guards',
  'scheduled',
  'running',
  'afterAttempt',
  'afterResolve',
  'afterEscalation',
  'watching',
  'exhausted',
  'unknownNotRepeatable',
  'permission',
  'identity',
  'unreachable',
  'busy',
  'humanChanged',
  'verificationUnknown',
  'changedNotHealed',
  'recurrence',
  'unresolvable',
  'giveUp',
  'takenOver',
  'healed',
  'cleared',
  'informed',
  'cancelled',
  'unverified',
])
export const timerKind: z.ZodType<TimerKind> = z.enum([
  'act',
  'guard',
  'verifyPoll',
  'probationEnd',
  'level',
  'reminder',
  'escalateAfter',
  'giveUp',
  'tellBy',
])
export const tellKind: z.ZodType<TellKind> = z.enum(['told', 'refused', 'escalated', 'recovered', 'digest'])

const subject: z.ZodType<Subject> = z.union([
  z.object({ kind: z.literal('unresolved'), key: z.string(), cluster: z.string().nullable(), problem: z.string() }),
  z.object({ kind: targetKind, key: z.string(), cluster: z.string(), target: z.string() }),
])

const check = z.object({ type: z.string(), params: z.record(z.string(), z.unknown()) })
const traits = z.object({
  disruptive: z.boolean(),
  repeatable: z.boolean(),
  stops: z.boolean(),
  starts: z.boolean(),
  changes: z.boolean().default(true),
  limitSeconds: z.number(),
})
const step = z.object({ type: z.string(), params: z.record(z.string(), z.unknown()), traits })

export const plan: z.ZodType<Plan> = z.object({
  rule: z.string(),
  revision: z.string(),
  rank: z.number(),
  mode,
  afterMs: z.number(),
  targetKind,
  selects: z.enum(['labels', 'culprit']).default('labels'),
  attempts: z.object({
    max: z.number(),
    backoff: z.object({ initialMs: z.number(), multiplier: z.number(), maxMs: z.number() }),
    stableMs: z.number(),
  }),
  escalation: z.object({
    to: strings,
    repeatMs: z.number(),
    levels: z.array(z.object({ to: strings, afterMs: z.number() })),
    tellByMs: z.number(),
    escalateAfterMs: z.number(),
    giveUpMs: z.number(),
    startPatienceMs: z.number(),
    approvalMs: z.number().default(900_000),
  }),
  firing: z.object({ source: z.enum(['alertmanager', 'prometheus', 'webhook']), maxAgeMs: z.number().nullable() }),
  runbook: z.object({
    name: z.string(),
    url: z.string().nullable(),
    symptom: check.nullable(),
    guards: z.array(check),
    rungs: z.array(z.array(step)),
    verify: z.array(check.extend({ withinMs: z.number() })),
  }),
})

const unitSeen: z.ZodType<UnitSeen> = z.object({
  activeState: z.string(),
  subState: z.string(),
  loadState: z.string(),
  unitFileState: z.string(),
  result: z.string(),
  execMainCode: z.string(),
  execMainStatus: z.number(),
  invocationId: z.string(),
  nRestarts: z.number(),
  queuedJob: z.string().nullable(),
  at: instant,
})

/** An incident as it is stored: without its plan (stored once by hash) and its version (a column). */
export type IncidentBody = Omit<Incident, 'plan' | 'version'>

const processSeen = z.enum(['serving', 'starting']).nullable().default(null)
/** Of an incident's body, what was last seen of the process that is verified. */
export const processVerified = z.object({ verifying: z.object({ process: processSeen }).nullable() })

export const leaderless: z.ZodType<Leaderless | null> = z.object({ silent: strings, of: z.int() }).nullable()

export const incidentBody: z.ZodType<IncidentBody> = z.object({
  id: z.int(),
  subject,
  target: z.string().nullable().default(null),
  state,
  reason,
  detail: z.string(),
  openedAt: instant,
  stateSince: instant,
  closedAt: instant.nullable(),
  outcome: outcome.nullable(),
  firing: z.array(occurrence),
  leader: z.int().nullable(),
  attempts: z.int(),
  targetAttempts: z.int(),
  grants: z.int(),
  attempt: z.int().nullable(),
  look: z.int(),
  verifying: z
    .object({
      because: z.enum(['attempt', 'resolve', 'escalation', 'refire']),
      since: instant,
      progressAt: instant,
      mark: z.string().nullable(),
      process: processSeen,
      polls: z.int(),
      notBefore: instant.nullable(),
      cause: reason.nullable(),
      learns: z.boolean(),
      repeatable: z.boolean(),
    })
    .nullable(),
  round: z.int(),
  owner: z.string().nullable(),
  level: z.int(),
  reminders: z.int(),
  changed: z.boolean(),
  firstUnit: unitSeen.nullable(),
  ourInvocations: strings,
  held: z.object({ by: z.string(), since: instant }).nullable(),
  refusals: z.int(),
  unreachableSince: instant.nullable(),
  busySince: instant.nullable().default(null),
  clocksFrom: instant.default(0),
  urgent: z.boolean().default(false),
  backoffUntil: instant.nullable(),
  healedAt: instant.nullable(),
  probationEndsAt: instant.nullable(),
  approval: z
    .object({
      request: z.int(),
      about: z.string(),
      waives: strings,
      askedAt: instant,
      expiresAt: instant,
      by: z.string().nullable(),
      toldAt: instant,
    })
    .nullable()
    .default(null),
  requests: z.int().default(0),
  cancelling: z.string().nullable(),
  told: z.boolean(),
})

const evidence: z.ZodType<Evidence> = z.object({
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  wanted: z.exactOptional(z.union([z.string(), z.number(), z.boolean()])),
  source: z.string(),
  at: instant,
})
const escalate = z.enum(['identity', 'permission', 'unreachable', 'humanChanged'])
const decisionEscalate = z.enum([...escalate.options, 'busy'])
const params = z.exactOptional(z.record(z.string(), z.unknown()))
const guardVerdict = z.enum(['pass', 'hold', 'refuse', 'unknown'])
const probeVerdict = z.enum(['healed', 'broken', 'progressing', 'unknown'])

const guardResult: z.ZodType<GuardResult> = z.object({
  guard: z.string(),
  verdict: guardVerdict,
  reason: z.string(),
  evidence: z.array(evidence),
  params,
  quiet: z.exactOptional(z.boolean()),
  until: z.exactOptional(instant),
  escalate: z.exactOptional(escalate),
  approvable: z.exactOptional(z.literal(true)),
  urgent: z.exactOptional(z.literal(true)),
  gone: z.exactOptional(z.boolean()),
})
const probeResult: z.ZodType<ProbeResult> = z.object({
  probe: z.string(),
  verdict: probeVerdict,
  reason: z.string(),
  evidence: z.array(evidence),
  params,
  withinMs: z.exactOptional(z.number()),
  mark: z.exactOptional(z.string()),
  starting: z.exactOptional(z.boolean()),
  serves: z.exactOptional(z.boolean()),
  conclusive: z.exactOptional(z.boolean()),
})
export const results: z.ZodType<(GuardResult | ProbeResult)[]> = z.array(z.union([guardResult, probeResult]))

/** Another version than the present one would be read by a schema of its own beside this one. */
export const trace: z.ZodType<{
  readonly trace: typeof TRACE
  readonly intent: Intended
  readonly followed: Followed
}> = z.object({
  trace: z.literal(TRACE),
  intent: z.object({
    revision: z.string(),
    mode,
    target: z.string().nullable(),
    attempt: z.int().nullable(),
    rung: z.int().nullable(),
    step: z.int().nullable(),
    disruptive: z.boolean(),
    byPerson: z.boolean(),
  }),
  followed: z.object({ state, reason, until: instant.nullable(), nextAt: instant.nullable() }),
})

export const stepResult: z.ZodType<StepResult> = z.object({
  outcome: z.enum(['succeeded', 'failed', 'unknown']),
  reason: z.string(),
  exitCode: z.number().nullable(),
  output: z.string(),
  notRun: z.exactOptional(z.enum(['unreachable', 'permission', 'busy'])),
})

const decision: z.ZodType<Decision> = z.object({
  verdict: guardVerdict,
  guard: z.string().nullable(),
  reason: z.string(),
  quiet: z.boolean(),
  until: instant.nullable(),
  escalate: decisionEscalate.nullable(),
  gone: z.boolean(),
  approvable: z.boolean().default(false),
  asks: strings.default([]),
  urgent: z.boolean().default(false),
})
const history: z.ZodType<TargetHistory> = z.object({ attempts: z.int(), heals: z.int(), suspended: z.boolean() })
const look: z.ZodType<Look> = z.object({
  verdict: probeVerdict,
  reason: z.string(),
  mark: z.string().nullable(),
  starting: z.boolean(),
  process: processSeen,
  conclusive: z.boolean(),
  withinMs: z.number(),
  symptom: z.boolean().nullable(),
  invocation: z.string().nullable(),
})
const end = z.object({
  outcome: z.enum(['succeeded', 'failed', 'notRun', 'unknown']),
  reason: z.string(),
  notRun: z.exactOptional(z.enum(['unreachable', 'permission', 'busy', 'guards'])),
  changed: z.boolean(),
  surelyOverAt: z.exactOptional(instant),
  repeatable: z.exactOptional(z.boolean()),
  invocation: z.exactOptional(z.string().nullable()),
})

/** As the journal stores it: the plan of an opened incident by its hash. */
export type StoredEvent = Event | (Omit<Opened, 'plan'> & { readonly plan: string })

export const storedEvent: z.ZodType<StoredEvent> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('opened'), plan: z.string(), subject, leader: z.int().nullable(), occurrence }),
  z.object({ type: z.literal('alertFiring'), occurrence }),
  z.object({ type: z.literal('alertResolved'), occurrence }),
  z.object({ type: z.literal('timerDue'), timer: timerKind }),
  z.object({
    type: z.literal('guardsEvaluated'),
    look: z.int(),
    decision,
    history,
    unit: unitSeen.nullable(),
    culprit: z.exactOptional(z.string().nullable()),
  }),
  z.object({ type: z.literal('claimRefused'), attempt: z.int(), decision }),
  z.object({ type: z.literal('attemptStarted'), attempt: z.int() }),
  z.object({ type: z.literal('attemptFinished'), attempt: z.int(), end }),
  z.object({ type: z.literal('attemptInterrupted'), attempt: z.int(), end }),
  z.object({ type: z.literal('looked'), look: z.int(), seen: look, history }),
  z.object({ type: z.literal('held'), by: z.string() }),
  z.object({ type: z.literal('released'), jitterMs: z.number() }),
  z.object({ type: z.literal('attached'), leader: z.int() }),
  z.object({ type: z.literal('leads') }),
  z.object({ type: z.literal('takenOver'), by: z.string() }),
  z.object({ type: z.literal('retryRequested'), by: z.string(), plan: z.exactOptional(plan) }),
  z.object({ type: z.literal('urgent') }),
  z.object({ type: z.literal('approved'), by: z.string(), request: z.int() }),
  z.object({
    type: z.literal('cancelled'),
    by: z.string(),
    reason: z.string(),
    frees: z.literal(true).exactOptional(),
  }),
  z.object({
    type: z.literal('restricted'),
    to: mode,
    reason: z.string(),
    guards: z.exactOptional(z.array(check)),
  }),
])

export const matchers: z.ZodType<SilenceMatcher[]> = z.array(
  z.object({ name: z.string(), value: z.string(), isRegex: z.boolean(), isEqual: z.boolean() }),
)

export const attemptStatus = z.enum(ATTEMPT_STATUSES)
export const mailState = z.enum(['queued', 'sent', 'failed'])
export const tokenAction = z.enum(['takeOver', 'retry', 'silence', 'approve'])

/** Reads a text column. A broken one is a defect and says where it stood. */
export function read<T>(schema: z.ZodType<T>, text: string, where: string): T {
  const parsed = schema.safeParse(JSON.parse(text))
  if (!parsed.success) throw new Error(`${where} holds what this build cannot read: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}
export const windowScope: z.ZodType<WindowScope> = z.union([
  z.object({ clusters: strings }),
  z.object({ targets: strings }),
  z.object({ matchers }),
])
