import { type Instant, iso } from '../clock.ts'
import type { Evidence, GuardResult } from '../incident/verdict.ts'
import { kindOfKey, type TargetKind } from '../inventory/inventory.ts'
import { defineOwnGuard, type OwnFacts, type OwnIntent, type StormFacts } from './guard.ts'

/** So long nothing that would make a storm was seen, before it is over. Milliseconds (S-5.9). */
export const CALM_MS = 10 * 60_000

/** Kinds whose processes are the cluster itself; only their starts go one by one. */
const MEMBERS: readonly TargetKind[] = ['broker', 'controller', 'zookeeper']

/** S-5.9: of `total` brokers and controllers, so many confirmed bad by direct probe are no single failure any more. */
export function isStorm(bad: number, total: number): boolean {
  return bad >= 3 || (bad >= 2 && bad / total > 0.4)
}

/** The same in words. */
const NO_STORM = 'at most 2, and not 2 of more than 40 %'

/** Whether starts of this target go one by one in a storm. */
export function isMember(targetKey: string): boolean {
  const kind = kindOfKey(targetKey)
  return kind !== null && MEMBERS.includes(kind)
}

/**
 * S-5.9: in a storm nothing disruptive, whoever asks; crashed members are started one by one, quorum members first, until
 * one start fails. A person who asks for a start has looked, and gets it.
 */
export const storm = defineOwnGuard({
  kind: 'own',
  type: 'storm',
  summary: 'Not so much is broken in the cluster at once that acting would make it worse.',
  decide(facts, intent, now) {
    const evidence = seen(facts, now)
    const why = obstacle(facts, intent)
    if (why === null) {
      const reason = facts.storm === null ? 'no storm' : 'a storm, in which this may go on'
      return { guard: 'storm', verdict: 'pass', reason, evidence }
    }
    const held: GuardResult = { guard: 'storm', verdict: 'hold', reason: why, evidence }
    const calmSince = facts.storm?.calmSince ?? null
    return calmSince === null ? held : { ...held, until: calmSince + CALM_MS }
  },
})

function obstacle({ storm, blindAt }: OwnFacts, intent: OwnIntent): string | null {
  if (intent.disruptive) {
    if (storm !== null)
      return `${named(intent.cluster, storm)}; nothing disruptive until ${CALM_MS / 60_000} min of calm`
    return blindAt === null ? null : blind(intent.cluster)
  }
  if (!isMember(intent.targetKey) || intent.byPerson) return null
  if (blindAt !== null) return blind(intent.cluster)
  if (storm === null) return null
  const { failedStart, isVoter, votersFirst } = storm
  if (failedStart !== null && failedStart.target !== intent.targetKey) {
    return `${named(intent.cluster, storm)}; the start of ${failedStart.target} failed, so no other one is started until a person resumes cluster:${intent.cluster}`
  }
  const other = startInTheWay(storm)
  if (other)
    return `${named(intent.cluster, storm)}; one start at a time: ${other.targetKey} by incident ${other.incident}`
  if (!isVoter && votersFirst.length > 0)
    return `${named(intent.cluster, storm)}; members of the quorum go first: ${votersFirst.join(', ')}`
  return null
}

/**
 * S-5.9: the start that the next one waits for. It is verified once it serves: that its replicas are in sync may take the
 * others. As long as the quorum lacks its majority none can serve, so its members follow each other as soon as the process of
 * the last one runs: a broker that is a controller, too, gives up after 60 s (`initial.broker.registration.timeout.ms`).
 */
export function startInTheWay({ starts, isVoter, lacksMajority }: StormFacts): StormFacts['starts'][number] | null {
  const mayBeFollowed = ({ process }: StormFacts['starts'][number]): boolean =>
    process === 'serving' || (process === 'starting' && lacksMajority && isVoter)
  return starts.find((one) => isMember(one.targetKey) && !mayBeFollowed(one)) ?? null
}

function named(cluster: string, { since }: StormFacts): string {
  return `storm over ${cluster} since ${iso(since)}`
}

function blind(cluster: string): string {
  return `no listener of ${cluster} gives any answer: kafka-healing itself may be cut off`
}

function seen({ storm, blindAt }: OwnFacts, now: Instant): readonly Evidence[] {
  const evidence: Evidence[] = []
  if (blindAt !== null)
    evidence.push({ name: 'reaches', value: 'nothing', wanted: 'some listener', source: 'store', at: blindAt })
  if (storm === null) return evidence
  const bad = `${storm.bad.join(', ')} of ${storm.total}`
  evidence.push({ name: 'confirmed bad', value: bad, wanted: NO_STORM, source: 'store', at: now })
  const calm = storm.calmSince === null ? null : iso(storm.calmSince)
  return [
    ...evidence,
    { name: 'calm since', value: calm, wanted: `for ${CALM_MS / 60_000} min`, source: 'store', at: now },
    { name: 'quorum lacks its majority', value: storm.lacksMajority, source: 'store', at: now },
    ...storm.starts
      .filter(({ targetKey }) => isMember(targetKey))
      .map(({ targetKey, process }) => ({
        name: `start of ${targetKey}`,
        value: process ?? 'not seen yet',
        wanted: 'serving',
        source: 'store',
        at: now,
      })),
  ]
}
