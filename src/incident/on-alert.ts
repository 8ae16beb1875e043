import type { Occurrence } from '../alert/alert.ts'
import type { Draft } from './draft.ts'
import type { Incident } from './incident.ts'

/** An alert of the incident fires, newly or again. */
export function alertFiring(draft: Draft, occurrence: Occurrence): void {
  const { incident } = draft
  const known = incident.firing.find((o) => o.fingerprint === occurrence.fingerprint)
  if (known && known.startsAt === occurrence.startsAt) return
  const firing = [...incident.firing.filter((o) => o !== known), occurrence]
  draft.set({ firing })
  switch (incident.state) {
    case 'waiting':
      if (incident.reason !== 'symptomWithoutAlert') return
      return draft.startOver(0, 'the alert fires again')
    case 'verifying':
      // Before the first attempt only the resolve led here: the question is answered, it fires.
      if (incident.verifying?.because === 'resolve' && incident.attempts === 0)
        draft.startOver(0, 'the alert fires again')
      return
    case 'probation':
      // A firing webhook may be older than the heal (a slow scrape): look before anything is done.
      return draft.verify('refire', 'fires again within probation')
    case 'settled':
      if (occurrence.startsAt <= incident.stateSince) return
      if (incident.subject.kind === 'unresolved') return
      draft.set(begunAnew(incident))
      // What a person cancelled comes back only when the symptom is there too (design 4.2).
      if (incident.reason === 'cancelled') return draft.verify('refire', 'fires again after it was cancelled')
      draft.startClocks()
      return draft.startOver(0, 'a new occurrence began after it settled')
    default:
      return
  }
}

/** A new occurrence after it settled: nothing of what was seen, done and told before is about it. */
function begunAnew({ round }: Incident): Partial<Incident> {
  return {
    outcome: null,
    owner: null,
    changed: false,
    firstUnit: null,
    healedAt: null,
    told: false,
    approval: null,
    round: round + 1,
    level: 1,
    reminders: 0,
  }
}

/** One occurrence ended. A question to the probes, never an answer (S-1.3). */
export function alertResolved(draft: Draft, occurrence: Occurrence): void {
  const { incident } = draft
  const firing = incident.firing.filter((o) => o.fingerprint !== occurrence.fingerprint)
  if (firing.length === incident.firing.length) return
  draft.set({ firing })
  if (firing.length > 0) return
  if (incident.target === null) return draft.settle('unverified', 'no alert fires any more; it had no target to verify')
  switch (incident.state) {
    case 'waiting':
    case 'checking':
      if (incident.reason === 'attached') return
      return draft.verify('resolve', 'no alert fires any more; the probes decide')
    case 'attempting':
      // What has not begun is called off; a rung that runs goes on (S-1.3, S-4.1), and so does what a person asked for.
      if (incident.reason !== 'scheduled' || incident.grants > 0) return
      draft.set({ attempt: null })
      return draft.verify('resolve', 'no alert fires any more; the probes decide')
    case 'escalated':
      return draft.verify('escalation', 'no alert fires any more; the probes decide')
    case 'settled':
      if (incident.outcome === 'informed') return draft.verify('resolve', 'no alert fires any more; the probes decide')
      return draft.settle(incident.outcome ?? 'unverified', incident.detail)
    default:
      // verifying, probation: recorded; what is under way goes on (S-4.1).
      return
  }
}
