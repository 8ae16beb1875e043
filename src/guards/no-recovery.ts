import { z } from 'zod'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { type BrokerState, brokerStateOf, describeState, hasRun, stateEvidence } from '../probes/broker-state.ts'
import { defineWorldGuard } from './guard.ts'
import { TAKES_NOTHING } from './view-facts.ts'

/** S-2.6: a broker that loads or recovers its logs begins from nothing when it is restarted. */
export const noRecovery = defineWorldGuard({
  kind: 'world',
  type: 'no-recovery',
  summary: 'The broker is not starting and recovers no logs, by its own word.',
  params: z.strictObject({}),
  targets: ['broker'],
  always: true,
  async facts(_params, { disruptive }, context): Promise<BrokerState | null> {
    return disruptive ? brokerStateOf(context) : null
  },
  decide(facts, _params, { disruptive }): GuardResult {
    const say = (verdict: GuardResult['verdict'], reason: string): GuardResult => ({
      guard: 'no-recovery',
      verdict,
      reason,
      evidence: facts ? stateEvidence(facts).map((one) => ({ ...one, ...WANTED[one.name] })) : [],
    })
    if (!disruptive) return say('pass', TAKES_NOTHING)
    if (!facts) return say('unknown', 'nobody was asked')
    const said = describeState(facts)
    const { state, remaining, journal } = facts
    // A number that is none is no zero.
    if (remaining !== null && !(remaining <= 0)) return say('refuse', `it recovers its logs: ${said}`)
    if (state !== null && STILL_STARTING.has(state)) return say('refuse', `it has not finished its start: ${said}`)
    if (journal === 'starting') return say('refuse', `it has not finished its start: ${said}`)
    if (hasRun(facts) || (state !== null && SHUTTING_DOWN.has(state))) return say('pass', said)
    if (state !== null) return say('refuse', `no state of a broker is known by that number: ${said}`)
    return say('refuse', `neither BrokerState nor the journal can be read: ${said}`)
  },
})

const WANTED: Readonly<Record<string, Pick<Evidence, 'wanted'>>> = {
  BrokerState: { wanted: '3 (running), 6 or 7 (shutting down)' },
  'logs to recover': { wanted: 'none' },
  started: { wanted: 'started' },
}
const STILL_STARTING: ReadonlySet<number> = new Set([0, 1, 2])
const SHUTTING_DOWN: ReadonlySet<number> = new Set([6, 7])
