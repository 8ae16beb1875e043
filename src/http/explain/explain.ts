import type { Alert } from '../../alert/alert.ts'
import type { Instant } from '../../clock.ts'
import { mayAct } from '../../incident/plan.ts'
import { timerSays } from '../../notify/next.ts'
import type { ExplainedRule } from '../../rules/explain-match.ts'
import type { AlertSeen, DecisionView, IncidentSummary, IncidentView, Store } from '../../store/store.ts'
import type { HttpDeps } from '../deps.ts'
import { present } from '../present.ts'
import type { AlertExplanation, IncidentExplanation, IncidentWhy, MatchAnswer } from './shapes.ts'
import { storyOf } from './story.ts'
import { when, why, whyNoIncident } from './why.ts'

/** Incidents of one alert that are looked into; there may be one a day for years. */
const INCIDENTS = 5
/** Alerts of one incident whose rules are told; a group may have thousands. */
const ALERTS = 5

/** What `explain` stands on: the rules in force, and what is remembered. */
export interface ExplainDeps extends Pick<HttpDeps, 'clock' | 'match'> {
  readonly store: Pick<Store, 'incidentView' | 'alertSeen'>
}

/** What the rules in force make of an alert, and whom it came by; null: a credential that may speak for all. */
export interface Matched {
  readonly revision: string
  readonly rules: readonly ExplainedRule[]
}

/** Null: there is no such incident. */
export async function explainIncident(id: number, deps: ExplainDeps): Promise<IncidentExplanation | null> {
  const view = await deps.store.incidentView(id)
  if (view === null) return null
  const now = deps.clock.now()
  const { story, earlier } = storyOf(view)
  const told = new Set(story.map(({ decision }) => decision))
  const seen = await Promise.all(
    view.alerts.slice(0, ALERTS).map(({ fingerprint }) => deps.store.alertSeen(fingerprint, 0)),
  )
  return {
    ...whyIncident(view, now),
    decisions: present(view.decisions.filter((one) => told.has(one.id))),
    alerts: seen.flatMap((alert) => (alert ? [matchOf(alert, alert, deps)] : [])),
    attempts: present(view.attempts),
    story: present(story),
    earlier,
  }
}

/** An alert that is known. Null: there is none of that fingerprint. */
export async function explainAlert(fingerprint: string, deps: ExplainDeps): Promise<AlertExplanation | null> {
  const alert = await deps.store.alertSeen(fingerprint, INCIDENTS)
  return alert && explained(alert, alert, deps)
}

/** Labels as somebody gives them: an alert that is known by exactly these, or one that never came. */
export async function explainLabels(
  asked: Pick<Alert, 'labels' | 'fingerprint'>,
  deps: ExplainDeps,
): Promise<AlertExplanation> {
  return explained(asked, await deps.store.alertSeen(asked.fingerprint, INCIDENTS), deps)
}

async function explained(
  asked: Pick<Alert, 'labels' | 'fingerprint'>,
  alert: AlertSeen | null,
  deps: ExplainDeps,
): Promise<AlertExplanation> {
  const now = deps.clock.now()
  const views = await Promise.all((alert?.incidents ?? []).map((id) => deps.store.incidentView(id)))
  const incidents = views.flatMap((view) => (view ? [whyIncident(view, now)] : []))
  const matched = deps.match(asked, alert?.credential ?? null)
  return {
    summary: summaryOf(matched.rules, alert, incidents),
    ...matchOf(asked, alert, deps, matched),
    incidents,
  }
}

/** An open incident tells; several do where rules go on to the next. */
function summaryOf(
  rules: readonly ExplainedRule[],
  alert: AlertSeen | null,
  incidents: readonly IncidentWhy[],
): string {
  const open = incidents.filter(({ incident }) => incident.closedAt === null)
  const telling = open.length > 0 ? open : incidents.slice(0, 1)
  if (telling.length === 0) return whyNoIncident(rules, alert?.status ?? null)
  return telling.map(({ incident, summary }) => `Incident ${incident.id}: ${summary}`).join('. ')
}

function matchOf(
  { labels, fingerprint }: Pick<Alert, 'labels' | 'fingerprint'>,
  alert: AlertSeen | null,
  { match }: ExplainDeps,
  matched: Matched = match({ labels, fingerprint }, alert?.credential ?? null),
): MatchAnswer {
  const { revision, rules } = matched
  return {
    fingerprint,
    labels,
    alert: alert && present(alert),
    credential: alert?.credential ?? null,
    revision,
    rules: present(rules),
  }
}

function whyIncident(view: IncidentView, now: Instant): IncidentWhy {
  const { incident, timers } = view
  const { state, plan, level } = incident
  const about = { state, informs: !mayAct(plan), next: plan.escalation.levels[level - 1], escalation: plan.escalation }
  return {
    summary: why(view, now),
    incident: present(summaryRow(view)),
    held: present(incident.held),
    next: timers
      .toSorted((a, b) => a.dueAt - b.dueAt)
      .map(({ kind, dueAt }) => ({ ...present({ kind, dueAt }), says: timerSays(kind, about, when(dueAt, now)) })),
    decisions: present(newest(view.decisions)),
  }
}

/** What the guards said last, and what the probes said last. */
function newest(decisions: readonly DecisionView[]): readonly DecisionView[] {
  const guards = decisions.findLast(({ kind }) => kind !== 'probe')
  const probes = decisions.findLast(({ kind }) => kind === 'probe')
  return [guards, probes].flatMap((one) => (one ? [one] : [])).toSorted((a, b) => a.id - b.id)
}

function summaryRow({ incident }: IncidentView): IncidentSummary {
  const { plan, subject, firing } = incident
  return {
    id: incident.id,
    rule: plan.rule,
    cluster: subject.cluster,
    subject: subject.key,
    target: incident.target,
    mode: plan.mode,
    state: incident.state,
    reason: incident.reason,
    detail: incident.detail,
    outcome: incident.outcome,
    openedAt: incident.openedAt,
    stateSince: incident.stateSince,
    closedAt: incident.closedAt,
    attempts: incident.attempts,
    firing: firing.length,
    leader: incident.leader,
    owner: incident.owner,
    revision: plan.revision,
  }
}
