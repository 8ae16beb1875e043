import type { Incident } from '../incident/incident.ts'
import type { Simulation } from '../simulation/simulation.ts'
import type { Telling } from '../simulation/tellings.ts'
import type { IncidentView, StepView } from '../store/store.ts'
import type { IncidentExpectation, MailExpectation } from './schema.ts'

/** How tests name what the labels of an alert did not: its key is a fingerprint, which nobody knows by heart. */
export const UNRESOLVED = 'unresolved'

/** Everything that an expectation can speak of, in its words; null where there is nothing. */
type Seen<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> | null }

export type SeenIncident = Seen<IncidentExpectation>
export type SeenMail = Seen<MailExpectation>

/** How things stand at one moment of a test. */
export interface Moment {
  readonly incidents: readonly SeenIncident[]
  /** Every step that began so far, in order. */
  readonly ran: readonly string[]
  readonly mails: readonly SeenMail[]
}

export async function momentOf(simulation: Pick<Simulation, 'incidents' | 'tellings'>): Promise<Moment> {
  const views = await simulation.incidents()
  const byId = new Map(views.map((view) => [view.incident.id, view]))
  const steps = views.flatMap(({ attempts }) =>
    attempts.flatMap(({ target, steps }) =>
      steps.map((step) => ({ at: step.startedAt, text: stepText(step, target) })),
    ),
  )
  return {
    incidents: views.map((view) => seenIncident(view, byId)),
    ran: steps.toSorted((a, b) => a.at - b.at).map(({ text }) => text),
    mails: simulation
      .tellings()
      .filter((telling) => !('byStorm' in telling && telling.byStorm))
      .map((telling) => seenMail(telling, byId)),
  }
}

type Views = ReadonlyMap<number, IncidentView>

function seenIncident({ incident, decisions }: IncidentView, views: Views): SeenIncident {
  const { plan, state, reason, outcome, attempts, detail, leader } = incident
  const last = decisions
    .filter(({ kind }) => kind !== 'probe')
    .toSorted((a, b) => a.lastAt - b.lastAt || a.id - b.id)
    .at(-1)
  return {
    rule: plan.rule,
    target: targetOf(incident),
    mode: plan.mode,
    state,
    reason,
    outcome,
    attempts,
    refused_by: last === undefined || last.verdict === 'pass' ? null : last.guard,
    because: detail,
    leader: leader === null ? null : (views.get(leader)?.incident.plan.rule ?? null),
  }
}

function targetOf({ target, subject }: Incident): string {
  return target ?? (subject.kind === 'unresolved' ? UNRESOLVED : subject.key)
}

function seenMail(telling: Telling, views: Views): SeenMail {
  const { kind, to, summary: says } = telling
  if (telling.incident === null) return { kind, rule: null, target: null, to: [...to], reason: null, says }
  const view = views.get(telling.incident)
  const target = view === undefined ? null : targetOf(view.incident)
  return { kind, rule: telling.rule, target, to: [...to], reason: telling.reason as SeenMail['reason'], says }
}

/** `systemd restart on orders/broker/2`, `gather threads disk on …`: the action, what the rung says of it, and its target. */
export function stepText({ type, params }: Pick<StepView, 'type' | 'params'>, target: string): string {
  return [type, ...Object.entries(params).flatMap(([name, value]) => words(name, value)), 'on', target].join(' ')
}

/** What there is one word for stands alone; the rest is named. */
function words(name: string, value: unknown): readonly string[] {
  if (value === undefined || value === null || value === false) return []
  if (value === true) return [name]
  if (typeof value === 'string') return [value]
  if (typeof value === 'number') return [`${name}=${value}`]
  if (Array.isArray(value)) return value.map(String)
  return Object.entries(value).map(([key, inner]) => `${key}=${String(inner)}`)
}
