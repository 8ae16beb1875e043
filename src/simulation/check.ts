import { parseMatcher } from '../alert/matcher-syntax.ts'
import type { Path } from '../document/document.ts'
import { suggestion } from '../document/problem.ts'
import { addressText } from '../inventory/address.ts'
import type { Cluster } from '../inventory/inventory.ts'
import type { Configuration } from '../rules/configuration.ts'
import { AGO_MS, clustersIn } from './apply.ts'
import type { BrokerFacts, ClusterFacts, Deed, ExporterFacts, Scenario, WorldFacts } from './facts.ts'
import { wordOf } from './unit.ts'

/** Something in a scenario that the configuration does not know, or that contradicts itself. `path` leads to it. */
export interface ScenarioProblem {
  readonly path: Path
  readonly message: string
}

type Known = Pick<Configuration, 'inventory' | 'rules' | 'config'>
type Complain = (path: Path, message: string) => void

/** What a scenario names and the configuration does not have, and what cannot be. */
export function scenarioProblems(scenario: Scenario, known: Known): readonly ScenarioProblem[] {
  const problems: ScenarioProblem[] = []
  const complain: Complain = (path, message) => problems.push({ path, message })
  checkWorld(scenario.world ?? {}, ['world'], known, complain)
  for (const [index, { on, then }] of (scenario.steps ?? []).entries()) {
    const { targets } = known.inventory
    if (!targets.has(on))
      complain(['steps', index, 'on'], `the inventory has no target "${on}"${suggestion(on, targets.keys())}`)
    checkWorld(then ?? {}, ['steps', index, 'then'], known, complain)
  }
  for (const [index, change] of (scenario.changes ?? []).entries()) {
    const at = ['changes', index]
    if ('world' in change) checkWorld(change.world, [...at, 'world'], known, complain)
    else checkDeed(change, at, known, complain)
  }
  for (const [index, { from = 0, until, muted }] of (scenario.alerts ?? []).entries()) {
    if (typeof until === 'number' && until <= from) complain(['alerts', index, 'until'], 'it ends before it begins')
    if (muted?.until !== undefined && muted.until <= (muted.from ?? 0))
      complain(['alerts', index, 'muted', 'until'], 'it ends before it begins')
  }
  return problems
}

function checkWorld(world: WorldFacts, at: Path, { inventory, config }: Known, complain: Complain): void {
  const { prometheus, alertmanager } = world
  if (prometheus && config.prometheus === null) complain([...at, 'prometheus'], 'the configuration names no Prometheus')
  if (alertmanager && config.alertmanagers.length === 0)
    complain([...at, 'alertmanager'], 'the configuration names no Alertmanager')
  for (const [name, facts] of clustersIn(world)) {
    const cluster = inventory.clusters.get(name)
    if (cluster) checkCluster(facts, [...at, name], cluster, complain)
    else complain([...at, name], `the inventory has no cluster "${name}"${suggestion(name, inventory.clusters.keys())}`)
  }
}

function checkCluster(facts: ClusterFacts, at: Path, cluster: Cluster, complain: Complain): void {
  const { brokers = {}, exporters = {}, topics = {}, zookeepers = {}, controllers, reassignments = [] } = facts
  const known = (what: 'broker' | 'exporter', name: string, path: Path): void => {
    const names = (what === 'broker' ? cluster.brokers : cluster.exporters).map((target) => target.name)
    if (!names.includes(name)) complain(path, `cluster ${cluster.name} has no ${what} "${name}" in the inventory`)
  }
  for (const [id, broker] of Object.entries(brokers)) {
    known('broker', id, [...at, 'brokers', id])
    checkTarget(broker, [...at, 'brokers', id], complain)
  }
  for (const [name, exporter] of Object.entries(exporters)) {
    known('exporter', name, [...at, 'exporters', name])
    checkTarget(exporter, [...at, 'exporters', name], complain)
  }
  for (const [name, { replicas, isr = [] }] of Object.entries(topics)) {
    for (const [index, id] of (replicas ?? []).entries())
      known('broker', String(id), [...at, 'topics', name, 'replicas', index])
    if (replicas && new Set(replicas).size < replicas.length)
      complain([...at, 'topics', name, 'replicas'], 'a broker holds one replica of a partition at most')
    for (const [index, id] of isr.entries()) {
      if (replicas && !replicas.includes(id))
        complain([...at, 'topics', name, 'isr', index], `broker ${id} holds no replica`)
    }
  }
  const servers = cluster.zookeepers.map(addressText)
  for (const address of Object.keys(zookeepers)) {
    if (!servers.includes(address))
      complain(
        [...at, 'zookeepers', address],
        `the inventory has no ZooKeeper server at ${address}${suggestion(address, servers)}`,
      )
  }
  if (controllers && cluster.zookeepers.length > 0)
    complain([...at, 'controllers'], 'this cluster has ZooKeeper servers, and no controllers')
  for (const [index, { topic }] of reassignments.entries()) {
    if (facts.topics && !(topic in topics))
      complain(
        [...at, 'reassignments', index, 'topic'],
        `there is no topic "${topic}"${suggestion(topic, Object.keys(topics))}`,
      )
  }
}

function checkTarget(facts: BrokerFacts & ExporterFacts, at: Path, complain: Complain): void {
  const { unit, ago, started, booted } = facts
  if (ago !== undefined && unit === undefined)
    complain([...at, 'ago'], '`ago` says how long ago its unit came into a state, which `unit` names')
  const changed = unit === undefined ? 0 : (ago ?? AGO_MS)
  if (started !== undefined && started < changed && wordOf(unit ?? 'running') !== 'running')
    complain([...at, 'started'], 'it was started before its unit came into that state: more than `ago` (1m by default)')
  if (booted !== undefined && started !== undefined && booted < started)
    complain([...at, 'booted'], 'it was started after its host had booted')
}

function checkDeed(deed: Deed, at: Path, { inventory, rules }: Known, complain: Complain): void {
  const names = rules.map(({ name }) => name)
  const scope = (text: string): void => {
    const [kind, ...rest] = text.split(':')
    const name = rest.join(':')
    const all = kind === 'cluster' ? inventory.clusters.keys() : kind === 'target' ? inventory.targets.keys() : names
    if (kind !== 'all' && ![...all].includes(name)) complain([...at, 'scope'], `there is no ${kind} "${name}"`)
  }
  switch (deed.do) {
    case 'silence':
      for (const [index, text] of deed.matchers.entries()) {
        const parsed = parseMatcher(text)
        if ('problem' in parsed) complain([...at, 'matchers', index], `character ${parsed.column}: ${parsed.problem}`)
      }
      return
    case 'pause':
    case 'resume':
      return scope(deed.scope)
    default:
      if (deed.rule !== undefined && !names.includes(deed.rule))
        complain([...at, 'rule'], `there is no rule "${deed.rule}"${suggestion(deed.rule, names)}`)
  }
}
