import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { program, run } from '../../../test/lab/processes.ts'
import { makeAuthority } from '../../../test/support/certificates.ts'
import { brokerSurveyed, surveyOf } from '../../../test/support/survey.ts'
import { formatProblem } from '../../document/problem.ts'
import { resolveSubject } from '../../inventory/resolve.ts'
import { type Configuration, loadConfiguration } from '../../rules/configuration.ts'
import { granted } from '../../rules/granted.ts'
import { type Answers, readAnswers, type Told } from './answers.ts'
import { believable } from './believable.ts'
import { type InitFile, initFiles } from './files.ts'
import { type Found, inventoryText, sshHosts } from './inventory-text.ts'
import { warningsOf } from './warnings.ts'
import { writeFiles } from './write-files.ts'

let home: string
let serial = 0
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'kafka-healing-init-'))
  for (const name of ['key', 'password']) writeFileSync(join(home, name), 'x', { mode: 0o600 })
})
afterAll(() => rmSync(home, { recursive: true }))

const KEY = 'SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE'

function answers(change: Told = {}): Answers {
  const local = change.driver === 'local'
  const read = readAnswers({
    bootstrap: 'kafka-1:9092',
    cluster: 'orders',
    unit: 'kafka.service',
    ...(!local && { sshUser: 'healer', sshKey: join(home, 'key') }),
    mailTo: 'a@example.org,b@example.org',
    smtp: 'smtp.example.org:25',
    smtpSecurity: 'plain',
    alertmanager: 'http://alertmanager:9093',
    prometheus: 'http://prometheus:9090',
    jmxPort: '7071',
    exporter: 'kafka-1.example.org:9308',
    externalUrl: 'http://healing.example.org:9095',
    ...change,
  })
  if ('problems' in read) throw new Error(read.problems.join('\n'))
  return read.ok
}

function found(answered: Answers, said = surveyOf(), key: string | null = KEY): Found {
  const survey = believable(said)
  return { survey, hostKeys: new Map(sshHosts(answered, survey).map((host) => [host, key])) }
}

function made(answered: Answers, what = found(answered), folder = home): readonly InitFile[] {
  const files = initFiles(answered, what, folder)
  if ('problems' in files) throw new Error(files.problems.join('\n'))
  return files.ok
}

interface Written {
  readonly folder: string
  readonly text: (path: string) => string
  readonly problems: readonly string[]
  readonly configuration: Configuration | null
}

function written(change: Told = {}, survey = surveyOf(), key: string | null = KEY): Written {
  serial += 1
  const folder = join(home, String(serial))
  const answered = answers(change)
  writeFiles(folder, made(answered, found(answered, survey, key), folder), false)
  const loaded = loadConfiguration(join(folder, 'config.yml'), granted, {})
  return {
    folder,
    text: (path) => readFileSync(join(folder, path), 'utf8'),
    problems: ('ok' in loaded ? loaded.warnings : loaded.problems).map(formatProblem),
    configuration: 'ok' in loaded ? loaded.ok : null,
  }
}

async function accepts(argv: readonly [string, string, ...string[]]): Promise<void> {
  const [name, debianPackage, ...args] = argv
  const said = await run([program(name, debianPackage), ...args])
  expect(said, said.stdout + said.stderr).toMatchObject({ code: 0 })
}

describe('what init writes', () => {
  test.each<[string, Told]>([
    ['hosts reached by SSH', {}],
    ['this machine', { driver: 'local', unit: 'kafka-{id}.service' }],
    [
      'no monitoring yet',
      { jmxPort: undefined, exporter: undefined, alertmanager: undefined, prometheus: undefined } as never,
    ],
    ['mode act', { mode: 'act' }],
    [
      'a login at the mail server',
      { smtp: 'smtp.example.org', smtpSecurity: 'tls', smtpUser: 'me', smtpPasswordFile: import.meta.filename },
    ],
    ['a URL behind a proxy', { externalUrl: 'https://healing.example.org/${x}/' }],
  ])('is taken by check, promtool, amtool and visudo: %s', async (_what, change) => {
    const { problems, folder, configuration, text } = written(change)
    expect(problems).toEqual([])
    const file = (name: string) => join(folder, 'setup', name)
    await accepts(['promtool', 'prometheus', 'check', 'config', file('prometheus-scrapes.yml')])
    await accepts(['amtool', 'prometheus-alertmanager', 'check-config', file('alertmanager.yml')])
    if (change.driver !== 'local') await accepts(['visudo', 'sudo', '-cf', file('sudoers')])
    expect(configuration?.config.externalUrl).toBe(answers(change).externalUrl.replace(/\/$/, ''))
    expect(new Set(configuration?.rules.map(({ plan }) => plan.mode))).toEqual(new Set([change.mode ?? 'inform']))
    expect(text('setup/alertmanager.yml')).toContain('continue: true')
  })

  test('lets the labels of the scrapes find each broker and the exporter again', () => {
    const { configuration, text } = written()
    const { scrape_configs: jobs } = parse(text('setup/prometheus-scrapes.yml')) as {
      scrape_configs: { job_name: string; static_configs: { labels?: Record<string, string> }[] }[]
    }
    if (configuration === null) throw new Error('it was not read')
    const subjects = (job: string, kind: 'broker' | 'exporter') =>
      (jobs.find(({ job_name }) => job_name === job)?.static_configs ?? []).map(
        ({ labels = {} }) => resolveSubject({ kind, from: 'labels' }, labels, 'f', configuration.inventory).key,
      )
    const brokers = [1, 2, 3].map((id) => `orders/broker/${id}`)
    for (const job of ['kafka-jmx', 'kafka-tcp', 'kafka-api']) expect(subjects(job, 'broker')).toEqual(brokers)
    expect(subjects('kafka-exporter', 'exporter')).toEqual(['orders/exporter/kafka-exporter'])
  })

  test('S-6.4 routes to kafka-healing first, and on to the people', async () => {
    const { folder } = written()
    await accepts([
      'amtool',
      'prometheus-alertmanager',
      'config',
      'routes',
      'test',
      `--config.file=${join(folder, 'setup/alertmanager.yml')}`,
      '--verify.receivers=kafka-healing,oncall',
      'alertname=KafkaBrokerDown',
      'cluster=orders',
      'broker_id=2',
    ])
  })

  test('pins cluster and hosts (S-2.3), and names every controller', () => {
    const cluster = written().configuration?.inventory.clusters.get('orders')
    expect(cluster).toMatchObject({
      clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
      controllers: [{ host: 'kafka-1.example.org', port: 9093 }, {}, {}],
      security: null,
    })
    expect(cluster?.brokers.map(({ connection, data, rack, unit }) => ({ connection, data, rack, unit }))[2]).toEqual({
      connection: { driver: 'ssh', user: 'healer', port: 22, keyFile: join(home, 'key'), hostKey: KEY },
      data: [{ path: '/var/lib/kafka', mount: false }],
      rack: 'a',
      unit: { name: 'kafka.service', manager: 'system', sudo: true },
    })
  })

  test('names the listener of each broker where several share a host, also by IPv6', () => {
    const brokers = [1, 2].map((id) => brokerSurveyed(id, { host: 'fd00::1', port: 9090 + id }))
    const { problems, configuration } = written(
      { unit: 'kafka@{id}.service', jmxPort: '1=7071,2=7072' },
      surveyOf({ brokers }),
    )
    expect(problems).toEqual([])
    const [, second] = configuration?.inventory.clusters.get('orders')?.brokers ?? []
    expect(second).toMatchObject({
      address: { host: 'fd00::1', port: 9092 },
      unit: { name: 'kafka@2.service' },
      aliases: ['[fd00::1]:7072'],
    })
  })

  test('writes how listeners are secured, those of the controllers apart, with files as seen from the folder', () => {
    const authority = makeAuthority(home)
    const own = authority.issue('healing')
    const controllers = { ...surveyOf().controllers, protocol: 'SSL' } as const
    const told = {
      protocol: 'SASL_SSL',
      caFile: authority.caFile,
      certFile: own.certFile,
      keyFile: own.keyFile,
      saslUser: 'kh',
      saslPasswordFile: join(home, 'password'),
    }
    const { problems, configuration, text } = written(told, surveyOf({ controllers }))
    expect(problems.filter((one) => !one.includes('expires at'))).toEqual([])
    const security = configuration?.inventory.clusters.get('orders')?.security
    expect(security).toMatchObject({ protocol: 'SASL_SSL', sasl: { mechanism: 'SCRAM-SHA-512', username: 'kh' } })
    expect(security?.controllers).toMatchObject({ protocol: 'SSL', sasl: null, client: { file: own.certFile } })
    expect(text('setup/kafka-acls.sh')).toContain('--allow-principal User:kh ')
  })

  test('names ZooKeeper’s servers instead of controllers', () => {
    const controllers = { kind: 'zookeeper', servers: [{ host: 'zk', port: 2181 }] } as const
    const { problems, configuration } = written({}, surveyOf({ controllers }))
    expect(problems).toEqual([])
    expect(configuration?.inventory.clusters.get('orders')).toMatchObject({
      controllers: [],
      zookeepers: [{ host: 'zk' }],
    })
  })

  test('marks what is missing where it belongs, and says so', () => {
    const survey = surveyOf({
      clusterId: null,
      brokers: [
        brokerSurveyed(1),
        brokerSurveyed(2, { fenced: true, data: null, problem: 'not reached' }),
        brokerSurveyed(3, { host: 'a b' }),
      ],
      controllers: { kind: 'unknown' },
      unlisted: [7],
      fragile: ['scratch'],
    })
    const { text, problems } = written({}, survey, null)
    const inventory = text('inventory.yml')
    expect(inventory.match(/MISSING \w+/g)).toEqual([
      'MISSING cluster_id',
      'MISSING controllers',
      'MISSING host_key',
      'MISSING host_key',
    ])
    expect(inventory).toContain('data: [] # MISSING: put its log.dirs here (not reached)')
    expect(inventory).toContain('# tolerate_unavailable: [scratch]')
    expect(problems.join('\n')).toContain('needs a `host_key`')
    const answered = answers()
    const warnings = warningsOf(found(answered, survey, null)).join('\n')
    for (const said of [
      'broker 2 at',
      'broker 3 says that it is at a b:9092, which is no host name',
      'broker 7 holds',
      'controllers',
      'scratch',
      'showed no SSH host key',
    ])
      expect(warnings).toContain(said)
  })

  test('can have topics tolerated by taking the mark away', () => {
    const { folder, text } = written({}, surveyOf({ fragile: ['a.b', 'c-*', 'd'] }))
    const inventory = text('inventory.yml').replace('    # tolerate_unavailable', '    tolerate_unavailable')
    writeFileSync(join(folder, 'inventory.yml'), inventory)
    expect(parse(inventory)).toMatchObject({ clusters: { orders: { tolerate_unavailable: ['a.b', 'd'] } } })
    expect('ok' in loadConfiguration(join(folder, 'config.yml'), granted, {})).toBe(true)
  })

  test('is refused where a unit would be two brokers’, or none is named for one', () => {
    const brokers = [1, 2].map((id) => brokerSurveyed(id, { host: 'one', port: 9090 + id }))
    const problems = (unit: string) => {
      const files = initFiles(answers({ unit }), found(answers(), surveyOf({ brokers })), home)
      return 'problems' in files ? files.problems.join() : ''
    }
    expect(problems('kafka.service')).toContain('kafka.service on one is already the unit of orders/broker/1')
    expect(problems('1=a.service')).toBe('--unit names none for broker 2')
  })

  test('is refused where the controllers want a login that was not told', () => {
    const controllers = { ...surveyOf().controllers, protocol: 'SASL_PLAINTEXT' } as const
    const files = initFiles(answers(), found(answers(), surveyOf({ controllers })), home)
    expect(files).toEqual({
      problems: ["the controllers' listeners speak SASL_PLAINTEXT: --sasl-user and --sasl-password-file are missing"],
    })
    const login = { saslUser: 'kh', saslPasswordFile: join(home, 'password') }
    const { problems, configuration } = written(login, surveyOf({ controllers }))
    expect(problems).toEqual([])
    expect(configuration?.inventory.clusters.get('orders')?.security).toMatchObject({
      protocol: 'PLAINTEXT',
      controllers: { protocol: 'SASL_PLAINTEXT', sasl: { username: 'kh' } },
    })
  })

  test('S-2.1 has nothing of what a hostile cluster says but as a value that can be read', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        'a\n    evil: true',
        '"]\n- {',
        '${HOME}',
        '# x',
        '*x',
        '&a',
        '\u2028evil: 1',
        '$(id)',
        '\u001b[2J',
        '- a: 1',
        '!!int 3',
      ),
    )
    const answered = answers()
    const broker = fc.record({
      rack: fc.option(text),
      data: fc.option(fc.array(text.map((path) => `/${path}`))),
      problem: text,
    })
    fc.assert(
      fc.property(broker, text, fc.array(text), (said, clusterId, fragile) => {
        const survey = believable(surveyOf({ brokers: [brokerSurveyed(1, said)], clusterId, fragile }))
        const written = inventoryText(answered, found(answered, survey), home)
        const { clusters, ...more } = parse(written) as { clusters: Record<string, { brokers: unknown[] }> }
        const { orders, ...others } = clusters
        expect({ ...more, ...others }).toEqual({})
        expect(Object.keys(orders ?? {})).toEqual([
          'bootstrap',
          'controllers',
          'connection',
          'units',
          'brokers',
          'exporters',
        ])
        const [first] = survey.brokers
        expect(orders?.brokers).toEqual([
          {
            id: 1,
            host: 'kafka-1.example.org',
            unit: 'kafka.service',
            ...(first?.rack == null ? {} : { rack: said.rack }),
            data: first?.data == null ? [] : said.data,
            host_key: KEY,
            aliases: ['kafka-1.example.org:7071'],
          },
        ])
        expect(written).not.toMatch(/[^\n\P{Cc}]|\p{Cf}|\u2028|\u2029/u)
      }),
      { numRuns: 60 },
    )
  })
})

describe('writing', () => {
  const files: readonly InitFile[] = [
    { path: 'a', text: 'new' },
    { path: 'sub/b', text: 'secret', secret: true },
    { path: 'sub/c', text: 'new' },
  ]
  const folderWith = (present: Readonly<Record<string, string>>): string => {
    serial += 1
    const folder = join(home, `w${serial}`)
    mkdirSync(folder)
    for (const [name, text] of Object.entries(present)) writeFileSync(join(folder, name), text)
    return folder
  }

  test('makes every file, secrets for their owner alone', async () => {
    const folder = folderWith({})
    writeFiles(folder, files, false)
    expect(
      (await run(['/usr/bin/find', folder, '-mindepth', '1', '-printf', '%P %m\n'])).stdout
        .split('\n')
        .toSorted()
        .filter(Boolean),
    ).toEqual(['a 644', 'sub 700', 'sub/b 600', 'sub/c 644'])
  })

  test('replaces only when told to', () => {
    const folder = folderWith({ a: 'old' })
    expect(() => writeFiles(folder, files, false)).toThrow(/EEXIST/)
    writeFiles(folder, files, true)
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('new')
  })

  test('what an init that was killed has left is never lost, followed or taken over', async () => {
    const folder = folderWith({ a: 'second', 'a.init-old': 'first', else: 'not ours' })
    expect(() => writeFiles(folder, files, true)).toThrow(/a\.init-old is there/)
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('second')
    rmSync(join(folder, 'a'))
    symlinkSync(join(folder, 'else'), join(folder, 'a.init-new'))
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'sub/b.init-new'), '', { mode: 0o644 })
    writeFiles(folder, files, false)
    expect(readFileSync(join(folder, 'a.init-old'), 'utf8')).toBe('first')
    expect(readFileSync(join(folder, 'else'), 'utf8')).toBe('not ours')
    expect(statSync(join(folder, 'sub/b')).mode & 0o777).toBe(0o600)
  })

  test('a folder in the place of a file stays, and nothing is written', async () => {
    const folder = folderWith({ a: 'old' })
    mkdirSync(join(folder, 'sub/c'), { recursive: true })
    expect(() => writeFiles(folder, files, true)).toThrow()
    const left = await run(['/usr/bin/find', folder, '-mindepth', '1', '-printf', '%P\n'])
    expect(left.stdout.split('\n').toSorted().filter(Boolean)).toEqual(['a', 'sub', 'sub/c'])
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old')
  })

  test.each([false, true])('leaves everything as it was when one file cannot be written (force %s)', async (force) => {
    const folder = folderWith({ a: 'old' })
    // The last one's place is taken by a folder.
    const last = [{ path: 'b', text: 'x' }, ...files, { path: 'a/below', text: 'x' }]
    expect(() => writeFiles(folder, last, force)).toThrow()
    const left = await run(['/usr/bin/find', folder, '-mindepth', '1', '-printf', '%P\n'])
    expect(left.stdout).toBe('a\n')
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old')
  })
})
