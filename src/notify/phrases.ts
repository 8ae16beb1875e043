import { TOLD } from '../incident/draft.ts'
import type { Incident, Reason } from '../incident/incident.ts'
import { assertNever } from '../never.ts'
import { line } from './clean.ts'
import { times } from './naming.ts'
import type { Telling } from './story.ts'
import { duration } from './times.ts'

/** Why a person is needed, as a subject line says it. Reasons that are no escalation read as they stand. */
const ESCALATED: Partial<Record<Reason, (incident: Incident) => string>> = {
  exhausted: ({ targetAttempts, attempts }) =>
    `not healed after ${times(Math.max(attempts, targetAttempts, 1), 'attempt')}`,
  unknownNotRepeatable: () => 'outcome of a step is unknown',
  permission: () => 'not permitted to act',
  identity: () => 'is not what the inventory says',
  unreachable: () => 'host unreachable',
  busy: () => 'another command holds the unit',
  humanChanged: () => 'changed by somebody else',
  verificationUnknown: () => 'cannot tell whether it is healed',
  changedNotHealed: () => 'changed, not healed',
  recurrence: () => 'heals but does not stay',
  unresolvable: () => 'labels name nothing in the inventory',
  giveUp: () => 'gave up waiting',
  takenOver: ({ owner }) => `taken over by ${line(owner ?? 'somebody', 30)}`,
}

const WAITING: Partial<Record<Reason, string>> = {
  refused: 'refused to act',
  evidenceMissing: 'not acting, evidence is missing',
  onHold: 'on hold',
  approval: 'waits for approval',
}

/** Reminders are further levels of the kind `escalated`, numbered from here (src/incident/on-timer.ts). */
const FIRST_REMINDER = 1000

/** What a mail is about, in a few words for its subject. */
export function headline(telling: Telling, incident: Incident, guard: string | null): string {
  const { kind, level, reason } = telling
  const by = guard === null ? '' : ` (${line(guard, 30)})`
  switch (kind) {
    case 'escalated': {
      const why = ESCALATED[reason]?.(incident) ?? spaced(reason)
      return level >= FIRST_REMINDER ? `reminder ${level - FIRST_REMINDER + 1}: ${why}` : why
    }
    case 'refused':
      return `${WAITING[reason] ?? spaced(reason)}${by}`
    case 'told':
      return toldAbout(telling, incident)
    case 'recovered':
      return 'recovered'
    case 'digest':
      return reason === 'informed' ? 'inform' : (ESCALATED[reason]?.(incident) ?? spaced(reason))
    default:
      return assertNever(kind, 'kind')
  }
}

function toldAbout({ level, reason, createdAt }: Telling, incident: Incident): string {
  if (level === TOLD.cancelled || reason === 'cancelled') return 'cancelled'
  if (level === TOLD.guardsPass) return 'guards pass now, retry it?'
  if (level === TOLD.startPatience) return 'still starting'
  if (level === TOLD.standsStill) return 'no progress'
  if (level === TOLD.disagree) return 'well, but the alert still fires'
  if (level === TOLD.restricted) return 'may no longer act'
  if (level > TOLD.approval) return 'approve it?'
  if (level >= TOLD.relapse && reason === 'watching') return 'broken again'
  const waiting = WAITING[reason]
  const since = `not healed after ${duration(createdAt - incident.openedAt)}`
  return waiting === undefined ? since : `${since}, ${waiting}`
}

function spaced(reason: Reason): string {
  return reason.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
