import type { Instant } from '../clock.ts'
import type { State, TimerKind } from '../incident/incident.ts'
import { mayAct } from '../incident/plan.ts'
import { assertNever } from '../never.ts'
import { line } from './clean.ts'
import type { Section } from './document.ts'
import { refusing } from './seen.ts'
import type { Story } from './story.ts'
import { duration, moment } from './times.ts'

/** What happens if nobody does anything, read from the timers that are set. */
export function next(story: Story, now: Instant): Section {
  const title = 'What happens next'
  const items = [
    ...byState(story),
    ...story.timers.toSorted((a, b) => a.dueAt - b.dueAt).flatMap((t) => timer(t, story, now)),
  ]
  if (items.length === 0) items.push('Nothing by itself.')
  return { title, blocks: [{ type: 'list', items }] }
}

function byState(story: Story): readonly string[] {
  const { incident } = story
  const guard = refusing(story)
  if (incident.held) return [`Every clock stands still: ${line(incident.held.by, 200)}.`]
  switch (incident.state) {
    case 'waiting':
      if (incident.reason === 'attached') return [`Incident ${incident.leader} leads on this target.`]
      if (guard !== null)
        return [`It will act when ${line(guard.guard ?? 'every guard', 40)} passes; click to take over.`]
      return []
    case 'escalated':
      return incident.owner === null
        ? ['No further attempt unless somebody asks for one. Taking over stops the reminders.']
        : [`No further attempt and no reminder: ${line(incident.owner, 40)} has taken over.`]
    case 'attempting':
      return [
        `Attempt ${incident.attempt ?? incident.attempts} is under way; its outcome is verified before anything else.`,
      ]
    case 'settled':
      return ['It closes when none of its alerts fires any more.']
    case 'checking':
    case 'verifying':
    case 'probation':
    case 'closed':
      return []
    default:
      return assertNever(incident.state, 'state')
  }
}

function timer({ kind, dueAt }: Story['timers'][number], { incident }: Story, now: Instant): readonly string[] {
  const { escalation } = incident.plan
  const when = dueAt <= now ? 'now' : `in ${duration(dueAt - now)} (${moment(dueAt)})`
  const said = timerSays(
    kind,
    { state: incident.state, informs: !mayAct(incident.plan), next: escalation.levels[incident.level - 1], escalation },
    when,
  )
  return said === null ? [] : [said]
}

/** What becomes of a timer when it is due; null for one that is nobody's concern. */
export function timerSays(
  kind: TimerKind,
  of: {
    readonly state: State
    /** The rule only informs (mode `inform`). */
    readonly informs: boolean
    /** The level that is told next. */
    readonly next: { readonly to: readonly string[] } | undefined
    readonly escalation: { readonly repeatMs: number }
  },
  when: string,
): string | null {
  switch (kind) {
    case 'act':
      return `The guards are evaluated ${when}; ${of.informs ? 'then it says what it would do' : 'if all pass, it acts'}.`
    case 'guard':
      return `The guards are evaluated again ${when}.`
    case 'verifyPoll':
      return `The probes look again ${when}.`
    case 'probationEnd':
      return `The watch ends ${when}; if it stays well, the incident is over.`
    case 'level':
      return of.next ? `${line(of.next.to.join(', '), 120)} is told ${when}, unless somebody takes over.` : null
    case 'reminder':
      return `A reminder comes ${when}, then every ${duration(of.escalation.repeatMs)}, until somebody takes over.`
    case 'giveUp':
      return of.state === 'waiting' || of.state === 'checking' ? `It gives up waiting ${when}.` : null
    case 'escalateAfter':
    case 'tellBy':
      return null
    default:
      return assertNever(kind, 'timer')
  }
}
