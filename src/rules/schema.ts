import { z } from 'zod'
import { duration, flag, httpUrl, name, wholeNumber } from '../document/fields.ts'
import { MODES } from '../incident/plan.ts'

const minutes = (count: number): number => count * 60_000

const fromLabels = z.literal('from-labels', {
  error: 'only from-labels: the labels name the target, the inventory decides',
})

const Target = z
  .strictObject({
    broker: z
      .enum(['from-labels', 'culprit'], {
        error: 'expected from-labels (the labels name the broker) or culprit (computed from the cluster they name)',
      })
      .optional(),
    exporter: fromLabels.optional(),
    cluster: fromLabels.optional(),
  })
  .refine((target) => Object.values(target).filter(Boolean).length === 1, {
    error: 'expected exactly one of broker, exporter, cluster',
  })

const Mode = z.enum(MODES)

const Attempts = z.strictObject({
  /** S-5.10 grants six actions a day on one target; a longer ladder could never be finished. */
  max: wholeNumber(1, 6).default(3),
  backoff: z
    .strictObject({
      initial: duration.default(30_000),
      multiplier: z.number().min(1).max(10).default(2),
      max: duration.default(minutes(5)),
    })
    .prefault({}),
  stable: duration.default(minutes(15)),
})

const receivers = z.array(name).min(1, { error: 'name at least one receiver' })

const Escalation = z.strictObject({
  to: receivers,
  repeat: duration.default(minutes(240)),
  levels: z.array(z.strictObject({ to: receivers, after: duration })).default([]),
  tell_by: duration.default(minutes(10)),
  escalate_after: duration.default(minutes(15)),
  give_up: duration.default(minutes(120)),
  start_patience: duration.default(minutes(60)),
  approval: duration.default(minutes(15)),
})

const Firing = z.strictObject({
  source: z.enum(['alertmanager', 'prometheus', 'webhook']).optional(),
  /** How old the last notification may be; only for the source webhook, and required there (S-5.3). */
  max_age: duration.optional(),
})

export const Rule = z.strictObject({
  name,
  match: z.array(z.string()).min(1, { error: 'a rule needs at least one matcher' }),
  target: Target,
  mode: Mode.default('inform'),
  rank: wholeNumber(0, 1_000_000).default(100),
  after: duration.default(30_000),
  runbook: z.string(),
  attempts: Attempts.prefault({}),
  escalation: Escalation,
  firing: Firing.prefault({}),
  continue: flag.default(false),
})

/** A page that lies in git beside the rules: mails name it, since nobody knows where it can be read. */
const pagePath = z.string().regex(/^[\w-]+(?:[./][\w-]+)*\.md(?:#[\w-]+)?$/)

/** Which steps, probes and guards there are, and their parameters, is what the registries say: load.ts asks them. */
const Entry = z.record(z.string(), z.unknown())

export const Runbook = z.strictObject({
  symptom: Entry.optional(),
  guards: z.array(z.union([z.string(), Entry])).default([]),
  rungs: z
    .array(z.array(Entry).min(1, { error: 'a rung needs at least one step' }))
    .min(1, { error: 'a runbook needs at least one rung' }),
  verify: z
    .array(z.looseObject({ probe: z.string(), within: duration }))
    .min(1, { error: 'a runbook needs at least one probe: return codes prove nothing' }),
  url: z.union([httpUrl, pagePath], { error: 'expected a web address, or the path of a .md file' }).optional(),
})

/** A file below rules/ as it is written. Strict: an unknown key is an error. Its entries are checked one by one. */
export const RulesFile = z.strictObject({
  rules: z.array(z.unknown()).default([]),
  runbooks: z.record(name, z.unknown()).default({}),
})
export type RuleFields = z.output<typeof Rule>
export type RunbookFields = z.output<typeof Runbook>
