import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import type { StepResult } from '../incident/verdict.ts'
import type { Moved } from '../store/store.ts'

/** Something that happened, for people to read. */
export interface Happening {
  readonly at: Instant
  /** The incident that it concerns; null: none in particular. */
  readonly incident: number | null
  readonly text: string
  /** How often in a row, where nothing else happened to the incident, and when last. */
  readonly times: number
  readonly lastAt: Instant
}

export interface Trace {
  readonly happenings: readonly Happening[]
  add(at: Instant, incident: number | null, text: string): void
}

export function openTrace(): Trace {
  const happenings: Happening[] = []
  /** Where the last one of each incident stands. */
  const last = new Map<number | null, number>()
  return {
    happenings,
    add(at, incident, text) {
      const place = last.get(incident)
      const before = place === undefined ? undefined : happenings[place]
      if (place !== undefined && before?.text === text && incident !== null) {
        happenings[place] = { ...before, times: before.times + 1, lastAt: at }
        return
      }
      last.set(incident, happenings.length)
      happenings.push({ at, incident, text, times: 1, lastAt: at })
    },
  }
}

/** What moved an incident, and where it stands now; null where nothing came of it that a reader would miss. */
export function sayMove({ before, incident, event }: Moved): string | null {
  const stands =
    before?.state !== incident.state || before.reason !== incident.reason ? `; now ${standing(incident)}` : ''
  switch (event.type) {
    case 'opened':
      return `opened by rule ${incident.plan.rule} (${incident.plan.mode}) for ${incident.subject.key}; ${standing(incident)}`
    case 'guardsEvaluated': {
      const { verdict, guard, reason } = event.decision
      return `guards: ${verdict}${guard === null ? '' : ` by ${guard}: ${reason}`}${stands}`
    }
    case 'claimRefused':
      return `attempt ${event.attempt} is not begun, ${event.decision.guard}: ${event.decision.reason}${stands}`
    case 'attemptStarted':
      return `attempt ${event.attempt} begins`
    case 'attemptFinished':
    case 'attemptInterrupted':
      return `attempt ${event.attempt} ${event.end.outcome}: ${event.end.reason}${stands}`
    case 'looked':
      return `probes: ${event.seen.verdict}, ${event.seen.reason}${stands}`
    case 'timerDue':
      // What the guards say is told next.
      return stands === '' || incident.state === 'checking' ? null : `${event.timer} is due${stands}`
    case 'alertFiring':
      return `an alert fires${stands}`
    case 'alertResolved':
      return `an alert is resolved${stands}`
    case 'held':
      return `held by ${event.by}${stands}`
    case 'attached':
      return `waits for incident ${event.leader}, which leads${stands}`
    case 'restricted':
      return `restricted: ${event.reason}${stands}`
    case 'cancelled':
      return `cancelled by ${event.by}: ${event.reason}${stands}`
    default:
      return stands === '' ? null : `${event.type}${stands}`
  }
}

function standing({ state, reason, detail }: Incident): string {
  return `${state} (${reason}): ${detail}`
}

export function sayStep(key: string, action: string, { outcome, reason, exitCode, output }: StepResult): string {
  const said = output.trim().split('\n').at(-1) ?? ''
  const code = exitCode === null ? '' : `, exit code ${exitCode}`
  return `step ${key} (${action}) ${outcome}${code}: ${reason}${said === '' ? '' : ` | ${said.slice(0, 200)}`}`
}
