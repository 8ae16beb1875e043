import type { Alert } from '../alert/alert.ts'
import { fingerprintOf } from '../alert/fingerprint.ts'
import type { Instant } from '../clock.ts'
import type { Inventory } from '../inventory/inventory.ts'
import { resolveSubject, type Selector } from '../inventory/resolve.ts'
import type { SimulatedClock } from './clock.ts'
import { partitionsOf } from './cluster.ts'
import type { AlertFacts } from './facts.ts'
import type { Model, TargetModel } from './model.ts'
import { isUp } from './unit.ts'

/** An alert that fires now. */
export interface Sounding extends Pick<Alert, 'fingerprint' | 'labels' | 'annotations' | 'startsAt'> {
  /** Silenced or inhibited in Alertmanager. */
  readonly muted: boolean
}

export interface Alerts {
  firing(): readonly Sounding[]
  /** The world has changed: what ends when something is healthy may end at another time, or not. */
  reconsider(): void
}

interface AlertsDeps {
  readonly facts: readonly AlertFacts[]
  readonly startedAt: Instant
  readonly clock: SimulatedClock
  readonly inventory: Inventory
  readonly model: Model
  readonly deliver: (alert: Alert) => void
}

/** How long an alert takes to notice that all is well again. Milliseconds. */
const NOTICES_MS = 30_000

/** Alerts as Prometheus and Alertmanager would send them. */
export function planAlerts(deps: AlertsDeps): Alerts {
  const { facts, startedAt, clock, model } = deps
  const sounding = new Map<AlertFacts, Alert>()
  const ending = new Map<AlertFacts, { readonly at: Instant | null; readonly takeBack: () => void }>()

  const begin = (facts: AlertFacts): void => {
    const { labels, annotations = {}, since = 0, repeat, muted } = facts
    const alert: Alert = {
      fingerprint: fingerprintOf(labels),
      status: 'firing',
      labels,
      annotations,
      startsAt: clock.now() - since,
      endsAt: null,
      generatorURL: '',
    }
    sounding.set(facts, alert)
    // What is muted is delivered when that ends.
    if (!isMuted(facts)) deps.deliver(alert)
    else if (muted?.until !== undefined) {
      clock.plan(startedAt + muted.until, () => {
        if (sounding.get(facts) === alert) deps.deliver(alert)
      })
    }
    const again = (): void => {
      if (sounding.get(facts) !== alert || repeat === undefined) return
      if (!isMuted(facts)) deps.deliver(alert)
      clock.plan(clock.now() + repeat, again)
    }
    if (repeat !== undefined && repeat > 0) clock.plan(clock.now() + repeat, again)
    if (facts.until === 'healthy') reconsider(facts)
  }
  const finish = (facts: AlertFacts): void => {
    const alert = sounding.get(facts)
    if (!alert) return
    sounding.delete(facts)
    const resolved: Alert = { ...alert, status: 'resolved', endsAt: clock.now() }
    clock.plan(clock.now() + (facts.told ?? 0), () => deps.deliver(resolved))
  }
  const isMuted = ({ muted }: AlertFacts): boolean =>
    muted !== undefined &&
    clock.now() >= startedAt + (muted.from ?? 0) &&
    (muted.until === undefined || clock.now() < startedAt + muted.until)

  const reconsider = (facts: AlertFacts): void => {
    const well = healthyAt(facts, deps)
    const at = well === null ? null : Math.max(well, clock.now()) + NOTICES_MS
    const planned = ending.get(facts)
    if (planned && planned.at === at) return
    planned?.takeBack()
    ending.set(facts, { at, takeBack: at === null ? () => {} : clock.plan(at, () => finish(facts)) })
  }

  for (const one of facts) {
    clock.plan(startedAt + (one.from ?? 0), () => begin(one))
    if (typeof one.until === 'number') clock.plan(startedAt + one.until, () => finish(one))
  }
  return {
    firing: () =>
      [...sounding].map(([facts, { fingerprint, labels, annotations, startsAt }]) => ({
        fingerprint,
        labels,
        annotations,
        startsAt,
        muted: isMuted(facts),
      })),
    reconsider() {
      for (const one of sounding.keys()) if (one.until === 'healthy') reconsider(one)
    },
  }

  /** When what the labels name is well, as things stand; null: never. */
  function healthyAt({ labels }: AlertFacts, { inventory }: AlertsDeps): Instant | null {
    const named = SELECTORS.map((selector) => resolveSubject(selector, labels, '', inventory))
    const subject = named.find(({ kind }) => kind !== 'unresolved')
    if (!subject || subject.kind === 'unresolved') return null
    const target = model.targets.get(subject.target)
    if (target) return wellAt(target)
    const cluster = model.clusters.get(subject.cluster)
    if (!cluster) return null
    const now = clock.now()
    const whole = partitionsOf(cluster, now).every(
      ({ isr, replicas, offline }) => isr.length === replicas.length && offline.length === 0,
    )
    if (whole) return now
    const times = [...cluster.brokers.values()].map((broker) => {
      const { inSyncAt, lagging } = broker.unit.process
      return wellAt(broker) === null || lagging ? null : inSyncAt
    })
    const last = times.some((at) => at === null) ? null : Math.max(...times.map((at) => at ?? 0))
    // Who is in sync by its own account is not by a test's.
    return last !== null && last > now ? last : null
  }
}

const SELECTORS: readonly Selector[] = [
  { kind: 'broker', from: 'labels' },
  { kind: 'exporter', from: 'labels' },
  { kind: 'cluster', from: 'labels' },
]

/** When it serves, as things stand; null: never. */
function wellAt({ unit }: TargetModel): Instant | null {
  const { hung, fenced, servesAt, answers } = unit.process
  return isUp(unit) && !hung && !fenced && answers !== null ? servesAt : null
}
