import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { formatProblem } from '../document/problem.ts'
import { loadSources } from './configuration.ts'
import { loadTests } from './load.ts'

const folders: string[] = []
afterAll(() => folders.forEach((each) => rmSync(each, { recursive: true })))
let folder = ''

const CONFIG = `
inventory: inventory.yml
rules: [rules/*.yml]
alertmanagers: [{ url: http://127.0.0.1:9093 }]
smtp: { host: 127.0.0.1, port: 25, security: plain, from: kafka-healing@example.org }
receivers: { kafka-oncall: [kafka-oncall@example.org] }
`
const INVENTORY = `
clusters:
  orders:
    cluster_id: MkU3OEVBNTcwNTJENDM2Qk
    bootstrap: [kafka-1:9092]
    connection: { driver: local }
    brokers: [{ id: 1, host: kafka-1, unit: kafka.service, data: [/var/lib/kafka] }]
`
const RULES = `
rules:
  - name: broker-down
    match: ['alertname="KafkaBrokerDown"']
    target: { broker: from-labels }
    runbook: start-broker
    escalation: { to: [kafka-oncall] }
  - name: broker-watch
    match: ['alertname="KafkaBrokerSlow"']
    target: { broker: from-labels }
    runbook: look-only
    escalation: { to: [kafka-oncall] }
runbooks:
  start-broker:
    symptom: { unit: crashed }
    rungs: [[{ systemd: { verb: start } }]]
    verify: [{ probe: kafka-api, within: 2m }]
  look-only:
    rungs: [[{ gather: { threads: true, disk: true } }]]
    verify: [{ probe: unit, within: 2m }]
`
/** A test that is right, to be made wrong in one place. */
const TEST = `
  - name: a crashed broker is started
    mode: act
    alerts: [{ labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: '1' } }]
    expect:
      - { at: 1m, incidents: [{ rule: broker-down }] }
`

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-healing-rule-tests-'))
  folders.push(folder)
  mkdirSync(join(folder, 'rules'))
  write('config.yml', CONFIG)
  write('inventory.yml', INVENTORY)
  write('rules/kafka.yml', RULES)
})

function write(path: string, text: string): void {
  writeFileSync(join(folder, path), text)
}

const load = (text: string, insist = false) => {
  write('rules/kafka.test.yml', text)
  const options = {
    config: join(folder, 'config.yml'),
    insist,
    loadSources: (one: Parameters<typeof loadSources>[0]) => loadSources(one, {}),
  }
  return loadTests(join(folder, 'rules/kafka.test.yml'), options)
}

/** Everything that is said, of the file and of its tests, without the folder. */
function said(text: string): string {
  const { problems, tests } = load(text)
  return [...problems, ...tests.flatMap((test) => test.problems)]
    .map((problem) => formatProblem(problem).replaceAll(`${folder}/`, '').replace('rules/kafka.test.yml:', ''))
    .join('\n')
}

const tests = (text: string): string => `tests:${text}`

describe('a file of tests', () => {
  it('is loaded with the configuration that it names, and the modes of its tests', () => {
    const { tests: loaded, problems } = load(`config: ../config.yml\n${tests(TEST)}`)

    expect(problems).toEqual([])
    expect(
      loaded.map(({ name, runnable }) => [name, runnable?.configuration.rules.map(({ plan }) => plan.mode)]),
    ).toEqual([
      // A rule whose runbook has no symptom can only inform, and takes no part.
      ['a crashed broker is started', ['act', 'inform']],
    ])
  })

  it('may bring an inventory and rules of its own', () => {
    write('small.yml', INVENTORY.replaceAll('orders', 'small'))
    write('other.yml', RULES.replaceAll('broker-down', 'other-rule'))
    const mine = TEST.replaceAll('broker-down', 'other-rule').replaceAll('orders', 'small')
    const { tests: loaded, problems } = load(`inventory: ../small.yml\nrules: [../other.yml]\n${tests(mine)}`)

    expect([...problems, ...loaded.flatMap((test) => test.problems)]).toEqual([])
    expect(loaded[0]?.runnable?.configuration.rules.map(({ name }) => name)).toEqual(['other-rule', 'broker-watch'])
  })

  it('is about the configuration of the command line where that is insisted on', () => {
    const text = `config: ../elsewhere.yml\n${tests(TEST)}`

    expect(load(text).problems).toMatchObject([{ message: 'the file does not exist' }])
    expect(load(text, true).problems).toEqual([])
  })

  it('with a broken configuration says what is wrong there', () => {
    write('rules/kafka.yml', RULES.replace('start-broker\n    escalation', 'start-brokre\n    escalation'))

    expect(said(tests(TEST))).toBe(
      'rules/kafka.yml:6:14: there is no runbook "start-brokre" (did you mean "start-broker"?)\n' +
        'rules/kafka.yml:14:3: warning: no rule uses the runbook "start-broker"',
    )
  })

  it.each([
    ['', '1:1: the file is empty: there is no test in it'],
    ['tests: []', '1:1: tests: there is no test in this file'],
    ['config: ../config.yml', '1:1: "tests" is missing'],
    ['test: []', '1:1: "tests" is missing\n1:1: unknown key "test" (did you mean "tests"?)'],
    ['tests: {}', '1:1: tests: expected a list, got a mapping'],
    ['tests: [', '1:9: flow sequence in block collection must be sufficiently indented and end with a ]'],
    [
      `modes: { broker-dwon: act }\n${tests(TEST)}`,
      '1:10: there is no rule "broker-dwon" (did you mean "broker-down"?)',
    ],
    [`modes: { broker-watch: act }\n${tests(TEST)}`, '1:24: mode act: the runbook "look-only" has no symptom'],
  ])('%j: %s', (text, problem) => {
    expect(said(text)).toBe(problem)
  })

  it('is not tripped up by one test: the others can be run', () => {
    const { tests: loaded } = load(tests(`${TEST}\n  - { name: empty, expect: [] }\n  - 7\n`))

    expect(loaded.map(({ name, runnable, problems }) => [name, runnable !== null, problems.length])).toEqual([
      ['a crashed broker is started', true, 0],
      ['empty', false, 1],
      ['test 3', false, 1],
    ])
  })
})

describe('a test that tests nothing, or something else than was meant', () => {
  it.each([
    [
      'expect:\n      - { at: 1m, incidents: [{ rule: broker-down }] }',
      'expect: []',
      '5:5: expect: a test needs at least one expectation',
    ],
    ['expect:\n', 'expects:\n', '2:5: "expect" is missing\n5:5: unknown key "expects" (did you mean "expect"?)'],
    [
      '{ at: 1m, incidents: [{ rule: broker-down }] }',
      '{ at: 1m }',
      '6:9: this expectation states nothing: give it one of incidents, ran, mails, nothing',
    ],
    ['{ at: 1m, incidents', '{ incidents', '6:9: "expect[0].at" is missing'],
    ['at: 1m', 'at: 60', '6:15: expect[0].at: expected a duration such as 30s, 15m or 1h30m'],
    ['at: 1m', 'at: 2y', '6:15: at most 366d can be tested'],
    ['rule: broker-down', 'rule: broker-dwon', '6:39: there is no rule "broker-dwon" (did you mean "broker-down"?)'],
    ['rule: broker-down', 'state: closed', '6:31: "expect[0].incidents[0].rule" is missing'],
    [
      'rule: broker-down',
      'rule: broker-down, state: close',
      '6:59: expect[0].incidents[0].state: expected one of waiting, checking, attempting, verifying, probation, escalated, settled, closed, got "close" (did you mean "closed"?)',
    ],
    [
      'rule: broker-down',
      'rule: broker-down, target: orders/broker/7',
      '6:60: there is no target "orders/broker/7" (did you mean "orders/broker/1"?)',
    ],
    [
      'rule: broker-down',
      'rule: broker-down, refused_by: symptoms',
      '6:64: there is no guard "symptoms" (did you mean "symptom"?)',
    ],
    [
      'rule: broker-down',
      'rule: broker-down, leader: other',
      '6:60: there is no rule "other" (there are: broker-down, broker-watch)',
    ],
    [
      'incidents: [{ rule: broker-down }]',
      'ran: [start]',
      '6:25: expected a step and its target, such as `systemd start on orders/broker/2`',
    ],
    [
      'incidents: [{ rule: broker-down }]',
      'ran: [systemctl start on orders/broker/1]',
      '6:25: there is no action "systemctl" (did you mean "systemd"?)',
    ],
    [
      'incidents: [{ rule: broker-down }]',
      'ran: [systemd start on orders/broker/9]',
      '6:25: there is no target "orders/broker/9" (did you mean "orders/broker/1"?)',
    ],
    [
      'incidents: [{ rule: broker-down }]',
      'mails: [{ kind: told, to: [oncall] }]',
      '6:46: there is no receiver "oncall" (there are: kafka-oncall)',
    ],
    [
      'incidents: [{ rule: broker-down }]',
      'mails: [{ kind: tolld }]',
      '6:35: expect[0].mails[0].kind: expected one of told, refused, escalated, recovered, digest, storm, stormStopped, stormOver, demotion, pause, got "tolld" (did you mean "told"?)',
    ],
    ['incidents: [{ rule: broker-down }]', 'nothing: false', '6:28: expect[0].nothing: expected "true", got false'],
    [
      'incidents: [{ rule: broker-down }]',
      'nothing: true, ran: []',
      '6:19: `nothing` means that there is nothing else to state',
    ],
    [
      'incidents: [{ rule: broker-down }]',
      'only: false, ran: []',
      '6:32: with `only: false` an empty list states nothing',
    ],
    ['incidents: [{ rule: broker-down }]', 'only: false, nothing: true', '6:19: `nothing` leaves no others'],
    [
      '- { at: 1m, incidents: [{ rule: broker-down }] }',
      '- { at: 1m, nothing: true }\n      - { at: 1m, nothing: true }',
      '7:15: expectations stand in the order of time, and the one before is at 1m',
    ],
    [
      "alerts: [{ labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: '1' } }]",
      'alerts: []',
      '4:5: there is no alert in this test: no rule can do anything',
    ],
    [
      "broker_id: '1' } }]",
      "broker_id: '1' }, from: 2m }]",
      '4:95: nothing is expected after 1m, so what comes of it is never looked at',
    ],
    ["broker_id: '1'", 'broker_id: 1', '4:82: alerts[0].labels.broker_id: expected a string, got a number'],
    [
      'expect:\n',
      'changes: [{ at: 2m, do: pause, scope: all }]\n    expect:\n',
      '5:21: nothing is expected after 1m, so what comes of it is never looked at',
    ],
    [
      'expect:\n',
      'world: { ordres: {} }\n    expect:\n',
      '5:14: the inventory has no cluster "ordres" (did you mean "orders"?)',
    ],
    ['mode: act', 'modes: { broker-dwon: act }', '3:14: there is no rule "broker-dwon" (did you mean "broker-down"?)'],
    ['mode: act', 'modes: { broker-watch: act }', '3:28: mode act: the runbook "look-only" has no symptom'],
  ])('%j as %j', (from, to, problem) => {
    const wrong = TEST.replace(from, to)
    expect(wrong).not.toBe(TEST)

    expect(said(tests(wrong))).toBe(problem)
  })

  it('says the same of a name that is there twice', () => {
    expect(said(tests(TEST + TEST))).toBe('8:11: there is already a test of that name in line 2')
  })
})
