import { z } from 'zod'
import type { GuardResult } from '../incident/verdict.ts'
import { isOutOfEverything, liveIsr, type Offender, wouldBreakAvailability } from '../kafka/judge-view.ts'
import type { ClusterView } from '../kafka/view.ts'
import { defineWorldGuard } from './guard.ts'
import { readViewFacts, TAKES_NOTHING, trusted, urgencyOf, type ViewFacts, viewEvidence } from './view-facts.ts'

/** As many offenders and topics are named; a decision is at most 8 KiB (design 4.3). */
const NAMED = 20

export interface AvailabilityFacts extends ViewFacts {
  readonly tolerate: readonly string[]
}

/** S-5.6: every partition keeps min.insync.replicas, and whatever could revive it, without the target. */
export const availability = defineWorldGuard({
  kind: 'world',
  type: 'availability',
  summary: 'No partition goes offline or read-only when the target stops.',
  params: z.strictObject({}),
  targets: ['broker', 'controller'],
  always: true,
  /** For a start as well: how badly clients suffer decides how soon people are told (S-6.1). */
  async facts(_params, _intent, context): Promise<AvailabilityFacts> {
    return { ...(await readViewFacts(context)), tolerate: context.cluster.tolerateUnavailable }
  },
  decide(facts, _params, { disruptive }, now): GuardResult {
    const evidence = [...viewEvidence(facts, disruptive)]
    const say = (verdict: GuardResult['verdict'], reason: string, more: Partial<GuardResult> = {}): GuardResult => ({
      guard: 'availability',
      verdict,
      reason,
      evidence,
      ...urgencyOf(facts),
      ...more,
    })
    if (!disruptive) return say('pass', TAKES_NOTHING)
    const seen = trusted(facts, now)
    if ('verdict' in seen) return say(seen.verdict, seen.reason)
    const { view, node } = seen
    const { breaks, approvable, tolerated } = wouldBreakAvailability(view, node, facts.tolerate)
    for (const { topic, partition, why, wanted, isr, minIsr } of [...breaks, ...approvable].slice(0, NAMED)) {
      const value = `${why}; ISR ${isr.join(',')}, min.insync.replicas ${minIsr ?? 'unknown'}`
      evidence.push({ name: `${topic}-${partition}`, value, wanted, source: 'cluster', at: view.at })
    }
    if (tolerated > 0)
      evidence.push({ name: 'partitions tolerated', value: tolerated, source: 'inventory', at: view.at })

    const [first] = breaks
    if (first) {
      const others = breaks.length > 1 ? `, and ${breaks.length - 1} more partitions` : ''
      return say('refuse', `${first.topic}-${first.partition}: ${first.why}${others}`)
    }
    const out = isOutOfEverything(view, node)
    // Where replicas are short it may still be eligible to lead; what is dead comes first there too.
    const idle = view.partitions.every((partition) => !liveIsr(partition).includes(node))
    const dead = idle ? deadOthers(view, node) : []
    if (dead.length > 0) return say('refuse', `start ${list(dead.map((id) => `broker ${id}`))} first`)
    if (approvable.length > 0) return say('refuse', askFor(approvable), { approvable: true })
    return say('pass', out ? 'no partition counts on it' : 'every partition keeps what it needs without it')
  },
})

/** Brokers of the inventory on whose port nobody listens: whatever they hold comes back with them. */
function deadOthers({ brokers }: ClusterView, node: number): readonly number[] {
  return brokers
    .filter(({ id, target, liveness }) => id !== node && target !== null && liveness?.why === 'refused')
    .map(({ id }) => id)
}

/** The same text as long as the same topics would suffer: an approval is bound to it (S-3.5). */
function askFor(offenders: readonly Offender[]): string {
  const topics = [...new Set(offenders.map(({ topic }) => topic))].toSorted()
  const more = topics.length > NAMED ? ` and ${topics.length - NAMED} more` : ''
  return `${topics.length} topics have no replica to spare and would stop taking writes: ${topics.slice(0, NAMED).join(', ')}${more}`
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
