import type { Alert } from '../../alert/alert.ts'
import { formatDuration } from '../../duration.ts'
import type { Decision } from '../../incident/event.ts'
import { firstRung } from '../steps.ts'
import { shown } from '../terminal.ts'
import type { Look, PlannedAlert } from './evaluate.ts'

/** `act` and `inform`: it would do what the rule is there for. `nothing`: it would not, for the reason in the sentence. */
export interface Verdict {
  readonly would: 'act' | 'inform' | 'nothing'
  readonly sentence: string
}

/** What becomes of an alert that no rule, or no rule any more, opens an incident for. */
export function verdictWithoutRule({ alert, tried }: PlannedAlert): Verdict {
  if (alert.status === 'resolved') {
    return nothing(
      'would not act because the alert is resolved: a resolve ends waiting and asks the probes, it begins nothing',
    )
  }
  return nothing(`would not act because no rule matches (${tried.length} tried); the alert would be stored`)
}

export function verdictOf(look: Look, alert: Alert): Verdict {
  const { plan, subject, target, decision } = look
  const informs = plan.mode === 'inform'
  if (subject.kind === 'unresolved') {
    const then = informs ? 'one line of a digest says so' : `${receivers(look)} would be told at once`
    return nothing(`would not act because ${subject.problem}; ${then}`)
  }
  if (!target || !decision) return nothing(`would not act because ${subject.key} is nothing that can be acted on`)
  const later =
    plan.afterMs > 0 ? `, ${formatDuration(plan.afterMs)} after the alert arrives and if all this still holds then` : ''
  const deed = `run ${plan.runbook.name} on ${target.key}: ${commandsOf(look, alert)}${later}`
  if (decision.verdict !== 'pass') {
    const because = `because ${objections(look, decision)}`
    return nothing(informs ? `would not act ${because} (and would only tell: mode inform)` : `would not act ${because}`)
  }
  if (informs)
    return { would: 'inform', sentence: `would only tell ${receivers(look)} (mode inform) that it would ${deed}` }
  return { would: 'act', sentence: `would ${deed}` }
}

/** The guard that decides first, then whatever else would stand in the way after it. */
function objections({ guards }: Look, decision: Decision): string {
  const others = guards.filter(({ guard, verdict }) => verdict !== 'pass' && guard !== decision.guard)
  const first = { guard: decision.guard ?? '', verdict: decision.verdict, reason: decision.reason }
  return [first, ...others].map(({ guard, verdict, reason }) => `${guard} ${SAYS[verdict]}: ${reason}`).join('; ')
}

const SAYS = { hold: 'holds', refuse: 'refuses', unknown: 'cannot tell', pass: 'passes' } as const

function commandsOf({ plan, target }: Look, { labels }: Alert): string {
  if (!target) return ''
  const steps = firstRung(plan, target, labels)
  return steps
    .map(({ step, command }) => (command !== null && 'argv' in command ? shown(command.argv) : step.type))
    .join(', then ')
}

function receivers({ plan }: Look): string {
  return plan.escalation.to.join(', ')
}

function nothing(sentence: string): Verdict {
  return { would: 'nothing', sentence }
}
