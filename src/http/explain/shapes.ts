import { z } from 'zod'
import { TARGET_KINDS } from '../../inventory/inventory.ts'
import { AlertAnswer, HistoryItemAnswer, IncidentSummaryAnswer, Step, Time } from '../shapes.ts'
import { Trace } from '../trace-shape.ts'
import { MOMENTS } from './story.ts'

const labels = z.record(z.string(), z.string())

const Subject = z.looseObject({
  kind: z.enum([...TARGET_KINDS, 'unresolved']),
  key: z.string(),
  cluster: z.string().nullable(),
})

const Rule = z.object({
  rule: z.string(),
  result: z.enum(['matches', 'fails', 'notTried']),
  failing: z
    .array(
      z.object({
        matcher: z.string(),
        label: z.string(),
        value: z.string().nullable().describe('What the label is; null: the alert has none of that name'),
      }),
    )
    .describe('Every matcher that does not hold'),
  continues: z.boolean().describe('Rules after it are tried too, though it matches'),
  skipped: z.string().nullable().describe('The rule that matched before and does not go on'),
  opens: z
    .object({
      mode: z.string(),
      runbook: z.string(),
      subject: Subject,
      how: z.string().describe('By which labels it came to that, or why they name nothing'),
    })
    .nullable()
    .describe('What comes of a rule that matches'),
})

/** What the rules in force make of an alert. */
export const MatchAnswer = z.object({
  fingerprint: z.string(),
  labels,
  alert: AlertAnswer.nullable().describe('As last stated; null: no such alert is known'),
  credential: z.string().nullable().describe('Whom it came by'),
  revision: z.string().describe('Of the rules that were tried, those in force now'),
  rules: z.array(Rule).describe('In the order in which they are tried'),
})

const Next = z.object({
  kind: z.string(),
  dueAt: Time,
  says: z.string().nullable().describe('What becomes of it; null where it is nobody’s concern'),
})

/** Why one incident stands where it stands. */
export const IncidentWhy = z.object({
  summary: z.string().describe('One sentence: did it act, or why not, and what has to happen'),
  incident: IncidentSummaryAnswer,
  held: z.looseObject({ by: z.string(), since: Time }).nullable().describe('What stops every clock (S-3.4)'),
  next: z.array(Next).describe('Timers that are set, the next one first'),
  decisions: z.array(Trace),
})

export const AlertExplanation = MatchAnswer.extend({
  summary: z.string(),
  incidents: z.array(IncidentWhy).describe('Those that it is or was in, the newest first'),
})
export const AlertExplanations = z.object({
  items: z.array(AlertExplanation),
  more: z.int().describe('So many further alerts match'),
})

export const IncidentExplanation = IncidentWhy.extend({
  alerts: z.array(MatchAnswer).describe('Its alerts, and what the rules in force make of them'),
  attempts: z.array(HistoryItemAnswer.extend({ steps: z.array(Step) })),
  story: z
    .array(
      z.object({
        at: Time,
        kind: z.enum(MOMENTS),
        text: z.string(),
        decision: z.int().nullable().describe('Id of one of `decisions`'),
        attempt: z.int().nullable().describe('Number of one of `attempts`'),
      }),
    )
    .describe('What happened, in order of time'),
  earlier: z.int().describe('So many moments before these are left out'),
})

export type MatchAnswer = z.infer<typeof MatchAnswer>
export type IncidentWhy = z.infer<typeof IncidentWhy>
export type AlertExplanation = z.infer<typeof AlertExplanation>
export type AlertExplanations = z.infer<typeof AlertExplanations>
export type IncidentExplanation = z.infer<typeof IncidentExplanation>
