import type { IncidentView } from '../store/store.ts'

/** What took part in some incidents. */
export interface Coverage {
  /** Rules that opened an incident, by name. */
  readonly rules: readonly string[]
  /** Which verdicts a guard gave under a rule. */
  readonly guards: readonly { readonly rule: string; readonly guard: string; readonly verdict: string }[]
  /** Rungs that ran, counted from 0, and which of their steps began, counted from 0. */
  readonly rungs: readonly {
    readonly rule: string
    readonly runbook: string
    readonly rung: number
    readonly steps: readonly number[]
  }[]
  /** Which verdicts a probe gave under a rule. */
  readonly probes: readonly { readonly rule: string; readonly probe: string; readonly verdict: string }[]
}

/** All of it is written in the incidents themselves: nothing is counted that did not take part. */
export function coverageOf(views: readonly IncidentView[]): Coverage {
  const rules = new Set<string>()
  const guards = new Map<string, Coverage['guards'][number]>()
  const probes = new Map<string, Coverage['probes'][number]>()
  const rungs = new Map<string, { rule: string; runbook: string; rung: number; steps: Set<number> }>()
  for (const { incident, decisions, attempts } of views) {
    const { rule, runbook } = incident.plan
    rules.add(rule)
    // That verification asks for the symptom again is no decision to act or not.
    for (const { result, kind } of decisions.flatMap(({ results, kind }) =>
      results.map((result) => ({ result, kind })),
    )) {
      const { verdict } = result
      if ('guard' in result && kind === 'probe') continue
      if ('guard' in result) guards.set(`${rule}/${result.guard}/${verdict}`, { rule, guard: result.guard, verdict })
      else probes.set(`${rule}/${result.probe}/${verdict}`, { rule, probe: result.probe, verdict })
    }
    for (const { rung, steps } of attempts) {
      if (steps.length === 0) continue
      const key = `${rule}/${rung}`
      const known = rungs.get(key) ?? { rule, runbook: runbook.name, rung: rung - 1, steps: new Set() }
      for (const { step } of steps) known.steps.add(step - 1)
      rungs.set(key, known)
    }
  }
  return {
    rules: [...rules],
    guards: [...guards.values()],
    rungs: [...rungs.values()].map(({ steps, ...rung }) => ({ ...rung, steps: [...steps].toSorted((a, b) => a - b) })),
    probes: [...probes.values()],
  }
}
