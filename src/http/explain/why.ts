import type { Instant } from '../../clock.ts'
import type { Incident } from '../../incident/incident.ts'
import { mayAct } from '../../incident/plan.ts'
import { assertNever } from '../../never.ts'
import { line } from '../../notify/clean.ts'
import { times } from '../../notify/naming.ts'
import { duration, moment } from '../../notify/times.ts'
import type { ExplainedRule } from '../../rules/explain-match.ts'
import type { DecisionView, IncidentView } from '../../store/store.ts'

const SAYS: Readonly<Record<string, string>> = { refuse: 'refuses', hold: 'holds', unknown: 'cannot tell' }

/** One sentence about an incident: did it act, or why not, and what has to happen for it to go on. */
export function why(view: IncidentView, now: Instant): string {
  const { incident } = view
  const did = didAct(view)
  const detail = line(incident.detail, 300)
  switch (incident.state) {
    case 'waiting':
      return waiting(view, did, now)
    case 'checking':
      return `${did} yet: its guards are being evaluated right now`
    case 'attempting':
      return incident.reason === 'scheduled'
        ? `It is about to act: attempt ${incident.attempt} waits for its turn`
        : `It is acting: attempt ${incident.attempt} runs`
    case 'verifying':
      return `${did}, and the probes look whether ${incident.attempts > 0 ? 'that helped' : 'it is well'}: ${detail}${again(view, 'verifyPoll', now)}`
    case 'probation':
      return `${did} and it is well${again(view, 'probationEnd', now, '; the watch ends')}`
    case 'escalated':
      return escalated(view, did, now)
    case 'settled':
    case 'closed':
      return ended(view, did)
    default:
      return assertNever(incident.state, 'state')
  }
}

/** The same for an alert that belongs to no incident: what the rules make of its labels. */
export function whyNoIncident(rules: readonly ExplainedRule[], status: 'firing' | 'resolved' | null): string {
  const opens = rules.flatMap(({ rule, opens }) => (opens ? [{ rule, ...opens }] : []))
  const did = status === null ? 'It would not act' : 'It did not act'
  if (opens.length === 0) return `${did} because no rule matches (${rules.length} tried)`
  const [named] = opens.filter(({ subject }) => subject.kind !== 'unresolved')
  const [unresolved] = opens
  if (named === undefined)
    return `${did} because rule ${unresolved?.rule} matches, but ${line(unresolved?.how ?? '', 300)}`
  const { rule, mode, runbook, subject } = named
  const what = mode === 'inform' ? `only tell about ${subject.key}` : `run ${runbook} on ${subject.key}`
  if (status === null) return `It would ${what} (rule ${rule}, mode ${mode}), if its guards pass then`
  if (status === 'resolved') return 'It did not act because the alert is resolved, and no incident is known that had it'
  return `It did not act because no incident has the alert yet; rule ${rule} matches it now and would ${what}`
}

function waiting(view: IncidentView, did: string, now: Instant): string {
  const { incident } = view
  const detail = line(incident.detail, 300)
  switch (incident.reason) {
    case 'after': {
      const then = mayAct(incident.plan) ? 'if all pass it acts' : 'it says what it would do (mode inform)'
      return `${did} yet: it waits for its time (${detail})${again(view, 'act', now, '; the guards are evaluated')}, and ${then}`
    }
    case 'held':
      return `${did} because of a hold: ${line(incident.held?.by ?? detail, 300)}; it will start over with fresh evidence when that ends${endOf(view, now)}`
    case 'approval':
      return `${did} because it waits for a person: ${detail}; it will act when somebody approves request ${incident.approval?.request ?? 0}, if the guards still pass then`
    case 'backoff':
      return `${did}, without success: ${detail}${again(view, 'act', now, '; it will try again')}, if guards and symptom let it`
    case 'attached':
      return `${did} because incident ${incident.leader} leads on this target; it will be judged anew when that one closes`
    case 'symptomWithoutAlert':
      return `${did} because no alert fires any more, though the probes find it broken (${detail}); it will close when they find it well, or start over when an alert fires`
    default:
      return refused(view, did, now)
  }
}

function refused(view: IncidentView, did: string, now: Instant): string {
  const last = lastRefusal(view)
  const guard = last?.guard ?? null
  const because =
    last === null || guard === null
      ? line(view.incident.detail, 300)
      : `${line(guard, 40)} ${SAYS[last.verdict] ?? last.verdict}: ${line(last.reason, 300)}`
  const when = guard === null ? 'all guards pass' : `${line(guard, 40)} passes`
  const giveUp = again(view, 'giveUp', now, '; it gives up')
  return `${did} because ${because}; it will act when ${when}${again(view, 'guard', now, '; the guards are evaluated again')}${giveUp}`
}

function escalated(view: IncidentView, did: string, now: Instant): string {
  const { incident } = view
  const why = `${did} and does nothing more by itself (${spaced(incident.reason)}): ${line(incident.detail, 300)}`
  const whose =
    incident.owner === null
      ? 'it is a person’s turn'
      : `${line(incident.owner, 40)} has taken over, and it closes once the probes find it well`
  return `${why}; ${whose}${again(view, 'verifyPoll', now, '; the probes look again')}`
}

function ended({ incident, attempts }: IncidentView, did: string): string {
  const detail = line(incident.detail, 300)
  const over =
    incident.closedAt === null
      ? '; it closes when none of its alerts fires'
      : `; closed at ${moment(incident.closedAt)}`
  if (incident.reason === 'unresolvable') return `${did} because its labels name nothing it may touch: ${detail}${over}`
  switch (incident.outcome) {
    case 'healed': {
      const at = incident.healedAt === null ? '' : ` at ${moment(incident.healedAt)}`
      return `It acted and healed it${at} with ${times(acted(attempts).length, 'attempt')}${over}`
    }
    case 'cleared':
      return `${did}: it was well again without that (${detail})${over}`
    case 'informed':
      return `${did} because rule ${line(incident.plan.rule, 80)} only informs: ${detail}${over}`
    case 'cancelled':
      return `${did} any further: cancelled, ${detail}${over}`
    case 'unverified':
    case null:
      return `${did}: ${detail}${over}`
    default:
      return assertNever(incident.outcome, 'outcome')
  }
}

function didAct({ attempts }: Pick<IncidentView, 'attempts'>): string {
  const spent = acted(attempts)
  if (spent.length === 0) return 'It did not act'
  const last = spent.at(-1)
  return `It acted (${times(spent.length, 'attempt')}, the last one ${last?.status})`
}

function acted(attempts: IncidentView['attempts']): IncidentView['attempts'] {
  return attempts.filter(({ startedAt, status }) => startedAt !== null && status !== 'notRun' && status !== 'withdrawn')
}

/** The newest answer of the guards, where they did not pass. */
function lastRefusal({ decisions }: Pick<IncidentView, 'decisions'>): DecisionView | null {
  const last = decisions.findLast(({ kind }) => kind !== 'probe')
  return last === undefined || last.verdict === 'pass' ? null : last
}

/** When a hold ends, as far as the guard that saw it knew. */
function endOf({ decisions }: IncidentView, now: Instant): string {
  const until = decisions.findLast(({ kind }) => kind !== 'probe')?.followed?.until ?? null
  return until === null || until <= now ? '' : ` (${when(until, now)})`
}

function again(
  { timers }: IncidentView,
  kind: IncidentView['timers'][number]['kind'],
  now: Instant,
  says = '; it is looked at again',
): string {
  const timer = timers.find((one) => one.kind === kind)
  return timer === undefined ? '' : `${says} ${when(timer.dueAt, now)}`
}

/** An instant that is to come, e.g. `in 40 s (2026-11-21 08:49:33 UTC)`. */
export function when(at: Instant, now: Instant): string {
  return at <= now ? 'now' : `in ${duration(at - now)} (${moment(at)})`
}

function spaced(reason: Incident['reason']): string {
  return reason.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
