import type { UnitSeen } from '../incident/unit.ts'
import { crashState } from '../probes/unit-state.ts'
import type { Intent } from './guard.ts'
import type { ReadWitness } from './witness.ts'

type History = Pick<Intent, 'firstSeenUnit' | 'ourInvocations' | 'changedByUs'>

/**
 * S-2.5: a new invocation that is neither ours nor systemd's own restart. An empty one (host booted, unit unloaded) says
 * that nothing was started.
 */
export function startedByOthers({ unit }: ReadWitness, history: History): boolean {
  const { firstSeenUnit: first, ourInvocations, changedByUs } = history
  if (!first || unit.invocationId === '' || unit.invocationId === first.invocationId) return false
  if (ourInvocations.includes(unit.invocationId)) return false
  // systemd counts its own restarts since the last start by anybody; a person's start sets the count back to 0.
  return !(unit.nRestarts > first.nRestarts || (changedByUs && unit.nRestarts > 0))
}

/**
 * S-2.5: the unit looks stopped, but only because our own `reset-failed` wiped the crash off it. A stop by a person after
 * a start of ours looks nearly the same, and must not be undone.
 */
export function clearedByUs(witness: ReadWitness, history: History): boolean {
  const { unit, bootedAt, servingAt } = witness
  const { firstSeenUnit: first, ourInvocations, changedByUs } = history
  if (!changedByUs || !first || unit.activeState !== 'inactive' || unit.result !== 'success') return false
  // A person's `disable` or `mask` says what they want, whatever we did before.
  if (unit.loadState !== 'loaded' || unit.unitFileState !== first.unitFileState) return false
  const before = crashState(first, { bootedAt, servingAt })
  if (before !== 'crashed' && before !== 'neverStarted') return false
  // systemd unloaded the unit and forgot how it ended: only ours as long as no start of ours took hold in between.
  if (unit.invocationId === '') return ourInvocations.every((invocation) => invocation === first.invocationId)
  return endedLikeACrash(unit)
}

const SIGNALS_TO_END: ReadonlySet<number> = new Set([1, 2, 13, 15])
const CODES_TO_END: ReadonlySet<number> = new Set([0, 130, 143])

/** How the main process ended outlives `reset-failed`. Codes of wait(2): 1 exited, 2 killed, 3 dumped core. */
function endedLikeACrash({ execMainCode, execMainStatus }: UnitSeen): boolean {
  if (execMainCode === '3') return true
  if (execMainCode === '2') return !SIGNALS_TO_END.has(execMainStatus)
  return execMainCode === '1' && !CODES_TO_END.has(execMainStatus)
}
