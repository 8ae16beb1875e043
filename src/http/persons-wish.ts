import { type Instant, iso } from '../clock.ts'
import type { Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { mayAct, type Plan } from '../incident/plan.ts'
import { assertNever } from '../never.ts'
import type { Moved, TokenSeen, TokenValid } from '../store/store.ts'
import type { HttpDeps } from './deps.ts'

export type Wish =
  | { readonly wish: 'cancel' | 'take-over' }
  /** With `plan`, the rule as it is in force now takes the place of the one frozen at opening (S-3.6). */
  | { readonly wish: 'retry'; readonly plan?: Plan }
  /** `request` numbers the question that is answered with yes (S-3.5). */
  | { readonly wish: 'approve'; readonly request: number }

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
  return answer({ store, clock, log, telemetry, wake }, id, wish, by, comment, moved)
}

/** The same by a mail's one-time link, which is spent only when it brought something about. A silence is the caller's. */
export async function grantByLink(
  { store, clock, log, telemetry, wake }: GrantDeps,
  token: string,
  by: string,
): Promise<{ readonly seen: TokenSeen; readonly granted: Granted }> {
  const event = (valid: TokenValid): Event | null => {
    const wish = wishOf(valid)
    return wish && eventOf(wish, by, 'by link')
  }
  const { seen, moved } = await store.applyByToken(token, event, clock.now())
  const wish = seen.state === 'valid' ? wishOf(seen) : null
  if (seen.state !== 'valid' || wish === null) return { seen, granted: { kind: 'unknown' } }
  return {
    seen,
    granted: await answer({ store, clock, log, telemetry, wake }, seen.incident, wish, by, 'by link', moved),
  }
}

function wishOf({ action, request }: TokenValid): Wish | null {
  switch (action) {
    case 'takeOver':
      return { wish: 'take-over' }
    case 'retry':
      return { wish: 'retry' }
    case 'approve':
      return { wish: 'approve', request: request ?? 0 }
    case 'silence':
      return null
    default:
      return assertNever(action, 'action')
  }
}

async function answer(
  { store, clock, log, telemetry, wake }: GrantDeps,
  id: number,
  wish: Wish,
  by: string,
  comment: string,
  moved: Moved | null,
): Promise<Granted> {
  if (moved === null) {
    const view = await store.incidentView(id)
    return view === null
      ? { kind: 'unknown' }
      : { kind: 'nothing', why: whyNothing(wish, view.incident, by, clock.now()) }
  }
  telemetry.moved(moved)
  log.info({ incident: id, wish: wish.wish, by, comment }, 'a person decided')
  wake()
  return { kind: 'done', moved }
}

/** What a wish is to the incident. */
export function eventOf(wish: Wish, by: string, comment: string): Event {
  switch (wish.wish) {
    case 'cancel':
      return { type: 'cancelled', by, reason: comment }
    case 'retry':
      return { type: 'retryRequested', by, ...(wish.plan && { plan: wish.plan }) }
    case 'take-over':
      return { type: 'takenOver', by }
    case 'approve':
      return { type: 'approved', by, request: wish.request }
    default:
      return assertNever(wish, 'wish')
  }
}

/** Why a wish changes nothing for this incident. */
function whyNothing(wish: Wish, incident: Incident, by: string, now: Instant): string {
  const stands = `incident ${incident.id} is ${incident.state} (${incident.reason})`
  if (incident.state === 'closed') return `${stands}; it is over`
  switch (wish.wish) {
    case 'cancel':
      return `${stands}; there is nothing to cancel`
    case 'take-over':
      if (incident.owner === by) return `${by} has taken over incident ${incident.id} already`
      return `${stands}; there is nothing to take over`
    case 'approve':
      return whyNotApproved(incident, wish.request, now) ?? `${stands}; there is nothing to approve`
    case 'retry':
      if (!mayAct(wish.plan ?? incident.plan))
        return `rule ${incident.plan.rule} is in mode inform; only what may act can be tried again`
      if (incident.subject.kind === 'unresolved') return `no target is known: ${incident.subject.problem}`
      if (incident.grants > 0) return `a further attempt is granted already and has not begun`
      if (incident.leader !== null) return `incident ${incident.leader} acts on this target; retry that one`
      return `${stands}; it can be tried again once it waits or is escalated`
    default:
      return assertNever(wish, 'wish')
  }
}

function whyNotApproved({ approval, id }: Incident, request: number, now: Instant): string | null {
  if (approval === null) return null
  if (approval.request !== request)
    return `this approves request ${request}, but incident ${id} now asks with request ${approval.request} for ${approval.about}`
  if (approval.by !== null) return `${approval.by} has approved it already`
  return now >= approval.expiresAt ? `request ${request} lapsed at ${iso(approval.expiresAt)}` : null
}
