import { type Instant, iso } from '../clock.ts'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import type { TargetKind } from '../inventory/inventory.ts'
import type { Liveness } from '../kafka/clients.ts'
import type { ClusterView } from '../kafka/view.ts'
import type { BrokerState } from '../probes/broker-state.ts'
import { stateEvidence } from '../probes/broker-state.ts'
import type { Memory } from '../probes/probe.ts'
import type { Scrape } from '../probes/scrape.ts'
import { describeUnit, type Witness } from './witness.ts'

/** All that a direct look saw; what the runbook's symptom does not ask for is null. */
export interface SymptomFacts {
  readonly kind: TargetKind
  readonly node: number | null
  readonly witness: Witness
  readonly memory: Memory
  /** The target's own listener; null for targets that have none. */
  readonly liveness: Liveness | null
  /** The listeners of all brokers of the cluster, the target's included where it is one. */
  readonly brokers: readonly Liveness[]
  readonly scrape: Scrape | null
  /** The cluster as the others see it, or why it was not seen. */
  readonly view: ClusterView | string | null
  /** The target's listener, asked on its own host. */
  readonly inside: Liveness | null
  readonly brokerState: BrokerState | null
  /** When the process began, by its host's clock. */
  readonly processAt: Instant | null
}

export type Judged = Omit<GuardResult, 'guard' | 'evidence'>

export function symptomEvidence(facts: SymptomFacts, at: Instant): readonly Evidence[] {
  const { witness, liveness, brokers, scrape, memory, inside, view } = facts
  const evidence: Evidence[] = []
  const add = (name: string, value: Evidence['value'], source: string, when: Instant = at) =>
    evidence.push({ name, value, source, at: when })
  if (witness.kind === 'unreadable') add('unit', null, witness.source)
  else {
    const { unit, source } = witness
    add('unit', describeUnit(unit), source, unit.at)
    add('invocation', unit.invocationId, source, unit.at)
  }
  if (liveness) add('ApiVersions', describe(liveness), 'probe')
  const answers = brokers.map(({ why }) => why).slice(0, 20)
  add('brokers asked', `${brokers.length}: ${answers.join(', ')}`, 'probe')
  if (scrape) add('scrape', scrape.kind === 'answered' ? scrape.status : scrape.why, 'probe')
  if (view === null) return evidence
  add('invocation last seen serving', memory.servingInvocation, 'store')
  if (facts.brokerState) evidence.push(...stateEvidence(facts.brokerState))
  if (inside) add('ApiVersions on its own host', describe(inside), witness.source)
  if (typeof view === 'string') add('cluster', view, 'cluster')
  else {
    const broker = view.brokers.find(({ id }) => id === facts.node)
    add('fenced', broker?.fenced ?? null, 'cluster', view.at)
    add('listed', broker?.listed ?? null, 'cluster', view.at)
  }
  if (memory.inSyncAt !== null && facts.processAt !== null) add('in sync last', iso(memory.inSyncAt), 'store')
  add('out of sync since', memory.outOfSyncSince === null ? null : iso(memory.outOfSyncSince), 'store')
  return evidence
}

function describe({ why, detail }: Liveness): string {
  return detail ? `${why}: ${detail}` : why
}
