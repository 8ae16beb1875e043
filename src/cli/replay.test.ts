import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { commandLineHere as cli } from '../../test/support/command-line.ts'
import { git as gitIn } from '../../test/support/git.ts'
import { shippedRules } from '../../test/support/rules.ts'
import type { Alert } from '../alert/alert.ts'
import { fingerprintOf } from '../alert/fingerprint.ts'
import { openSqliteStore } from '../store/sqlite.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-cli-'))
const at = (...names: readonly string[]): string => join(folder, ...names)
const git = gitIn.bind(null, folder)

/** Text of an alert that would like to be markup, a link, a mention or a colour. */
const HOSTILE = '`|@all <img src=x> [a](http://b) \u001b[31m'

beforeAll(async () => {
  const config = parse(readFileSync(join(root, 'config.example.yml'), 'utf8')) as Record<string, unknown>
  writeFileSync(at('config.yml'), stringify({ ...config, database: 'history.db', inventory: 'inventory.yml' }))
  writeFileSync(at('inventory.yml'), readFileSync(join(root, 'inventory.example.yml')))
  for (const name of ['rules', 'renamed', 'broken']) mkdirSync(at(name))
  const shipped = shippedRules()
  writeFileSync(at('rules/kafka.yml'), stringify(shipped))
  const renamed = shipped.rules.map((rule) => ({ ...rule, name: String(rule['name']).replace('broker-down', 'dead') }))
  writeFileSync(at('renamed/kafka.yml'), stringify({ ...shipped, rules: renamed }))
  writeFileSync(at('broken/kafka.yml'), 'rules:\n  - nam: a\n')
  git('init', '-q')
  git('add', 'config.yml', 'inventory.yml', 'rules')
  git('commit', '-q', '-m', 'one')
  const store = await openSqliteStore({ path: at('history.db') })
  const now = Date.now()
  for (let day = 40; day > 0; day -= 5) {
    const labels = { alertname: 'KafkaBrokerDown', cluster: 'orders', broker_id: String(1 + (day % 3)), text: HOSTILE }
    const startsAt = now - day * DAY + HOUR
    const alert: Alert = {
      status: 'firing',
      labels,
      annotations: { summary: 'a secret' },
      startsAt,
      endsAt: null,
      generatorURL: '',
      fingerprint: fingerprintOf(labels),
    }
    const say = (one: Alert, when: number) => {
      const delivery = {
        receiver: 'r',
        groupKey: 'g',
        status: one.status,
        externalURL: '',
        truncatedAlerts: 0,
        alerts: [one],
      }
      return store.storeDeliveries([{ delivery, rawBody: '', credential: null }], when)
    }
    await say(alert, startsAt)
    await say({ ...alert, status: 'resolved', endsAt: startsAt + 600_000 }, startsAt + 620_000)
  }
  await store.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const config = ['--config', at('config.yml')]
const replay = (...args: readonly string[]) => cli(['replay', ...config, ...args])
const headline = ({ stdout }: { readonly stdout: string }) => stdout.split('\n')[0]

describe('replay', () => {
  test('prints what other rules would have done differently, and fails above --max-changes', async () => {
    const few = await replay('--rules', at('renamed'), '--max-changes', '6', '--detail', '2')
    const many = await replay('--rules', at('renamed'), '--max-changes', '5', '--since', '90d', '--detail', 'all')
    expect(few.code).toBe(0)
    expect(few.stderr).toBe('')
    expect(headline(few)).toBe('6 of 6 alerts would be treated differently')
    expect(few.stdout).toMatch(/^ {2}- broker-down\n {2}\+ dead$/m)
    expect(few.stdout).toMatch(/^6 +other rule +broker-down +dead$/m)
    expect(few.stdout).toMatch(
      / {2}before {2}broker-down, inform, runbook start-broker, orders\/broker\/\d; 0 attempts\n {2}after {3}dead, /,
    )
    expect(few.stdout).toContain('4 more alerts; --detail all prints every one')
    expect(few.stdout).not.toContain('\u001b')
    expect(many.code).toBe(3)
    expect(many.stderr).toBe('8 alerts would be treated differently, 5 may (--max-changes)\n')
    expect(many.stdout.split('\n').filter((line) => line.includes('KafkaBrokerDown{'))).toHaveLength(8)
  })

  test('prints markdown in which nothing that an alert says is markup', async () => {
    const { stdout, code } = await replay('--rules', at('renamed'), '--format', 'markdown', '--detail', '1')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^### Replay: 6 of 6 alerts/)
    expect(stdout).toContain('| 6 | other rule | `broker-down` | `dead` |')
    const line = stdout.split('\n').find((one) => one.includes('KafkaBrokerDown{')) ?? ''
    // All of it stands within one pair of backticks.
    expect(line.split('`')).toHaveLength(3)
    expect(line).toContain('@all <img src=x>')
    expect(line).not.toContain('\u001b')
  })

  test('prints one JSON document, with some or with all alerts', async () => {
    const some = await replay('--rules', at('renamed'), '--json', '--detail', '1')
    const all = await replay('--rules', at('renamed'), '--format', 'json', '--detail', 'all')
    expect(JSON.parse(some.stdout)).toMatchObject({ alerts: 6, different: 6, leftOut: 5, kinds: { otherRule: 6 } })
    const whole = JSON.parse(all.stdout) as { differences: unknown[] }
    expect(whole).toMatchObject({ alerts: 6, leftOut: 0, rules: [{ rule: 'broker-down' }, { rule: 'dead' }] })
    expect(whole.differences).toHaveLength(6)
    expect(whole.differences[0]).toMatchObject({ kinds: ['otherRule'], before: [{ rule: 'broker-down' }] })
  })

  test('--against compares rules and inventory of a git revision with those of the work tree', async () => {
    const before = readFileSync(at('rules/kafka.yml'))
    const inventory = readFileSync(at('inventory.yml'), 'utf8')
    try {
      writeFileSync(at('rules/kafka.yml'), readFileSync(at('renamed/kafka.yml')))
      writeFileSync(at('inventory.yml'), inventory.replaceAll(/id: 2\b/g, 'id: 12'))
      const { stdout, stderr } = await replay('--against', 'HEAD')
      expect(stderr).toBe('')
      expect(stdout).toContain('before  HEAD (revision ')
      expect(stdout).toMatch(/^4 +other rule +broker-down +dead$/m)
      expect(stdout).toMatch(/^2 +other rule, other target +broker-down +dead$/m)
      git('commit', '-q', '-a', '-m', 'two')
      expect(headline(await replay('--against', 'HEAD~1'))).toBe('6 of 6 alerts would be treated differently')
      expect(headline(await replay('--against', 'HEAD'))).toBe('None of 6 alerts would be treated differently')
    } finally {
      writeFileSync(at('rules/kafka.yml'), before)
      writeFileSync(at('inventory.yml'), inventory)
      git('commit', '-q', '-a', '--allow-empty', '-m', 'three')
    }
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('kafka-healing-replay-'))).toEqual([])
  })

  test.each<[string, readonly string[], number, RegExp]>([
    ['nothing to compare with', [], 2, /say what to compare the rules with: --rules DIR .* or --against REV/],
    ['both', ['--rules', 'a', '--against', 'b'], 2, /cannot be used with/],
    ['rules that are not there', ['--rules', at('nowhere')], 1, /there is nothing by that name/],
    ['broken rules', ['--rules', at('broken')], 1, /kafka\.yml:2:5: unknown key "nam"/],
    ['an unknown revision', ['--against', 'nowhere'], 1, /git knows no such revision/],
    ['an option as a revision', ['--against=--output=/etc/passwd'], 2, /is no name of a git revision/],
    ['a path as a revision', ['--against', 'HEAD:rules'], 2, /is no name of a git revision/],
    ['a time in the future', ['--rules', at('renamed'), '--since', '2999-01-01T00:00:00Z'], 2, /lies behind the end/],
    [
      'a file that is none',
      ['--rules', at('renamed'), '--alerts', at('config.yml')],
      1,
      /config\.yml:1: this is not JSON/,
    ],
    ['a number that is none', ['--rules', at('renamed'), '--max-changes', 'few'], 2, /whole number/],
  ])('refuses %s', async (_name, args, code, message) => {
    const ended = await replay(...args)
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toMatch(message)
  })

  test('without a database says how to go on', async () => {
    const other = at('other.yml')
    writeFileSync(other, readFileSync(at('config.yml'), 'utf8').replace('history.db', 'nowhere.db'))
    const { code, stderr } = await cli(['replay', '--config', other, '--rules', at('renamed')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/there is no database at .*nowhere\.db/)
    expect(stderr).toContain('--alerts')
    expect(existsSync(at('nowhere.db'))).toBe(false)
  })

  test.each(['1', 'all'])('prints nothing of a record that is refused, with --detail %s', async (detail) => {
    const how = ['--rules', at('renamed'), '--json', '--detail', detail]
    writeFileSync(at('cut.ndjson'), (await cli(['export', 'alerts', ...config])).stdout.replace(/.*\n$/, ''))
    const cut = await replay(...how, '--alerts', at('cut.ndjson'))
    expect(cut).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('it was cut off') })
    const newer = await cli(['replay', '--config', newerDatabase(), ...how])
    expect(newer).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('the database has schema 999') })
  })
})

/** A configuration whose database a newer build has written. */
function newerDatabase(): string {
  copyFileSync(at('history.db'), at('newer.db'))
  const database = new DatabaseSync(at('newer.db'))
  database.exec('UPDATE schema_version SET version = 999')
  database.close()
  writeFileSync(at('newer.yml'), readFileSync(at('config.yml'), 'utf8').replace('history.db', 'newer.db'))
  return at('newer.yml')
}

describe('export alerts', () => {
  test('writes a file that replay reads as it reads the database', async () => {
    const file = at('alerts.ndjson.gz')
    expect(await cli(['export', 'alerts', ...config, '--since', '90d', '-o', file])).toMatchObject({
      code: 0,
      stderr: '',
    })
    const whole = await replay('--rules', at('renamed'), '--alerts', file)
    const some = await replay('--rules', at('renamed'), '--alerts', file, '--since', '30d')
    expect(headline(whole)).toBe('8 of 8 alerts would be treated differently')
    expect(headline(some)).toBe('6 of 6 alerts would be treated differently')
    expect(readdirSync(folder).filter((name) => name.includes('unfinished'))).toEqual([])
  })

  test('prints lines of JSON, without what people wrote when asked to', async () => {
    const open = await cli(['export', 'alerts', ...config])
    const redacted = await cli(['export', 'alerts', ...config, '--redact'])
    const lines = open.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines).toHaveLength(14)
    expect(lines[0]).toMatchObject({ format: 'kafka-healing alerts', version: 1, redacted: false })
    expect(lines[1]).toMatchObject({ change: 'firing', annotations: { summary: 'a secret' } })
    expect(lines.at(-1)).toEqual({ end: true, lines: 12 })
    expect(redacted.stdout).not.toContain('a secret')
    expect(redacted.stdout.split('\n')).toHaveLength(15)
  })

  test('prints nothing of a database that cannot be read', async () => {
    const newer = await cli(['export', 'alerts', '--config', newerDatabase()])
    expect(newer).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('the database has schema 999') })
  })

  test('what stands where it writes is not followed and gives it no mode', async () => {
    const [file, other] = [at('private.ndjson'), at('somebody-elses')]
    writeFileSync(other, 'theirs', { mode: 0o644 })
    symlinkSync(other, `${file}.unfinished`)
    expect(await cli(['export', 'alerts', ...config, '-o', file])).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(other, 'utf8')).toBe('theirs')
    writeFileSync(`${file}.unfinished`, 'left', { mode: 0o644 })
    expect(await cli(['export', 'alerts', ...config, '-o', file])).toMatchObject({ code: 0, stderr: '' })
    expect(lstatSync(file).isFile()).toBe(true)
    expect(lstatSync(file).mode & 0o777).toBe(0o600)
  })
})
