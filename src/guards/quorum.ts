import { z } from 'zod'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { wouldBreakQuorum } from '../kafka/judge-view.ts'
import type { ClusterView } from '../kafka/view.ts'
import { defineWorldGuard } from './guard.ts'
import { readViewFacts, TAKES_NOTHING, trusted, type ViewFacts } from './view-facts.ts'

/** S-5.7: the metadata quorum has a leader, and keeps its majority of voters that are caught up, without the target. */
export const quorum = defineWorldGuard({
  kind: 'world',
  type: 'quorum',
  summary: 'The controllers, or ZooKeeper, keep their majority when the target stops.',
  params: z.strictObject({}),
  targets: ['broker', 'controller'],
  always: true,
  async facts(_params, { disruptive }, context): Promise<ViewFacts | null> {
    return disruptive ? readViewFacts(context) : null
  },
  decide(facts, _params, { disruptive }, now): GuardResult {
    const evidence = facts && typeof facts.view !== 'string' ? evidenceOf(facts.view) : []
    const say = (verdict: GuardResult['verdict'], reason: string): GuardResult => ({
      guard: 'quorum',
      verdict,
      reason,
      evidence,
    })
    if (!disruptive) return say('pass', TAKES_NOTHING)
    if (!facts) return say('unknown', 'the cluster was not looked at')
    // Without a leader all else that brokers say is the last good picture, so this comes first.
    const judged = typeof facts.view === 'string' ? null : wouldBreakQuorum(facts.view, facts.node)
    if (judged?.verdict === 'frozen') return say('refuse', `the quorum has no leader or no majority: ${judged.reason}`)
    if (judged?.verdict === 'breaks') return say('refuse', `the quorum would lose its majority: ${judged.reason}`)
    if (judged?.verdict === 'unknown') return say('unknown', `the quorum could not be asked: ${judged.reason}`)
    const seen = trusted(facts, now)
    if ('verdict' in seen) return say(seen.verdict, seen.reason)
    return say('pass', judged?.reason ?? '')
  },
})

function evidenceOf({ quorum: seen, at }: ClusterView): readonly Evidence[] {
  const source = 'cluster'
  if (seen.kind === 'zookeeper') {
    return seen.members.map(({ address, mode, reason }) => ({
      name: `ZooKeeper ${address.host}:${address.port}`,
      value: mode ?? reason,
      source,
      at,
    }))
  }
  const voters = seen.kind === 'kraft' ? seen.voters : []
  return [
    { name: 'quorum leader', value: seen.kind === 'kraft' ? seen.leader : null, source, at },
    ...voters.map(({ id, caughtUp, lagMs }) => ({
      name: `voter ${id}`,
      value: `${caughtUp ? 'caught up' : 'behind'}, ${lagMs === null ? 'has never fetched' : `${lagMs} ms`}`,
      source,
      at,
    })),
    ...seen.controllers.map(({ address, says, reason }) => ({
      name: `controller ${address.host}:${address.port}`,
      value: `${says}: ${reason}`,
      source,
      at,
    })),
  ]
}
