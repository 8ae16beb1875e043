import type { CrashState } from '../probes/unit-state.ts'
import type { Judged, SymptomFacts } from './symptom-facts.ts'
import { describeUnit } from './witness.ts'

/** `stoppedOnPurpose` comes this far when our own attempt wiped off a crash, or for a person to decide (S-2.5). */
const MAY_START: ReadonlySet<CrashState> = new Set<CrashState>(['crashed', 'neverStarted', 'stoppedOnPurpose'])

const SAYS: Readonly<Record<CrashState, string>> = {
  running: 'it has not crashed',
  starting: 'it starts already',
  stopping: 'it is being stopped',
  autoRestart: 'systemd restarts it by itself',
  crashed: 'it crashed',
  neverStarted: 'it was not started since the host booted',
  stoppedOnPurpose: 'our own attempt wiped off its crash, or a person asked',
  missing: 'there is no such unit',
}

/** S-2.5: the process ended by itself. */
export function judgeCrash(facts: SymptomFacts): Judged {
  const { witness, liveness, brokers } = facts
  // S-5.4: when most brokers cannot be told, it is our eyes that are ill. A refused connection is a clear answer.
  const unclear = brokers.filter(({ state }) => state === 'unknown').length
  if (unclear * 2 > brokers.length) {
    return {
      verdict: 'refuse',
      reason: `${unclear} of ${brokers.length} brokers cannot be told: the prober is suspect`,
    }
  }
  if (liveness?.state === 'serving') return { verdict: 'refuse', reason: 'it answers, whatever its unit says' }
  if (witness.kind === 'unreadable') return { verdict: 'unknown', reason: 'the unit cannot be read' }
  const { state, unit } = witness
  const shown = describeUnit(unit)
  if (state === 'missing') return { verdict: 'unknown', reason: `the host has no such unit: ${shown}` }
  return { verdict: MAY_START.has(state) ? 'pass' : 'refuse', reason: `${SAYS[state]}: ${shown}` }
}
