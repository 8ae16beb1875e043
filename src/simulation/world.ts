import type { Alert } from '../alert/alert.ts'
import type { Instant } from '../clock.ts'
import type { World } from '../engine/world.ts'
import type { Cluster } from '../inventory/inventory.ts'
import type { ClusterView } from '../kafka/view.ts'
import type { Configuration } from '../rules/configuration.ts'
import { planAlerts } from './alerts.ts'
import { AGO_MS, clustersIn, turnsOf } from './apply.ts'
import type { SimulatedClock } from './clock.ts'
import { simulatedKafka, viewOf } from './cluster.ts'
import type { Scenario, StepFacts, WorldFacts } from './facts.ts'
import { simulatedHost, simulatedSelf } from './host.ts'
import { notRun, type Stepping } from './host-steps.ts'
import { healthyModel } from './model.ts'
import { simulatedMonitoring } from './monitoring.ts'
import { awaitQuorum } from './quorum.ts'
import { openScript } from './script.ts'

/** The world of a scenario behind the ports through which the service sees and changes it. */
export interface SimulatedWorld {
  readonly world: World
  /** Makes the world as these facts say, from now on. */
  change(facts?: WorldFacts): void
  /** Alerts that Alertmanager has sent since last asked. */
  delivered(): readonly Alert[]
  /** A cluster as it is now, by no look of the service. */
  viewOf(cluster: Cluster): ClusterView
  unusedSteps(): readonly StepFacts[]
}

/** How far back reaches what a test says of the past. Milliseconds. */
export function pastOf(facts: WorldFacts): number {
  const targets = clustersIn(facts).flatMap(([, { brokers = {}, exporters = {} }]) => [
    ...Object.values(brokers),
    ...Object.values(exporters),
  ])
  return targets.reduce((most, { ago = AGO_MS, started = 0, booted = 0 }) => Math.max(most, ago, started, booted), 0)
}

/** All is well when it opens; what the scenario says comes true at its time. `onChange` hears of whatever changes. */
export function openWorld(
  { world: facts = {}, steps = [], alerts: alertFacts = [] }: Scenario,
  { inventory, config }: Pick<Configuration, 'inventory' | 'config'>,
  clock: SimulatedClock,
  startedAt: Instant,
  onChange: () => void,
): SimulatedWorld {
  const now = (): Instant => clock.now()
  const model = healthyModel(inventory, facts, now())
  const script = openScript(steps)
  const sent: Alert[] = []
  const alerts = planAlerts({ facts: alertFacts, startedAt, clock, inventory, model, deliver: (one) => sent.push(one) })

  const change = (facts?: WorldFacts): void => {
    for (const turn of facts === undefined ? [] : turnsOf(facts, model, now(), 0)) turn.apply()
    for (const cluster of model.clusters.values()) awaitQuorum(cluster, now())
    alerts.reconsider()
    onChange()
  }
  for (const turn of turnsOf(facts, model, startedAt, AGO_MS)) {
    clock.plan(turn.at, () => {
      turn.apply()
      change()
    })
  }
  const stepping: Stepping = {
    model,
    clock,
    told: (target, type, verb) => script.next(target, type, verb),
    change,
    transients: new Map(),
    async begin(target, type) {
      const told = script.next(target, type)
      if (told === undefined) return null
      if (told.takes !== undefined) await clock.sleep(told.takes)
      change(told.then)
      return notRun(told, false)
    },
  }
  return {
    world: {
      inventory,
      hosts: {
        hostOf: (target) => simulatedHost(target, stepping),
        hostKeyOf: async () => null,
        close: async () => {},
      },
      local: simulatedSelf(stepping),
      kafka: simulatedKafka(model, now),
      monitoring: simulatedMonitoring(config, model, () => alerts.firing(), now),
    },
    change,
    delivered: () => sent.splice(0),
    viewOf({ name }) {
      const cluster = model.clusters.get(name)
      if (!cluster) throw new Error(`the world has no cluster ${name}`)
      return viewOf(cluster, now())
    },
    unusedSteps: () => script.unused(),
  }
}
