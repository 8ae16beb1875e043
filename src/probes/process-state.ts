import type { UnitSeen } from '../incident/unit.ts'
import type { Liveness } from '../kafka/clients.ts'
import { type BrokerState, CLOCKS_APART_MS, hasRun } from './broker-state.ts'
import type { Memory } from './probe.ts'

/** What is known about one Kafka process. */
export interface ProcessFacts {
  readonly liveness: Liveness | null
  /** Null when it could not be read. */
  readonly unit: UnitSeen | null
  readonly memory: Pick<Memory, 'servingAt' | 'servingInvocation'>
  /** Null where it was not asked. */
  readonly brokerState: BrokerState | null
}

/** S-2.6, in the words that guards and probes share. */
export type ProcessState =
  | 'serving'
  /** It has not served since it began, or refuses connections: never to be restarted by a machine. */
  | 'starting'
  | 'stopping'
  /** It served since it began, accepts connections and answers none. */
  | 'hung'
  | 'dead'
  /** What a wrong setting, a certificate or the network can cause never counts as broken (S-5.4). */
  | 'unknown'

export function processState(facts: ProcessFacts): ProcessState {
  const { liveness, unit } = facts
  if (!liveness || liveness.state === 'unknown') return 'unknown'
  if (liveness.state === 'serving') return 'serving'
  if (!unit) return 'unknown'
  if (unit.activeState === 'activating' || unit.queuedJob !== null) return 'starting'
  if (unit.activeState === 'deactivating') return 'stopping'
  if (!isActive(unit)) return 'dead'
  return liveness.why === 'refused' || !hasServed(facts) ? 'starting' : 'hung'
}

export function isActive({ activeState }: UnitSeen): boolean {
  return activeState === 'active' || activeState === 'reloading' || activeState === 'refreshing'
}

/** Whether this very process was seen serving since it began: by us, or by its own word. */
export function hasServed({ unit, memory, brokerState }: Omit<ProcessFacts, 'liveness'>): boolean {
  if (!unit || unit.invocationId === '') return false
  if (memory.servingInvocation === unit.invocationId) return true
  if (brokerState === null) return false
  const { servingAt } = memory
  const since = brokerState.began === null ? null : brokerState.began + CLOCKS_APART_MS
  return hasRun(brokerState) || (since !== null && servingAt !== null && servingAt >= since)
}
