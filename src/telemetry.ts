import type { Logger } from 'pino'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from './clock.ts'
import type { Poll } from './engine/reconcile.ts'
import type { Watched } from './engine/watch.ts'
import { STATES } from './incident/incident.ts'
import type { Revision } from './rules/revision.ts'
import type { DeliveryReceipt, Gauges, Moved } from './store/store.ts'

/** Everything we count. Each function is one event of the business: its metrics and its log line, and it never throws. */
export interface Telemetry {
  moved(moved: Moved): void
  attemptFinished(attempt: {
    readonly incident: number
    readonly attempt: number
    readonly rule: string
    readonly outcome: string
    readonly durationMs: number
  }): void
  stepFinished(step: {
    readonly key: string
    readonly action: string
    readonly outcome: string
    readonly durationMs: number
  }): void
  deliveryStored(receipt: DeliveryReceipt, durationMs: number): void
  deliveryRefused(result: DeliveryRefusal): void
  truncated(alerts: number): void
  mail(outcome: 'sent' | 'deferred' | 'failed'): void
  /** Files are in force, at the start too, or were refused. */
  reloaded(
    result:
      | { readonly ok: true; readonly revision: Revision }
      | { readonly ok: false; readonly problems: readonly string[] },
  ): void
  storeFailed(why: string): void
  /** The clusters that the label `cluster` may take; what was known of others is forgotten. */
  clustersWatched(names: readonly string[]): void
  clusterWatched(watched: Watched): void
  reconciled(poll: Poll): void
  /** The names that the label `rule` may take; any other is counted as `other`. */
  rulesLoaded(names: readonly string[]): void
  /** Where the gauges come from, once the store is open. */
  watch(gauges: () => Promise<Gauges>): void
  /** All metrics in the text format of Prometheus. */
  metrics(): Promise<string>
  readonly contentType: string
}

export type DeliveryRefusal = 'unauthorized' | 'tooLarge' | 'invalid' | 'rejected' | 'overloaded' | 'unavailable'

export interface TelemetryDeps {
  readonly log: Logger
  readonly clock: Clock
  readonly build: { readonly version: string; readonly node: string }
}

/** How long one reading of the store serves scrapes. */
const GAUGES_FOR_MS = 1_000

/** Problems of a configuration in one line of the log; all of them are in `/status`. */
const MOST_PROBLEMS = 20

/** Every metric of ours by its name; the process's own (`process_…`, `nodejs_…`) come beside them. */
export const metricNames = [
  'kafka_healing_deliveries_total',
  'kafka_healing_alerts_total',
  'kafka_healing_webhook_duration_seconds',
  'kafka_healing_truncated_alerts_total',
  'kafka_healing_decisions_total',
  'kafka_healing_refusals_total',
  'kafka_healing_attempts_total',
  'kafka_healing_attempt_duration_seconds',
  'kafka_healing_step_duration_seconds',
  'kafka_healing_mails_total',
  'kafka_healing_store_failures_total',
  'kafka_healing_reconcile_alerts_total',
  'kafka_healing_reconcile_alertmanagers',
  'kafka_healing_reconcile_watchdogs',
  'kafka_healing_reconcile_last_success_timestamp_seconds',
  'kafka_healing_incidents',
  'kafka_healing_inbox_depth',
  'kafka_healing_outbox_depth',
  'kafka_healing_outbox_oldest_age_seconds',
  'kafka_healing_timers_late',
  'kafka_healing_demotions',
  'kafka_healing_storm',
  'kafka_healing_cluster_view_age_seconds',
  'kafka_healing_cluster_drift',
  'kafka_healing_cluster_missing_rights',
  'kafka_healing_cluster_unreachable_controllers',
  'kafka_healing_build_info',
  'kafka_healing_config_info',
  'kafka_healing_config_last_reload_successful',
  'kafka_healing_config_last_reload_success_timestamp_seconds',
] as const

export type MetricName = (typeof metricNames)[number]

/** Makes the registry with every metric in it. */
export function openTelemetry({ log, clock, build }: TelemetryDeps): Telemetry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counter = <L extends string>(name: MetricName, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: MetricName, help: string, ...labelNames: L[]) =>
    new Gauge({ name, help, labelNames, registers })
  const histogram = <L extends string>(name: MetricName, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name, help, labelNames, buckets, registers })

  const deliveries = counter('kafka_healing_deliveries_total', 'Webhook deliveries by what became of them.', 'result')
  const alerts = counter('kafka_healing_alerts_total', 'Alerts in stored deliveries by what they changed.', 'change')
  const webhook = histogram(
    'kafka_healing_webhook_duration_seconds',
    'From a webhook body read to its commit.',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
  )
  const truncated = counter(
    'kafka_healing_truncated_alerts_total',
    'Alerts that Alertmanager cut off (max_alerts); they are fetched from its API.',
  )
  const decisions = counter(
    'kafka_healing_decisions_total',
    'Moves of incidents by the reason they stand at afterwards.',
    'reason',
  )
  const refusals = counter(
    'kafka_healing_refusals_total',
    'Evaluations that did not pass by the guard that decided.',
    'guard',
  )
  const attempts = counter('kafka_healing_attempts_total', 'Attempts that ended.', 'rule', 'outcome')
  const attemptSeconds = histogram(
    'kafka_healing_attempt_duration_seconds',
    'From an attempt claimed to its end.',
    [0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1800],
    'rule',
  )
  const stepSeconds = histogram(
    'kafka_healing_step_duration_seconds',
    'How long a step ran.',
    [0.05, 0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1800],
    'action',
    'outcome',
  )
  const mails = counter('kafka_healing_mails_total', 'Mails by what became of the try to send them.', 'outcome')
  const storeFailures = counter(
    'kafka_healing_store_failures_total',
    'Units of the store that could not commit.',
    'why',
  )
  const reconciledAlerts = counter(
    'kafka_healing_reconcile_alerts_total',
    'Alerts whose webhook was lost: adopted from Alertmanager, or gone from every one.',
    'change',
  )
  const alertmanagers = gauge(
    'kafka_healing_reconcile_alertmanagers',
    'Alertmanagers at the last poll: configured, and answering.',
    'are',
  )
  const watchdogs = gauge('kafka_healing_reconcile_watchdogs', 'Alertmanagers that show Watchdog, at the last poll.')
  const reconciledAt = gauge(
    'kafka_healing_reconcile_last_success_timestamp_seconds',
    'Last poll by which an alert could have been called gone: all answered, none young, each with its Watchdog.',
  )
  const incidents = gauge('kafka_healing_incidents', 'Incidents by state.', 'state')
  const inboxDepth = gauge('kafka_healing_inbox_depth', 'Changes of alerts that the core has not seen yet.')
  const outboxDepth = gauge('kafka_healing_outbox_depth', 'Mails that are not sent yet.')
  const outboxAge = gauge(
    'kafka_healing_outbox_oldest_age_seconds',
    'Age of the oldest unsent mail or untold escalation.',
  )
  const timersLate = gauge('kafka_healing_timers_late', 'Timers more than 30 s overdue.')
  const demotions = gauge('kafka_healing_demotions', 'Rules that may only inform because they failed too often.')
  const storm = gauge('kafka_healing_storm', '1 while there is a storm over the cluster.', 'cluster')
  const viewAge = gauge(
    'kafka_healing_cluster_view_age_seconds',
    'Age of the last look in peace at the whole cluster that was complete.',
    'cluster',
  )
  const clusterDrift = gauge('kafka_healing_cluster_drift', 'Ways in which inventory and cluster disagree.', 'cluster')
  const missingRights = gauge(
    'kafka_healing_cluster_missing_rights',
    'Operations on the cluster that our account may not do and needs.',
    'cluster',
  )
  const unreachableControllers = gauge(
    'kafka_healing_cluster_unreachable_controllers',
    'Controllers that do not answer us.',
    'cluster',
  )
  const buildInfo = gauge('kafka_healing_build_info', 'Always 1.', 'version', 'node')
  const configInfo = gauge(
    'kafka_healing_config_info',
    'Always 1: the revision in force. `dirty` is empty outside git.',
    'revision',
    'commit',
    'dirty',
    'hash',
  )
  const reloadOk = gauge(
    'kafka_healing_config_last_reload_successful',
    '1 when the last reload of the configuration succeeded.',
  )
  const reloadAt = gauge(
    'kafka_healing_config_last_reload_success_timestamp_seconds',
    'When a configuration was last taken into force.',
  )
  buildInfo.set({ ...build }, 1)

  let rules = new Set<string>()
  const bounded = (rule: string) => (rules.has(rule) ? rule : 'other')
  let source: (() => Promise<Gauges>) | null = null
  let readAt = Number.NEGATIVE_INFINITY
  /** When each watched cluster was last seen completely, or first watched. Monotonic. */
  const seenAt = new Map<string, number>()

  const safely = (record: () => void): void => {
    try {
      record()
    } catch (error) {
      log.warn({ err: error }, 'metric could not be recorded')
    }
  }

  async function readGauges(): Promise<void> {
    if (source === null || clock.monotonic() - readAt < GAUGES_FOR_MS) return
    readAt = clock.monotonic()
    try {
      const now = await source()
      for (const state of STATES) incidents.set({ state }, now.incidents[state] ?? 0)
      inboxDepth.set(now.inboxDepth)
      outboxDepth.set(now.outboxDepth)
      outboxAge.set(now.outboxOldestMs / 1_000)
      timersLate.set(now.timersLate)
      demotions.set(now.demotions)
      for (const cluster of seenAt.keys()) storm.set({ cluster }, now.storms.includes(cluster) ? 1 : 0)
    } catch (error) {
      storeFailures.inc({ why: 'gauges' })
      log.warn({ err: error }, 'gauges could not be read')
    }
  }

  return {
    contentType: registry.contentType,
    moved: ({ before, incident, event }) =>
      safely(() => {
        const facts = {
          incident: incident.id,
          rule: incident.plan.rule,
          subject: incident.subject.key,
          state: incident.state,
          reason: incident.reason,
        }
        if (event.type === 'guardsEvaluated' || event.type === 'claimRefused') {
          const { verdict, guard } = event.decision
          if (verdict !== 'pass') refusals.inc({ guard: guard ?? 'none' })
        }
        if (event.type === 'attemptInterrupted')
          attempts.inc({ rule: bounded(incident.plan.rule), outcome: 'interrupted' })
        if (before !== null && before.state === incident.state && before.reason === incident.reason) return
        decisions.inc({ reason: incident.reason })
        log.info({ ...facts, event: event.type, detail: incident.detail }, 'incident moved')
      }),
    attemptFinished: ({ durationMs, ...attempt }) =>
      safely(() => {
        attempts.inc({ rule: bounded(attempt.rule), outcome: attempt.outcome })
        attemptSeconds.observe({ rule: bounded(attempt.rule) }, durationMs / 1_000)
        log.info({ ...attempt, durationMs }, 'attempt finished')
      }),
    stepFinished: ({ durationMs, ...step }) =>
      safely(() => {
        stepSeconds.observe({ action: step.action, outcome: step.outcome }, durationMs / 1_000)
        log.info({ ...step, durationMs }, 'step finished')
      }),
    deliveryStored: (receipt, durationMs) =>
      safely(() => {
        deliveries.inc({ result: 'stored' })
        if (receipt.firing > 0) alerts.inc({ change: 'firing' }, receipt.firing)
        if (receipt.resolved > 0) alerts.inc({ change: 'resolved' }, receipt.resolved)
        if (receipt.repeats > 0) alerts.inc({ change: 'repeat' }, receipt.repeats)
        webhook.observe(durationMs / 1_000)
        log.debug(receipt, 'delivery stored')
      }),
    deliveryRefused: (result) => safely(() => deliveries.inc({ result })),
    truncated: (count) =>
      safely(() => {
        truncated.inc(count)
        log.warn({ alerts: count }, 'delivery was truncated by Alertmanager, the rest is fetched')
      }),
    mail: (outcome) => safely(() => mails.inc({ outcome })),
    reloaded: (result) =>
      safely(() => {
        reloadOk.set(result.ok ? 1 : 0)
        if (!result.ok) {
          log.error(
            { problems: result.problems.slice(0, MOST_PROBLEMS), all: result.problems.length },
            'configuration refused, the last good one stays',
          )
          return
        }
        const { name: revision, commit, dirty, differing, hash } = result.revision
        reloadAt.set(clock.now() / 1_000)
        configInfo.reset()
        configInfo.set({ revision, commit: commit ?? '', dirty: String(dirty ?? ''), hash }, 1)
        log.info({ revision, commit, dirty, differing, hash }, 'configuration in force')
      }),
    storeFailed: (why) => safely(() => storeFailures.inc({ why })),
    reconciled: (poll) =>
      safely(() => {
        reconciledAlerts.inc({ change: 'adopted' }, poll.adopted)
        reconciledAlerts.inc({ change: 'gone' }, poll.gone)
        alertmanagers.set({ are: 'configured' }, poll.alertmanagers.length)
        alertmanagers.set({ are: 'answering' }, poll.alertmanagers.filter(({ problem }) => problem === null).length)
        watchdogs.set(poll.alertmanagers.filter(({ watchdog }) => watchdog).length)
        if (poll.doubt === null) reconciledAt.set(poll.at / 1_000)
      }),
    clustersWatched: (names) =>
      safely(() => {
        for (const cluster of names) if (!seenAt.has(cluster)) seenAt.set(cluster, clock.monotonic())
        for (const cluster of [...seenAt.keys()].filter((one) => !names.includes(one))) {
          seenAt.delete(cluster)
          for (const one of [storm, viewAge, clusterDrift, missingRights, unreachableControllers])
            one.remove({ cluster })
        }
      }),
    clusterWatched: ({ cluster, complete, ...found }) =>
      safely(() => {
        if (!seenAt.has(cluster)) return
        if (complete) seenAt.set(cluster, clock.monotonic())
        clusterDrift.set({ cluster }, found.drift)
        missingRights.set({ cluster }, found.missingRights)
        unreachableControllers.set({ cluster }, found.unreachableControllers)
      }),
    rulesLoaded: (names) => {
      rules = new Set(names)
    },
    watch: (gauges) => {
      source = gauges
      readAt = Number.NEGATIVE_INFINITY
    },
    metrics: async () => {
      await readGauges()
      for (const [cluster, at] of seenAt) viewAge.set({ cluster }, (clock.monotonic() - at) / 1_000)
      return registry.metrics()
    },
  }
}
