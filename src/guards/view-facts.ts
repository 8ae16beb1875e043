import type { Instant } from '../clock.ts'
import { LATE, within } from '../hosts/waiting.ts'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { isComplete, leastLeft, suffering, vanished } from '../kafka/judge-view.ts'
import type { Baseline, ClusterView } from '../kafka/view.ts'
import type { LookContext } from '../probes/probe.ts'

/** One look at a cluster takes some 50 ms, with a hung broker its probe's two seconds, without a quorum three. */
const VIEW_LIMIT_MS = 10_000
/** S-5.2: evidence about the world is good for this long. */
const GOOD_FOR_MS = 10_000
/** Named in a reason, of however many there are. */
const SHOWN = 5

/** What a guard that judges the whole cluster knows. */
export interface ViewFacts {
  /** The cluster as seen in this look, or why it was not. */
  readonly view: ClusterView | string
  /** The node id of what would be stopped; null where its name is none. */
  readonly node: number | null
  readonly baseline: Baseline | null
}

export async function readView(context: LookContext): Promise<ClusterView | string> {
  try {
    const view = await within(context.clock, VIEW_LIMIT_MS, context.view())
    return view === LATE ? `the cluster could not be looked at within ${VIEW_LIMIT_MS / 1000} s` : view
  } catch (error) {
    return `the cluster could not be looked at: ${error instanceof Error ? error.message : String(error)}`
  }
}

export async function readViewFacts(context: LookContext): Promise<ViewFacts> {
  return { view: await readView(context), node: nodeOf(context.target.name), baseline: context.memory.baseline }
}

export function nodeOf(name: string): number | null {
  return /^\d+$/.test(name) ? Number(name) : null
}

type Answer = Pick<GuardResult, 'verdict' | 'reason'>

/** S-5.5: a view that may be judged, with the node in question; or why nothing may be concluded from what was seen. */
export function trusted(
  { view, node, baseline }: ViewFacts,
  now: Instant,
): { readonly view: ClusterView; readonly node: number } | Answer {
  if (typeof view === 'string') return { verdict: 'unknown', reason: view }
  if (node === null) return { verdict: 'unknown', reason: 'the inventory gives no node id' }
  const ageMs = now - view.at - view.tookMs
  if (ageMs > GOOD_FOR_MS || ageMs < -GOOD_FOR_MS) {
    return {
      verdict: 'unknown',
      reason: `the look at the cluster is ${Math.round(ageMs / 1000)} s old, at most ${GOOD_FOR_MS / 1000} s wanted`,
    }
  }
  // Without rights Kafka shows an empty cluster and no error.
  if (view.rights && !view.rights.includes('DESCRIBE'))
    return { verdict: 'refuse', reason: 'our account may not DESCRIBE the cluster' }
  const complete = isComplete(view, node)
  if (!complete.ok) {
    const { length } = complete.missing
    const more = length > SHOWN ? ` and ${length - SHOWN} more` : ''
    return { verdict: 'unknown', reason: `not all was seen: ${complete.missing.slice(0, SHOWN).join('; ')}${more}` }
  }
  if (view.topics === 0) {
    return { verdict: 'refuse', reason: 'the cluster shows no topic at all; our account may lack DESCRIBE on topics' }
  }
  const gone = vanished(view, baseline)
  if (gone !== null) return { verdict: 'refuse', reason: `${gone}; it is looked at again in half a minute` }
  return { view, node }
}

/** S-6.1: with partitions offline or under min.insync.replicas people are told within two minutes. */
export function urgencyOf({ view }: Pick<ViewFacts, 'view'>): Pick<GuardResult, 'urgent'> {
  if (typeof view === 'string') return {}
  const { offline, underMinIsr } = suffering(view)
  return offline > 0 || underMinIsr > 0 ? { urgent: true } : {}
}

/** `compares`: the guard judges the view, so that what it wants of it is told too. */
export function viewEvidence({ view, baseline }: ViewFacts, compares: boolean): readonly Evidence[] {
  if (typeof view === 'string') return []
  const { at } = view
  const source = 'cluster'
  const wants = (wanted: string) => (compares ? { wanted } : {})
  const { offline, underMinIsr, examples } = suffering(view)
  const seen: Evidence[] = [
    { name: 'topics', value: view.topics, ...wants(least(baseline?.topics ?? 1)), source, at },
    {
      name: 'partitions',
      value: view.partitions.length,
      ...(baseline && wants(least(baseline.partitions))),
      source,
      at,
    },
    { name: 'partitions without a leader', value: offline, source, at },
    { name: 'partitions under min.insync.replicas', value: underMinIsr, source, at },
  ]
  if (examples.length > 0) seen.push({ name: 'for example', value: examples.join('; '), source, at })
  if (baseline) seen.push({ name: 'topics before', value: baseline.topics, source: 'store', at: baseline.at })
  for (const { part, reason } of view.problems) seen.push({ name: part, value: reason, ...wants('read'), source, at })
  if (view.rights) seen.push({ name: 'our rights', value: view.rights.join(', '), ...wants('DESCRIBE'), source, at })
  return seen
}

function least(before: number): string {
  return `at least ${leastLeft(before)}`
}

/** What guards that judge what stopping a node takes away say of a start. */
export const TAKES_NOTHING = 'a start takes nothing from the cluster'
