import { MODES, type Mode } from '../incident/plan.ts'
import { times } from '../notify/naming.ts'
import type { Report } from './report.ts'

/**
 * When a rule has earned its next mode, and when it should have less. Nothing here changes anything: a person edits the rule.
 * The numbers are small because brokers break rarely, and because every step up has a net below it: in `approve` a person sees
 * each attempt, in `act` the breaker (S-5.11) takes the permission back after four incidents that mostly failed.
 */
export const READY = {
  /** Incidents judged in mode inform: fewer show one kind of failure on one day. */
  judged: 5,
  /** Of them, those in which it would have acted or asked: with fewer there is nothing to have agreed with. */
  wouldAct: 3,
  /** Approved incidents that healed: five in a row with a runbook that heals only half of the time is luck of 3 %. */
  approvedHealed: 5,
  /** Of what it tried, healed: one failure in twenty at most, as a person is not asked any more. */
  healedShare: 0.95,
} as const

export const TOO_MUCH = {
  /** Incidents before a share says anything; the breaker's own number. */
  incidents: 4,
  /** One guard that decides against more than this share of them: the rule matches what it should not, or the guard is wrong. */
  refusedShare: 0.5,
  /** Failed, of what it tried; half of the share at which the breaker demotes. */
  failedShare: 0.25,
  /** Overruled by people. */
  overriddenShare: 0.25,
  /** Approved, of what was asked: below this nobody misses the question. */
  approvedShare: 0.25,
} as const

export interface Suggestion {
  /** Another mode for the rule: higher or lower. Null: it should stay. */
  readonly next: Mode | null
  /** The mode may be changed now; false: what is missing stands in `reasons`. */
  readonly ready: boolean
  /** Sentences for people, what decides first. */
  readonly reasons: readonly string[]
}

interface Check {
  readonly holds: boolean
  readonly says: string
}

/** `demotedIn`: clusters and targets in which the rule only informs because it failed too often. */
export function suggest(mode: Mode, report: Report, demotedIn: readonly string[] = []): Suggestion {
  const lower = MODES[MODES.indexOf(mode) - 1] ?? null
  const against = lower === null ? [] : reasonsAgainst(mode, report)
  if (lower !== null && against.length > 0) return { next: lower, ready: true, reasons: against }
  if (demotedIn.length > 0) {
    const reason = `demoted to inform on ${demotedIn.join(', ')}; find out why it failed, then resume it`
    return { next: null, ready: false, reasons: [reason] }
  }
  if (mode === 'act') return { next: null, ready: false, reasons: [staysInAct(report)] }
  const checks = mode === 'inform' ? forApprove(report) : forAct(report)
  const missing = checks.filter(({ holds }) => !holds)
  return {
    next: mode === 'inform' ? 'approve' : 'act',
    ready: missing.length === 0,
    reasons: (missing.length === 0 ? checks : missing).map(({ says }) => says),
  }
}

function forApprove({ inform, refusedBy }: Report): readonly Check[] {
  const { wouldAct, wouldAsk, wouldRefuse, needless, sameRemedy } = inform
  const would = wouldAct + wouldAsk
  const judged = would + wouldRefuse
  const refused = Math.max(0, ...refusedBy.map(({ incidents }) => incidents))
  return [
    enough(judged, READY.judged, 'incidents in which its guards were asked'),
    enough(would, READY.wouldAct, 'incidents in which it would have acted'),
    {
      holds: needless === 0,
      says:
        needless === 0
          ? `it was never well again without what it would have done; ${sameRemedy} of ${would} times somebody did the same`
          : `${needless} of ${would} times it was well again without what it would have done: a longer after, or a stricter symptom`,
    },
    {
      holds: !isMost(refused, judged, TOO_MUCH.refusedShare),
      says: isMost(refused, judged, TOO_MUCH.refusedShare)
        ? mostlyRefused(refusedBy, judged)
        : `no guard would have refused more than half of them`,
    },
  ]
}

function forAct({ approvals, healed, failed, overridden }: Report): readonly Check[] {
  const tried = healed + failed
  const share = tried === 0 ? 0 : healed / tried
  return [
    enough(approvals.healed, READY.approvedHealed, 'incidents healed by an approved attempt'),
    {
      holds: share >= READY.healedShare,
      says: `healed ${healed} of ${tried} that it tried${share >= READY.healedShare ? '' : `; ${percent(READY.healedShare)} are wanted`}`,
    },
    {
      holds: overridden.incidents === 0,
      says:
        overridden.incidents === 0
          ? 'nobody overruled it'
          : `people overruled it in ${times(overridden.incidents, 'incident')}`,
    },
  ]
}

/** Why the rule should be allowed less than `mode`. */
function reasonsAgainst(mode: Mode, report: Report): readonly string[] {
  const { incidents, refusedBy, healed, failed, overridden, approvals } = report
  const refused = Math.max(0, ...refusedBy.map((one) => one.incidents))
  const checks: readonly Check[] = [
    {
      holds: isMost(failed, healed + failed, TOO_MUCH.failedShare),
      says: `failed in ${failed} of ${healed + failed} that it tried`,
    },
    {
      holds: isMost(overridden.incidents, incidents, TOO_MUCH.overriddenShare),
      says: `people overruled it in ${overridden.incidents} of ${incidents} incidents`,
    },
    {
      holds: isMost(refused, incidents, TOO_MUCH.refusedShare),
      says: mostlyRefused(refusedBy, incidents),
    },
    {
      holds:
        mode === 'approve' &&
        approvals.asked >= TOO_MUCH.incidents &&
        approvals.given < approvals.asked * TOO_MUCH.approvedShare,
      says: `nobody wants it: ${approvals.given} of ${approvals.asked} questions were answered with yes`,
    },
  ]
  return checks.filter(({ holds }) => holds).map(({ says }) => says)
}

function staysInAct({ healed, failed, incidents }: Report): string {
  if (healed + failed === 0)
    return `nothing speaks against act; it has tried nothing in ${times(incidents, 'incident')}`
  return `nothing speaks against act: healed ${healed} of ${healed + failed} that it tried`
}

function enough(seen: number, wanted: number, what: string): Check {
  return {
    holds: seen >= wanted,
    says: seen >= wanted ? `${seen} ${what}` : `not enough seen yet: ${seen} of ${wanted} ${what}`,
  }
}

/** More than `share` of them, of which there are enough to tell. */
function isMost(some: number, of: number, share: number): boolean {
  return of >= TOO_MUCH.incidents && some > of * share
}

function mostlyRefused(refusedBy: Report['refusedBy'], of: number): string {
  const [first] = refusedBy
  return `guard ${first?.guard ?? ''} decided against it in ${first?.incidents ?? 0} of ${of}: the rule matches too much, or the guard is wrong here`
}

function percent(share: number): string {
  return `${share * 100} %`
}
