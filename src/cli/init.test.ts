import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { cli } from '../../test/support/cli.ts'
import type { FakeBroker } from '../../test/support/fake-broker.ts'
import { NOWHERE, startSurveyedBroker } from '../../test/support/survey-broker.ts'

let home: string
let broker: FakeBroker
let serial = 0
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'kafka-healing-init-'))
  broker = await startSurveyedBroker({
    settings: { 'log.dirs': '/data' },
    replicas: [1],
    racks: ['a\u001b[2J'],
    fenced: [{ id: 9, ...NOWHERE }],
  })
})
afterAll(async () => {
  await broker.close()
  rmSync(home, { recursive: true })
})

const MAIL = ['--mail-to', 'oncall@example.org', '--smtp', 'smtp.example.org']
const LOCAL = ['--cluster', 'orders', '--driver', 'local', '--unit', 'kafka-{id}.service', ...MAIL]

function init(...args: readonly string[]) {
  return cli(['init', '--bootstrap', `127.0.0.1:${broker.address.port}`, ...args])
}

function folder(): string {
  serial += 1
  return join(home, String(serial))
}

describe('init', () => {
  test('writes what the cluster says, marks what is missing, and says what comes next', async () => {
    const dir = folder()
    const { code, stdout, stderr } = await init(...LOCAL, '--dir', dir)
    expect(code).toBe(0)
    expect(stderr).toMatch(/broker 9 +127\.0\.0\.1:1 +.*fenced/)
    expect(stdout).toContain('broker 9 at 127.0.0.1:1: fenced, and not reached from here: connect ECONNREFUSED')
    expect(stdout).toContain('no replica can be missed of orders')
    expect(stdout).toContain(`then: kafka-healing doctor --config ${join(dir, 'config.yml')}`)
    expect(stdout + stderr).not.toContain('\u001b')
    const { clusters } = parse(readFileSync(join(dir, 'inventory.yml'), 'utf8')) as {
      clusters: { orders: { brokers: Record<string, unknown>[] } }
    }
    expect(clusters.orders).toMatchObject({ cluster_id: 'MkU3OEVBNTcwNTJENDM2Qk', controllers: ['c1:9093'] })
    expect(clusters.orders.brokers).toMatchObject([
      { id: 1, host: '127.0.0.1', unit: 'kafka-1.service', data: ['/data'] },
      { id: 9, unit: 'kafka-9.service', data: [] },
    ])
    expect(clusters.orders.brokers[0]).not.toHaveProperty('rack')
    const check = await cli(['check', join(dir, 'config.yml')])
    expect(check, check.stdout).toMatchObject({ code: 0 })

    const again = await init(...LOCAL, '--dir', dir)
    expect(again).toMatchObject({ code: 2, stdout: '' })
    expect(again.stderr).toContain('config.yml is there already; --force replaces it')
    const token = readFileSync(join(dir, 'secrets/webhook-token'), 'utf8')
    writeFileSync(join(dir, 'rules/kafka.yml'), 'rules: []\n')
    const forced = await init(...LOCAL, '--dir', dir, '--force', '--json', '--smtp-from', 'kh@example.org')
    expect(JSON.parse(forced.stdout)).toMatchObject({
      kept: ['rules/kafka.yml', 'secrets/webhook-token', 'secrets/api-password', '.gitignore'],
      written: expect.arrayContaining(['config.yml', 'inventory.yml']),
    })
    expect(readFileSync(join(dir, 'secrets/webhook-token'), 'utf8')).toBe(token)
    expect(readFileSync(join(dir, 'config.yml'), 'utf8')).toContain('kh@example.org')

    const mode = await init(...LOCAL, '--dir', dir, '--force', '--mode', 'act', '--prometheus', 'http://p:9090')
    expect(mode).toMatchObject({ code: 2, stderr: expect.stringContaining('rules/kafka.yml is there already') })
  })

  test('tells every option that is missing or wrong at once, and writes nothing', async () => {
    const dir = folder()
    const missing = await init('--dir', dir)
    expect(missing.code).toBe(2)
    for (const option of ['--cluster', '--unit', '--mail-to', '--smtp', '--ssh-user', '--ssh-key'])
      expect(missing.stderr).toContain(`${option} is missing`)
    const wrong = await init(...LOCAL, '--dir', dir, '--cluster', 'a b', '--unit', 'kafka', '--sasl-user', 'x')
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toMatch(/--cluster: .*\n--unit: |--unit: .*\n--cluster: /)
    expect(await cli(['init', ...LOCAL])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--bootstrap is missing'),
    })
    const files = await init(...LOCAL, '--protocol', 'SSL', '--ca-file', import.meta.filename)
    expect(files).toMatchObject({ code: 2, stderr: expect.stringContaining('--ca-file: ') })
    expect(existsSync(dir)).toBe(false)
  })

  test('prints what it would write, without the secrets, and writes nothing', async () => {
    const dir = folder()
    const { code, stdout } = await init(...LOCAL, '--dir', dir, '--dry-run')
    expect(code).toBe(0)
    for (const file of ['config.yml', 'inventory.yml', 'rules/kafka.yml', 'setup/alertmanager.yml'])
      expect(stdout).toContain(`==> ${join(dir, file)} <==`)
    expect(stdout).toContain('secrets/webhook-token <==\n(a new secret)')
    const json = JSON.parse((await init(...LOCAL, '--dir', dir, '--dry-run', '--json')).stdout) as {
      files: { path: string; text: string | null }[]
    }
    expect(json.files.filter(({ text }) => text === null).map(({ path }) => path)).toEqual([
      'secrets/webhook-token',
      'secrets/api-password',
    ])
    expect(existsSync(dir)).toBe(false)
  })

  test('writes nothing where the folder cannot take it, and leaves nothing behind', async () => {
    const dir = folder()
    mkdirSync(dir)
    writeFileSync(join(dir, 'setup'), 'no folder')
    const { code, stderr } = await init(...LOCAL, '--dir', dir)
    expect(code).toBe(1)
    expect(stderr).toMatch(/EEXIST.*setup[^]*nothing was written/)
    expect(readdirSync(dir)).toEqual(['setup'])
  })

  test('says what to do where nobody answers', async () => {
    const { code, stderr } = await cli(['init', '--bootstrap', '127.0.0.1:1,no-such-host.invalid:9092', ...LOCAL])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^127\.0\.0\.1:1: ECONNREFUSED\n {2}→ is that a listener/)
    expect(stderr).toMatch(/no-such-host\.invalid:9092: (ENOTFOUND|EAI_AGAIN)/)
    expect(stderr).toContain('nothing was written')
  })

  test('ends with 3 where something must be filled in first', async () => {
    const [key, dir] = [join(home, 'key'), folder()]
    writeFileSync(key, 'x', { mode: 0o600 })
    const ssh = [
      '--cluster',
      'orders',
      '--unit',
      'kafka-{id}.service',
      '--ssh-user',
      'healer',
      '--ssh-key',
      key,
      '--ssh-port',
      '1',
    ]
    const { code, stdout } = await init(...ssh, ...MAIL, '--dir', dir)
    expect(code).toBe(3)
    expect(stdout).toContain('127.0.0.1 showed no SSH host key')
    expect(stdout).toMatch(/to fill in before it can start\n.*needs a `host_key`/)
  })
})
