import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } from 'kafkajs'
import type { HostPort } from '../../src/inventory/inventory.ts'
import { type Authority, makeAuthority } from '../support/certificates.ts'
import { type KafkaCluster, startKafka } from '../support/kafka.ts'

export const SECURED_LISTENERS = ['SASL_PLAINTEXT', 'SASL_SSL', 'SSL'] as const
export type SecuredListener = (typeof SECURED_LISTENERS)[number]

/**
 * One real node that lets nobody in without a login or a certificate, but for a plain listener of its own, and whose
 * controller wants a certificate. Rights are kept by StandardAuthorizer: nobody has any until they are granted.
 */
export interface SecuredKafka {
  readonly kafka: KafkaCluster
  /** Signs what the node believes; its files lie in `folder`. */
  readonly authority: Authority
  readonly folder: string
  /** Of the users `healer` and `nobody`, by PLAIN and by SCRAM. */
  readonly password: string
  readonly controller: HostPort
  listener(name: SecuredListener): HostPort
  /** What `kafka-healing doctor --print acls` asks for. */
  grant(principal: string): Promise<void>
  close(): Promise<void>
}

export async function startSecuredKafka(): Promise<SecuredKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-secured-'))
  const password = 'correct-horse-battery'
  try {
    const authority = makeAuthority(folder, 'ca')
    const node = authority.issue('localhost', { alsoIp: true })
    const keystore = join(folder, 'node.pem')
    writeFileSync(keystore, `${node.key}${node.cert}${readFileSync(authority.caFile, 'utf8')}`)
    const kafka = await startKafka({
      listeners: { SASL_PLAINTEXT: 'SASL_PLAINTEXT', SASL_SSL: 'SASL_SSL', SSL: 'SSL' },
      scram: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) =>
        ['healer', 'nobody'].map((name) => `${mechanism}=[name=${name},password=${password}]`),
      ),
      properties: [
        'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL',
        'sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN',
        ...['sasl_plaintext', 'sasl_ssl'].flatMap((listener) => logins(listener, password)),
        'ssl.keystore.type=PEM',
        `ssl.keystore.location=${keystore}`,
        'ssl.truststore.type=PEM',
        `ssl.truststore.location=${authority.caFile}`,
        'listener.name.ssl.ssl.client.auth=required',
        'listener.name.controller.ssl.client.auth=required',
        'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users=User:ANONYMOUS;User:CN=localhost',
      ],
    })
    return {
      kafka,
      authority,
      folder,
      password,
      controller: kafka.node(1).controller,
      listener(name) {
        const address = kafka.node(1).listeners[name]
        if (address === undefined) throw new Error(`no listener ${name}`)
        return address
      },
      grant: (principal) => grant(kafka.node(1).address, principal),
      async close() {
        await kafka.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function logins(listener: string, password: string): readonly string[] {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const users = ['healer', 'nobody'].map((name) => `user_${name}="${password}"`).join(' ')
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required ${users};`
  return [
    `listener.name.${listener}.scram-sha-256.sasl.jaas.config=${scram}`,
    `listener.name.${listener}.scram-sha-512.sasl.jaas.config=${scram}`,
    `listener.name.${listener}.plain.sasl.jaas.config=${plain}`,
  ]
}

async function grant({ host, port }: HostPort, principal: string): Promise<void> {
  const kafka = new Kafka({ brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING, retry: { retries: 2 } })
  const admin = kafka.admin()
  await admin.connect()
  try {
    await admin.createAcls({
      acl: [[AclResourceTypes.CLUSTER, 'kafka-cluster'] as const, [AclResourceTypes.TOPIC, '*'] as const].flatMap(
        ([resourceType, resourceName]) =>
          [AclOperationTypes.DESCRIBE, AclOperationTypes.DESCRIBE_CONFIGS].map((operation) => ({
            resourceType,
            resourceName,
            resourcePatternType: ResourcePatternTypes.LITERAL,
            principal,
            host: '*',
            operation,
            permissionType: AclPermissionTypes.ALLOW,
          })),
      ),
    })
  } finally {
    await admin.disconnect()
  }
}
