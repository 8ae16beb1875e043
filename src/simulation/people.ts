import { parseMatcher } from '../alert/matcher-syntax.ts'
import type { Instant } from '../clock.ts'
import type { Event } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import type { Plan } from '../incident/plan.ts'
import { assertNever } from '../never.ts'
import { toSilenceMatcher } from '../store/silence-matcher.ts'
import type { Moved, Store } from '../store/store.ts'
import type { Deed } from './facts.ts'

const SILENCE_MS = 60 * 60_000
const PAUSE_MS = 4 * 60 * 60_000
const SOMEBODY = 'somebody'

/** What came of a deed: a sentence, and what moved; or why it could not be done. */
export type Done = { readonly said: string; readonly moved: Moved | null } | { readonly problem: string }

/** Does what a person would ask for through the API. */
export async function doAsPerson(
  deed: Deed,
  store: Store,
  planOf: (rule: string) => Plan | null,
  now: Instant,
): Promise<Done> {
  const { by = SOMEBODY } = deed
  switch (deed.do) {
    case 'silence': {
      const matchers = deed.matchers.flatMap((text) => {
        const parsed = parseMatcher(text)
        return 'ok' in parsed ? [toSilenceMatcher(parsed.ok)] : []
      })
      const endsAt = now + (deed.for ?? SILENCE_MS)
      await store.createSilence({ matchers, startsAt: now, endsAt, author: by, comment: deed.comment ?? 'a test' }, now)
      return { said: `${by} silences ${deed.matchers.join(', ')}`, moved: null }
    }
    case 'pause': {
      const { scope, comment = 'a test' } = deed
      await store.createPause({ scope, endsAt: now + (deed.for ?? PAUSE_MS), author: by, comment }, now)
      return { said: `${by} pauses ${scope}`, moved: null }
    }
    case 'resume':
      return resume(deed.scope, by, store, now)
    default:
      return decide(deed, by, store, planOf, now)
  }
}

/** As `POST /resume` does. */
async function resume(scope: string, by: string, store: Store, now: Instant): Promise<Done> {
  const ended = await store.endPause(scope, by, now)
  const freed = scope.startsWith('target:') && (await store.resumeTarget(scope.slice('target:'.length), by, now))
  const { demotions, starts } = await store.resumeScope(scope, by, now)
  if (ended.length === 0 && !freed && demotions.length === 0 && !starts)
    return { problem: `nothing is paused, suspended or demoted by ${scope}` }
  return { said: `${by} resumes ${scope}`, moved: null }
}

type Decision = Extract<Deed, { readonly do: 'approve' | 'retry' | 'replan' | 'cancel' | 'take-over' }>

async function decide(
  deed: Decision,
  by: string,
  store: Store,
  planOf: (rule: string) => Plan | null,
  now: Instant,
): Promise<Done> {
  const open = (await store.openIncidents()).filter((one) => isMeant(one, deed))
  const fit = open.filter((incident) => deed.do !== 'approve' || asks(incident, now))
  const [incident, ...others] = fit
  if (!incident)
    return {
      problem: open.length === 0 ? `there is no such incident to ${deed.do}` : 'no such incident asks for an approval',
    }
  if (others.length > 0) {
    const names = fit.map(({ id, plan, subject }) => `${id} (${plan.rule}, ${subject.key})`)
    return { problem: `which incident to ${deed.do}? ${names.join(', ')}: say \`rule\` or \`on\`` }
  }
  const moved = await store.apply(incident.id, eventOf(deed, incident, by, planOf), now)
  const stands = `incident ${incident.id} is ${incident.state} (${incident.reason})`
  return moved ? { said: `${by} decides: ${deed.do}`, moved } : { problem: `${deed.do} changes nothing: ${stands}` }
}

function isMeant({ plan, subject, target }: Incident, { rule, on }: Decision): boolean {
  return (rule === undefined || plan.rule === rule) && (on === undefined || on === subject.key || on === target)
}

function asks({ approval }: Incident, now: Instant): boolean {
  return approval !== null && approval.by === null && approval.expiresAt > now
}

/** As the routes of src/http/incidents.ts make them. */
function eventOf(
  deed: Decision,
  { plan, approval }: Incident,
  by: string,
  planOf: (rule: string) => Plan | null,
): Event {
  switch (deed.do) {
    case 'approve':
      return { type: 'approved', by, request: approval?.request ?? 0 }
    case 'retry':
      return { type: 'retryRequested', by }
    case 'replan':
      return { type: 'retryRequested', by, plan: planOf(plan.rule) ?? plan }
    case 'cancel':
      return { type: 'cancelled', by, reason: 'a test' }
    case 'take-over':
      return { type: 'takenOver', by }
    default:
      return assertNever(deed.do, 'deed')
  }
}
