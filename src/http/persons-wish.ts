import type { Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { assertNever } from '../never.ts'
import type { Moved, TokenAction, TokenSeen } from '../store/store.ts'
import type { HttpDeps } from './deps.ts'

export type Wish = 'cancel' | 'retry' | 'take-over'

export type Granted =
  | { readonly kind: 'done'; readonly moved: Moved }
  | { readonly kind: 'unknown' }
  /** It changes nothing where the incident stands; `why` is a sentence. */
  | { readonly kind: 'nothing'; readonly why: string }

type GrantDeps = Pick<HttpDeps, 'store' | 'clock' | 'log' | 'telemetry' | 'wake'>

/** Applies what a person asks of an incident and wakes the core. */
export async function grant(
  { store, clock, log, telemetry, wake }: GrantDeps,
  id: number,
  wish: Wish,
  by: string,
  comment: string,
): Promise<Granted> {
  const moved = await store.apply(id, eventOf(wish, by, comment), clock.now())
  return answer({ store, log, telemetry, wake }, id, wish, by, comment, moved)
}

/** The same by a mail's one-time link, which is spent only when it brought something about. A silence is the caller's. */
export async function grantByLink(
  { store, clock, log, telemetry, wake }: GrantDeps,
  token: string,
  by: string,
): Promise<{ readonly seen: TokenSeen; readonly granted: Granted }> {
  const wishOf = (action: TokenAction): Wish | null =>
    action === 'takeOver' ? 'take-over' : action === 'retry' ? 'retry' : null
  const event = (action: TokenAction): Event | null => {
    const wish = wishOf(action)
    return wish && eventOf(wish, by, 'by link')
  }
  const { seen, moved } = await store.applyByToken(token, event, clock.now())
  const wish = seen.state === 'valid' ? wishOf(seen.action) : null
  if (seen.state !== 'valid' || wish === null) return { seen, granted: { kind: 'unknown' } }
  return { seen, granted: await answer({ store, log, telemetry, wake }, seen.incident, wish, by, 'by link', moved) }
}

async function answer(
  { store, log, telemetry, wake }: Omit<GrantDeps, 'clock'>,
  id: number,
  wish: Wish,
  by: string,
  comment: string,
  moved: Moved | null,
): Promise<Granted> {
  if (moved === null) {
    const view = await store.incidentView(id)
    return view === null ? { kind: 'unknown' } : { kind: 'nothing', why: whyNothing(wish, view.incident, by) }
  }
  telemetry.moved(moved)
  log.info({ incident: id, wish, by, comment }, 'a person decided')
  wake()
  return { kind: 'done', moved }
}

function eventOf(wish: Wish, by: string, comment: string): Event {
  switch (wish) {
    case 'cancel':
      return { type: 'cancelled', by, reason: comment }
    case 'retry':
      return { type: 'retryRequested', by }
    case 'take-over':
      return { type: 'takenOver', by }
    default:
      return assertNever(wish, 'wish')
  }
}

/** Why a wish changes nothing for this incident. */
function whyNothing(wish: Wish, incident: Incident, by: string): string {
  const stands = `incident ${incident.id} is ${incident.state} (${incident.reason})`
  if (incident.state === 'closed') return `${stands}; it is over`
  if (wish === 'take-over' && incident.owner === by) return `${by} has taken over incident ${incident.id} already`
  if (wish === 'retry') {
    if (incident.plan.mode !== 'act')
      return `rule ${incident.plan.rule} is in mode ${incident.plan.mode}; only an incident of a rule in mode act can be tried again`
    if (incident.subject.kind === 'unresolved') return `no target is known: ${incident.subject.problem}`
    if (incident.grants > 0) return `a further attempt is granted already and has not begun`
    if (incident.leader !== null) return `incident ${incident.leader} acts on this target; retry that one`
    return `${stands}; it can be tried again once it waits or is escalated`
  }
  return `${stands}; there is nothing to ${wish === 'cancel' ? 'cancel' : 'take over'}`
}
