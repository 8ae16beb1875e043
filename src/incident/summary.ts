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
}

/**
 * All guards together. What may not be overruled comes first: a quiet hold stops every clock whatever else is wrong
 * (S-3.4); an alert that is gone asks the probes (S-1.3); then what a person must hear at once, refusals, missing
 * evidence, told holds.
 */
export function decisionOf(results: readonly GuardResult[]): Decision {
  const first =
    results.find((r) => r.verdict === 'hold' && r.quiet) ??
    results.find((r) => r.verdict === 'refuse' && r.gone) ??
    results.find((r) => r.verdict !== 'pass' && r.escalate !== undefined) ??
    results.find((r) => r.verdict === 'refuse') ??
    results.find((r) => r.verdict === 'unknown') ??
    results.find((r) => r.verdict === 'hold')
  if (!first) return PASSED
  return {
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
  if (!decided) {
    const reason = results.length === 0 ? 'the runbook has no verification' : 'all probes are healed'
    const verdict = results.length === 0 ? 'unknown' : 'healed'
    return { verdict, reason, mark: null, starting: false, conclusive: false, withinMs: within, symptom, invocation }
  }
  return {
    verdict: decided.verdict,
    reason: decided.reason,
    mark: decided.verdict === 'progressing' ? `${decided.probe}:${decided.mark ?? ''}` : null,
    starting: decided.verdict === 'progressing' && decided.starting === true,
    conclusive: decided.verdict === 'broken' && decided.conclusive === true,
    withinMs: within,
    symptom,
    invocation,
  }
}
