import { z } from 'zod'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { quorumWithout, wouldBreakQuorum } from '../kafka/judge-view.ts'
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
    const evidence = facts && typeof facts.view !== 'string' ? evidenceOf(facts.view, facts.node) : []
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

function evidenceOf(view: ClusterView, node: number | null): readonly Evidence[] {
  const { quorum: seen, at } = view
  const source = 'cluster'
  const left = quorumWithout(view, node)
  const majority: readonly Evidence[] = left
    ? [
        {
          name: seen.kind === 'zookeeper' ? 'ZooKeeper servers that serve' : 'voters caught up without it',
          value: left.count,
          wanted: `at least ${Math.floor(left.of / 2) + 1} of ${left.of}`,
          source,
          at,
        },
      ]
    : []
  if (seen.kind === 'zookeeper') {
    const members = seen.members.map(({ address, mode, reason }) => ({
      name: `ZooKeeper ${address.host}:${address.port}`,
      value: mode ?? reason,
      source,
      at,
    }))
    return [...majority, ...members]
  }
  const voters = seen.kind === 'kraft' ? seen.voters : []
  return [
    ...majority,
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
