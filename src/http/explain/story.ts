import type { Instant } from '../../clock.ts'
import { line } from '../../notify/clean.ts'
import { moment } from '../../notify/times.ts'
import type { IncidentView, JournalRow } from '../../store/store.ts'
import { alertName } from '../present.ts'

/** What a moment is about; within one instant they happen in this order. */
export const MOMENTS = ['alert', 'person', 'hold', 'guards', 'probes', 'attempt', 'incident', 'told'] as const

/** One thing that happened, for a person to read in order of time. */
export interface Moment {
  readonly at: Instant
  readonly kind: (typeof MOMENTS)[number]
  readonly text: string
  /** The decision it tells of, by id. */
  readonly decision: number | null
  /** The attempt it tells of, by number. */
  readonly attempt: number | null
}

/** As many moments are told; of a longer story the newest. */
const MOST_MOMENTS = 200

/** What happened to an incident, in order of time. `earlier`: so many moments before them are left out. */
export function storyOf(view: IncidentView): { readonly story: readonly Moment[]; readonly earlier: number } {
  const all = [...fromJournal(view), ...decided(view), ...attempted(view), ...told(view)]
  const story = all.toSorted((a, b) => a.at - b.at || MOMENTS.indexOf(a.kind) - MOMENTS.indexOf(b.kind))
  return { story: story.slice(-MOST_MOMENTS), earlier: Math.max(0, story.length - MOST_MOMENTS) }
}

function moments(at: Instant, kind: Moment['kind'], text: string, about: Partial<Moment> = {}): readonly Moment[] {
  return [{ at, kind, text, decision: null, attempt: null, ...about }]
}

/** Guards and probes say something each minute: what they said stands in the decisions, once for as long as it is the same. */
function fromJournal(view: IncidentView): readonly Moment[] {
  const alerts = new Map(view.alerts.map((alert) => [alert.fingerprint, alert]))
  return view.journal.flatMap((row, index) => [
    ...happened(row, alerts),
    ...(index > 0 && isTurn(row, view.journal[index - 1]) ? turned(row) : []),
  ])
}

function happened(
  { at, event, detail }: JournalRow,
  alerts: ReadonlyMap<string, IncidentView['alerts'][number]>,
): readonly Moment[] {
  const alert = (fingerprint: string): string => {
    const known = alerts.get(fingerprint)
    const shown = line(fingerprint, 40)
    return known ? `${line(alertName(known), 80)} (${shown})` : shown
  }
  const by = (name: string) => line(name, 60)
  switch (event.type) {
    case 'opened': {
      const { plan, occurrence, subject } = event
      const about = subject.kind === 'unresolved' ? line(subject.problem, 200) : subject.key
      const text = `rule ${line(plan.rule, 80)} (mode ${plan.mode}, revision ${line(plan.revision, 60)}) opens the incident about ${about}: ${line(detail, 300)}`
      return [
        ...moments(at, 'alert', `${alert(occurrence.fingerprint)} fires since ${moment(occurrence.startsAt)}`),
        ...moments(at, 'incident', text),
      ]
    }
    case 'alertFiring':
      return moments(at, 'alert', `${alert(event.occurrence.fingerprint)} fires`)
    case 'alertResolved':
      return moments(at, 'alert', `${alert(event.occurrence.fingerprint)} is resolved`)
    case 'held':
      return moments(at, 'hold', `every clock stops: ${line(event.by, 300)}`)
    case 'released':
      return moments(at, 'hold', 'the hold ended')
    case 'attached':
      return moments(at, 'incident', `incident ${event.leader} leads on this target from here on`)
    case 'leads':
      return moments(at, 'incident', 'it leads on its target from here on')
    case 'takenOver':
      return moments(at, 'person', `${by(event.by)} took over`)
    case 'retryRequested':
      return moments(
        at,
        'person',
        `${by(event.by)} asked for another attempt${event.plan ? ', by the rule in force' : ''}`,
      )
    case 'approved':
      return moments(at, 'person', `${by(event.by)} approved request ${event.request}`)
    case 'cancelled':
      return moments(at, 'person', `${by(event.by)} cancelled it: ${line(event.reason, 200)}`)
    case 'restricted':
      return moments(at, 'incident', `the configuration allows less: mode ${event.to}, ${line(event.reason, 200)}`)
    case 'urgent':
      return moments(
        at,
        'incident',
        'partitions are offline or under their min.insync.replicas: people are told sooner',
      )
    case 'attemptInterrupted':
      return moments(at, 'attempt', `attempt ${event.attempt} was cut off: ${line(event.end.reason, 200)}`)
    case 'timerDue':
    case 'guardsEvaluated':
    case 'claimRefused':
    case 'attemptStarted':
    case 'attemptFinished':
    case 'looked':
      return []
    default:
      return event satisfies never
  }
}

/** It came to stand somewhere worth a line of its own. */
function isTurn(row: JournalRow, before: JournalRow | undefined): boolean {
  const { state, reason } = row
  if (state === before?.state && (state !== 'waiting' || reason === before.reason)) return false
  if (state === 'waiting') return reason === 'backoff' || reason === 'approval' || reason === 'symptomWithoutAlert'
  return state === 'probation' || state === 'escalated' || state === 'settled' || state === 'closed'
}

function turned({ at, state, reason, detail }: JournalRow): readonly Moment[] {
  return moments(at, 'incident', `${state} (${reason}): ${line(detail, 300)}`)
}

/** What the guards say as an attempt begins, or before a step, is news only where they do not pass. */
function decided({ decisions }: IncidentView): readonly Moment[] {
  return decisions.flatMap(({ id, kind, verdict, guard, reason, firstAt, lastAt, count }) => {
    if ((kind === 'claim' || kind === 'step') && verdict === 'pass') return []
    const by = guard === null ? '' : ` by ${line(guard, 40)}`
    const often = count > 1 ? ` (the same ${count} times, until ${moment(lastAt)})` : ''
    const text = `${verdict}${by}: ${line(reason, 300)}${often}`
    return moments(firstAt, kind === 'probe' ? 'probes' : 'guards', text, { decision: id })
  })
}

function attempted({ attempts }: IncidentView): readonly Moment[] {
  return attempts
    .filter(({ status }) => status !== 'withdrawn')
    .flatMap(({ attempt, rung, byPerson, status, reason, startedAt, scheduledAt }) => {
      const asked = byPerson ? ', asked for by a person' : ''
      const text = `attempt ${attempt}, rung ${rung}${asked}: ${status}${reason === '' ? '' : `: ${line(reason, 300)}`}`
      return moments(startedAt ?? scheduledAt, 'attempt', text, { attempt })
    })
}

function told({ escalations }: IncidentView): readonly Moment[] {
  return escalations.flatMap(({ kind, to, summary, createdAt, toldAt }) => {
    const whom = line(to.join(', '), 120)
    const mail = toldAt === null ? 'to be mailed to' : 'mail to'
    return moments(createdAt, 'told', `${mail} ${whom} (${kind}): ${line(summary, 300)}`)
  })
}
