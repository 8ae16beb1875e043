import type { Labels } from '../alert/alert.ts'
import { addressText } from './address.ts'
import type { Cluster, Inventory, Subject, Target } from './inventory.ts'

/**
 * What a rule's `target` may say: which kind of thing, and that the labels name it; or that they name the cluster, in which
 * the culprit is looked for (S-2.7).
 */
export interface Selector {
  readonly kind: 'broker' | 'exporter' | 'cluster'
  readonly from: 'labels' | 'culprit'
}

/** What the labels name, and a sentence that says by which of them, or why they name nothing. */
export interface Resolution {
  readonly subject: Subject
  readonly how: string
}

/**
 * What the labels name (S-2.1): by `cluster` and `broker_id` (or `exporter`), else uniquely by `instance` and `host`, which
 * must equal a host, an address or a declared alias as they stand. Nothing is guessed: no prefix, no case folding, no port
 * cut off. Whatever is missing, unknown, ambiguous or contradictory is unresolved, with a sentence for the mail.
 */
export function resolveSubject(selector: Selector, labels: Labels, fingerprint: string, inventory: Inventory): Subject {
  return resolve(selector, labels, fingerprint, inventory).subject
}

/** {@link resolveSubject}, with how it came to that. */
export function resolve(selector: Selector, labels: Labels, fingerprint: string, inventory: Inventory): Resolution {
  const cluster = clusterOf(labels, inventory)
  const unresolved = (problem: string): Resolution => ({
    subject: {
      kind: 'unresolved',
      key: `unresolved:${fingerprint}`,
      cluster: typeof cluster === 'string' || cluster === null ? null : cluster.name,
      problem,
    },
    how: problem,
  })
  if (typeof cluster === 'string') return unresolved(cluster)
  if (selector.kind === 'cluster' || selector.from === 'culprit') {
    if (cluster === null) return unresolved('the alert has no label "cluster"')
    const key = `${cluster.name}/cluster/${cluster.name}`
    const named = `cluster=${quote(cluster.name)} names the cluster`
    const how =
      selector.from === 'culprit'
        ? `${named}; which ${selector.kind} of it is to blame is computed from what the cluster shows, before acting`
        : named
    return { subject: { kind: 'cluster', key, cluster: cluster.name, target: key }, how }
  }
  const found = targetOf(selector.kind, labels, cluster, inventory)
  if (typeof found === 'string') return unresolved(found)
  const { target, how } = found
  return { subject: { kind: target.kind, key: target.key, cluster: target.cluster, target: target.key }, how }
}

/** A target that labels name, and by which of them. */
interface Found {
  readonly target: Target
  readonly how: string
}

/** The cluster that the labels name, null where they name none, or what is wrong with the name. */
function clusterOf(labels: Labels, inventory: Inventory): Cluster | string | null {
  const name = label(labels, 'cluster')
  if (name === null) return null
  if (isEverything(name)) return `the label cluster=${quote(name)} names everything; a target must be one thing`
  return inventory.clusters.get(name) ?? `the inventory has no cluster ${quote(name)}`
}

function targetOf(
  kind: 'broker' | 'exporter',
  labels: Labels,
  cluster: Cluster | null,
  inventory: Inventory,
): Found | string {
  const nameLabel = kind === 'broker' ? 'broker_id' : 'exporter'
  const name = label(labels, nameLabel)
  if (name !== null) {
    if (isEverything(name)) return `the label ${nameLabel}=${quote(name)} names everything; a target must be one thing`
    if (kind === 'broker' && !/^(?:0|[1-9]\d{0,9})$/.test(name))
      return `the label broker_id=${quote(name)} is not a broker id`
    if (cluster !== null) {
      const target = targetsOf(cluster, kind).find((candidate) => candidate.name === name)
      if (target === undefined) return `cluster ${quote(cluster.name)} has no ${kind} ${quote(name)} in the inventory`
      return { target, how: `cluster=${quote(cluster.name)} and ${nameLabel}=${quote(name)} name ${target.key}` }
    }
  }
  const found = byAddress(kind, labels, cluster, inventory)
  if (typeof found === 'string' || name === null) return found
  if (found.target.name === name) return { ...found, how: `${found.how}, and ${nameLabel}=${quote(name)} agrees` }
  return `the labels contradict each other: ${nameLabel}=${quote(name)}, but instance and host name ${found.target.key}`
}

function byAddress(
  kind: 'broker' | 'exporter',
  labels: Labels,
  cluster: Cluster | null,
  inventory: Inventory,
): Found | string {
  const scope = cluster === null ? [...inventory.clusters.values()] : [cluster]
  const all = scope.flatMap((each) => targetsOf(each, kind))
  const given = (['instance', 'host'] as const).flatMap((name) => {
    const value = label(labels, name)
    return value === null
      ? []
      : [{ shown: `${name}=${quote(value)}`, value, targets: all.filter((target) => namesOf(target).includes(value)) }]
  })
  const shown = given.map((each) => each.shown).join(' and ')
  const everything = given.find(({ value }) => isEverything(value))
  if (everything !== undefined) return `the label ${everything.shown} names everything; a target must be one thing`
  if (given.length === 0) {
    return kind === 'broker'
      ? 'the alert names no broker: neither cluster and broker_id, nor instance, nor host'
      : 'the alert names no exporter: neither cluster and exporter, nor instance, nor host'
  }
  const known = given.filter(({ targets }) => targets.length > 0)
  if (known.length === 0) return `no ${kind} in the inventory has the host, address or alias of ${shown}`
  const common = all.filter((target) => known.every(({ targets }) => targets.includes(target)))
  const [only, ...others] = common
  if (only === undefined) return `the labels contradict each other: ${shown} name different ${kind}s`
  if (others.length > 0) return `${shown} could be any of ${common.map(({ key }) => key).join(', ')}`
  return { target: only, how: given.map((each) => nameIn(each, only)).join(', ') }
}

function nameIn(
  { shown, value, targets }: { shown: string; value: string; targets: readonly Target[] },
  of: Target,
): string {
  if (targets.length === 0) return `${shown} names nothing`
  const address = of.address === null ? null : addressText(of.address)
  const what = value === of.host ? 'the host' : value === address ? 'the address' : 'an alias'
  return `${shown} is ${what} of ${of.key}`
}

function namesOf(target: Target): readonly string[] {
  const address = target.address === null ? [] : [addressText(target.address)]
  return [target.host, ...address, ...target.aliases]
}

function targetsOf(cluster: Cluster, kind: 'broker' | 'exporter'): readonly Target[] {
  return kind === 'broker' ? cluster.brokers : cluster.exporters
}

/** A missing label is the empty one, as everywhere in Prometheus. */
function label(labels: Labels, name: string): string | null {
  const value = Object.hasOwn(labels, name) ? labels[name] : undefined
  return value === undefined || value === '' ? null : value
}

function isEverything(value: string): boolean {
  return value === '*' || value.toLowerCase() === 'all'
}

function quote(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
}
