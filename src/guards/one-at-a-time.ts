import { defineOwnGuard } from './guard.ts'

/**
 * S-4.2: one attempt per target, one disruptive attempt per cluster. A `cluster:` hold never blocks a start on another
 * target; a `target:` hold blocks everything on it.
 */
export const oneAtATime = defineOwnGuard({
  kind: 'own',
  type: 'one-at-a-time',
  summary: 'No other attempt runs on the target, and no other disruptive one in the cluster.',
  decide(facts, intent) {
    const keys = [`target:${intent.targetKey}`, ...(intent.disruptive ? [`cluster:${intent.cluster}`] : [])]
    const blocking = facts.holds.filter((hold) => keys.includes(hold.key))
    const [first] = blocking
    return {
      guard: 'one-at-a-time',
      verdict: first ? 'refuse' : 'pass',
      reason: first
        ? `attempt ${first.attempt} of incident ${first.incident} holds ${first.key}`
        : 'no other attempt runs here',
      evidence: blocking.map((hold) => ({
        name: hold.key,
        value: `incident ${hold.incident}, attempt ${hold.attempt}`,
        wanted: 'free',
        source: 'store',
        at: hold.takenAt,
      })),
    }
  },
})
