import { alertsOfIncident } from './alerts.ts'
import { decisionsOfIncident } from './decisions.ts'
import { escalationsOfIncident } from './escalations.ts'
import { attemptsOfIncident, journalOf } from './history.ts'
import { loadIncident } from './incidents.ts'
import { mailsOfIncident } from './mails.ts'
import type { IncidentView } from './store.ts'
import { timersOfIncident } from './timers.ts'
import type { Unit } from './unit.ts'

/** The whole trace of one incident, as of one moment. */
export function* incidentView(id: number): Unit<IncidentView | null> {
  const incident = yield* loadIncident(id)
  if (!incident) return null
  return {
    incident,
    alerts: yield* alertsOfIncident(id),
    attempts: yield* attemptsOfIncident(incident),
    decisions: yield* decisionsOfIncident(id),
    escalations: yield* escalationsOfIncident(id),
    mails: yield* mailsOfIncident(id),
    timers: yield* timersOfIncident(id),
    journal: yield* journalOf(id),
  }
}
