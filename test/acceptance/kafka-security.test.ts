import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { examineKafka } from '../../src/cli/doctor/kafka.ts'
import { listenerAnswers, type Told } from '../../src/cli/init/answers.ts'
import { securityFrom, troubleText } from '../../src/cli/init/listener.ts'
import { warningsOf } from '../../src/cli/init/warnings.ts'
import { systemClock } from '../../src/clock.ts'
import { formatProblem } from '../../src/document/problem.ts'
import { InForce, secretsOf } from '../../src/in-force.ts'
import type { HostPort, Inventory } from '../../src/inventory/inventory.ts'
import { loadInventory } from '../../src/inventory/load.ts'
import { diagnoseListener, type ListenerTrouble } from '../../src/kafka/diagnose-listener.ts'
import { isComplete } from '../../src/kafka/judge-view.ts'
import { openKafkaClients } from '../../src/kafka/open-clients.ts'
import { securityByCluster } from '../../src/kafka/security.ts'
import { surveyCluster } from '../../src/kafka/survey.ts'
import type { ClusterView } from '../../src/kafka/view.ts'
import { type SecuredKafka, type SecuredListener, startSecuredKafka } from '../lab/secured.ts'
import { waitFor } from '../lab/wait.ts'

let secured: SecuredKafka
let home: string

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'kafka-healing-inventory-'))
  secured = await startSecuredKafka()
  const { authority, kafka } = secured
  for (const name of ['healer', 'nobody']) authority.issue(name)
  authority.issue('late', { days: -1 })
  await kafka.createTopic('orders', [[1], [1]])
  for (const principal of ['User:healer', 'User:CN=healer']) await secured.grant(principal)
  await waitFor('the rights hold', async () => (await view('SASL_PLAINTEXT', login('PLAIN'))).partitions.length === 2)
}, 180_000)

afterAll(async () => {
  await secured?.close()
  rmSync(home, { recursive: true, force: true })
})

const text = ({ host, port }: HostPort) => `${host}:${port}`
const file = (name: string) => join(secured.folder, `ca-${name}`)

const login = (mechanism: string, username = 'healer', password = secured.password) => ({
  protocol: 'SASL_PLAINTEXT',
  sasl: { mechanism, username, password },
})
const tls = () => ({ ca_file: file('ca.pem') })
const certificate = (name: string) => ({
  protocol: 'SSL',
  ...tls(),
  cert_file: file(`${name}.pem`),
  key_file: file(`${name}.key`),
})

/** The inventory file of a cluster whose broker is reached by one of the secured listeners. */
function inventoryFile(
  listener: SecuredListener,
  security: object,
  controllers: object = certificate('healer'),
): string {
  const address = text(secured.listener(listener))
  const orders = {
    bootstrap: [address],
    controllers: [text(secured.controller)],
    connection: { driver: 'local' },
    brokers: [{ id: 1, host: '127.0.0.1', unit: 'kafka.service' }],
    security: { ...security, controllers },
  }
  const path = join(home, 'inventory.yml')
  writeFileSync(path, stringify({ clusters: { orders } }))
  return path
}

function inventoryOf(path: string): Inventory {
  const { inventory, problems } = loadInventory(path)
  if (inventory === null) throw new Error(problems.map(formatProblem).join('\n'))
  return inventory
}

async function view(...of: Parameters<typeof inventoryFile>): Promise<ClusterView> {
  const inventory = inventoryOf(inventoryFile(...of))
  const [cluster] = inventory.clusters.values()
  if (cluster === undefined) throw new Error('no cluster')
  return openKafkaClients({ clock: systemClock, security: securityByCluster(inventory) }).view(cluster)
}

const parts = ({ problems }: ClusterView) => [...new Set(problems.map(({ part }) => part))]
const livenessOf = ({ brokers }: ClusterView) => brokers[0]?.liveness

describe('a cluster that wants logins and certificates', () => {
  test.each<[string, SecuredListener, () => object]>([
    ['PLAIN', 'SASL_PLAINTEXT', () => login('PLAIN')],
    ['SCRAM-SHA-256', 'SASL_PLAINTEXT', () => login('SCRAM-SHA-256')],
    ['SCRAM-SHA-512', 'SASL_PLAINTEXT', () => login('SCRAM-SHA-512')],
    ['PLAIN over TLS', 'SASL_SSL', () => ({ ...login('PLAIN'), ...tls(), protocol: 'SASL_SSL' })],
    ['SCRAM-SHA-512 over TLS', 'SASL_SSL', () => ({ ...login('SCRAM-SHA-512'), ...tls(), protocol: 'SASL_SSL' })],
    ['a client certificate', 'SSL', () => certificate('healer')],
  ])('S-5.5 is seen whole with %s, its controller with a certificate', async (_, listener, security) => {
    const seen = await view(listener, security())
    expect(seen.problems).toEqual([])
    expect(isComplete(seen, null)).toEqual({ ok: true })
    expect(seen).toMatchObject({ topics: 1, rights: ['DESCRIBE', 'DESCRIBE_CONFIGS'], reassignments: [] })
    expect(seen.partitions.map(({ minIsr }) => minIsr)).toEqual([1, 1])
    expect(seen.quorum).toMatchObject({ kind: 'kraft', leader: 1, controllers: [{ says: 'leader', id: 1 }] })
  })

  test.each<[string, SecuredListener, () => readonly [object, object?], 'serving' | 'unknown', RegExp]>([
    ['an account without rights', 'SASL_PLAINTEXT', () => [login('PLAIN', 'nobody')], 'serving', /may not DESCRIBE/],
    ['a wrong password', 'SASL_PLAINTEXT', () => [login('SCRAM-SHA-512', 'healer', 'wrong')], 'serving', /error 58/],
    ['a wrong password of PLAIN', 'SASL_PLAINTEXT', () => [login('PLAIN', 'healer', 'wrong')], 'serving', /error 58/],
    ['an unknown user', 'SASL_PLAINTEXT', () => [login('SCRAM-SHA-256', 'someone')], 'serving', /error 58/],
    ['no login', 'SASL_PLAINTEXT', () => [{ protocol: 'PLAINTEXT' }], 'serving', /closed the connection/],
    ['an expired certificate', 'SSL', () => [certificate('late')], 'unknown', /our client certificate .* expired at 2/],
    ['no certificate', 'SSL', () => [{ protocol: 'SSL', ...tls() }], 'unknown', /no broker serves/],
    [
      'an authority that is not believed',
      'SASL_SSL',
      () => [{ ...login('PLAIN'), protocol: 'SASL_SSL' }],
      'unknown',
      /no broker serves/,
    ],
    ['plain text on a TLS port', 'SASL_SSL', () => [login('PLAIN')], 'unknown', /no broker serves/],
    [
      'TLS on a plain port',
      'SASL_PLAINTEXT',
      () => [{ ...login('PLAIN'), ...tls(), protocol: 'SASL_SSL' }],
      'unknown',
      /no broker serves/,
    ],
  ])('S-5.4 %s is a problem of the view, and never a dead broker', async (_, listener, security, state, reason) => {
    const seen = await view(listener, ...security())
    expect(seen.problems.map((problem) => problem.reason).join('\n')).toMatch(reason)
    expect(isComplete(seen, null).ok).toBe(false)
    expect(parts(seen)).toContain('rights')
    expect(livenessOf(seen)).toMatchObject({ state })
    expect(seen.partitions).toEqual([])
    expect(seen.tookMs).toBeLessThan(2_500)
    // The controller is asked with settings of its own.
    expect(seen.quorum).toMatchObject({ kind: 'kraft' })
    expect(JSON.stringify(seen)).not.toContain(secured.password)
  })

  test.each<[string, () => object, RegExp]>([
    ['without rights', () => certificate('nobody'), /DescribeQuorum: error 31/],
    ['with an expired certificate', () => certificate('late'), /refused/],
    ['without a certificate', () => ({ protocol: 'SSL', ...tls() }), /refused/],
    ['in plain text', () => ({ protocol: 'PLAINTEXT' }), /refused/],
  ])('S-5.7 a controller asked %s refuses: the quorum is unknown, not frozen', async (_, controllers, reason) => {
    const seen = await view('SASL_PLAINTEXT', login('PLAIN'), controllers())
    expect(seen.quorum).toMatchObject({ kind: 'unknown', reason: expect.stringMatching(reason) as string })
    expect(seen.quorum).toMatchObject({ controllers: [{ says: 'refused' }] })
    expect(isComplete(seen, null).ok).toBe(false)
    expect(seen.tookMs).toBeLessThan(2_500)
    expect(seen.partitions).toHaveLength(2)
  })
})

describe('what doctor finds', () => {
  const examine = async (...of: Parameters<typeof inventoryFile>) => {
    const inventory = inventoryOf(inventoryFile(...of))
    const kafka = openKafkaClients({ clock: systemClock, security: securityByCluster(inventory) })
    return examineKafka({ inventory, kafka, clock: systemClock })
  }
  const said = (findings: Awaited<ReturnType<typeof examine>>, status: string) =>
    findings.filter((finding) => finding.status === status).map(({ seen, todo }) => `${seen} → ${todo}`)

  test('nothing but a topic of which no replica can be missed, with all rights', async () => {
    const findings = await examine('SSL', certificate('healer'))
    expect(said(findings, 'failed')).toEqual([])
    const warnings = said(findings, 'warning')
    expect(warnings).toContainEqual(
      expect.stringMatching(/^no replica can be missed of orders: .*tolerate_unavailable/),
    )
    expect(warnings).toContainEqual(expect.stringMatching(/expires at .* in 1 days/))
    expect(said(findings, 'ok')).toContainEqual(expect.stringContaining('1 of 1 voters are caught up'))
  })

  test('missing rights, with the command that prints what grants them', async () => {
    const failed = said(await examine('SASL_PLAINTEXT', login('PLAIN', 'nobody'), certificate('nobody')), 'failed')
    for (const seen of [/^rights on the cluster are missing: DESCRIBE, /, /error 31/, /no topic is visible/])
      expect(failed).toContainEqual(expect.stringMatching(seen))
    for (const finding of failed.filter((one) => /missing|rights/.test(one)))
      expect(finding).toContain('kafka-healing doctor --print acls')
  })

  test('an expired certificate', async () => {
    const failed = said(await examine('SSL', certificate('late')), 'failed')
    expect(failed).toContainEqual(expect.stringMatching(/^the client certificate .*late\.pem expired at/))
  })
})

describe('what init says of a listener', () => {
  const answers = (options: Told) => listenerAnswers({ bootstrap: 'unused:1', ...options })
  const security = (options: Told) => {
    const read = securityFrom(answers(options))
    if ('problems' in read) throw new Error(read.problems.join())
    return read.ok
  }
  const password = (text = secured.password): string => {
    const path = join(home, 'sasl-password')
    writeFileSync(path, text)
    return path
  }
  const ca = () => ({ caFile: file('ca.pem') })
  const own = (name: string) => ({ certFile: file(`${name}.pem`), keyFile: file(`${name}.key`) })

  test.each<[string, SecuredListener, () => Told, ListenerTrouble['what']]>([
    ['plain text on a TLS port', 'SASL_SSL', () => ({}), 'speaks-tls'],
    ['plain text where a certificate is asked for', 'SSL', () => ({}), 'speaks-tls'],
    ['TLS on a plain port', 'SASL_PLAINTEXT', () => ({ protocol: 'SSL', ...ca() }), 'speaks-no-tls'],
    ['an authority that is not believed', 'SASL_SSL', () => ({ protocol: 'SSL' }), 'certificate'],
    ['no certificate of ours', 'SSL', () => ({ protocol: 'SSL', ...ca() }), 'certificate'],
    ['an expired certificate of ours', 'SSL', () => ({ protocol: 'SSL', ...ca(), ...own('late') }), 'certificate'],
    ['no login', 'SASL_PLAINTEXT', () => ({}), 'wants-login'],
    [
      'a wrong password',
      'SASL_PLAINTEXT',
      () => ({ protocol: 'SASL_PLAINTEXT', saslUser: 'healer', saslPasswordFile: password('wrong') }),
      'refused-login',
    ],
    [
      'a login where none is taken',
      'SSL',
      () => ({ protocol: 'SASL_SSL', ...ca(), ...own('healer'), saslUser: 'healer', saslPasswordFile: password() }),
      'refused-login',
    ],
  ])('%s', async (_, name, options, what) => {
    const deps = { clock: systemClock, security: security(options()) }
    const address = secured.listener(name)
    expect(await surveyCluster([address], deps)).toBeNull()
    const trouble = await diagnoseListener(address, deps)
    expect(trouble, trouble.detail).toMatchObject({ what })
    expect(troubleText(address, trouble)).toMatch(/^127\.0\.0\.1:\d+: .+\n {2}→ .+--/)
  })

  test('that it is let in: everything, and that controllers want TLS', async () => {
    const login = { saslUser: 'healer', saslPasswordFile: password() }
    const deps = { clock: systemClock, security: security({ protocol: 'SASL_PLAINTEXT', ...login }) }
    const survey = await surveyCluster([secured.listener('SASL_PLAINTEXT')], deps)
    expect(survey).toMatchObject({
      brokers: [{ id: 1, ...secured.listener('SASL_PLAINTEXT'), data: [expect.stringMatching(/^\//)], problem: null }],
      controllers: { kind: 'kraft', listeners: [secured.controller], protocol: 'SSL' },
      fragile: ['orders'],
      problems: [],
    })
  })

  test('what an account without rights is not told', async () => {
    const login = { saslUser: 'nobody', saslPasswordFile: password() }
    const deps = { clock: systemClock, security: security({ protocol: 'SASL_PLAINTEXT', ...login }) }
    const survey = await surveyCluster([secured.listener('SASL_PLAINTEXT')], deps)
    if (survey === null) throw new Error('not even its brokers')
    expect(survey.brokers).toMatchObject([{ id: 1, data: null }])
    expect(survey.controllers).toEqual({ kind: 'unknown' })
    expect(warningsOf({ survey, hostKeys: new Map() }).join('\n')).toMatch(
      /hides something from this account: .*kafka-acls/,
    )
  })
})

describe('a reload', () => {
  test('takes over a changed password, keeps the last good settings, and warns of an expired certificate', async () => {
    const passwordFile = join(home, 'password')
    writeFileSync(passwordFile, 'wrong')
    const sasl = { mechanism: 'SCRAM-SHA-512', username: 'healer', password_file: passwordFile }
    inventoryFile('SASL_PLAINTEXT', { protocol: 'SASL_PLAINTEXT', sasl }, certificate('late'))
    const configFile = join(home, 'config.yml')
    writeFileSync(configFile, stringify({ inventory: 'inventory.yml', rules: ['none.yml'] }))
    writeFileSync(join(home, 'none.yml'), 'rules: []\nrunbooks: {}\n')
    const logged: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) })
    const inForce = InForce.load({ configFile, clock: systemClock, log, env: {} })
    try {
      expect(logged.join('')).toMatch(/inventory\.yml:\d+:\d+: warning: the client certificate .*late\.pem expired at/)
      const look = async () => {
        const { inventory, kafka } = inForce.world
        const [cluster] = inventory.clusters.values()
        if (cluster === undefined) throw new Error('no cluster')
        return kafka.view(cluster)
      }
      expect(parts(await look())).toContain('metadata')
      writeFileSync(passwordFile, secured.password)
      expect(inForce.take(inForce.read())).toMatchObject({ ok: true })
      expect((await look()).partitions).toHaveLength(2)
      rmSync(passwordFile)
      expect(inForce.take(inForce.read())).toMatchObject({
        ok: false,
        problems: expect.arrayContaining([expect.stringMatching(/inventory\.yml:\d+:\d+: .*password does not exist/)]),
      })
      expect((await look()).partitions).toHaveLength(2)
      const secrets = secretsOf({ config: null, inventory: inForce.world.inventory })
      expect(secrets).toContain(secured.password)
      expect(secrets.some((secret) => secret.includes('PRIVATE KEY'))).toBe(true)
    } finally {
      await inForce.close()
    }
  })
})
