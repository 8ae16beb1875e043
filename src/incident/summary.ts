import type { Decision, Look } from './event.ts'
import type { Plan } from './plan.ts'
import type { GuardResult, ProbeResult } from './verdict.ts'

/** What all guards together say when none of them objects. */
export const PASSED: Decision = {
  verdict: 'pass',
  guard: null,
  reason: 'all guards passed',
  quiet: false,
  until: null,
  escalate: null,
  gone: false,
  approvable: false,
  asks: [],
  urgent: false,
}

/** What a person is asked to approve of a guard's answer; an approval covers exactly this (S-3.5). */
function askOf({ guard, reason }: GuardResult): string {
  return `${guard}: ${reason}`
}

/**
 * All guards together. What may not be overruled comes first: a quiet hold stops every clock whatever else is wrong
 * (S-3.4); an alert that is gone asks the probes (S-1.3); then what a person must hear at once, refusals, missing
 * evidence, told holds; last what a person may approve. What was approved already (`waived`) counts as passed.
 */
export function decisionOf(results: readonly GuardResult[], waived: readonly string[] = []): Decision {
  const may = results.filter((r) => r.verdict !== 'pass' && r.approvable)
  const asks = may.map(askOf)
  const urgent = results.some((r) => r.urgent)
  const must = results.filter((r) => r.verdict !== 'pass' && !r.approvable)
  const first =
    must.find((r) => r.verdict === 'hold' && r.quiet) ??
    must.find((r) => r.verdict === 'refuse' && r.gone) ??
    must.find((r) => r.escalate !== undefined) ??
    must.find((r) => r.verdict === 'refuse') ??
    must.find((r) => r.verdict === 'unknown') ??
    must.find((r) => r.verdict === 'hold') ??
    may.find((r) => !waived.includes(askOf(r)))
  if (!first) return { ...PASSED, asks, urgent }
  return {
    approvable: first.approvable === true,
    asks,
    urgent,
    verdict: first.verdict,
    guard: first.guard,
    reason: first.reason,
    quiet: first.verdict === 'hold' && first.quiet === true,
    until: first.until ?? null,
    escalate: first.escalate ?? null,
    gone: first.gone === true,
  }
}

/** All probes together: any broken is broken, else any unknown, else any progressing, else healed (S-4.9). */
export function lookOf(
  plan: Plan,
  results: readonly ProbeResult[],
  symptom: boolean | null,
  invocation: string | null,
): Look {
  const pick = (verdict: ProbeResult['verdict']) => results.findIndex((r) => r.verdict === verdict)
  const index = [pick('broken'), pick('unknown'), pick('progressing')].find((i) => i >= 0)
  const decided = index === undefined ? undefined : results[index]
  const within = plan.runbook.verify[index ?? 0]?.withinMs ?? 0
  const process = processOf(results)
  if (!decided) {
    const reason = results.length === 0 ? 'the runbook has no verification' : 'all probes are healed'
    const verdict = results.length === 0 ? 'unknown' : 'healed'
    const plain = { mark: null, starting: false, conclusive: false }
    return { verdict, reason, ...plain, process, withinMs: within, symptom, invocation }
  }
  return {
    verdict: decided.verdict,
    reason: decided.reason,
    mark: decided.verdict === 'progressing' ? `${decided.probe}:${decided.mark ?? ''}` : null,
    starting: decided.verdict === 'progressing' && decided.starting === true,
    process,
    conclusive: decided.verdict === 'broken' && decided.conclusive === true,
    withinMs: within,
    symptom,
    invocation,
  }
}

/** Whichever probe has seen it: one that asks for more, or for something else, may say broken or unknown meanwhile. */
function processOf(results: readonly ProbeResult[]): Look['process'] {
  if (results.some(({ serves }) => serves === true)) return 'serving'
  return results.some(({ verdict, starting }) => verdict === 'progressing' && starting === true) ? 'starting' : null
}
