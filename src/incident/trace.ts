import type { Instant } from '../clock.ts'
import type { Effect } from './event.ts'
import type { Incident, Reason, State, TimerKind } from './incident.ts'
import { type Mode, rungOf } from './plan.ts'

/**
 * Version of the shape in which a decision is stored, shown and sent. Fields may be added under the same number. One that
 * goes, or comes to mean something else, takes the next number and a way to read the rows of this one (store/decisions.ts).
 */
export const TRACE = 1

/** What was about to be done when it was decided; for probes, what had been done. */
export interface Intended {
  /** Revision of rule and runbook. */
  readonly revision: string
  readonly mode: Mode
  /** Null: none found yet, or unresolvable. */
  readonly target: string | null
  /** Counted from 1 within the incident; null where probes look without one. */
  readonly attempt: number | null
  /** Counted from 1; null for probes. */
  readonly rung: number | null
  /** Counted from 1 within the rung; null where it is about the rung as a whole. */
  readonly step: number | null
  readonly disruptive: boolean
  /** Asked for by a person (`retry`). */
  readonly byPerson: boolean
}

/** Where the incident stood once the decision had been taken. */
export interface Followed {
  readonly state: State
  readonly reason: Reason
  /** When what keeps it waiting ends by itself, where that is known. */
  readonly until: Instant | null
  /** When it is looked at again, as planned then; null: nothing was planned by it. */
  readonly nextAt: Instant | null
}

/** The attempt that guards are asked about: the next one, on `target`, of which `targetAttempts` were spent (S-4.1). */
export function nextIntended(
  incident: Incident,
  target: string | null = incident.target,
  targetAttempts: number = incident.targetAttempts,
): Intended {
  const { plan, grants, attempts } = incident
  const { rungs } = plan.runbook
  const rung = grants > 0 ? rungs.length : Math.min(targetAttempts + 1, rungs.length)
  return intended(incident, { target, attempt: attempts + 1, rung, byPerson: grants > 0 })
}

/** One attempt, or one step of it. */
export function intended(
  { plan }: Pick<Incident, 'plan'>,
  { rung, ...about }: Pick<Intended, 'target' | 'attempt' | 'byPerson'> & { readonly rung: number },
  step: number | null = null,
): Intended {
  const disruptive = rungOf(plan, rung).some(({ traits }) => traits.disruptive)
  return { revision: plan.revision, mode: plan.mode, ...about, rung, step, disruptive }
}

/** What probes look at: the attempt under verification, or the target as it is. */
export function lookedAt({ plan, target, attempt }: Incident): Intended {
  const { revision, mode } = plan
  return { revision, mode, target, attempt, rung: null, step: null, disruptive: false, byPerson: false }
}

const LOOKS_AGAIN: readonly TimerKind[] = ['act', 'guard', 'verifyPoll', 'probationEnd']

export function followed(
  { state, reason }: Incident,
  effects: readonly Effect[],
  until: Instant | null = null,
): Followed {
  const due = effects.flatMap((one) => (one.type === 'timer' && LOOKS_AGAIN.includes(one.kind) ? [one.dueAt] : []))
  return { state, reason, until, nextAt: due.length === 0 ? null : Math.min(...due) }
}
