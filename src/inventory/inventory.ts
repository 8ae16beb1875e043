import type { Instant } from '../clock.ts'
import type { Secret } from '../secret.ts'

/** What may be touched, and nothing else (S-2.1). The YAML schema that makes these values is in schema.ts. */

export const TARGET_KINDS = [
  'broker',
  'controller',
  'zookeeper',
  'connect-worker',
  'exporter',
  'application',
  'cluster',
] as const

export type TargetKind = (typeof TARGET_KINDS)[number]

/** Kinds of targets that are a unit on a host; a cluster is not one. */
export const UNIT_KINDS: readonly TargetKind[] = TARGET_KINDS.filter((kind) => kind !== 'cluster')

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** How to reach the host that runs a target. */
export type Connection =
  | { readonly driver: 'local' }
  | {
      readonly driver: 'ssh'
      readonly user: string
      readonly port: number
      readonly keyFile: string
      /** `SHA256:…` as `ssh-keygen -lf` prints it. Never absent: an unpinned host is a configuration error. */
      readonly hostKey: string
    }

/** A systemd unit and which manager owns it. */
export interface Unit {
  readonly name: string
  /** `user` talks to the connecting user's own manager (`systemctl --user`). */
  readonly manager: 'system' | 'user'
  /** Whether the system manager needs `sudo -n` (the connecting user is not root). Never for a user manager. */
  readonly sudo: boolean
}

export interface DataDirectory {
  readonly path: string
  /** It must be a mount point (S-2.3). */
  readonly mount: boolean
}

/** Something that can be acted on. `key` is unique over the whole inventory: `<cluster>/<kind>/<name>`. */
export interface Target {
  readonly key: string
  readonly kind: TargetKind
  readonly cluster: string
  /** Broker id as text, exporter name. */
  readonly name: string
  readonly host: string
  readonly connection: Connection
  readonly unit: Unit
  /** Brokers: the listener we probe. Exporters: the scrape address, where given. */
  readonly address: HostPort | null
  readonly aliases: readonly string[]
  readonly data: readonly DataDirectory[]
  readonly rack: string | null
  /** What S-2.3 wants free on each data directory. */
  readonly minFree: { readonly bytes: number; readonly ratio: number }
}

/** How the listeners of a cluster are spoken to. Files are read when the inventory is; secrets cannot be printed. */
export interface ClusterSecurity extends ListenerSecurity {
  /** Controller listeners often differ; null: as the brokers'. */
  readonly controllers: ListenerSecurity | null
}

export interface ListenerSecurity {
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  /** PEM of the authorities that are believed instead of the system's. */
  readonly ca: string | null
  readonly client: ClientCertificate | null
  readonly sasl: SaslLogin | null
}

/** What we show of ourselves on a listener that asks for a certificate. */
export interface ClientCertificate {
  /** Where the certificate was read from. */
  readonly file: string
  readonly cert: string
  readonly key: Secret
  /** A listener says the same of an expired and of a foreign certificate, so this is looked at here. */
  readonly notAfter: Instant
}

export interface SaslLogin {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: string
  readonly password: Secret
}

export interface Cluster {
  readonly name: string
  /** The pinned Kafka cluster id; required before anything may act (S-2.3). */
  readonly clusterId: string | null
  readonly bootstrap: readonly HostPort[]
  readonly controllers: readonly HostPort[]
  /** Instead of controllers, where the cluster is of ZooKeeper's time. */
  readonly zookeepers: readonly HostPort[]
  /** Null: plain text without a login. */
  readonly security: ClusterSecurity | null
  readonly brokers: readonly Target[]
  readonly exporters: readonly Target[]
  readonly tolerateUnavailable: readonly string[]
}

export interface Inventory {
  readonly clusters: ReadonlyMap<string, Cluster>
  /** Every target by its key. */
  readonly targets: ReadonlyMap<string, Target>
}

/** The kind of a target by its key; null for what is none. */
export function kindOfKey(key: string): TargetKind | null {
  const kind = key.split('/').at(-2)
  return TARGET_KINDS.find((one) => one === kind) ?? null
}

/**
 * What an alert's labels name, resolved purely from the inventory. `key` makes an incident unique together with its rule;
 * an unresolvable subject is keyed by the alert's fingerprint.
 */
export type Subject =
  | { readonly kind: TargetKind; readonly key: string; readonly cluster: string; readonly target: string }
  | { readonly kind: 'unresolved'; readonly key: string; readonly cluster: string | null; readonly problem: string }
