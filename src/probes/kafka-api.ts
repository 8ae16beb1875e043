import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { UnitSeen } from '../incident/unit.ts'
import type { Evidence, ProbeResult } from '../incident/verdict.ts'
import type { HostPort } from '../inventory/inventory.ts'
import type { Liveness } from '../kafka/clients.ts'
import { defineProbe, type LookContext, type Memory } from './probe.ts'
import { unitOfLook } from './unit-state.ts'

/** What is known about one Kafka process: its listener, its unit, and what we remember of it. */
export interface ServingFacts {
  readonly address: HostPort | null
  readonly liveness: Liveness | null
  /** Null when it could not be read. */
  readonly unit: UnitSeen | null
  readonly unitProblem: string
  readonly hostName: string
  readonly memory: Memory
}

/** Evidence with this name, there only when the listener answers, is the unit invocation to remember as serving. */
export const INVOCATION = 'serving invocation'

const params = z.strictObject({
  deadline_ms: z.int().min(100).max(10_000).default(2_000).describe('How long the listener may take to answer'),
})

export const kafkaApi = defineProbe({
  type: 'kafka-api',
  summary: 'Asks the Kafka process itself with an ApiVersions request, and its unit when it does not serve.',
  params,
  targets: ['broker', 'controller'],
  async look(wanted, context) {
    return judgeServing(await readServing(context, wanted.deadline_ms), context.clock.now())
  },
})

/**
 * Unit first, listener second: an answer then belongs to that invocation or to a later one. The other way round, a process
 * that began in between would be remembered as serving, and its start would look like a hang (S-2.6).
 */
export async function readServing(context: LookContext, deadlineMs: number): Promise<ServingFacts> {
  const { target, host, kafka, memory } = context
  const unit = await unitOfLook(context)
  const seen = 'problem' in unit ? { unit: null, unitProblem: unit.problem } : { unit, unitProblem: '' }
  const liveness = target.address ? await kafka.liveness(target.address, deadlineMs, target.cluster) : null
  return { address: target.address, liveness, ...seen, hostName: host.name, memory }
}

/** S-2.6 and S-4.9: alive, starting, hung, dead, or not to be told. */
export function judgeServing(facts: ServingFacts, at: Instant): ProbeResult {
  const { liveness, unit, memory } = facts
  const result = (verdict: ProbeResult['verdict'], reason: string, more: Partial<ProbeResult> = {}): ProbeResult => ({
    probe: 'kafka-api',
    verdict,
    reason,
    evidence: evidenceOf(facts, at),
    ...more,
  })
  if (!liveness) return result('unknown', 'the inventory names no listener to ask')
  if (liveness.state === 'serving') return result('healed', 'it answers')
  const silence = `it does not answer (${liveness.why})`
  // What a wrong setting, a certificate or the network can cause never counts as broken (S-5.4).
  if (liveness.state === 'unknown')
    return result('unknown', `it cannot be asked: ${liveness.why}, ${liveness.detail ?? ''}`)
  if (!unit) return result('unknown', `${silence}, and its unit cannot be read: ${facts.unitProblem}`)

  const shown = `unit ${unit.activeState} (${unit.subState})`
  if (unit.activeState === 'activating' || unit.queuedJob !== null) {
    return result('progressing', `${silence}, ${shown}`, { starting: true, mark: unit.subState })
  }
  if (unit.activeState === 'deactivating') return result('progressing', `${silence}, ${shown}`, { mark: unit.subState })
  if (unit.activeState !== 'active' && unit.activeState !== 'reloading') {
    // Nothing starts it by itself: no job is queued, and systemd is not between two tries.
    return result('broken', `${silence}, ${shown}, ${unit.result}`, { conclusive: true })
  }
  if (memory.servingInvocation !== unit.invocationId) {
    return result('progressing', `${silence} yet, ${shown}: it has not served since it began`, {
      starting: true,
      mark: unit.invocationId,
    })
  }
  // S-2.6: a refused connection is never a hang. It served before, so as progress it must not stand still for long.
  if (liveness.why === 'refused') return result('progressing', `${silence}, ${shown}`, { mark: unit.invocationId })
  return result('broken', `${silence} but served before, ${shown}: it hangs`)
}

function evidenceOf(facts: ServingFacts, at: Instant): readonly Evidence[] {
  const { address, liveness, unit, memory, hostName } = facts
  const evidence: Evidence[] = []
  if (address && liveness) {
    const value = liveness.detail ? `${liveness.why}: ${liveness.detail}` : liveness.why
    evidence.push({ name: 'ApiVersions', value, source: `${address.host}:${address.port}`, at })
  }
  if (!unit) return [...evidence, { name: 'unit', value: null, source: hostName, at }]
  const state = `${unit.activeState}/${unit.subState}, ${unit.result}`
  evidence.push({ name: 'unit', value: state, source: hostName, at: unit.at })
  const name = liveness?.state === 'serving' ? INVOCATION : 'invocation'
  evidence.push({ name, value: unit.invocationId, source: hostName, at: unit.at })
  evidence.push({ name: 'invocation last seen serving', value: memory.servingInvocation, source: 'store', at })
  return evidence
}
