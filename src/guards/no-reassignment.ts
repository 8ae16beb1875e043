import { z } from 'zod'
import type { GuardResult } from '../incident/verdict.ts'
import { blockingReassignments } from '../kafka/judge-view.ts'
import { defineWorldGuard } from './guard.ts'
import { readViewFacts, TAKES_NOTHING, trusted, type ViewFacts } from './view-facts.ts'

const NAMED = 20

/** S-5.8: nothing else moves data, except what only waits for the target to come into sync. */
export const noReassignment = defineWorldGuard({
  kind: 'world',
  type: 'no-reassignment',
  summary: 'No partition is being moved, other than what waits for the target itself.',
  params: z.strictObject({}),
  targets: ['broker', 'controller'],
  always: true,
  async facts(_params, { disruptive }, context): Promise<ViewFacts | null> {
    return disruptive ? readViewFacts(context) : null
  },
  decide(facts, _params, { disruptive }, now): GuardResult {
    const say = (
      verdict: GuardResult['verdict'],
      reason: string,
      evidence: GuardResult['evidence'] = [],
    ): GuardResult => ({ guard: 'no-reassignment', verdict, reason, evidence })
    if (!disruptive) return say('pass', TAKES_NOTHING)
    if (!facts) return say('unknown', 'the cluster was not looked at')
    const seen = trusted(facts, now)
    if ('verdict' in seen) return say(seen.verdict, seen.reason)
    const { view, node } = seen
    const running = view.reassignments
    if (running === null) return say('unknown', 'running reassignments could not be read')
    const { at } = view
    const blocking = blockingReassignments(view, node)
    const moved = running.slice(0, NAMED).map(({ topic, partition, replicas, adding, removing }) => ({
      name: `${topic}-${partition}`,
      value: `replicas ${replicas.join(',')}, adding ${adding.join(',') || '-'}, removing ${removing.join(',') || '-'}`,
      source: 'cluster',
      at,
    }))
    const evidence = [
      { name: 'moves that do not wait for it', value: blocking.length, wanted: 0, source: 'cluster', at },
      ...moved,
    ]
    const [first, ...others] = blocking
    if (!first) {
      const reason = running.length === 0 ? 'nothing is being moved' : `${running.length} wait for the target itself`
      return say('pass', reason, evidence)
    }
    const more = others.length > 0 ? `, and ${others.length} more partitions` : ''
    return say('refuse', `${first.topic}-${first.partition} is being moved${more}`, evidence)
  },
})
