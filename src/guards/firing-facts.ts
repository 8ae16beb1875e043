import type { FiringSource } from '../incident/plan.ts'
import type { Monitoring, PromSample, SeenAlert } from '../probes/probe.ts'
import { quoted } from '../probes/quoted.ts'
import type { Intent } from './guard.ts'

/** The answer of Prometheus or Alertmanager about the incident's alerts, or why there is none. */
export type Asked<T> =
  | { readonly kind: 'answered'; readonly seen: readonly T[] }
  | { readonly kind: 'notAsked' }
  | { readonly kind: 'failed'; readonly why: string }

export interface FiringAnswers {
  readonly alertmanager: Asked<SeenAlert>
  readonly prometheus: Asked<PromSample>
  /** Alertmanager again, where only Prometheus was asked or nobody: what is muted there counts as silenced (S-1.4). */
  readonly muted: Asked<SeenAlert>
}

type Alerts = Intent['alerts']

/**
 * Asks the rule's own source; only when that one cannot be asked the other one too, as a stand-in witness (S-5.3). After
 * a change of ours it goes by symptom, but what is muted meanwhile holds them as well.
 */
export async function askFiring(
  alerts: Alerts,
  source: FiringSource,
  changedByUs: boolean,
  monitoring: Monitoring,
): Promise<FiringAnswers> {
  const notAsked = { kind: 'notAsked' } as const
  if (alerts.length === 0) return { alertmanager: notAsked, prometheus: notAsked, muted: notAsked }
  if (source === 'webhook' || changedByUs) {
    return { alertmanager: notAsked, prometheus: notAsked, muted: await askMuted(alerts, monitoring) }
  }
  if (source === 'alertmanager') {
    const alertmanager = await askAlertmanager(alerts, monitoring)
    const prometheus = alertmanager.kind === 'failed' ? await askPrometheus(alerts, monitoring) : notAsked
    return { alertmanager, prometheus, muted: notAsked }
  }
  const prometheus = await askPrometheus(alerts, monitoring)
  if (prometheus.kind !== 'failed') {
    return { alertmanager: notAsked, prometheus, muted: await askMuted(alerts, monitoring) }
  }
  return { alertmanager: await askAlertmanager(alerts, monitoring), prometheus, muted: notAsked }
}

async function askMuted(alerts: Alerts, monitoring: Monitoring): Promise<Asked<SeenAlert>> {
  return monitoring.alertmanager ? askAlertmanager(alerts, monitoring) : { kind: 'notAsked' }
}

async function askAlertmanager(alerts: Alerts, { alertmanager }: Monitoring): Promise<Asked<SeenAlert>> {
  if (!alertmanager) return { kind: 'failed', why: 'no Alertmanager is configured' }
  const [first, ...others] = alerts
  // One question for all: the labels that they share. The answer is told apart by fingerprint.
  const shared = Object.entries(first?.labels ?? {}).filter(([name, value]) =>
    others.every((alert) => alert.labels[name] === value),
  )
  return settle(alertmanager(Object.fromEntries(shared)))
}

async function askPrometheus(alerts: Alerts, { prometheus }: Monitoring): Promise<Asked<PromSample>> {
  if (!prometheus) return { kind: 'failed', why: 'no Prometheus is configured' }
  const names = [...new Set(alerts.map(({ labels }) => labels['alertname'] ?? ''))]
  const asked = await Promise.all(names.map((name) => settle(prometheus(firingQuery(name)))))
  const failed = asked.find((answer) => answer.kind === 'failed')
  return (
    failed ?? { kind: 'answered', seen: asked.flatMap((answer) => (answer.kind === 'answered' ? answer.seen : [])) }
  )
}

/**
 * Only by name: external labels and alert relabelling make an alert's labels differ from those of its ALERTS series, so a
 * query by all of them would find nothing and look like "gone". See {@link isSeries}.
 */
export function firingQuery(alertname: string): string {
  return `ALERTS{alertname=${quoted(alertname)},alertstate=~"firing|pending"}`
}

async function settle<T>(asked: Promise<readonly T[]>): Promise<Asked<T>> {
  try {
    return { kind: 'answered', seen: await asked }
  } catch (error) {
    return { kind: 'failed', why: error instanceof Error ? error.message : String(error) }
  }
}

/** Whether an ALERTS series is the alert: no label that both have says otherwise. */
export function isSeries(alert: Alerts[number], sample: PromSample): boolean {
  return Object.entries(sample.labels).every(([name, value]) => {
    if (name === '__name__' || name === 'alertstate') return true
    const stated = alert.labels[name]
    return stated === undefined || stated === value
  })
}
