import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { type TargetKind, UNIT_KINDS } from '../inventory/inventory.ts'
import type { Liveness } from '../kafka/clients.ts'
import { SCRAPE_LIMIT_MS, type Scrape, scrape } from '../probes/scrape.ts'
import type { CrashState } from '../probes/unit-state.ts'
import { defineWorldGuard, type Intent } from './guard.ts'
import { escalationOf } from './host-problem.ts'
import { clearedByUs, startedByOthers } from './unit-history.ts'
import { describeUnit, readWitness, type Witness } from './witness.ts'

const params = z.union([
  z.strictObject({ unit: z.literal('crashed').describe('systemd says that the process ended by itself') }),
  z.strictObject({ scrape: z.literal('unanswered').describe('Exporters: its own host cannot scrape it either') }),
])

export interface SymptomFacts {
  readonly kind: TargetKind
  readonly witness: Witness
  /** The target's own listener; null for targets that have none. */
  readonly liveness: Liveness | null
  /** The listeners of all brokers of the cluster, the target's included where it is one. */
  readonly brokers: readonly Liveness[]
  /** Only where the runbook asks for it. */
  readonly scrape: Scrape | null
}

/** S-5.4, S-2.5: a direct look sees what the alert says, and nobody stopped it on purpose. */
export const symptom = defineWorldGuard({
  kind: 'world',
  type: 'symptom',
  summary: 'A direct look at the target sees what the alert says.',
  params,
  targets: UNIT_KINDS,
  always: false,
  async facts(wanted, _intent, context): Promise<SymptomFacts> {
    const { target, cluster, kafka, host, signal } = context
    const ask = (one: typeof target) => (one.address ? [kafka.liveness(one.address, undefined, cluster.name)] : [])
    const listener = target.kind === 'broker' || target.kind === 'controller' ? ask(target) : []
    const [witness, brokers, [liveness = null], answer] = await Promise.all([
      readWitness(context),
      Promise.all(cluster.brokers.flatMap((broker) => (broker.key === target.key ? listener : ask(broker)))),
      Promise.all(listener),
      'scrape' in wanted && target.address ? scrape(host, target.address, '/metrics', SCRAPE_LIMIT_MS, signal) : null,
    ])
    return { kind: target.kind, witness, liveness, brokers, scrape: answer }
  },
  decide(facts, wanted, intent, now) {
    const judged = judgeUnit(facts, intent) ?? ('unit' in wanted ? judgeCrash(facts) : judgeScrape(facts))
    return { guard: 'symptom', ...judged, evidence: evidenceOf(facts, now) }
  },
})

/** `stoppedOnPurpose` comes this far only when our own attempt wiped off a crash (S-2.5), or when a person asked. */
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

type Judged = Omit<GuardResult, 'guard' | 'evidence'>

/** What speaks against touching the unit at all, whatever the symptom. */
function judgeUnit({ witness }: SymptomFacts, intent: Intent): Judged | null {
  if (witness.kind === 'unreadable') {
    const { cause, reason } = witness.problem
    return { verdict: 'unknown', reason: `the unit cannot be read: ${reason}`, ...escalationOf(cause) }
  }
  // Both ask for a person; one that asks for a retry has decided.
  if (intent.byPerson) return null
  if (startedByOthers(witness, intent)) {
    const reason = 'somebody else has started the unit since this incident first looked'
    return { verdict: 'refuse', reason, escalate: 'humanChanged' }
  }
  if (witness.state === 'stoppedOnPurpose' && !clearedByUs(witness, intent)) {
    return {
      verdict: 'refuse',
      reason: `stopped on purpose: ${describeUnit(witness.unit)}`,
      escalate: 'stoppedOnPurpose',
    }
  }
  return null
}

function judgeCrash(facts: SymptomFacts): Judged {
  const { witness, liveness, brokers } = facts
  // S-5.4: when most brokers cannot be told, it is our eyes that are ill. A refused connection is a clear answer.
  const unclear = brokers.filter(({ state }) => state === 'unknown').length
  if (unclear * 2 > brokers.length) {
    return {
      verdict: 'refuse',
      reason: `${unclear} of ${brokers.length} brokers cannot be told: the prober is suspect`,
    }
  }
  if (liveness?.state === 'serving') {
    return { verdict: 'refuse', reason: 'it answers, whatever its unit says' }
  }
  if (witness.kind === 'unreadable') return { verdict: 'unknown', reason: 'the unit cannot be read' }
  const { state, unit } = witness
  const shown = describeUnit(unit)
  if (state === 'missing') return { verdict: 'unknown', reason: `the host has no such unit: ${shown}` }
  return { verdict: MAY_START.has(state) ? 'pass' : 'refuse', reason: `${SAYS[state]}: ${shown}` }
}

function judgeScrape(facts: SymptomFacts): Judged {
  if (facts.kind !== 'exporter') return { verdict: 'unknown', reason: 'only exporters are scraped' }
  const { scrape: seen } = facts
  if (!seen) return { verdict: 'unknown', reason: 'the inventory names no scrape address' }
  if (seen.kind === 'answered')
    return { verdict: 'refuse', reason: `it answers its own host with status ${seen.status}` }
  if (seen.kind === 'unanswered') return { verdict: 'pass', reason: `its own host gets no answer: ${seen.why}` }
  return { verdict: 'unknown', reason: seen.why, ...escalationOf(seen.cause) }
}

function evidenceOf({ witness, liveness, brokers, scrape: seen }: SymptomFacts, at: Instant): readonly Evidence[] {
  const evidence: Evidence[] = []
  if (witness.kind === 'unreadable') evidence.push({ name: 'unit', value: null, source: witness.source, at })
  else {
    const { unit, source } = witness
    evidence.push({ name: 'unit', value: describeUnit(witness.unit), source, at: unit.at })
    evidence.push({ name: 'invocation', value: unit.invocationId, source, at: unit.at })
  }
  if (liveness) evidence.push({ name: 'ApiVersions', value: liveness.why, source: 'probe', at })
  const answers = brokers.map(({ why }) => why).slice(0, 20)
  evidence.push({ name: 'brokers asked', value: `${brokers.length}: ${answers.join(', ')}`, source: 'probe', at })
  if (seen)
    evidence.push({ name: 'scrape', value: seen.kind === 'answered' ? seen.status : seen.why, source: 'probe', at })
  return evidence
}
