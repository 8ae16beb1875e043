import type { Occurrence } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { Incident } from '../incident/incident.ts'
import { electedOf, leaderOf, unseats } from '../incident/leader.ts'
import { firstTarget, mayAct, type Plan } from '../incident/plan.ts'
import { demotionOf } from './demotions.ts'
import { electionPending } from './effects.ts'
import { takeInboxRow } from './inbox.ts'
import {
  applyEvent,
  candidatesOn,
  holdersOfAlert,
  loadOpenIncidents,
  openIncident,
  openIncidentOf,
} from './incidents.ts'
import { activeHolds, covers, labelsOf, nameOf, takeBoundaries } from './quiet-holds.ts'
import type { InboxRow, Moved, Opening } from './store.ts'
import { takeElection } from './timers.ts'
import type { Unit } from './unit.ts'

/** Applies one change of an alert; nothing when it has been applied already. */
export function* admit(row: InboxRow, openings: readonly Opening[], now: Instant): Unit<readonly Moved[]> {
  if (!(yield* takeInboxRow(row.id))) return []
  const occurrence = { fingerprint: row.alert.fingerprint, startsAt: row.alert.startsAt }
  if (row.alert.status === 'resolved') return yield* resolved(occurrence, now)
  return yield* firing(row, occurrence, openings, now)
}

function* resolved(occurrence: Occurrence, now: Instant): Unit<readonly Moved[]> {
  const moved: Moved[] = []
  for (const incident of yield* holdersOfAlert(occurrence.fingerprint)) {
    // The one it holds: its startsAt may have been named earlier since.
    const held = incident.firing.find(({ fingerprint }) => fingerprint === occurrence.fingerprint) ?? occurrence
    const one = yield* applyEvent(incident, { type: 'alertResolved', occurrence: held }, now)
    if (one) moved.push(one)
  }
  return moved
}

function* firing(
  row: InboxRow,
  occurrence: Occurrence,
  openings: readonly Opening[],
  now: Instant,
): Unit<readonly Moved[]> {
  const moved: Moved[] = []
  const told = new Set<number>()
  for (const opening of openings) {
    const incident = yield* openIncidentOf(opening.plan.rule, opening.subject.key)
    const one = incident
      ? yield* applyEvent(incident, { type: 'alertFiring', occurrence }, now)
      : yield* openFor(opening, occurrence, now)
    if (incident) told.add(incident.id)
    if (!one) continue
    told.add(one.incident.id)
    moved.push(one, ...(yield* holdIfCovered(one.incident, now)))
  }
  // No rule names these for it any more, but they hold the alert and wait for it to resolve.
  const holders = row.change === 'refired' ? yield* holdersOfAlert(occurrence.fingerprint) : []
  for (const holder of holders) {
    if (told.has(holder.id)) continue
    const one = yield* applyEvent(holder, { type: 'alertFiring', occurrence }, now)
    if (one) moved.push(one)
  }
  return moved
}

function* openFor(opening: Opening, occurrence: Occurrence, now: Instant): Unit<Moved | null> {
  const { subject } = opening
  const plan = yield* allowed(opening)
  const target = mayAct(plan) ? firstTarget(plan, subject) : null
  const leader = target === null ? null : leaderOf(yield* candidatesOn(target))
  const opened = yield* openIncident(plan, subject, occurrence, leader?.id ?? null, now)
  if (opened && leader && target !== null && unseats(opened.incident, leader)) yield* electionPending(target)
  return opened
}

/** The plan as far as its rule may act here: one that failed too often informs only, until a person resumes it (S-5.11). */
function* allowed({ plan, subject }: Opening): Unit<Plan> {
  if (!mayAct(plan) || subject.cluster === null) return plan
  const demotion = yield* demotionOf(plan.rule, subject.cluster, firstTarget(plan, subject))
  return demotion === null ? plan : { ...plan, mode: 'inform' }
}

/** Finds the target's leader again and tells everyone whom it concerns (S-3.1). */
export function* electLeader(target: string, now: Instant): Unit<readonly Moved[]> {
  yield* takeElection(target)
  const candidates = yield* candidatesOn(target)
  const leader = electedOf(candidates)
  if (!leader) return []
  const moved: Moved[] = []
  for (const other of candidates) {
    if (other.id === leader.id || other.leader === leader.id) continue
    const one = yield* applyEvent(other, { type: 'attached', leader: leader.id }, now)
    if (one) moved.push(one)
  }
  const leads = leader.leader === null ? null : yield* applyEvent(leader, { type: 'leads' }, now)
  if (leads) moved.push(leads)
  return moved
}

/** A silence or pause that is in force when an incident opens, or when a silenced alert joins it, stops its clocks (S-3.4). */
function* holdIfCovered(incident: Incident, now: Instant): Unit<readonly Moved[]> {
  if (incident.held !== null || incident.state === 'closed') return []
  const holds = yield* activeHolds(now)
  if (holds.length === 0) return []
  const labels = yield* labelsOf(incident.id)
  const hold = holds.find((one) => covers(one, incident, labels))
  const held = hold ? yield* applyEvent(incident, { type: 'held', by: nameOf(hold) }, now) : null
  return held ? [held] : []
}

/** Every open incident that a hold covers hears when it begins, and when it ends unless another one goes on (S-3.4). */
export function* holdBoundaries(
  now: Instant,
  jitterMs: (incident: number, cluster: string | null) => number,
): Unit<readonly Moved[]> {
  const { began, ended } = yield* takeBoundaries(now)
  if (began.length === 0 && ended.length === 0) return []
  const active = yield* activeHolds(now)
  const moved: Moved[] = []
  for (const incident of yield* loadOpenIncidents()) {
    const labels = yield* labelsOf(incident.id)
    const hold = active.find((one) => covers(one, incident, labels))
    const was = ended.some((one) => covers(one, incident, labels))
    let one: Moved | null = null
    if (hold && incident.held === null) one = yield* applyEvent(incident, { type: 'held', by: nameOf(hold) }, now)
    else if (!hold && was && incident.held !== null) {
      const cluster = incident.subject.cluster
      one = yield* applyEvent(incident, { type: 'released', jitterMs: jitterMs(incident.id, cluster) }, now)
    }
    if (one) moved.push(one)
  }
  return moved
}
