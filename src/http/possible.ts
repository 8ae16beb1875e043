import type { z } from 'zod'
import type { Instant } from '../clock.ts'
import type { Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import type { Plan } from '../incident/plan.ts'
import { transition } from '../incident/transition.ts'
import { eventOf } from './persons-wish.ts'
import type { PossibleAnswer } from './shapes.ts'

/** Whoever asks is nobody who has taken over already. */
const SOMEBODY = ''

/** What a person could ask of an incident where it stands; everything else would change nothing and be answered with 409. */
export function possible(incident: Incident, now: Instant, inForce: Plan | null): z.infer<typeof PossibleAnswer> {
  const would = (event: Event): boolean => {
    const [after, effects] = transition(incident, event, now)
    return after !== incident || effects.length > 0
  }
  const request = incident.approval?.request ?? 0
  return {
    approve: would(eventOf({ wish: 'approve', request }, SOMEBODY, '')),
    takeOver: would(eventOf({ wish: 'take-over' }, SOMEBODY, '')),
    retry: would(eventOf({ wish: 'retry' }, SOMEBODY, '')),
    replan:
      inForce !== null &&
      inForce.revision !== incident.plan.revision &&
      would(eventOf({ wish: 'retry', plan: inForce }, SOMEBODY, '')),
    cancel: would(eventOf({ wish: 'cancel' }, SOMEBODY, '')),
  }
}
