import { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { Evidence, ProbeResult } from '../incident/verdict.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { brokerStateOf, stateEvidence } from './broker-state.ts'
import { defineProbe, type LookContext } from './probe.ts'
import { hasServed, isActive, type ProcessFacts, processState } from './process-state.ts'
import { unitOfLook } from './unit-state.ts'

/** What is known about one Kafka process, and where it was seen. */
export interface ServingFacts extends ProcessFacts {
  readonly address: HostPort | null
  readonly unitProblem: string
  readonly hostName: string
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
  const process = { liveness, unit: seen.unit, memory, brokerState: null }
  // Its own word is asked for only where ours does not do: what looks like a start may be a hang.
  const mute = processState(process) === 'starting' && liveness?.why !== 'refused' && seen.unit && isActive(seen.unit)
  const brokerState = mute && target.kind === 'broker' ? await brokerStateOf(context) : null
  return { ...process, ...seen, brokerState, address: target.address, hostName: host.name }
}

/** S-2.6 and S-4.9: alive, starting, hung, dead, or not to be told. */
export function judgeServing(facts: ServingFacts, at: Instant): ProbeResult {
  const { liveness, unit } = facts
  const result = (verdict: ProbeResult['verdict'], reason: string, more: Partial<ProbeResult> = {}): ProbeResult => ({
    probe: 'kafka-api',
    verdict,
    reason,
    evidence: evidenceOf(facts, at),
    ...more,
  })
  if (!liveness) return result('unknown', 'the inventory names no listener to ask')
  const state = processState(facts)
  if (state === 'serving') return result('healed', 'it answers', { serves: true })
  const silence = `it does not answer (${liveness.why})`
  if (liveness.state === 'unknown')
    return result('unknown', `it cannot be asked: ${liveness.why}, ${liveness.detail ?? ''}`)
  if (!unit) return result('unknown', `${silence}, and its unit cannot be read: ${facts.unitProblem}`)

  const shown = `unit ${unit.activeState} (${unit.subState})`
  // Nothing starts it by itself: no job is queued, and systemd is not between two tries.
  if (state === 'dead')
    return result('broken', `it is dead: ${silence}, ${shown}, ${unit.result}`, { conclusive: true })
  if (state === 'hung') return result('broken', `it hangs: ${silence} but served before, ${shown}`)
  if (state === 'stopping') return result('progressing', `it stops: ${silence}, ${shown}`, { mark: unit.subState })
  if (!isActive(unit) || unit.queuedJob !== null)
    return result('progressing', `it is starting: ${silence}, ${shown}`, { starting: true, mark: unit.subState })
  // It served before, so as progress it must not stand still for long.
  if (hasServed(facts))
    return result('progressing', `it is starting: ${silence}, ${shown}`, { mark: unit.invocationId })
  return result('progressing', `it is starting: ${silence} yet, ${shown}: it has not served since it began`, {
    starting: true,
    mark: unit.invocationId,
  })
}

function evidenceOf(facts: ServingFacts, at: Instant): readonly Evidence[] {
  const { address, liveness, unit, memory, hostName } = facts
  const evidence: Evidence[] = []
  if (address && liveness) {
    const value = liveness.detail ? `${liveness.why}: ${liveness.detail}` : liveness.why
    evidence.push({ name: 'ApiVersions', value, wanted: 'ok', source: `${address.host}:${address.port}`, at })
  }
  if (!unit) return [...evidence, { name: 'unit', value: null, source: hostName, at }]
  const state = `${unit.activeState}/${unit.subState}, ${unit.result}`
  evidence.push({ name: 'unit', value: state, source: hostName, at: unit.at })
  const name = liveness?.state === 'serving' ? INVOCATION : 'invocation'
  evidence.push({ name, value: unit.invocationId, source: hostName, at: unit.at })
  evidence.push({ name: 'invocation last seen serving', value: memory.servingInvocation, source: 'store', at })
  if (facts.brokerState) evidence.push(...stateEvidence(facts.brokerState))
  return evidence
}
