import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aclsText } from '../../src/cli/doctor/acls.ts'
import { systemClock } from '../../src/clock.ts'
import type { Cluster } from '../../src/inventory/inventory.ts'
import type { KafkaSecurity } from '../../src/kafka/connection.ts'
import { openKafkaClients } from '../../src/kafka/open-clients.ts'
import { waitFor } from '../lab/wait.ts'
import { type KafkaCluster, startKafka } from '../support/kafka.ts'

const security: KafkaSecurity = { sasl: { mechanism: 'SCRAM-SHA-512', username: 'healer', password: 'of-a-test' } }
let kafka: KafkaCluster
let cluster: Cluster

beforeAll(async () => {
  kafka = await startKafka({
    listeners: { LOGIN: 'SASL_PLAINTEXT' },
    scram: ['SCRAM-SHA-512=[name=healer,password=of-a-test]'],
    properties: [
      'sasl.enabled.mechanisms=SCRAM-SHA-512',
      'listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;',
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users=User:ANONYMOUS',
    ],
  })
  await kafka.createTopic('orders', [[1], [1]])
  const bootstrap = [kafka.node(1).listeners['LOGIN'] ?? { host: '', port: 0 }]
  cluster = {
    name: 'orders',
    clusterId: null,
    bootstrap,
    controllers: [],
    zookeepers: [],
    security: null,
    brokers: [],
    exporters: [],
    tolerateUnavailable: [],
  }
}, 120_000)

afterAll(() => kafka?.close())

const look = async () => {
  const clients = openKafkaClients({ clock: systemClock, security: new Map([['orders', security]]) })
  const { rights, partitions, problems } = await clients.view(cluster)
  return { operations: rights, partitions: partitions.length, unread: [...new Set(problems.map(({ part }) => part))] }
}

/** The grants in printed `kafka-acls.sh` commands: what each `--operation` is allowed on. */
function grantsIn(text: string) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('kafka-acls.sh '))
    .flatMap((line) => {
      const operations = [...line.matchAll(/--operation (\w+)/g)].map(([, name]) => name ?? '')
      const topic = /--topic '([^']+)'/.exec(line)?.[1] ?? null
      const principal = /--allow-principal (\S+)/.exec(line)?.[1] ?? ''
      return operations.map((operation) => ({ operation, topic, principal }))
    })
}

describe('the printed Kafka rights', () => {
  test('are what is missing before they are granted, and all that is needed afterwards', async () => {
    // Kafka answers an account without rights with an empty list and no error.
    expect(await look()).toEqual({ operations: [], partitions: 0, unread: ['rights', 'reassignments'] })

    const grants = grantsIn(aclsText({ clusters: new Map([['orders', cluster]]), targets: new Map() }, 'User:healer'))
    expect(grants).toHaveLength(4)
    const { host, port } = kafka.node(1).address
    const admin = new Kafka({ brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING, retry: { retries: 2 } }).admin()
    await admin.connect()
    const codes = { Describe: AclOperationTypes.DESCRIBE, DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS }
    await admin.createAcls({
      acl: grants.map(({ operation, topic, principal }) => ({
        resourceType: topic === null ? AclResourceTypes.CLUSTER : AclResourceTypes.TOPIC,
        resourceName: topic ?? 'kafka-cluster',
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal,
        host: '*',
        operation: codes[operation as keyof typeof codes],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    })
    await admin.disconnect()
    await waitFor('the rights hold', async () => (await look()).partitions === 2)
    expect(await look()).toEqual({ operations: ['DESCRIBE', 'DESCRIBE_CONFIGS'], partitions: 2, unread: [] })
  })
})
