import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { formatProblem } from '../document/problem.ts'
import { resolveSubject } from '../inventory/resolve.ts'
import { type LoadedConfiguration, loadConfiguration } from './configuration.ts'
import { granted } from './granted.ts'
import { matchRules } from './match.ts'

const root = new URL('../../', import.meta.url).pathname
let folder = ''
const folders: string[] = []
afterAll(() => folders.forEach((each) => rmSync(each, { recursive: true })))

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-healing-shipped-'))
  folders.push(folder)
  for (const file of ['config.example.yml', 'inventory.example.yml', 'rules'])
    cpSync(join(root, file), join(folder, file), { recursive: true })
  mkdirSync(join(folder, 'secrets'))
  writeFileSync(join(folder, 'secrets/healer_ed25519'), 'a key', { mode: 0o600 })
})

const load = () => loadConfiguration(join(folder, 'config.example.yml'), granted, {})

function edit(file: string, from: string | RegExp, to: string): void {
  const path = join(folder, file)
  const text = readFileSync(path, 'utf8')
  const edited = text.replace(from, to)
  expect(edited).not.toBe(text)
  writeFileSync(path, edited)
}

function ok(loaded: LoadedConfiguration) {
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return loaded
}

describe('the shipped rules and examples', () => {
  it('fit together: every name in them exists', () => {
    const { ok: configuration, warnings } = ok(load())

    expect(warnings.map(formatProblem)).toEqual([])
    expect(configuration.rules.map(({ name, plan }) => [name, plan.mode, plan.rank])).toEqual([
      ['broker-down', 'inform', 60],
      ['broker-hung', 'inform', 70],
      ['broker-fenced', 'inform', 70],
      ['under-replicated', 'inform', 100],
      ['exporter-down', 'inform', 100],
    ])
  })

  it('load as they stand on a machine that has no key yet, with a warning', () => {
    const { warnings } = ok(loadConfiguration(join(root, 'config.example.yml'), granted, {}))

    for (const { severity, message } of warnings)
      expect([severity, message]).toEqual(['warning', expect.stringContaining('healer_ed25519')])
  })

  it.each(['approve', 'act'])('load in mode %s too', (mode) => {
    edit('rules/kafka.yml', /mode: inform/g, `mode: ${mode}`)

    expect(new Set(ok(load()).ok.rules.map(({ plan }) => plan.mode))).toEqual(new Set([mode]))
  })

  it('broker-down only starts, which takes nothing from the cluster', () => {
    const [rule] = ok(load()).ok.rules

    expect(rule?.plan.runbook.rungs.flat().every(({ traits }) => !traits.disruptive && traits.repeatable)).toBe(true)
  })

  it('S-5.10 those that restart a broker leave as much time between two as the budget asks for', () => {
    for (const { name, plan } of ok(load()).ok.rules) {
      if (!plan.runbook.rungs.flat().some(({ traits }) => traits.disruptive) || plan.attempts.max === 1) continue
      expect(plan.attempts.backoff.initialMs, name).toBeGreaterThanOrEqual(15 * 60_000)
    }
  })

  it('S-2.7 under-replication acts on the culprit, and is found by the cluster that its alert names', () => {
    const { rules, inventory } = ok(load()).ok
    const rule = rules.find(({ name }) => name === 'under-replicated')

    expect(rule?.plan).toMatchObject({ selects: 'culprit', targetKind: 'broker' })
    expect(rule && resolveSubject(rule.selector, { cluster: 'orders' }, 'f', inventory)).toMatchObject({
      kind: 'cluster',
      cluster: 'orders',
    })
  })

  it('match the alerts that are shipped with them, and not the Watchdog', () => {
    const { rules } = ok(load()).ok
    const { groups } = parse(readFileSync(join(root, 'alerts/kafka.rules.yml'), 'utf8')) as {
      groups: { rules: { alert: string }[] }[]
    }
    const names = groups.flatMap((group) => group.rules.map(({ alert }) => alert))

    const matched = new Map(
      names.map((alertname) => [alertname, matchRules(rules, { alertname }).map(({ name }) => name)]),
    )

    expect(Object.fromEntries([...matched].filter(([, by]) => by.length > 0))).toEqual({
      KafkaBrokerDown: ['broker-down'],
      KafkaBrokerHung: ['broker-hung'],
      KafkaBrokerFenced: ['broker-fenced'],
      KafkaUnderReplicatedPartitions: ['under-replicated'],
      KafkaExporterDown: ['exporter-down'],
    })
    expect(matched.get('Watchdog')).toEqual([])
  })

  it('say what is wrong after a slip of the pen', () => {
    edit('rules/kafka.yml', 'probe: in-sync', 'probe: in-snyc')
    edit('rules/kafka.yml', 'to: [kafka-oncall]', 'to: [kafka-oncal]')
    edit('inventory.example.yml', 'rack: a', 'rakc: a')

    const loaded = load()

    expect('problems' in loaded ? loaded.problems.map(({ message }) => message) : []).toEqual([
      'unknown key "rakc" (did you mean "rack"?)',
      expect.stringContaining('there is no receiver "kafka-oncal"'),
      'there is no probe "in-snyc" (did you mean "in-sync"?)',
    ])
  })
})
