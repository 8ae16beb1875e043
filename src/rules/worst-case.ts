import { KILL_GRACE_MS, UNKNOWN_MARGIN_MS } from '../hosts/host.ts'
import { type Plan, rungOf } from '../incident/plan.ts'

/** Guards are evaluated under a lease of this length (design 4.2). */
const GUARDS_MS = 30_000
/** The back-off of one attempt may be up to a fifth longer than its base; see src/incident/backoff.ts. */
const BACKOFF_SPREAD = 1.2

/** Milliseconds from the incident's opening, as long as nothing holds it, guards pass and nothing makes progress (S-6.5). */
export interface WorstCase {
  /** In mode inform: what it would be in mode act. */
  readonly firstActionMs: number
  /** `tellBy` bounds it in whatever state the incident is (S-6.1). */
  readonly firstMailMs: number
  /** When the last attempt has been judged broken and the incident is handed to people. */
  readonly exhaustedMs: number
}

/**
 * How long it can take. Every step is taken to run into its limit with an outcome that is unknown until kill grace and
 * margin have passed (S-4.4), every verification to stay unhealed without progress until its deadline. Units whose own
 * start or stop time-outs are longer than a step's limit take longer (S-4.6).
 */
export function worstCase(plan: Plan): WorstCase {
  const { max, backoff } = plan.attempts
  const verifyMs = Math.max(0, ...plan.runbook.verify.map(({ withinMs }) => withinMs))
  let exhaustedMs = plan.afterMs
  for (let attempt = 1; attempt <= max; attempt += 1) {
    const steps = rungOf(plan, attempt).map(
      ({ traits }) => traits.limitSeconds * 1_000 + KILL_GRACE_MS + UNKNOWN_MARGIN_MS,
    )
    exhaustedMs += GUARDS_MS + steps.reduce((sum, ms) => sum + ms, 0) + verifyMs
    if (attempt < max) {
      const wait = Math.min(backoff.maxMs, backoff.initialMs * backoff.multiplier ** (attempt - 1))
      exhaustedMs += Math.round(wait * BACKOFF_SPREAD)
    }
  }
  return { firstActionMs: plan.afterMs + GUARDS_MS, firstMailMs: plan.escalation.tellByMs, exhaustedMs }
}
