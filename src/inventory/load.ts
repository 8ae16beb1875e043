import { dirname, resolve } from 'node:path'
import { type Complain, complainTo, type Path, readDocument, type SourceDocument } from '../document/document.ts'
import type { Problem } from '../document/problem.ts'
import { validate } from '../document/validate.ts'
import { duplicates, type Placed } from './duplicates.ts'
import type { Cluster, Connection, HostPort, Inventory, Target, Unit } from './inventory.ts'
import {
  type BrokerFields,
  type ClusterFields,
  type ConnectionFields,
  type ExporterFields,
  type InventoryFile as InventoryFields,
  InventoryFile,
} from './schema.ts'
import { securityOf } from './security.ts'

/** S-2.3: 1 GiB and 2 %. */
const MIN_FREE = { bytes: 1024 ** 3, ratio: 0.02 }

export interface LoadedInventory {
  /** Null when something in it is wrong, other than that a file of a secret or certificate is not there. */
  readonly inventory: Inventory | null
  readonly document: SourceDocument | null
  readonly problems: readonly Problem[]
}

export function loadInventory(file: string): LoadedInventory {
  const { document, problems } = readDocument(file)
  return document === null ? { inventory: null, document, problems } : fromDocument(document, problems)
}

/** The inventory that a parsed file describes. Relative key files are looked for beside the file. */
export function fromDocument(document: SourceDocument, earlier: readonly Problem[] = []): LoadedInventory {
  const checked = validate(document, document.value ?? {}, InventoryFile)
  if ('problems' in checked) return { inventory: null, document, problems: [...earlier, ...checked.problems] }
  const problems = [...earlier]
  const complain = complainTo(problems, document)
  const { inventory, placed } = build(checked.ok, dirname(resolve(document.file)), complain)
  duplicates(placed, complain)
  return { inventory: problems.every(({ absent }) => absent === true) ? inventory : null, document, problems }
}

function build(
  written: InventoryFields,
  folder: string,
  complain: Complain,
): { inventory: Inventory; placed: readonly Placed[] } {
  const placed: Placed[] = []
  const place = (target: Target, path: Path): Target => {
    placed.push({ target, path })
    return target
  }
  const clusters = new Map<string, Cluster>()
  for (const [name, fields] of Object.entries(written.clusters)) {
    const at: Path = ['clusters', name]
    if (fields.controllers.length > 0 && fields.zookeepers.length > 0)
      complain([...at, 'zookeepers'], 'a cluster has either `controllers` or `zookeepers`', 'key')
    const inherit = { cluster: name, fields, folder, complain }
    clusters.set(name, {
      name,
      clusterId: fields.cluster_id ?? null,
      bootstrap: fields.bootstrap,
      controllers: fields.controllers,
      zookeepers: fields.zookeepers,
      security: fields.security ? securityOf(fields.security, [...at, 'security'], folder, complain) : null,
      brokers: fields.brokers.map((broker, index) =>
        place(brokerOf(broker, [...at, 'brokers', index], inherit), [...at, 'brokers', index]),
      ),
      exporters: fields.exporters.map((exporter, index) =>
        place(exporterOf(exporter, [...at, 'exporters', index], inherit), [...at, 'exporters', index]),
      ),
      tolerateUnavailable: fields.tolerate_unavailable,
    })
  }
  return { inventory: { clusters, targets: new Map(placed.map(({ target }) => [target.key, target])) }, placed }
}

interface Inherited {
  readonly cluster: string
  readonly fields: ClusterFields
  readonly folder: string
  readonly complain: Complain
}

function brokerOf(broker: BrokerFields, at: Path, inherited: Inherited): Target {
  const { cluster, fields } = inherited
  const connection = connectionOf(broker, at, inherited)
  return {
    key: `${cluster}/broker/${broker.id}`,
    kind: 'broker',
    cluster,
    name: String(broker.id),
    host: broker.host,
    connection,
    unit: unitOf(broker, connection, at, inherited),
    address: broker.address ?? listenerOf(broker, at, inherited),
    aliases: broker.aliases,
    data: broker.data.map((entry) => (typeof entry === 'string' ? { path: entry, mount: false } : entry)),
    rack: broker.rack ?? null,
    minFree: {
      bytes: broker.min_free?.bytes ?? fields.min_free?.bytes ?? MIN_FREE.bytes,
      ratio: broker.min_free?.ratio ?? fields.min_free?.ratio ?? MIN_FREE.ratio,
    },
  }
}

function exporterOf(exporter: ExporterFields, at: Path, inherited: Inherited): Target {
  const connection = connectionOf(exporter, at, inherited)
  return {
    key: `${inherited.cluster}/exporter/${exporter.name}`,
    kind: 'exporter',
    cluster: inherited.cluster,
    name: exporter.name,
    host: exporter.host,
    connection,
    unit: unitOf(exporter, connection, at, inherited),
    address: exporter.address ?? null,
    aliases: exporter.aliases,
    data: [],
    rack: null,
    minFree: MIN_FREE,
  }
}

/** The bootstrap entry on the broker's own host; where none or several are, nobody can tell which listener is its own. */
function listenerOf({ id, host }: BrokerFields, at: Path, { fields, complain }: Inherited): HostPort | null {
  const [listener, ...others] = fields.bootstrap.filter((entry) => entry.host === host)
  if (listener !== undefined && others.length === 0) return listener
  const found = listener === undefined ? 'no entry' : 'several entries'
  complain([...at, 'host'], `broker ${id} needs \`address: host:port\`: \`bootstrap\` has ${found} on ${host}`)
  return null
}

function connectionOf(
  target: BrokerFields | ExporterFields,
  at: Path,
  { fields, folder, complain }: Inherited,
): Connection {
  const own: ConnectionFields = target.connection ?? {}
  const driver = own.driver ?? fields.connection?.driver
  if (driver === 'local') {
    for (const key of ['user', 'port', 'key_file', 'host_key'] as const) {
      if (own[key] !== undefined)
        complain([...at, 'connection', key], `\`${key}\` means nothing with driver local`, 'key')
    }
    if (target.host_key !== undefined)
      complain([...at, 'host_key'], '`host_key` means nothing with driver local', 'key')
    return { driver: 'local' }
  }
  const shared: ConnectionFields = fields.connection ?? {}
  const user = own.user ?? shared.user
  const keyFile = own.key_file ?? shared.key_file
  const hostKey = target.host_key ?? own.host_key ?? shared.host_key
  if (driver === undefined)
    complain(at, 'no `connection` here or on the cluster says how to reach this host (driver: ssh or local)')
  else if (user === undefined) complain(at, 'driver ssh needs a `user`')
  else if (keyFile === undefined) complain(at, 'driver ssh needs a `key_file`')
  if (driver === 'ssh' && hostKey === undefined) {
    complain(
      at,
      `${target.host} needs a \`host_key\`: an SSH host that is not pinned could be anyone's (\`kafka-healing doctor\` shows the key)`,
    )
  }
  return {
    driver: 'ssh',
    user: user ?? '',
    port: own.port ?? shared.port ?? 22,
    keyFile: resolve(folder, keyFile ?? ''),
    hostKey: hostKey ?? '',
  }
}

function unitOf(
  target: BrokerFields | ExporterFields,
  connection: Connection,
  at: Path,
  { fields, complain }: Inherited,
): Unit {
  const own = typeof target.unit === 'string' ? { name: target.unit } : target.unit
  const manager = own.manager ?? fields.units?.manager ?? 'system'
  const wanted = own.sudo ?? fields.units?.sudo
  if (manager === 'user' && own.sudo === true)
    complain([...at, 'unit', 'sudo'], 'a user manager is never reached through sudo', 'key')
  // Over SSH anybody but root needs it; on this machine we are whoever runs us.
  const sudo = manager === 'system' && (wanted ?? (connection.driver === 'ssh' && connection.user !== 'root'))
  return { name: own.name, manager, sudo }
}
