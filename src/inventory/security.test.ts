import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Authority, makeAuthority } from '../../test/support/certificates.ts'
import { parseDocument } from '../document/document.ts'
import { formatProblem } from '../document/problem.ts'
import { ageingCertificates } from './client-certificates.ts'
import { fromDocument } from './load.ts'

const DAY_MS = 86_400_000
let folder: string
let authority: Authority

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-healing-security-'))
  authority = makeAuthority(folder, 'ca')
  authority.issue('healer')
  authority.issue('other')
  writeFileSync(join(folder, 'password'), 'from-a-file\n')
  writeFileSync(join(folder, 'nothing.pem'), 'no certificate\n')
})
afterAll(() => rmSync(folder, { recursive: true }))

function load(security: string, more = '') {
  const head = `clusters:
  orders:
    bootstrap: [kafka-1:9092]
    connection: { driver: local }
    brokers: [{ id: 1, host: kafka-1, unit: kafka.service }]
${more}    security:
`
  const { document, problems } = parseDocument(join(folder, 'inventory.yml'), `${head}${security}`)
  if (document === null) throw new Error(problems.map(formatProblem).join('\n'))
  const loaded = fromDocument(document)
  return {
    cluster: loaded.inventory?.clusters.get('orders') ?? null,
    problems: loaded.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, '')),
  }
}

describe('security of a cluster', () => {
  test('has its files read, and shows no secret', () => {
    const { cluster, problems } = load(`
      protocol: SASL_SSL
      ca_file: ca-ca.pem
      cert_file: ca-healer.pem
      key_file: ca-healer.key
      sasl: { mechanism: SCRAM-SHA-512, username: healer, password_file: password }
      controllers: { protocol: PLAINTEXT }
`)
    expect(problems).toEqual([])
    const security = cluster?.security
    expect(security).toMatchObject({
      protocol: 'SASL_SSL',
      client: { file: join(folder, 'ca-healer.pem') },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'healer' },
      controllers: { protocol: 'PLAINTEXT', ca: null, client: null, sasl: null },
    })
    expect(security?.ca).toMatch(/^-----BEGIN CERTIFICATE-----/)
    expect(security?.sasl?.password.reveal()).toBe('from-a-file')
    expect(security?.client?.key.reveal()).toMatch(/PRIVATE KEY/)
    for (const shown of [JSON.stringify(cluster), inspect(cluster, { depth: 9 }), String(security?.sasl?.password)])
      expect(shown).not.toMatch(/from-a-file|PRIVATE KEY/)
  })

  test('is plain text without a login where nothing is said', () => {
    const { document } = parseDocument(
      'inventory.yml',
      'clusters: { lab: { bootstrap: [a:1], connection: { driver: local }, brokers: [{ id: 1, host: a, unit: a.service }] } }',
    )
    if (document === null) throw new Error('cannot be parsed')
    expect(fromDocument(document).inventory?.clusters.get('lab')).toMatchObject({ security: null, zookeepers: [] })
  })

  const sasl = 'sasl: { mechanism: PLAIN, username: u, password: p }'
  test.each<[string, string, readonly string[]]>([
    ['no protocol', `      ${sasl}`, ['"clusters.orders.security.protocol" is missing']],
    ['an unknown protocol', '      protocol: TLS', ['7:17: clusters.orders.security.protocol: ']],
    ['an unknown key', '      protocol: SSL\n      cafile: a', ['8:7: unknown key "cafile" (did you mean "ca_file"?)']],
    [
      'a login without a mechanism',
      '      protocol: SASL_SSL\n      sasl: { username: u, password: p }',
      ['8:13: "clusters.orders.security.sasl.mechanism" is missing'],
    ],
    ['a SASL protocol without a login', '      protocol: SASL_SSL', ['7:17: protocol SASL_SSL needs `sasl`']],
    [
      'a login without a SASL protocol',
      `      protocol: SSL\n      ${sasl}`,
      ['8:7: `sasl` means nothing with protocol SSL'],
    ],
    [
      'a login without a password',
      '      protocol: SASL_SSL\n      sasl: { mechanism: PLAIN, username: u }',
      ['8:7: expected `password` or `password_file`'],
    ],
    [
      'two passwords',
      '      protocol: SASL_SSL\n      sasl: { mechanism: PLAIN, username: u, password: p, password_file: password }',
      ['8:46: password and password_file exclude each other'],
    ],
    [
      'half a key pair',
      '      protocol: SSL\n      cert_file: ca-healer.pem',
      ['8:7: a `cert_file` needs a `key_file`'],
    ],
    ['the other half', '      protocol: SSL\n      key_file: ca-healer.key', ['8:7: a `key_file` needs a `cert_file`']],
    [
      'the key of another',
      '      protocol: SSL\n      cert_file: ca-healer.pem\n      key_file: ca-other.key',
      ['9:17: ca-other.key is not the key of ca-healer.pem'],
    ],
    [
      'a key that is none',
      '      protocol: SSL\n      cert_file: ca-healer.pem\n      key_file: nothing.pem',
      ['9:17: nothing.pem holds no private key in PEM'],
    ],
    [
      'an authority that is none',
      '      protocol: SSL\n      ca_file: nothing.pem',
      ['8:16: nothing.pem holds no certificate in PEM'],
    ],
    ['an unreadable file', '      protocol: SSL\n      ca_file: away.pem', ['8:16: away.pem does not exist']],
    [
      'a certificate in plain text',
      '      protocol: PLAINTEXT\n      ca_file: ca-ca.pem',
      ['8:7: `ca_file` means nothing with protocol PLAINTEXT'],
    ],
    [
      'the same of controllers',
      '      protocol: PLAINTEXT\n      controllers: { protocol: SASL_PLAINTEXT }',
      ['8:32: protocol SASL_PLAINTEXT needs `sasl`'],
    ],
  ])('refuses %s at its place', (_, security, said) => {
    const { cluster, problems } = load(security)
    if (!said.some((one) => one.endsWith('does not exist'))) expect(cluster).toBeNull()
    expect(problems).toHaveLength(said.length)
    for (const [index, text] of said.entries()) expect(problems[index]).toContain(text)
  })
})

test('a cluster has controllers or ZooKeeper servers, not both', () => {
  const both = '    controllers: [a:9093]\n    zookeepers: [a:2181]\n'
  expect(load('      protocol: PLAINTEXT', both).problems).toEqual([
    'inventory.yml:7:5: a cluster has either `controllers` or `zookeepers`',
  ])
  expect(load('      protocol: PLAINTEXT', '    zookeepers: [a:2181]\n').cluster).toMatchObject({
    zookeepers: [{ host: 'a', port: 2181 }],
  })
})

test('a client certificate is told of two weeks before its end, and when it has ended', () => {
  const pair = (name: string) => `protocol: SSL, cert_file: ca-${name}.pem, key_file: ca-${name}.key`
  const { cluster } = load(`      { ${pair('healer')}, controllers: { ${pair('other')} } }`)
  if (cluster === null) throw new Error('cannot be loaded')
  const ends = cluster.security?.client?.notAfter ?? 0
  expect(ageingCertificates(cluster, ends - 15 * DAY_MS)).toEqual([])
  const [soon] = ageingCertificates(cluster, ends - 13.5 * DAY_MS)
  expect(soon).toMatchObject({ expired: false, path: ['security', 'cert_file'] })
  expect(soon?.message).toMatch(/ca-healer\.pem expires at 2\S+Z, in 13 days$/)
  const [ended, controllers] = ageingCertificates(cluster, ends + DAY_MS)
  expect(ended?.message).toMatch(/ca-healer\.pem expired at 2\S+Z$/)
  expect(controllers).toMatchObject({ expired: true, path: ['security', 'controllers', 'cert_file'] })
})
