import { z } from 'zod'
import { MODES } from '../incident/plan.ts'
import { DemotionAnswer, Time } from './shapes.ts'

const count = z.int()
const Spread = z.object({ count, medianMs: z.number(), p90Ms: z.number() }).nullable().describe('Null: nothing healed')

export const ReportAnswer = z.object({
  incidents: count.describe('Opened by the rule since `since`; all below counts incidents, unless it says otherwise'),
  oldestAt: Time.nullable().describe('The oldest of them: what retention took is not counted'),
  alerts: count.describe('Alerts that they held'),
  open: count,
  followed: count.describe('Another incident led on the target, so this one started nothing'),
  held: count.describe('Silenced, paused or within a maintenance window for a while'),
  inform: z
    .object({
      wouldAct: count,
      wouldAsk: count.describe('It would have asked a person first'),
      wouldRefuse: count,
      sameRemedy: count.describe('It would have acted or asked, and somebody else did the same'),
      needless: count.describe('It would have acted or asked, and it was well again without that'),
    })
    .describe('In mode inform, at the moment it would have acted'),
  refusedBy: z.array(z.object({ guard: z.string(), incidents: count })).describe('The most frequent first'),
  acted: count,
  attempts: count.describe('Attempts that changed something'),
  healed: count.describe('By kafka-healing, with no failure on the way'),
  failed: count.describe('Handed over because healing did not work'),
  cleared: z
    .object({
      incidents: count,
      sameRemedy: count.describe('The unit was begun anew, as the runbook would have'),
      otherwise: count.describe('The same process went on'),
      unknown: count,
    })
    .describe('Well again without an attempt of kafka-healing'),
  unverified: count,
  escalated: z.array(z.object({ cause: z.string(), incidents: count })).describe('The most frequent first'),
  overridden: z.object({
    incidents: count,
    takenOver: count,
    cancelled: count,
    humanFirst: count.describe('Somebody was at work on the unit shortly before'),
    changedByHand: count.describe('Somebody started or stopped the unit meanwhile'),
  }),
  approvals: z.object({
    asked: count,
    given: count,
    lapsed: count.describe('It was over before anybody said yes'),
    healed: count.describe('Approved, and healed by that'),
  }),
  relapsed: count.describe('Well, and broken again within probation'),
  timeToHeal: z.object({ fromOpening: Spread, fromAttempt: Spread }),
})

export const RuleAnswer = z.object({
  name: z.string(),
  order: z.int().describe('Place among the rules, from 1: the first that matches wins'),
  mode: z.enum(MODES),
  effectiveMode: z.enum(MODES).describe('The most it may do anywhere: inform where demotions leave nothing else'),
  demotions: z.array(DemotionAnswer).describe('Where it only informs because it failed too often'),
  rank: z.number().describe('Who leads on a target: the lowest'),
  runbook: z.string(),
  revision: z.string(),
  report: ReportAnswer,
  clusters: z.array(
    z.object({
      cluster: z.string().nullable().describe('Null: no cluster could be told from the labels'),
      effectiveMode: z.enum(MODES),
      report: ReportAnswer,
    }),
  ),
  suggestion: z
    .object({
      next: z.enum(MODES).nullable().describe('Null: it should stay as it is'),
      ready: z.boolean().describe('False: what is missing stands in `reasons`'),
      reasons: z.array(z.string()),
    })
    .describe('Nothing changes by itself: a person edits the rule'),
})

export type RuleAnswer = z.infer<typeof RuleAnswer>

export const RulesAnswer = z.object({ since: Time, until: Time, items: z.array(RuleAnswer) })
