import type { Instant } from '../clock.ts'
import type { Outcome, Reason } from '../incident/incident.ts'
import type { Facts, Healer, TrackGroup } from '../incident/track.ts'

/** How a rule did over a window: counts of incidents, unless a field says otherwise. */
export interface Report {
  readonly incidents: number
  /** When the oldest of them opened: what retention took is not counted. */
  readonly oldestAt: Instant | null
  /** Alerts that these incidents held. */
  readonly alerts: number
  /** Not ended yet. */
  readonly open: number
  /** Another incident led on the target, so this one started nothing (S-3.1). */
  readonly followed: number
  /** Silenced, paused or within a maintenance window for a while. */
  readonly held: number
  readonly inform: {
    readonly wouldAct: number
    /** It would have asked a person first. */
    readonly wouldAsk: number
    readonly wouldRefuse: number
    /** Of those in which it would have acted or asked: somebody else did what it would have done. */
    readonly sameRemedy: number
    /** Of those: it got well without what it would have done. */
    readonly needless: number
  }
  /** Guards that decided against acting, or would have; the one that decided most often first. */
  readonly refusedBy: readonly { readonly guard: string; readonly incidents: number }[]
  readonly acted: number
  /** Attempts that changed something, in all incidents together. */
  readonly attempts: number
  /** By us, with no failure on the way. */
  readonly healed: number
  /** Healing did not work (S-5.11). */
  readonly failed: number
  /** Well without an attempt of ours, by who did it. */
  readonly cleared: { readonly incidents: number } & Readonly<Record<Exclude<Healer, 'us'>, number>>
  readonly unverified: number
  readonly escalated: readonly { readonly cause: Reason; readonly incidents: number }[]
  /** A person overruled it; `incidents` counts each once. */
  readonly overridden: {
    readonly incidents: number
    readonly takenOver: number
    readonly cancelled: number
    readonly humanFirst: number
    readonly changedByHand: number
  }
  readonly approvals: {
    readonly asked: number
    readonly given: number
    /** Over, and nobody had said yes. */
    readonly lapsed: number
    /** Approved, and healed by that. */
    readonly healed: number
  }
  /** Well, and broken again within probation. */
  readonly relapsed: number
  readonly timeToHeal: { readonly fromOpening: Spread | null; readonly fromAttempt: Spread | null }
}

/** Of `count` durations, in milliseconds. */
export interface Spread {
  readonly count: number
  readonly medianMs: number
  readonly p90Ms: number
}

/** What was counted of one rule in one cluster. */
export interface Tally {
  readonly groups: readonly TrackGroup[]
  /** How long each heal of ours took, in milliseconds. */
  readonly fromOpeningMs: readonly number[]
  readonly fromAttemptMs: readonly number[]
}

const WELL: ReadonlySet<Outcome | null> = new Set(['healed', 'cleared', 'informed'])

/** Of a rule everywhere, or of some clusters. */
export function reportOf(tallies: readonly Tally[]): Report {
  const groups = tallies.flatMap((tally) => tally.groups)
  const count = (holds: (facts: Facts) => boolean): number =>
    groups.reduce((sum, { facts, incidents }) => (holds(facts) ? sum + incidents : sum), 0)
  const would = ({ would, healer }: Facts, who: Healer): boolean =>
    (would === 'act' || would === 'ask') && healer === who
  const cleared = (who?: Healer) => count((facts) => isCleared(facts) && (who === undefined || facts.healer === who))
  return {
    incidents: count(() => true),
    oldestAt:
      groups.length === 0
        ? null
        : groups.reduce((oldest, one) => Math.min(oldest, one.oldestAt), Number.MAX_SAFE_INTEGER),
    alerts: groups.reduce((sum, { alerts }) => sum + alerts, 0),
    open: count(({ outcome }) => outcome === null),
    followed: count(({ followed }) => followed),
    held: count(({ held }) => held),
    inform: {
      wouldAct: count(({ would }) => would === 'act'),
      wouldAsk: count(({ would }) => would === 'ask'),
      wouldRefuse: count(({ would }) => would === 'refuse'),
      sameRemedy: count((facts) => would(facts, 'sameRemedy')),
      needless: count((facts) => would(facts, 'otherwise')),
    },
    refusedBy: ranked(groups, ({ refusedBy }) => refusedBy).map(([guard, incidents]) => ({ guard, incidents })),
    acted: count(({ attempts }) => attempts > 0),
    attempts: groups.reduce((sum, { facts, incidents }) => sum + facts.attempts * incidents, 0),
    healed: count(isHealed),
    failed: count(({ failed }) => failed),
    cleared: {
      incidents: cleared(),
      sameRemedy: cleared('sameRemedy'),
      otherwise: cleared('otherwise'),
      unknown: cleared('unknown'),
    },
    unverified: count(({ outcome }) => outcome === 'unverified'),
    escalated: ranked(groups, ({ escalated }) => escalated).map(([cause, incidents]) => ({ cause, incidents })),
    overridden: {
      incidents: count(({ overridden }) => overridden.length > 0),
      takenOver: count(({ overridden }) => overridden.includes('takenOver')),
      cancelled: count(({ overridden }) => overridden.includes('cancelled')),
      humanFirst: count(({ overridden }) => overridden.includes('humanFirst')),
      changedByHand: count(({ overridden }) => overridden.includes('changedByHand')),
    },
    approvals: {
      asked: count(({ approval }) => approval !== null),
      given: count(({ approval }) => approval === 'given'),
      lapsed: count(({ approval, outcome }) => approval === 'asked' && outcome !== null),
      healed: count((facts) => facts.approval === 'given' && isHealed(facts)),
    },
    relapsed: count(({ relapsed }) => relapsed),
    timeToHeal: {
      fromOpening: spreadOf(tallies.flatMap(({ fromOpeningMs }) => fromOpeningMs)),
      fromAttempt: spreadOf(tallies.flatMap(({ fromAttemptMs }) => fromAttemptMs)),
    },
  }
}

function isHealed({ healer, outcome, failed }: Facts): boolean {
  return healer === 'us' && outcome === 'healed' && !failed
}

/** Found well, and nothing of ours had changed anything. */
function isCleared({ attempts, healer, outcome }: Facts): boolean {
  return attempts === 0 && healer !== null && WELL.has(outcome)
}

/** How many incidents name each, the most first. */
function ranked<T extends string>(
  groups: readonly TrackGroup[],
  named: (facts: Facts) => readonly T[],
): readonly (readonly [T, number])[] {
  const by = new Map<T, number>()
  for (const { facts, incidents } of groups)
    for (const name of named(facts)) by.set(name, (by.get(name) ?? 0) + incidents)
  return [...by].toSorted((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
}

/** Nearest rank: a duration that really occurred. */
function spreadOf(durations: readonly number[]): Spread | null {
  const sorted = Float64Array.from(durations).toSorted()
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  const [medianMs, p90Ms] = [at(0.5), at(0.9)]
  return medianMs === undefined || p90Ms === undefined ? null : { count: sorted.length, medianMs, p90Ms }
}
