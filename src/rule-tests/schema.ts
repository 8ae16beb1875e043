import { z } from 'zod'
import { duration } from '../document/fields.ts'
import type { TellKind } from '../incident/incident.ts'
import { MODES } from '../incident/plan.ts'
import { NOTICE_KINDS } from '../notify/notice.ts'
import { scenarioFields } from '../simulation/facts.ts'
import { outcome, reason, state } from '../store/json.ts'

/**
 * Files that test rules. What happens in a test (world, steps, alerts, changes) is src/simulation/facts.ts; what is
 * expected of it is here.
 */

const text = z.string().min(1, { error: 'must not be empty' })
const modes = z.record(z.string(), z.enum(MODES))

const IncidentExpectation = z.strictObject({
  rule: text.describe('The rule that opened it'),
  target: text
    .optional()
    .describe(
      'Key of what it acts on, e.g. orders/broker/2, or of what its alert names while that is nothing to act on; `unresolved` when the labels name nothing',
    ),
  mode: z.enum(MODES).optional().describe('What it may do; a demotion lowers it'),
  state: state.optional().describe('Where it stands'),
  reason: reason.optional().describe('Why it stands there: a word of docs/operate.md'),
  outcome: outcome.optional().describe('How it ended, or will once its alerts are gone'),
  attempts: z.int().min(0).optional().describe('Attempts that it has begun'),
  refused_by: text.optional().describe('The guard that decided when guards were last asked, and did not pass'),
  because: text.optional().describe('A part of the sentence that says how it stands'),
  leader: text.optional().describe('The rule of the incident that leads on its target, while this one waits for it'),
})

/** {@link NOTICE_KINDS} are told without an incident. */
const TELL_KINDS = ['told', 'refused', 'escalated', 'recovered', 'digest'] as const satisfies readonly TellKind[]

const MailExpectation = z.strictObject({
  kind: z
    .enum([...TELL_KINDS, ...NOTICE_KINDS])
    .describe('`told`, `refused`, `escalated`, `recovered`, `digest`; without an incident: storms, demotions, pauses'),
  rule: text.optional().describe('The rule of its incident'),
  target: text.optional().describe('What that acts on'),
  to: z.array(text).optional().describe('Receivers, in any order'),
  reason: reason.optional().describe('Why the incident stood where it stood: a word of docs/operate.md'),
  says: text.optional().describe('A part of its summary'),
})

export const Expectation = z.strictObject({
  at: duration.describe('When, counted from the start of the test; what is due at that very moment has happened'),
  incidents: z
    .array(IncidentExpectation)
    .optional()
    .describe('All incidents so far, closed ones too, in any order. What is not stated of one may be anything'),
  ran: z
    .array(text)
    .optional()
    .describe('All steps that began so far, in order, e.g. `systemd start on orders/broker/2`'),
  mails: z
    .array(MailExpectation)
    .optional()
    .describe('All mails so far, in order. What is not stated of one may be anything'),
  only: z
    .boolean({ error: 'expected true or false' })
    .optional()
    .describe('false: there may be others besides those stated'),
  nothing: z.literal(true).optional().describe('No incident, no step, no mail so far'),
})

export const RuleTest = z.strictObject({
  name: text.describe('A sentence. Unique within the file'),
  modes: modes.optional().describe('Modes of single rules in this test'),
  ...scenarioFields,
  expect: z
    .array(Expectation)
    .min(1, { error: 'a test needs at least one expectation' })
    .describe('What must have come of it by when, in the order of time'),
})

/** A file that tests rules, as it is written. Its tests are checked one by one. */
export const TestsFile = z.strictObject({
  config: text.optional().describe('The configuration that the rules belong to, seen from this file'),
  inventory: text.optional().describe("Instead of the configuration's inventory, so that tests name no real hosts"),
  rules: z.array(text).min(1).optional().describe("Rules files instead of the configuration's"),
  mode: z.enum(MODES).optional().describe('The mode of every rule in every test that does not say its own'),
  modes: modes.optional().describe('Modes of single rules, likewise'),
  tests: z.array(z.unknown()).min(1, { error: 'there is no test in this file' }),
})

/** The same with its tests spelled out: what editors check against. */
export const WholeTestsFile = TestsFile.extend({ tests: z.array(RuleTest).min(1) })

export type IncidentExpectation = z.output<typeof IncidentExpectation>
export type MailExpectation = z.output<typeof MailExpectation>
export type Expectation = z.output<typeof Expectation>
export type RuleTest = z.output<typeof RuleTest>
export type TestsFile = z.output<typeof TestsFile>
