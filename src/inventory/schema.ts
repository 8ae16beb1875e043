import { z } from 'zod'
import { flag, hostName, hostPort, name, size, wholeNumber } from '../document/fields.ts'

const path = z.string().regex(/^\/[^\0]*$/, { error: 'expected an absolute path' })

/** No option, no path, no glob: systemctl takes all of these in the place of a unit. */
export const unitName = z.string().regex(/^[A-Za-z0-9:_][A-Za-z0-9:_.@\\-]{0,240}\.service$/, {
  error: 'expected the full name of a systemd service, such as kafka.service or kafka@1.service',
})

const Unit = z.union([
  unitName,
  z.strictObject({ name: unitName, manager: z.enum(['system', 'user']).optional(), sudo: flag.optional() }),
])

export const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/i, { error: 'expected a user name' })

const hostKey = z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/, {
  error: 'expected SHA256: and 43 characters, as `ssh-keygen -lf` prints the host key (without the = at the end)',
})

/** All optional here: what a target leaves out it takes from its cluster. load.ts says what is missing in the end. */
const Connection = z.strictObject({
  driver: z.enum(['ssh', 'local']).optional(),
  user: userName.optional(),
  port: wholeNumber(1, 65_535).optional(),
  key_file: z.string().min(1).optional(),
  host_key: hostKey.optional(),
})

const FreeSpace = z.strictObject({ bytes: size.optional(), ratio: z.number().min(0).max(1).optional() })

const target = {
  host: hostName,
  unit: Unit,
  connection: Connection.optional(),
  host_key: hostKey.optional(),
  address: hostPort.optional(),
  aliases: z.array(z.string().min(1)).default([]),
}

const Broker = z.strictObject({
  id: wholeNumber(0, 2_147_483_647),
  ...target,
  rack: z.string().min(1).optional(),
  data: z.array(z.union([path, z.strictObject({ path, mount: flag.default(false) })])).default([]),
  min_free: FreeSpace.optional(),
})

const Exporter = z.strictObject({ name, ...target })

const file = z.string().min(1, { error: 'must not be empty' })

const Listeners = z.strictObject({
  protocol: z.enum(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']),
  ca_file: file.optional(),
  cert_file: file.optional(),
  key_file: file.optional(),
  sasl: z
    .strictObject({
      mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
      username: z.string().min(1, { error: 'must not be empty' }),
      password: z.string().min(1, { error: 'must not be empty' }).optional(),
      password_file: file.optional(),
    })
    .optional(),
})

export const clusterId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{22}$/, { error: 'expected the 22 characters that `kafka-cluster cluster-id` prints' })

const Cluster = z.strictObject({
  cluster_id: clusterId.optional(),
  bootstrap: z.array(hostPort).min(1, { error: 'name at least one broker' }),
  controllers: z.array(hostPort).default([]),
  /** The servers of a cluster of ZooKeeper's time, which has no controllers to ask. */
  zookeepers: z.array(hostPort).default([]),
  /** Without it: plain text, no login. Controller listeners often differ from the brokers'. */
  security: Listeners.extend({ controllers: Listeners.optional() }).optional(),
  connection: Connection.optional(),
  /** What holds for units that do not say it themselves. */
  units: z.strictObject({ manager: z.enum(['system', 'user']).optional(), sudo: flag.optional() }).optional(),
  min_free: FreeSpace.optional(),
  brokers: z.array(Broker).min(1, { error: 'name at least one broker' }),
  exporters: z.array(Exporter).default([]),
  /** Topics whose partitions may become unavailable; `*` at the end stands for any rest (S-5.6). */
  tolerate_unavailable: z
    .array(z.string().regex(/^[A-Za-z0-9._-]+\*?$/, { error: 'expected a topic, or its beginning and *' }))
    .default([]),
})

/** inventory.yml as it is written. Strict: an unknown key is an error. */
export const InventoryFile = z.strictObject({ clusters: z.record(name, Cluster) })
export type InventoryFile = z.output<typeof InventoryFile>
export type ClusterFields = z.output<typeof Cluster>
export type BrokerFields = z.output<typeof Broker>
export type ExporterFields = z.output<typeof Exporter>
export type ConnectionFields = z.output<typeof Connection>
export type ListenersFields = z.output<typeof Listeners>
