import type { Clock } from '../../clock.ts'
import { addressText } from '../../inventory/address.ts'
import { ageingCertificates } from '../../inventory/client-certificates.ts'
import type { Cluster, HostPort, Inventory } from '../../inventory/inventory.ts'
import type { KafkaClients, Liveness } from '../../kafka/clients.ts'
import { drift, fragileTopics, isComplete, wouldBreakQuorum } from '../../kafka/judge-view.ts'
import type { ClusterView, ControllerSeen } from '../../kafka/view.ts'
import { examine, type Finding, failed, type Outcome, ok, warning } from './finding.ts'

export interface KafkaDeps {
  readonly inventory: Inventory
  readonly kafka: KafkaClients
  readonly clock: Clock
}

const ACLS = '`kafka-healing doctor --print acls` prints the commands that grant it'
/** How many topics a finding names. */
const NAMED = 5

export async function examineKafka(deps: KafkaDeps): Promise<readonly Finding[]> {
  const found = await Promise.all([...deps.inventory.clusters.values()].map((cluster) => examineCluster(cluster, deps)))
  return found.flat()
}

/** One view of the cluster, taken as before every action, and what stands in it. */
async function examineCluster(cluster: Cluster, { kafka, clock }: KafkaDeps): Promise<readonly Finding[]> {
  const on = `cluster ${cluster.name}`
  const viewed = kafka.view(cluster)
  const listener = (address: HostPort, work: () => Promise<Outcome>) =>
    examine(on, `listener ${addressText(address)}`, clock, work)
  const asked = new Set(cluster.brokers.flatMap(({ address }) => (address ? [addressText(address)] : [])))
  const bootstrapOnly = cluster.bootstrap.filter((address) => !asked.has(addressText(address)))
  const found = await Promise.all([
    ...bootstrapOnly.map((address) =>
      listener(address, async () => judgeListener(await kafka.liveness(address, undefined, cluster.name), 'bootstrap')),
    ),
    ...cluster.brokers.flatMap(({ key, name, address }) =>
      address === null
        ? []
        : [
            listener(address, async () => {
              const { brokers } = await viewed
              const liveness = brokers.find(({ target }) => target === key)?.liveness
              return liveness ? judgeListener(liveness, `broker ${name}`) : warning('not asked', 'look again')
            }),
          ],
    ),
    examine(on, 'quorum', clock, async () => judgeQuorum(await viewed)),
    examine(on, 'cluster', clock, async () => judgeCluster(await viewed, cluster)),
    examine(on, 'topics', clock, async () => judgeTopics(await viewed, cluster)),
    examine(on, 'client certificate', clock, async () => judgeCertificates(cluster, clock)),
  ])
  return found.flat()
}

const ADVICE: Readonly<Record<Exclude<Liveness['why'], 'ok'>, string>> = {
  refused: 'nothing listens there: the process is down, or the port in the inventory is another one',
  unreachable: 'the name does not resolve, or no route leads there',
  'connect-timeout': 'a firewall drops the packets, or the host is down',
  'tls-error': 'the listener speaks TLS with a certificate that is not believed: look at `security` of the cluster',
  'no-answer': 'it takes connections and says nothing: the process hangs, or the listener wants TLS',
  closed: 'it hangs up: the listener may want TLS, or speak none: look at `security` of the cluster',
  'not-kafka': 'something else listens there, or the listener wants TLS',
  error: 'see the message',
}

function judgeListener({ why, detail, ms }: Liveness, who: string): Outcome {
  if (why === 'ok') return ok(`${who}: answers ApiVersions in ${ms} ms`)
  return failed(`${who}: ${why}${detail === null ? '' : ` (${detail})`}`, ADVICE[why])
}

function judgeQuorum(view: ClusterView): readonly Outcome[] {
  const { quorum } = view
  const { verdict, reason } = wouldBreakQuorum(view, null)
  const todo =
    quorum.kind === 'zookeeper'
      ? 'nothing disruptive is done until a majority of the ZooKeeper servers serves'
      : 'nothing disruptive is done until one controller leads and a majority follows it'
  const whole = verdict === 'keeps' ? ok(reason) : failed(reason, todo)
  if (quorum.kind === 'zookeeper') {
    return [
      whole,
      ...quorum.members.map(({ address, mode, reason: why }) =>
        mode === null
          ? failed(
              `ZooKeeper ${addressText(address)}: ${why}`,
              'it is down, starting, or without a majority: look at its log',
            )
          : ok(`ZooKeeper ${addressText(address)}: ${mode}`),
      ),
    ]
  }
  return [whole, ...quorum.controllers.map(judgeController)]
}

function judgeController({ address, says, reason, liveness }: ControllerSeen): Outcome {
  const who = `controller ${addressText(address)}`
  if (says === 'leader' || says === 'follower') return ok(`${who}: ${reason}`)
  if (says === 'silent') {
    const why = liveness?.why ?? 'no-answer'
    return failed(
      `${who}: ${reason}`,
      why === 'ok' ? 'it answers, and not about the quorum: look at its log' : ADVICE[why],
    )
  }
  return failed(`${who}: ${reason}`, `look at \`security.controllers\` of the cluster; ${ACLS}`)
}

function judgeCluster(view: ClusterView, cluster: Cluster): readonly Outcome[] {
  const complete = isComplete(view, null)
  const parts = view.problems.map(({ part, reason }) =>
    failed(
      `${part} cannot be read: ${reason}`,
      part === 'rights' || /error (29|31)\b/.test(reason) ? ACLS : 'nothing disruptive is done without it',
    ),
  )
  const drifted = drift(view, cluster).map((sentence) =>
    sentence.startsWith('the cluster says id')
      ? failed(`${sentence}: nothing is done on another cluster`, `is \`bootstrap\` of ${cluster.name} right?`)
      : failed(sentence, 'mend the inventory, or find out what was changed in the cluster'),
  )
  const down = view.brokers.flatMap(({ id, fenced }) =>
    fenced === true
      ? [
          warning(
            `broker ${id} is registered and fenced: down, starting, or shutting down`,
            'find out why it is not let in',
          ),
        ]
      : [],
  )
  return [
    ...judgeId(view, cluster),
    ...drifted,
    ...down,
    ...parts,
    ...judgeRights(view),
    ...(complete.ok && drifted.length === 0
      ? [ok(`seen whole in ${view.tookMs} ms: ${view.brokers.length} brokers, as in the inventory`)]
      : []),
  ]
}

function judgeId({ clusterId }: ClusterView, cluster: Cluster): readonly Outcome[] {
  if (clusterId === null) return []
  if (cluster.clusterId === clusterId) return [ok(`it says cluster id ${clusterId}, as pinned`)]
  // Another id than the pinned one is drift.
  if (cluster.clusterId !== null) return []
  return [
    warning(
      `the inventory pins no cluster id; the cluster says ${clusterId}`,
      `if that is the cluster you mean, put under ${cluster.name} in inventory.yml: cluster_id: ${clusterId}`,
    ),
  ]
}

function judgeRights({ rights }: ClusterView): readonly Outcome[] {
  if (rights === null) return []
  const missing = (['DESCRIBE', 'DESCRIBE_CONFIGS'] as const).filter((operation) => !rights.includes(operation))
  if (missing.length === 0) return [ok(`rights on the cluster: ${rights.join(', ')}`)]
  return [failed(`rights on the cluster are missing: ${missing.join(', ')}`, ACLS)]
}

function judgeTopics(view: ClusterView, cluster: Cluster): readonly Outcome[] {
  if (view.topics === 0) return []
  const fragile = fragileTopics(view, cluster.tolerateUnavailable)
  const visible = ok(`${view.topics} topics with ${view.partitions.length} partitions are visible`)
  if (fragile.length === 0) return [visible]
  const named = fragile.slice(0, NAMED).join(', ')
  const more = fragile.length > NAMED ? ` and ${fragile.length - NAMED} more` : ''
  return [
    visible,
    warning(
      `no replica can be missed of ${named}${more}: their replication factor is no larger than min.insync.replicas`,
      'a disruptive step on their brokers needs approval; give them more replicas, or list them under `tolerate_unavailable`',
    ),
  ]
}

function judgeCertificates(cluster: Cluster, clock: Clock): readonly Outcome[] {
  return ageingCertificates(cluster, clock.now()).map(({ expired, message }) =>
    (expired ? failed : warning)(message, 'put a new one in its place and reload'),
  )
}
