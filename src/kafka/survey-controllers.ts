import { hostPort } from '../document/fields.ts'
import { addressText } from '../inventory/address.ts'
import type { HostPort, ListenerSecurity } from '../inventory/inventory.ts'
import { CLUSTER_METADATA, describeQuorum, NO_ERROR } from './apis.ts'
import type { KafkaConnection } from './connection.ts'

/** Who leads the cluster, as far as brokers tell. */
export type ControllersSurveyed =
  | {
      readonly kind: 'kraft'
      readonly listeners: readonly HostPort[]
      /** Voters of which nobody says where they listen. */
      readonly missing: readonly number[]
      /** What their listeners speak; null: not said. */
      readonly protocol: ListenerSecurity['protocol'] | null
    }
  | { readonly kind: 'zookeeper'; readonly servers: readonly HostPort[] }
  | { readonly kind: 'unknown' }

/** The voters of the quorum, with their listeners by name where the cluster tells them (Kafka 3.9 and newer). */
export interface VotersRead {
  readonly voters: readonly number[]
  readonly listeners: ReadonlyMap<number, readonly NamedListener[]>
}

interface NamedListener extends HostPort {
  readonly name: string
}

type Settings = ReadonlyMap<string, string | null>

/** Through a broker. Null where it knows no quorum (ZooKeeper); rejects when it does not say. */
export async function readVoters(connection: KafkaConnection, deadlineMs: number): Promise<VotersRead | null> {
  if (connection.versionOf(describeQuorum) === null) return null
  const topics = [{ topic: CLUSTER_METADATA, partitions: [{ partition: 0 }] }]
  const { errorCode, topics: described, nodes } = await connection.request(describeQuorum, { topics }, deadlineMs)
  const quorum = described[0]?.partitions[0]
  if (errorCode !== NO_ERROR || quorum === undefined || quorum.errorCode !== NO_ERROR)
    throw new Error(`DescribeQuorum: error ${errorCode === NO_ERROR ? quorum?.errorCode : errorCode}`)
  return {
    voters: quorum.voters.map(({ id }) => id),
    listeners: new Map(nodes.map(({ id, listeners }) => [id, listeners])),
  }
}

/**
 * Where the controllers are, out of what brokers said: the quorum's own list, else their settings. The first answer counts:
 * all brokers of a cluster have the same one.
 */
export function controllersIn(settings: readonly Settings[], read: readonly VotersRead[]): ControllersSurveyed {
  const setting = (name: string): string => settings.map((one) => one.get(name) ?? '').find(Boolean) ?? ''
  const named = listOf(setting('controller.listener.names'))
  const written = new Map(listOf(setting('controller.quorum.voters')).flatMap(voterIn))
  const [quorum] = read
  const ids = quorum?.voters ?? [...written.keys()]
  if (ids.length === 0) {
    const servers = zookeepersIn(setting('zookeeper.connect'))
    if (servers.length > 0) return { kind: 'zookeeper', servers }
  }
  const places = ids.map((id) => ({ id, at: listenerOf(quorum?.listeners.get(id) ?? [], named) ?? written.get(id) }))
  const found = unique(places.flatMap(({ at }) => at ?? []))
  const missing = places.flatMap(({ id, at }) => (at === undefined ? [id] : []))
  // Addresses to begin with: one may be a name for all of them, so they only stand in for a list.
  const fallback = addressesIn(setting('controller.quorum.bootstrap.servers'))
  const listeners = found.length > 0 ? found : fallback
  if (listeners.length === 0 && missing.length === 0) return { kind: 'unknown' }
  return { kind: 'kraft', listeners, missing, protocol: protocolOf(named, setting('listener.security.protocol.map')) }
}

/** A controller may have several listeners; brokers use the one that they name first. */
function listenerOf(listeners: readonly NamedListener[], named: readonly string[]): HostPort | undefined {
  const wanted = listeners.find(({ name }) => name.toUpperCase() === named[0]?.toUpperCase()) ?? listeners[0]
  return wanted && { host: wanted.host, port: wanted.port }
}

const PROTOCOLS: readonly ListenerSecurity['protocol'][] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** `listener.security.protocol.map` of the first controller listener. Unmapped, a name may be a protocol itself. */
function protocolOf([listener]: readonly string[], map: string): ListenerSecurity['protocol'] | null {
  if (listener === undefined) return null
  const pairs = listOf(map).map((pair) => pair.toUpperCase().split(':'))
  const said = pairs.find(([name]) => name?.trim() === listener.toUpperCase())?.[1]?.trim() ?? listener.toUpperCase()
  return PROTOCOLS.find((protocol) => protocol === said) ?? null
}

/** `1@kafka-1:9093`. */
function voterIn(text: string): readonly (readonly [number, HostPort])[] {
  const [, id = '', address = ''] = /^(\d+)@(.+)$/.exec(text) ?? []
  return addressesIn(address).map((at) => [Number(id), at] as const)
}

/** `zk-1:2181,zk-2:2181/kafka`: what comes after the slash is a folder of theirs. 2181 where no port is named. */
function zookeepersIn(connect: string): readonly HostPort[] {
  const [servers = ''] = connect.split('/')
  return addressesIn(
    listOf(servers)
      .map((server) => (/(?:^[^:]+|\])$/.test(server) ? `${server}:2181` : server))
      .join(','),
  )
}

function addressesIn(text: string): readonly HostPort[] {
  return listOf(text).flatMap((one) => hostPort.safeParse(one).data ?? [])
}

function listOf(text: string): readonly string[] {
  return text.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]))
}

function unique(addresses: readonly HostPort[]): readonly HostPort[] {
  return [...new Map(addresses.map((address) => [addressText(address), address])).values()]
}
