import type { Instant } from '../clock.ts'
import type { BrokerFacts, ClusterFacts, ExporterFacts, TopicFacts, WorldFacts } from './facts.ts'
import {
  type ClusterModel,
  clusterOf,
  type Model,
  type Pin,
  paceOf,
  type TargetModel,
  type TopicModel,
  topicOf,
} from './model.ts'
import { become, boot, refine, start, wordOf } from './unit.ts'

/** Something that a test says of the world, and when it came true. */
export interface Turn {
  readonly at: Instant
  apply(): void
}

const BESIDE: ReadonlySet<string> = new Set(['prometheus', 'alertmanager', 'programs'])

/** The clusters of a world by name, without what stands beside them. */
export function clustersIn(world: WorldFacts): readonly (readonly [string, ClusterFacts])[] {
  return Object.entries(world as Readonly<Record<string, ClusterFacts>>).filter(([name]) => !BESIDE.has(name))
}

/** How long ago, at the start of a test, what ails the world began. Milliseconds. */
export const AGO_MS = 60_000

/**
 * What the facts do to the world, in order. At the start of a test units came into their states a while before (`agoMs`);
 * whatever else is said holds from `at` on.
 */
export function turnsOf(facts: WorldFacts, model: Model, at: Instant, agoMs: number): readonly Turn[] {
  const turns: Turn[] = [{ at, apply: () => applyMonitoring(facts, model) }]
  for (const [name, cluster] of clustersIn(facts)) {
    const changed = model.clusters.get(name)
    if (!changed) continue
    const { brokers = {}, exporters = {} } = cluster
    for (const [id, said] of Object.entries(brokers))
      turns.push(...targetTurns(changed.brokers.get(Number(id)), said, model, at, agoMs))
    for (const [exporter, said] of Object.entries(exporters))
      turns.push(...targetTurns(model.targets.get(`${name}/exporter/${exporter}`), said, model, at, agoMs))
    turns.push({ at, apply: () => applyCluster(cluster, changed) })
  }
  // Stable: what is said first of one moment is done first.
  return turns.toSorted((one, other) => one.at - other.at)
}

function applyMonitoring({ prometheus = {}, alertmanager = {}, programs = {} }: WorldFacts, model: Model): void {
  const queries = { ...model.prometheus.queries, ...prometheus.queries }
  model.prometheus = { ...model.prometheus, ...prometheus, queries }
  model.alertmanager = { ...model.alertmanager, ...alertmanager }
  model.programs = { ...model.programs, ...programs }
}

type Said = BrokerFacts & ExporterFacts

function targetTurns(
  changed: TargetModel | undefined,
  facts: Said,
  model: Model,
  at: Instant,
  agoMs: number,
): readonly Turn[] {
  if (!changed) return []
  const { unit, ago = agoMs, started, booted } = facts
  const cluster = clusterOf(model, changed.target)
  const { startup, catch_up } = facts
  // Needed by whatever is started.
  const pace = { ...(startup !== undefined && { startup }), ...(catch_up !== undefined && { catch_up }) }
  const turns: Turn[] = []
  const turn = (agoMs: number, apply: (at: Instant) => void): void => {
    const then = at - agoMs
    turns.push({ at: then, apply: () => apply(then) })
  }
  const word = unit === undefined ? null : wordOf(unit)
  const rebooted = booted ?? (word === 'never-started' ? ago : undefined)
  turn(Math.max(ago, started ?? 0, rebooted ?? 0), () => {
    changed.said = { ...changed.said, ...pace }
  })
  if (rebooted !== undefined) turn(rebooted, (then) => reboot(changed, model, then))
  if (started !== undefined) turn(started, (then) => start(changed.unit, then, paceOf(changed, cluster)))
  turn(ago, (then) => {
    if (word !== null) {
      // What is said to be starting goes on doing so, unless it is said for how long.
      const endless = (word === 'starting' || word === 'recovering') && startup === undefined
      const { startupMs, catchUpMs } = paceOf(changed, cluster)
      become(changed.unit, word, then, { startupMs: endless ? null : startupMs, catchUpMs })
    }
    if (unit !== undefined && typeof unit !== 'string') refine(changed.unit, unit)
    ail(changed, facts, then)
  })
  turn(0, () => stay(changed, facts))
  return turns
}

/** What holds until it is changed. */
function stay(changed: TargetModel, facts: Said): void {
  const { ssh, hold, log } = facts
  changed.said = { ...changed.said, ...facts }
  Object.assign(changed.machine, { ...(ssh !== undefined && { ssh }), ...(hold !== undefined && { hold }) })
  if (log !== undefined) changed.log = log
}

/** Units on the host are started by the boot, but those that a test says were not. */
function reboot({ machine }: TargetModel, model: Model, at: Instant): void {
  machine.bootedAt = at
  for (const one of model.targets.values()) {
    if (one.machine === machine) boot(one.unit, at, paceOf(one, clusterOf(model, one.target)), true)
  }
}

/** What ails the process, and ends with it. */
function ail({ unit }: TargetModel, { fenced, lagging, answers }: Said, at: Instant): void {
  const { process } = unit
  if (fenced !== undefined) process.fenced = fenced
  if (lagging !== undefined) {
    process.lagging = lagging
    if (!lagging) unit.process = { ...process, inSyncAt: at }
  }
  if (answers !== undefined) unit.process.answers = answers === true ? 200 : answers === false ? null : answers
}

function applyCluster(facts: ClusterFacts, changed: ClusterModel): void {
  const { topics = {}, controllers, zookeepers } = facts
  changed.said = {
    ...changed.said,
    ...facts,
    ...(controllers && { controllers: { ...changed.said.controllers, ...controllers } }),
    ...(zookeepers && { zookeepers: { ...changed.said.zookeepers, ...zookeepers } }),
  }
  for (const [name, said] of Object.entries(topics)) applyTopic(name, said, changed)
}

function applyTopic(name: string, facts: TopicFacts, { topics, brokers }: ClusterModel): void {
  const topic = topics.get(name) ?? topicOf(name, facts, brokers)
  topics.set(name, topic)
  const { partitions, replicas, min_isr, isr, leader, elr, last_known_elr, hidden } = facts
  if (partitions !== undefined) topic.partitions = partitions
  if (replicas !== undefined) topic.replicas = replicas
  if (min_isr !== undefined) topic.minIsr = min_isr
  if (hidden !== undefined) topic.hidden = hidden
  for (const id of isr === undefined ? [] : topic.replicas)
    topic.pinned.set(id, { inSync: isr?.includes(id) ?? false, invocation: brokers.get(id)?.unit.invocation ?? '' })
  const pin = <T>(value: T): Pin<T> => ({ value, invocations: invocationsOf(topic, brokers) })
  if (leader !== undefined) topic.leader = pin(leader)
  if (elr !== undefined) topic.elr = pin(elr)
  if (last_known_elr !== undefined) topic.lastKnownElr = pin(last_known_elr)
}

/** Of all brokers that hold the topic: another one when any of them is started anew. */
export function invocationsOf({ replicas }: TopicModel, brokers: ClusterModel['brokers']): string {
  return replicas.map((id) => brokers.get(id)?.unit.invocation ?? '').join(' ')
}
