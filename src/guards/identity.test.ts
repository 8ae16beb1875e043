import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { compared } from '../../test/support/compared.ts'
import { type KafkaCluster, startKafka } from '../../test/support/kafka.ts'
import { brokerTarget, clusterOf, fakeHost, intentOf, local, lookContext } from '../../test/support/look.ts'
import { systemClock } from '../clock.ts'
import type { RunResult } from '../hosts/host.ts'
import { openKafkaClients } from '../kafka/open-clients.ts'
import type { IdentityFacts } from './identity.ts'
import { identity } from './identity.ts'
import { type DirectoryFacts, type HostFacts, readHostFacts } from './identity-facts.ts'

const ID = 'MkU3OEVBNTcwNTJENDM2Qk'
const GiB = 1024 ** 3
const NOW = 1_800_000_000_000

const directory: DirectoryFacts = {
  path: '/var/lib/kafka',
  mount: true,
  mountedAt: '/var/lib/kafka',
  sizeBytes: 100 * GiB,
  availableBytes: 50 * GiB,
  meta: { version: '1', 'cluster.id': ID, 'node.id': '1' },
  problem: null,
}
const facts: IdentityFacts = {
  target: brokerTarget(1, { minFree: { bytes: GiB, ratio: 0.02 } }),
  hostName: 'ssh healer@kafka-1',
  pinned: ID,
  live: { clusterId: ID, answeredBy: 'kafka-2:9092' },
  host: { held: false, directories: [directory] },
}
const decide = (change: Partial<IdentityFacts>) => identity.decide({ ...facts, ...change }, {}, intentOf(), NOW)
const withDirectory = (change: Partial<DirectoryFacts>) =>
  decide({ host: { held: false, directories: [directory, { ...directory, ...change }] } })

describe('S-2.3 identity decides', () => {
  test('everything as the inventory says: pass', () => {
    expect(decide({})).toMatchObject({ verdict: 'pass' })
  })

  test('no broker answers: meta.properties alone is enough', () => {
    const result = decide({ live: null })
    expect(result).toMatchObject({ verdict: 'pass' })
    expect(result.reason).toContain('meta.properties alone')
  })

  test.each<[string, Partial<IdentityFacts>]>([
    ['nothing is pinned', { pinned: null }],
    ['a broker of another cluster answers', { live: { clusterId: 'other', answeredBy: 'kafka-2:9092' } }],
    ['a broker answers without a cluster id', { live: { clusterId: null, answeredBy: 'kafka-2:9092' } }],
    ['no data directory is named', { host: { held: false, directories: [] } }],
  ])('%s: refused, and a person is told at once', (_, change) => {
    expect(decide(change)).toMatchObject({ verdict: 'refuse', escalate: 'identity' })
  })

  test.each<[string, Partial<DirectoryFacts>]>([
    ['the disk is not mounted', { mountedAt: '/' }],
    ['the mount cannot be read', { mountedAt: null }],
    ['meta.properties is missing', { meta: null, problem: 'No such file or directory' }],
    ['meta.properties is empty', { meta: {} }],
    ['it is the data of another cluster', { meta: { 'cluster.id': 'other', 'node.id': '1' } }],
    ['it is the data of another node', { meta: { 'cluster.id': ID, 'node.id': '2' } }],
    ['under 1 GiB is free', { availableBytes: GiB - 1, sizeBytes: 10 * GiB }],
    ['under 2 % are free', { availableBytes: 1.9 * GiB, sizeBytes: 100 * GiB }],
    ['free space cannot be read', { availableBytes: null }],
  ])('on one of two directories %s: refused, and a person is told at once', (_, change) => {
    expect(withDirectory(change)).toMatchObject({ verdict: 'refuse', escalate: 'identity' })
  })

  test('nothing is pinned and no broker answers: that is the reason given', () => {
    expect(decide({ pinned: null, live: null }).reason).toBe('the inventory pins no cluster id')
  })

  test('ZooKeeper mode names its node broker.id', () => {
    expect(withDirectory({ meta: { 'cluster.id': ID, 'broker.id': '1' } }).verdict).toBe('pass')
  })

  test('a directory that need not be a mount point may lie anywhere', () => {
    expect(withDirectory({ mount: false, mountedAt: '/' }).verdict).toBe('pass')
  })

  test('S-2.4 the hold file holds, told and not quietly, even where identity is wrong', () => {
    const held = { held: true, directories: [{ ...directory, meta: {} }] }
    expect(decide({ host: held })).toMatchObject({ verdict: 'hold', quiet: false })
  })

  test.each([
    ['unreachable', 'unreachable'],
    ['lost', 'unreachable'],
    ['authentication', 'permission'],
    ['hostKey', 'permission'],
    ['tool', 'identity'],
  ] as const)('S-4.7 a host that cannot be asked (%s) is unknown and becomes a matter of %s', (cause, escalate) => {
    expect(decide({ host: { cause, reason: 'no route' } })).toMatchObject({ verdict: 'unknown', escalate })
  })

  test('S-2.4 for other targets only the hold file counts', () => {
    const exporter = { target: brokerTarget(1, { kind: 'exporter' }), live: null, pinned: null }
    expect(decide({ ...exporter, host: { held: false, directories: [] } }).verdict).toBe('pass')
    expect(decide({ ...exporter, host: { held: true, directories: [] } }).verdict).toBe('hold')
  })

  test('it passes only when every single fact is right', () => {
    const texts = fc.constantFrom(ID, 'other', null)
    fc.assert(
      fc.property(texts, texts, texts, fc.constantFrom('1', '2'), fc.boolean(), (pinned, live, stored, node, held) => {
        const meta: Record<string, string> = { 'node.id': node, ...(stored === null ? {} : { 'cluster.id': stored }) }
        const result = decide({
          pinned,
          live: live === null ? null : { clusterId: live, answeredBy: 'x' },
          host: { held, directories: [{ ...directory, meta }] },
        })
        const right =
          pinned !== null && !held && stored === pinned && node === '1' && (live === null || live === pinned)
        expect(result.verdict === 'pass').toBe(right)
      }),
    )
  })
})

describe('S-2.3 facts from a real host', () => {
  let home: string
  const signal = new AbortController().signal
  const absent = '/nonexistent/kafka-healing.hold'
  const read = async (paths: readonly string[], holdFile = absent): Promise<HostFacts> => {
    const seen = await readHostFacts(
      local,
      paths.map((one) => ({ path: one, mount: false })),
      signal,
      holdFile,
    )
    if ('cause' in seen) throw new Error(seen.reason)
    return seen
  }
  beforeAll(() => {
    home = mkdtempSync(path.join(tmpdir(), 'kafka-healing-identity-'))
    for (const name of ['one', 'two words', 'empty']) mkdirSync(path.join(home, name))
    const lines = [
      '#',
      '#Sat Nov 21 11:00:00 UTC 2026',
      `cluster.id=${ID}`,
      'directory.id=x',
      'node.id=1',
      'version=1',
      '',
    ]
    writeFileSync(path.join(home, 'one', 'meta.properties'), lines.join('\n'))
    writeFileSync(path.join(home, 'two words', 'meta.properties'), lines.join('\r\n'))
    writeFileSync(path.join(home, 'held'), '')
  })
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  test('meta.properties and free space of several directories, one of them with a blank in its name', async () => {
    const { held, directories } = await read([path.join(home, 'one'), path.join(home, 'two words')])
    expect(held).toBe(false)
    for (const one of directories) {
      expect(one.meta).toMatchObject({ 'cluster.id': ID, 'node.id': '1' })
      expect(one.availableBytes).toBeGreaterThan(0)
      expect(one.sizeBytes).toBeGreaterThanOrEqual(one.availableBytes ?? 0)
      expect(one.mountedAt).toMatch(/^\//)
    }
  })

  test('a mount point is told from a folder', async () => {
    const { directories } = await read(['/proc', '/dev/shm', home])
    expect(directories.map(({ path: one, mountedAt }) => one === mountedAt)).toEqual([true, true, false])
  })

  test('a missing meta.properties between two others is missing, and the others are read', async () => {
    const { directories } = await read([path.join(home, 'one'), path.join(home, 'empty'), path.join(home, 'two words')])
    expect(directories.map(({ meta }) => meta?.['node.id'] ?? null)).toEqual(['1', null, '1'])
    expect(directories[1]?.problem).toContain('No such file or directory')
  })

  test('a missing directory leaves nothing that could be taken for its free space', async () => {
    const { directories } = await read(['/nonexistent/kafka', path.join(home, 'one')])
    expect(directories.map(({ availableBytes }) => availableBytes)).toEqual([null, null])
    expect(directories[0]?.meta).toBeNull()
  })

  test('S-2.4 a hold file is seen, an empty one and a folder of that name too', async () => {
    expect((await read([path.join(home, 'one')], path.join(home, 'held'))).held).toBe(true)
    expect((await read([path.join(home, 'one')], path.join(home, 'empty'))).held).toBe(true)
    expect((await read([], path.join(home, 'held'))).held).toBe(true)
    expect((await read([])).held).toBe(false)
    // Neither there nor missing, as where reading is not allowed: whoever cannot tell leaves the host alone.
    expect((await read([], path.join(home, 'held', 'below-a-file'))).held).toBe(true)
  })

  test('file systems that cannot be counted off against the directories are not read at all', async () => {
    const stdout = '1B-blocks Avail Mounted on\n        -     - /one\n 1000  900 /two\n'
    const host = fakeHost(async ([tool]) => ({ ...exited(0, ''), stdout: tool === 'df' ? stdout : '' }))
    const directories = ['/one', '/two'].map((one) => ({ path: one, mount: false }))
    const seen = await readHostFacts(host, directories, signal, absent)
    expect(seen).toMatchObject({ directories: [{ availableBytes: null }, { availableBytes: null }] })
  })

  test.each<[string, RunResult, string]>([
    ['not sent', { kind: 'notSent', cause: 'hostKey', reason: 'changed' }, 'hostKey'],
    ['lost', { kind: 'lost', reason: 'gone', stdout: '', stderr: '' }, 'lost'],
    ['without head', exited(127, 'head: not found'), 'tool'],
    ['too late', { ...exited(124, ''), timedOut: true }, 'tool'],
  ])('a question that is %s is a problem, never an empty host', async (_, result, cause) => {
    const host = fakeHost(async () => result)
    expect(await readHostFacts(host, [{ path: '/data', mount: true }], signal)).toMatchObject({ cause })
  })
})

function exited(exitCode: number, stderr: string): Extract<RunResult, { kind: 'exited' }> {
  return { kind: 'exited', exitCode, signal: null, timedOut: false, stdout: '', stderr }
}

describe('S-2.3 with a real broker', () => {
  let kafka: KafkaCluster
  beforeAll(async () => {
    kafka = await startKafka()
  }, 180_000)
  afterAll(() => kafka?.close())

  const judge = async (change: Parameters<typeof brokerTarget>[1] = {}, clusterId = kafka.clusterId) => {
    const node = kafka.node(1)
    const target = brokerTarget(1, { address: node.address, data: [{ path: node.data, mount: false }], ...change })
    const clients = openKafkaClients({ clock: systemClock })
    const context = lookContext({ target, cluster: clusterOf([target], { clusterId }), kafka: clients })
    return identity.decide(await identity.facts({}, intentOf(), context), {}, intentOf(), NOW)
  }

  test('its own data and its own cluster pass; alive by its word, dead by meta.properties alone', async () => {
    expect(await judge()).toMatchObject({ verdict: 'pass', reason: expect.stringContaining(`127.0.0.1:`) })
    expect(await judge({}, 'MkU3OEVBNTcwNTJENDM2Qk')).toMatchObject({ verdict: 'refuse', escalate: 'identity' })
    expect(await judge({ name: '2' })).toMatchObject({ verdict: 'refuse', escalate: 'identity' })
    kafka.node(1).signal('SIGKILL')
    await waitFor('it is gone', () => kafka.node(1).pid() === null)
    expect(await judge()).toMatchObject({ verdict: 'pass', reason: expect.stringContaining('meta.properties alone') })
    const data = [{ path: kafka.node(1).data, mount: true }]
    expect(await judge({ data })).toMatchObject({ verdict: 'refuse', reason: expect.stringContaining('mount point') })
  }, 60_000)
})

describe('S-5.1 each value with what was wanted', () => {
  test('cluster and node, the mount, and free space against the minimum', () => {
    expect(compared(decide({}))).toEqual([
      ['live cluster id', ID, ID],
      ['hold file', false, false],
      ['meta.properties in /var/lib/kafka', `${ID} node 1`, `${ID} node 1`],
      ['mount of /var/lib/kafka', '/var/lib/kafka', '/var/lib/kafka'],
      ['bytes free in /var/lib/kafka', 50 * GiB, `at least ${2 * GiB}`],
    ])
  })

  test.each<[string, Partial<DirectoryFacts>, unknown]>([
    ['a share of a large disk', { sizeBytes: 1000 * GiB, availableBytes: 19 * GiB }, `at least ${20 * GiB}`],
    ['the minimum of a small one', { sizeBytes: 10 * GiB }, `at least ${GiB}`],
    ['the minimum, where the size is not known', { sizeBytes: null }, `at least ${GiB}`],
  ])('%s', (_, change, wanted) => {
    const host: HostFacts = { held: false, directories: [{ ...directory, ...change }] }
    expect(compared(decide({ host })).at(-1)).toMatchObject({ 2: wanted })
  })

  test('a directory that need be no mount point wants none', () => {
    const host: HostFacts = { held: true, directories: [{ ...directory, mount: false, path: '/srv/' }] }
    const names = compared(decide({ host })).map((one) => (one as readonly unknown[])[0])
    expect(names).not.toContain('mount of /srv/')
    expect(compared(decide({ host }))).toContainEqual(['hold file', true, false])
  })
})
