import type { Instant } from '../clock.ts'
import type { TimerKind } from '../incident/incident.ts'
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
  const level = escalation.levels[incident.level - 1]
  const words: Readonly<Record<TimerKind, string | null>> = {
    act: `The guards are evaluated ${when}; if all pass, it acts.`,
    guard: `The guards are evaluated again ${when}.`,
    verifyPoll: `The probes look again ${when}.`,
    probationEnd: `The watch ends ${when}; if it stays well, the incident is over.`,
    level:
      level === undefined ? null : `${line(level.to.join(', '), 120)} is told ${when}, unless somebody takes over.`,
    reminder: `A reminder comes ${when}, then every ${duration(escalation.repeatMs)}, until somebody takes over.`,
    escalateAfter: null,
    giveUp: incident.state === 'waiting' || incident.state === 'checking' ? `It gives up waiting ${when}.` : null,
    tellBy: null,
  }
  const said = words[kind]
  return said === null ? [] : [said]
}
