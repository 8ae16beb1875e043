import type { Instant } from '../clock.ts'
import { liveIsr } from '../kafka/judge-view.ts'
import type { ClusterView } from '../kafka/view.ts'
import { assertNever } from '../never.ts'
import { CLOCKS_APART_MS } from '../probes/broker-state.ts'
import { hasServed, isActive, type ProcessState, processState } from '../probes/process-state.ts'
import type { Judged, SymptomFacts } from './symptom-facts.ts'
import { describeUnit } from './witness.ts'

export const BROKER_SYMPTOMS = ['hung', 'fenced', 'out-of-sync'] as const
export type BrokerSymptom = (typeof BROKER_SYMPTOMS)[number]

/**
 * Longer than the session time-out (9 s, ZooKeeper 18 s) and than replica.lag.time.max.ms (30 s) last by default: within them
 * what metadata shows may be what was.
 */
export const LASTS_MS = 35_000
/** S-5.4. */
const OUT_OF_OUR_REACH = 'we cannot reach it, its peers can: it is unfenced and in sync'

/** S-5.4: what a live process must show before it is stopped. Each needs a witness inside the cluster or on its own host. */
export function judgeBroker(wanted: BrokerSymptom, facts: SymptomFacts): Judged {
  const { kind, witness, brokers } = facts
  if (kind !== 'broker') return { verdict: 'unknown', reason: 'only brokers are looked at so' }
  if (witness.kind === 'unreadable') return { verdict: 'unknown', reason: 'the unit cannot be read' }
  if (witness.state === 'missing')
    return { verdict: 'unknown', reason: `the host has no such unit: ${describeUnit(witness.unit)}` }
  const failing = brokers.filter(({ state, why }) => state !== 'serving' && why !== 'refused').length
  if (failing * 2 > brokers.length)
    return refuse(`probes fail to ${failing} of ${brokers.length} brokers: the prober is suspect`)
  const state = processState({ ...facts, unit: witness.unit })
  if (wanted === 'hung') return judgeHung(state, facts)
  // The cluster is the witness here; a listener that cannot be asked takes nothing from what it says of the process.
  if (!isActive(witness.unit) || state === 'stopping' || witness.unit.queuedJob !== null)
    return refuse(inWords(state, facts))
  if (state === 'unknown') return { verdict: 'unknown', reason: inWords(state, facts) }
  return wanted === 'fenced' ? judgeFenced(state, facts) : judgeOutOfSync(state, facts)
}

function judgeHung(state: ProcessState, facts: SymptomFacts): Judged {
  const { inside } = facts
  const deaf = isDeaf(state, facts)
  if (state === 'unknown' && !deaf) return { verdict: 'unknown', reason: inWords(state, facts) }
  if (state !== 'hung' && !deaf) return refuse(inWords(state, facts))
  const peers = peersSay(facts)
  if (peers.kind === 'inSync') return refuse(OUT_OF_OUR_REACH)
  if (inside?.state === 'serving') return refuse('it answers its own host: what is ill lies between us and it')
  if (inside?.why === 'refused') return refuse('it is starting: on its own host the connection is refused')
  if (deaf && inside?.why !== 'connect-timeout' && inside?.why !== 'no-answer')
    return { verdict: 'unknown', reason: `${inWords('unknown', facts)}, and nobody on its own host says more` }
  if (peers.kind === 'fenced') return { verdict: 'pass', reason: 'it hangs: it served, does not answer, and is fenced' }
  if (peers.kind === 'outOfSync' && peers.everywhere && lasts(facts))
    return { verdict: 'pass', reason: 'it hangs: it served, does not answer, and is out of sync wherever others lead' }
  if (!deaf && inside?.why === 'no-answer')
    return { verdict: 'pass', reason: 'it hangs: it served, and does not answer its own host either' }
  const asked = inside ? `on its own host: ${inside.detail ?? inside.why}` : 'nobody asked on its own host'
  return { verdict: 'unknown', reason: `nobody inside says so: ${asked}; ${peers.reason}` }
}

/**
 * It served and does not even accept connections. A process that hangs leaves its queue of connections to fill up (50, some
 * 20 s of probes at one a second), so this is how it looks after a while; so does a network that drops packets. It takes both
 * its own host, where there is no network between, and the cluster to tell.
 */
function isDeaf(state: ProcessState, facts: SymptomFacts): boolean {
  const { liveness, witness } = facts
  if (state !== 'unknown' || liveness?.why !== 'connect-timeout' || witness.kind !== 'read') return false
  return isActive(witness.unit) && witness.unit.queuedJob === null && served(facts)
}

function judgeFenced(state: ProcessState, facts: SymptomFacts): Judged {
  if (state === 'starting' || !served(facts)) return refuse(inWords('starting', facts))
  const peers = peersSay(facts)
  if (peers.kind === 'unknown') return { verdict: 'unknown', reason: peers.reason }
  if (peers.kind !== 'fenced') return refuse(`it is not fenced: ${peers.reason}`)
  if (!lasts(facts)) return refuse(`it is fenced, but has not been seen so for ${LASTS_MS / 1000} s`)
  return { verdict: 'pass', reason: 'it is fenced although it runs and has served' }
}

function judgeOutOfSync(state: ProcessState, facts: SymptomFacts): Judged {
  if (state !== 'serving') return refuse(`it does not serve: ${inWords(state, facts)}`)
  const peers = peersSay(facts)
  if (peers.kind === 'unknown') return { verdict: 'unknown', reason: peers.reason }
  if (peers.kind !== 'outOfSync') return refuse(peers.kind === 'fenced' ? 'it is fenced' : peers.reason)
  // One that has not caught up since its start is on its way; a restart would send it back to where it began.
  const { inSyncAt } = facts.memory
  if (facts.processAt === null) return { verdict: 'unknown', reason: 'systemd does not say when the process began' }
  if (inSyncAt === null || inSyncAt < facts.processAt + CLOCKS_APART_MS)
    return refuse('it has not been seen in sync since it began: it may be catching up')
  if (!lasts(facts)) return refuse(`it is out of sync, but has not been seen so for ${LASTS_MS / 1000} s`)
  return { verdict: 'pass', reason: peers.reason }
}

type PeersSay =
  | { readonly kind: 'fenced' | 'inSync' | 'unknown'; readonly reason: string }
  /** `everywhere`: out of the ISR of every partition that another broker leads. */
  | { readonly kind: 'outOfSync'; readonly everywhere: boolean; readonly reason: string }

/** What the rest of the cluster says of the target. */
function peersSay({ view, node }: SymptomFacts): PeersSay {
  const unknown = (reason: string): PeersSay => ({ kind: 'unknown', reason })
  if (view === null || typeof view === 'string') return unknown(view ?? 'the cluster was not looked at')
  const { quorum, problems } = view
  if (quorum.kind === 'frozen') return unknown(`what brokers say may be old: ${quorum.reason}`)
  const unread = problems.find(({ part }) => part === 'metadata' || part === 'reassignments')
  if (unread) return unknown(`${unread.part}: ${unread.reason}`)
  const broker = view.brokers.find(({ id }) => id === node)
  if (!broker || node === null) return unknown('the cluster does not know it')
  // Before Kafka 4 a fenced broker is only missing from the list.
  if (broker.fenced ?? !broker.listed) return { kind: 'fenced', reason: 'the cluster has fenced it' }
  if (!broker.listed) return unknown('it is not registered')
  return outOfSync(view, node)
}

function outOfSync(view: ClusterView, node: number): PeersSay {
  const added = new Set(
    (view.reassignments ?? [])
      .filter(({ adding }) => adding.includes(node))
      .map(({ topic, partition }) => `${topic}-${partition}`),
  )
  // Without a leader nobody can be in sync with one, and a replica that is being added has yet to arrive.
  const others = view.partitions.filter(
    ({ topic, partition, leader, replicas }) =>
      leader >= 0 && leader !== node && replicas.includes(node) && !added.has(`${topic}-${partition}`),
  )
  const missing = others.filter((partition) => !liveIsr(partition).includes(node))
  const [first] = missing
  if (!first) return { kind: 'inSync', reason: 'it is unfenced and in sync' }
  const reason = `it is out of the ISR of ${missing.length} of ${others.length} partitions that others lead, e.g. ${first.topic}-${first.partition}`
  return { kind: 'outOfSync', everywhere: missing.length === others.length, reason }
}

/** Two views at least must have found it so, that far apart. */
function lasts({ memory, view }: SymptomFacts): boolean {
  const at: Instant | null = view !== null && typeof view !== 'string' ? view.at : null
  return at !== null && memory.outOfSyncSince !== null && at - memory.outOfSyncSince >= LASTS_MS
}

function served({ witness, memory, brokerState }: SymptomFacts): boolean {
  return witness.kind === 'read' && hasServed({ unit: witness.unit, memory, brokerState })
}

/** S-2.6, as the probe of verification says it (S-4.9). */
function inWords(state: ProcessState, facts: SymptomFacts): string {
  const { witness, liveness } = facts
  const shown = witness.kind === 'read' ? `unit ${describeUnit(witness.unit)}` : 'its unit cannot be read'
  switch (state) {
    case 'serving':
      return `it answers, ${shown}`
    case 'starting':
      if (liveness?.why !== 'refused' || !served(facts))
        return `it is starting: it has not been seen serving since it began, ${shown}`
      // What refuses the connection may be the network's, not the broker's.
      return peersSay(facts).kind === 'inSync' ? OUT_OF_OUR_REACH : `it is starting: connections are refused, ${shown}`
    case 'stopping':
      return `it is being stopped, ${shown}`
    case 'dead':
      return `it is dead: a start is another rule's matter, ${shown}`
    case 'hung':
      return `it hangs, ${shown}`
    case 'unknown':
      return liveness
        ? `it cannot be asked: ${liveness.detail ?? liveness.why}`
        : 'the inventory names no listener to ask'
    default:
      return assertNever(state, 'state of the process')
  }
}

function refuse(reason: string): Judged {
  return { verdict: 'refuse', reason }
}
