import type { Instant } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Monitoring, PromSample, SeenAlert } from '../probes/probe.ts'
import type { Sounding } from './alerts.ts'
import type { Model, TargetModel } from './model.ts'
import { hasServed, isUp, serves } from './unit.ts'

/** As long as Alertmanager keeps an alert without hearing of it again, by default. Milliseconds. */
const KEPT_MS = 4 * 60_000
const STALE_MS = 30_000
const LOGS = 12

/** Prometheus and Alertmanager as the configuration names them, with the alerts that fire now. */
export function simulatedMonitoring(
  { prometheus, alertmanagers, receiver }: Pick<Config, 'prometheus' | 'alertmanagers' | 'receiver'>,
  model: Model,
  firing: () => readonly Sounding[],
  now: () => Instant,
): Monitoring {
  return {
    prometheus: prometheus && (async (query) => answer(query, model, firing(), now(), prometheus.url)),
    alertmanager:
      alertmanagers.length === 0
        ? null
        : async (labels) => {
            if (model.alertmanager.answers === false) throw new Error(`${alertmanagers[0]?.url}: connect ECONNREFUSED`)
            const wanted = Object.entries(labels)
            return firing()
              .filter((alert) => wanted.every(([name, value]) => (alert.labels[name] ?? '') === value))
              .map((alert) => seen(alert, receiver, now(), model.alertmanager.stale ?? STALE_MS))
          },
  }
}

function seen(alert: Sounding, receiver: string, now: Instant, staleMs: number): SeenAlert {
  const { fingerprint, labels, annotations, startsAt, muted } = alert
  const updatedAt = Math.max(startsAt, now - staleMs)
  const state = muted ? 'suppressed' : 'active'
  return { fingerprint, labels, annotations, receivers: [receiver], state, startsAt, updatedAt, endsAt: now + KEPT_MS }
}

function answer(
  query: string,
  model: Model,
  firing: readonly Sounding[],
  now: Instant,
  url: string,
): readonly PromSample[] {
  const { answers, queries = {} } = model.prometheus
  if (answers === false) throw new Error(`${url}: connect ECONNREFUSED`)
  const said = queries[query]
  if (said !== undefined) {
    if (said === null) return []
    if (typeof said === 'number') return [{ labels: {}, value: said }]
    return said.map(({ labels = {}, value }) => ({ labels, value }))
  }
  if (query.startsWith('ALERTS{')) {
    return firing.map(({ labels }) => ({ labels: { ...labels, __name__: 'ALERTS', alertstate: 'firing' }, value: 1 }))
  }
  if (query.startsWith('last_over_time(kafka_server_kafkaserver_brokerstate[')) return brokerStates(model, now)
  if (query.includes('remaining(logs|segments)torecover')) return logsToRecover(model, now)
  throw new Error(`the test does not say what Prometheus answers to ${query}`)
}

/** `BrokerState` as each process said it last: 1 starting, 2 recovering, 3 running. */
function brokerStates(model: Model, now: Instant): readonly PromSample[] {
  return ofBrokers(model, ({ unit }) => (hasServed(unit, now) ? 3 : unit.process.recovering ? 2 : 1))
}

function logsToRecover(model: Model, now: Instant): readonly PromSample[] {
  return ofBrokers(model, ({ unit, said }) => {
    if (said.logs_to_recover !== undefined) return said.logs_to_recover
    return isUp(unit) && unit.process.recovering && !serves(unit, now) ? LOGS : null
  })
}

function ofBrokers({ clusters }: Model, value: (broker: TargetModel) => number | null): readonly PromSample[] {
  return [...clusters.values()].flatMap(({ cluster, brokers }) =>
    [...brokers].flatMap(([id, broker]) => {
      const shown = broker.said.metrics === false ? null : value(broker)
      return shown === null ? [] : [{ labels: { cluster: cluster.name, broker_id: String(id) }, value: shown }]
    }),
  )
}
