import { addressText } from '../../inventory/address.ts'
import type { Cluster, Inventory } from '../../inventory/inventory.ts'
import { shown } from '../terminal.ts'

/** What the account of kafka-healing needs in Kafka, and why. It only reads. */
const GRANTS: readonly {
  readonly why: string
  readonly operations: readonly string[]
  readonly resource: readonly string[]
}[] = [
  {
    why: 'DESCRIBE shows quorum, reassignments, log directories and all consumer groups; DESCRIBE_CONFIGS the brokers’ settings.',
    operations: ['Describe', 'DescribeConfigs'],
    resource: ['--cluster'],
  },
  {
    why: 'DESCRIBE shows topics and their in-sync replicas, DESCRIBE_CONFIGS min.insync.replicas. On all topics: one that cannot be seen could not be protected.',
    operations: ['Describe', 'DescribeConfigs'],
    resource: ['--topic', '*'],
  },
]

/** `kafka-acls.sh` commands for each cluster. `principal` and the administrator's own settings are the reader's to put in. */
export function aclsText(inventory: Inventory, principal = 'User:kafka-healing'): string {
  const head = [
    '# Lets kafka-healing look at a cluster and change nothing. For clusters with an authorizer; others need none of it.',
    `# Put in the principal that kafka-healing logs in as instead of ${principal}, and an administrator's settings in admin.properties.`,
  ]
  return `${[head.join('\n'), ...[...inventory.clusters.values()].map((cluster) => clusterText(cluster, principal))].join('\n\n')}\n`
}

function clusterText(cluster: Cluster, principal: string): string {
  const lines = GRANTS.flatMap(({ why, ...grant }) => [`# ${why}`, shown(aclCommand(cluster, principal, grant))])
  return [`# cluster ${cluster.name}`, ...lines].join('\n')
}

function aclCommand(
  cluster: Cluster,
  principal: string,
  { operations, resource }: Omit<(typeof GRANTS)[number], 'why'>,
): readonly string[] {
  return [
    'kafka-acls.sh',
    '--bootstrap-server',
    cluster.bootstrap.map(addressText).join(','),
    '--command-config',
    'admin.properties',
    '--add',
    '--allow-principal',
    principal,
    ...operations.flatMap((operation) => ['--operation', operation]),
    ...resource,
  ]
}
