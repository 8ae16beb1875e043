import type { Clock } from '../clock.ts'
import type { Cluster, HostPort } from '../inventory/inventory.ts'
import { readMetadata } from './ask-broker.ts'
import type { ClusterMetadata, KafkaClients } from './clients.ts'
import { KafkaConnection } from './connection.ts'
import { askLiveness } from './liveness.ts'
import type { ListenersSecurity } from './security.ts'
import { takeView } from './take-view.ts'

export interface KafkaClientsOptions {
  readonly clock: Clock
  /** By cluster name. A cluster that is not named here is spoken to in plain text without a login. */
  readonly security?: ReadonlyMap<string, ListenersSecurity>
  /** For each connection and each request. All answers of a cluster with 3,000 partitions take under 60 ms. */
  readonly deadlineMs?: number
}

const REQUEST_DEADLINE_MS = 3_000
/** How long one listener may keep the next one waiting: a hung broker must not cost its whole deadline. */
const HEAD_START_MS = 300

/** Clients that open a connection per question and close it after the answer (1 to 6 ms): nothing stale is ever reused. */
export function openKafkaClients(options: KafkaClientsOptions): KafkaClients {
  const { clock, security, deadlineMs = REQUEST_DEADLINE_MS } = options
  const securityOf = (cluster: string | undefined): ListenersSecurity =>
    (cluster ? security?.get(cluster) : undefined) ?? {}

  async function metadataOf(cluster: string, address: HostPort): Promise<ClusterMetadata> {
    const connection = await KafkaConnection.open(address, { ...securityOf(cluster), deadlineMs })
    try {
      return await readMetadata(connection, deadlineMs)
    } finally {
      connection.close()
    }
  }

  return {
    liveness(address, deadline, cluster) {
      const { ssl } = securityOf(cluster)
      return askLiveness(address, {
        clock,
        ...(deadline === undefined ? {} : { deadlineMs: deadline }),
        ...(ssl ? { ssl } : {}),
      })
    },
    livenessOver(over, address, deadline, cluster) {
      const { ssl } = securityOf(cluster)
      return askLiveness(address, { clock, over, deadlineMs: deadline, ...(ssl ? { ssl } : {}) })
    },
    view(cluster) {
      const { controllers, ...brokers } = securityOf(cluster.name)
      return takeView(cluster, { clock, security: brokers, controllerSecurity: controllers ?? brokers })
    },
    metadata: (cluster: Cluster, from = listeners(cluster)) =>
      firstAnswer(from, (address) => metadataOf(cluster.name, address), clock),
  }
}

/** Every listener of a cluster that answers Metadata: configured brokers first, then the bootstrap list, each once. */
export function listeners(cluster: Cluster): readonly HostPort[] {
  const all = [...cluster.brokers.flatMap((broker) => broker.address ?? []), ...cluster.bootstrap]
  return [...new Map(all.map((address) => [`${address.host}:${address.port}`, address])).values()]
}

/**
 * The first answer, asking one listener after the other: the next one is asked when the one before failed, or has said
 * nothing for a while. Rejects with every listener's reason when none answers.
 */
async function firstAnswer<A>(
  from: readonly HostPort[],
  ask: (address: HostPort) => Promise<A>,
  clock: Clock,
): Promise<A> {
  const reasons: string[] = []
  const answered = new AbortController()
  const pending: Promise<A>[] = []
  for (const address of from) {
    if (answered.signal.aborted) break
    const failed = new AbortController()
    const answer = ask(address)
    pending.push(answer)
    answer.then(
      () => answered.abort(),
      (error: unknown) => {
        reasons.push(`${address.host}:${address.port}: ${error instanceof Error ? error.message : String(error)}`)
        failed.abort()
      },
    )
    await clock.sleep(HEAD_START_MS, AbortSignal.any([failed.signal, answered.signal]))
  }
  try {
    return await Promise.any(pending)
  } catch {
    throw new Error(reasons.length > 0 ? `no broker answers: ${reasons.join('; ')}` : 'no broker to ask')
  }
}
