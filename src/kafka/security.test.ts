import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type KafkaCluster, startKafka } from '../../test/support/kafka.ts'
import { brokerTarget, clusterOf } from '../../test/support/look.ts'
import { systemClock } from '../clock.ts'
import { KafkaConnection, type KafkaSecurity } from './connection.ts'
import { openKafkaClients } from './open-clients.ts'
import type { Sasl } from './sasl.ts'

const PASSWORD = 'correct-horse-battery'
const user = (mechanism: Sasl['mechanism'], password = PASSWORD): Sasl => ({ mechanism, username: 'healer', password })

describe('a real broker with TLS and logins', () => {
  let home: string
  let kafka: KafkaCluster
  let ca: string
  const listener = (name: string) => {
    const address = kafka.node(1).listeners[name]
    if (!address) throw new Error(`no listener ${name}`)
    return address
  }
  const open = (name: string, security: KafkaSecurity) =>
    KafkaConnection.open(listener(name), { ...security, deadlineMs: 5000 })

  beforeAll(async () => {
    home = mkdtempSync(path.join(tmpdir(), 'kafka-healing-tls-'))
    const at = (name: string) => path.join(home, name)
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      at('key.pem'),
      '-out',
      at('cert.pem'),
    ]
    execFileSync('openssl', [...request, ...subject], { stdio: 'ignore' })
    const pack = [
      'pkcs12',
      '-export',
      '-in',
      at('cert.pem'),
      '-inkey',
      at('key.pem'),
      '-out',
      at('broker.p12'),
      '-passout',
      'pass:changeit',
    ]
    execFileSync('openssl', pack)
    ca = readFileSync(at('cert.pem'), 'utf8')
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
    const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_healer="${PASSWORD}";`
    const logins = ['sasl_plaintext', 'sasl_ssl'].flatMap((name) => [
      `listener.name.${name}.scram-sha-256.sasl.jaas.config=${scram}`,
      `listener.name.${name}.scram-sha-512.sasl.jaas.config=${scram}`,
      `listener.name.${name}.plain.sasl.jaas.config=${plain}`,
    ])
    kafka = await startKafka({
      listeners: { SASL_PLAINTEXT: 'SASL_PLAINTEXT', SASL_SSL: 'SASL_SSL', SSL: 'SSL' },
      properties: [
        'sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN',
        ...logins,
        'ssl.keystore.type=PKCS12',
        `ssl.keystore.location=${at('broker.p12')}`,
        'ssl.keystore.password=changeit',
        'ssl.key.password=changeit',
      ],
      scram: ['SCRAM-SHA-512', 'SCRAM-SHA-256'].map((name) => `${name}=[name=healer,password=${PASSWORD}]`),
    })
  }, 180_000)
  afterAll(async () => {
    await kafka?.close()
    rmSync(home, { recursive: true, force: true })
  })

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    '%s logs in, over plain text and over TLS',
    async (mechanism) => {
      for (const [name, security] of [
        ['SASL_PLAINTEXT', { sasl: user(mechanism) }],
        ['SASL_SSL', { sasl: user(mechanism), ssl: { ca } }],
      ] as const) {
        const connection = await open(name, security)
        connection.close()
      }
    },
  )

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    '%s with a wrong password is refused by the broker',
    async (mechanism) => {
      const opened = open('SASL_PLAINTEXT', { sasl: user(mechanism, 'wrong') })
      await expect(opened).rejects.toMatchObject({ code: 'refused-by-broker', errorCode: 58 })
    },
  )

  test('a certificate of nobody we know is not talked to', async () => {
    await expect(open('SSL', { ssl: {} })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })

  test('S-5.4 liveness needs no login; a wrong setting is unknown, never dead', async () => {
    const secure = openKafkaClients({ clock: systemClock, security: new Map([['orders', { ssl: { ca } }]]) })
    expect(await secure.liveness(listener('SASL_SSL'), undefined, 'orders')).toMatchObject({ state: 'serving' })
    expect(await secure.liveness(listener('SASL_PLAINTEXT'))).toMatchObject({ state: 'serving' })
    expect(await secure.liveness(listener('SASL_SSL'))).toMatchObject({ state: 'unknown' })
    expect(await secure.liveness(kafka.node(1).address, undefined, 'orders')).toMatchObject({ state: 'unknown' })
    const stranger = openKafkaClients({ clock: systemClock, security: new Map([['orders', { ssl: {} }]]) })
    expect(await stranger.liveness(listener('SSL'), undefined, 'orders')).toMatchObject({ why: 'tls-error' })
  })

  test('a cluster’s own settings are used for its metadata', async () => {
    const security = new Map([['orders', { ssl: { ca }, sasl: user('SCRAM-SHA-512') }]])
    const cluster = clusterOf([brokerTarget(1, { address: listener('SASL_SSL') })])
    const seen = await openKafkaClients({ clock: systemClock, security }).metadata(cluster)
    expect(seen.clusterId).toBe(kafka.clusterId)
    await expect(openKafkaClients({ clock: systemClock, deadlineMs: 1000 }).metadata(cluster)).rejects.toThrow()
  })
})
