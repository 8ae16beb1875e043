import type { Clock } from '../../clock.ts'
import { addressText } from '../../inventory/address.ts'
import type { Cluster, HostPort, Inventory } from '../../inventory/inventory.ts'
import type { ClusterMetadata, KafkaClients, Liveness } from '../../kafka/clients.ts'
import { askRights, type ClusterRights } from '../../kafka/rights.ts'
import { CheckError, examine, type Finding, failed, type Outcome, ok, warning } from './finding.ts'

export interface KafkaDeps {
  readonly inventory: Inventory
  readonly kafka: KafkaClients
  readonly clock: Clock
}

const DEADLINE_MS = 5_000
const ACLS = '`kafka-healing doctor --print acls` prints the commands that grant it'

export async function examineKafka(deps: KafkaDeps): Promise<readonly Finding[]> {
  const found = await Promise.all([...deps.inventory.clusters.values()].map((cluster) => examineCluster(cluster, deps)))
  return found.flat()
}

async function examineCluster(cluster: Cluster, { kafka, clock }: KafkaDeps): Promise<readonly Finding[]> {
  const on = `cluster ${cluster.name}`
  const listeners = listenersOf(cluster).map(({ address, roles }) =>
    examine(on, `listener ${addressText(address)}`, clock, async () =>
      judgeListener(await kafka.liveness(address, DEADLINE_MS, cluster.name), roles),
    ),
  )
  const seen = examine(on, 'cluster', clock, async () => {
    const metadata = await kafka.metadata(cluster).catch((error: unknown) => {
      throw new CheckError(messageOf(error), 'the listeners above say why; at least one broker must answer')
    })
    const rights = await askRights(metadata.answeredBy, { deadlineMs: DEADLINE_MS })
    return [
      judgeId(cluster, metadata),
      ...judgeDrift(cluster, metadata, rights?.fenced ?? []),
      ...judgeRights(metadata, rights),
    ]
  })
  return (await Promise.all([...listeners, seen])).flat()
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

interface Listener {
  readonly address: HostPort
  readonly roles: readonly string[]
}

/** Every listener that the inventory names, each once. */
function listenersOf(cluster: Cluster): readonly Listener[] {
  const named: readonly (readonly [HostPort, string])[] = [
    ...cluster.bootstrap.map((address) => [address, 'bootstrap'] as const),
    ...cluster.brokers.flatMap(({ address, name }) => (address ? [[address, `broker ${name}`] as const] : [])),
    ...cluster.controllers.map((address) => [address, 'controller'] as const),
  ]
  const byText = new Map<string, Listener>()
  for (const [address, role] of named) {
    const text = addressText(address)
    byText.set(text, { address, roles: [...(byText.get(text)?.roles ?? []), role] })
  }
  return [...byText.values()]
}

const ADVICE: Readonly<Record<Exclude<Liveness['why'], 'ok'>, string>> = {
  refused: 'nothing listens there: the process is down, or the port in the inventory is another one',
  unreachable: 'the name does not resolve, or no route leads there',
  'connect-timeout': 'a firewall drops the packets, or the host is down',
  'tls-error': 'the listener speaks TLS with a certificate that is not believed',
  'no-answer': 'it takes connections and says nothing: the process hangs, or the listener wants TLS',
  closed: 'it hangs up: the listener may want TLS',
  'not-kafka': 'something else listens there',
  error: 'see the message',
}

function judgeListener({ why, detail, ms }: Liveness, roles: readonly string[]): Outcome {
  const who = roles.join(', ')
  if (why === 'ok') return ok(`${who}: answers ApiVersions in ${ms} ms`)
  return failed(`${who}: ${why}${detail === null ? '' : ` (${detail})`}`, ADVICE[why])
}

function judgeId({ clusterId, name }: Cluster, metadata: ClusterMetadata): Outcome {
  const from = addressText(metadata.answeredBy)
  if (metadata.clusterId === clusterId) return ok(`${from} says cluster id ${clusterId}, as pinned`)
  if (clusterId === null) {
    return warning(
      `the inventory pins no cluster id; ${from} says ${metadata.clusterId}`,
      `if that is the cluster you mean, put under ${name} in inventory.yml: cluster_id: ${metadata.clusterId}`,
    )
  }
  return failed(
    `${from} says cluster id ${metadata.clusterId}, the inventory pins ${clusterId}: nothing is done on another cluster`,
    `is \`bootstrap\` of ${name} right? Only then: cluster_id: ${metadata.clusterId}`,
  )
}

/** Inventory and cluster must name the same brokers, at the same addresses. */
function judgeDrift(cluster: Cluster, metadata: ClusterMetadata, fenced: readonly number[]): readonly Outcome[] {
  const live = new Map(metadata.brokers.map((broker) => [String(broker.id), broker]))
  const byAddress = new Map(metadata.brokers.map(({ id, host, port }) => [addressText({ host, port }), String(id)]))
  const outcomes: Outcome[] = []
  for (const { name, key, address } of cluster.brokers) {
    const there = address ? byAddress.get(addressText(address)) : undefined
    if (there !== undefined && there !== name) {
      outcomes.push(
        failed(
          `${key} has the address of broker ${there}`,
          'an alert about one would be checked on the other: mend `address` in the inventory',
        ),
      )
    }
    if (live.has(name)) continue
    const down = fenced.includes(Number(name))
    outcomes.push(
      down
        ? warning(
            `${key} is registered and fenced: down, starting, or shutting down`,
            'start it, or find out why it is not let in',
          )
        : failed(
            `${key} is in the inventory and not in the cluster`,
            'is its id right? A broker that was removed must leave the inventory too',
          ),
    )
  }
  const known = new Set(cluster.brokers.map(({ name }) => name))
  for (const [id, { host, port }] of live) {
    if (known.has(id)) continue
    outcomes.push(
      warning(
        `broker ${id} at ${addressText({ host, port })} is in the cluster and not in the inventory`,
        'add it, or its alerts cannot be resolved',
      ),
    )
  }
  if (outcomes.length > 0) return outcomes
  return [ok(`the cluster has exactly the ${cluster.brokers.length} brokers of the inventory`)]
}

/** Without DESCRIBE on topics Kafka answers an empty list and no error, which looks like "nothing stands in the way". */
function judgeRights({ partitions }: ClusterMetadata, rights: ClusterRights | null): readonly Outcome[] {
  const topics = new Set(partitions.map(({ topic }) => topic)).size
  const seen =
    topics > 0
      ? ok(`${topics} topics with ${partitions.length} partitions are visible`)
      : warning('no topic is visible: the cluster is empty, or this account may describe none', ACLS)
  const operations = rights?.operations ?? null
  if (operations === null) return [seen]
  const missing = (['DESCRIBE', 'DESCRIBE_CONFIGS'] as const).filter((operation) => !operations.includes(operation))
  if (missing.length === 0) return [seen, ok(`rights on the cluster: ${operations.join(', ')}`)]
  return [seen, failed(`rights on the cluster are missing: ${missing.join(', ')}`, ACLS)]
}
