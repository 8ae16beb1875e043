import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { formatProblem } from '../document/problem.ts'
import { loadSources } from './configuration.ts'
import { loadTests } from './load.ts'
import { runTest, runTests } from './run.ts'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-run-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs tests on the rules that ship. */
async function run(
  text: string,
  { stopAtFirst = false, wanted = '' }: { readonly stopAtFirst?: boolean; readonly wanted?: string } = {},
) {
  const file = join(folder, 'some.test.yml')
  writeFileSync(file, text)
  const loaded = loadTests(file, {
    config: join(root, 'config.example.yml'),
    insist: false,
    loadSources: (one) => loadSources(one, {}),
  })
  expect(loaded.problems.map(formatProblem)).toEqual([])
  return runTests(loaded, { clock: systemClock, stopAtFirst, wanted: (name) => name.includes(wanted) })
}

/** Failures as a person reads them, without the folder. */
function read(results: Awaited<ReturnType<typeof run>>): string {
  return results
    .flatMap(({ name, failures }) => [
      failures.length === 0 ? `passed: ${name}` : `failed: ${name}`,
      ...failures.flatMap(({ line, column, message, diff }) => [
        `${line}:${column}: ${message}`,
        ...diff.map(({ sign, text }) => `  ${sign} ${text}`),
      ]),
    ])
    .join('\n')
}

const CRASHED = `
    mode: act
    world: { orders: { brokers: { 2: { unit: crashed } } } }
    alerts: [{ labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: '2' } }]`

describe('a test', () => {
  it('passes when everything is as expected', async () => {
    const [result] = await run(`
tests:
  - name: a crashed broker is started${CRASHED}
    expect:
      - { at: 20s, incidents: [{ rule: broker-down, state: waiting }], ran: [], mails: [] }
      - { at: 5m, incidents: [{ rule: broker-down, state: probation }], ran: [systemd start on orders/broker/2] }
`)

    expect(result).toMatchObject({ failures: [], failedAtMs: null, position: { line: 3, column: 5 } })
    expect(result?.trace[0]).toMatchObject({ afterMs: 0, incident: 1, text: expect.stringContaining('opened by rule') })
    expect(result?.coverage?.rules).toEqual(['broker-down'])
    expect(result?.speaksOf).toEqual(new Set(['broker-down']))
  })

  it('tells every expectation that is not met, at its place and time', async () => {
    const results = await run(`
tests:
  - name: what somebody hoped for${CRASHED}
    expect:
      - at: 20s
        incidents: [{ rule: broker-hung }]
        ran: []
      - at: 5m
        incidents: [{ rule: broker-down, state: closed, outcome: healed, attempts: 1 }]
        ran: [systemd reset-failed on orders/broker/2, systemd start on orders/broker/2]
        mails: []
`)

    expect(read(results)).toBe(`failed: what somebody hoped for
9:21: at 20s, there is no such incident
  - { rule: broker-hung }
9:9: at 20s, an incident that is not expected
  + { rule: broker-down, target: orders/broker/2, mode: act, state: waiting, reason: after, attempts: 0, because: "waits 30 s before the first look" }
12:49: at 5m, the incident of broker-down on orders/broker/2 is not as expected
    rule: broker-down
  - state: closed
  + state: probation
  - outcome: healed
  + outcome: (none)
    attempts: 1
13:15: at 5m, what ran is not as expected
  - systemd reset-failed on orders/broker/2
    systemd start on orders/broker/2
14:9: at 5m, who was told what is not as expected
  + { kind: recovered, rule: broker-down, target: orders/broker/2, to: [kafka-oncall], reason: watching, says: "healed by attempt 1; all probes are healed" }`)
    expect(results[0]?.failedAtMs).toBe(5 * 60_000)
  })

  it('ends at the first mismatch where that is enough', async () => {
    const text = `
tests:
  - name: what somebody hoped for${CRASHED}
    expect:
      - { at: 20s, nothing: true }
      - { at: 5m, nothing: true }
`

    expect((await run(text))[0]?.failures).toHaveLength(2)
    expect((await run(text, { stopAtFirst: true }))[0]?.failures).toHaveLength(1)
  })

  it('fails when what it says of steps and people never comes to pass', async () => {
    const results = await run(`
tests:
  - name: hopes${CRASHED}
    steps:
      - { on: orders/broker/2, step: start }
      - { on: orders/broker/1, step: restart, outcome: failed }
    changes:
      - { at: 5m, do: approve }
    expect:
      - { at: 10m, incidents: [{ rule: broker-down }] }
`)

    expect(read(results)).toBe(`failed: hopes
10:5: at 5m, no such incident asks for an approval
9:9: no step comes to this`)
  })

  it('that is wrong itself has failed, and the others are run', async () => {
    const results = await run(`
tests:
  - name: without a name for its rule${CRASHED}
    expect: [{ at: 1m, incidents: [{ rule: broker-dwon }] }]
  - name: right${CRASHED}
    expect: [{ at: 20s, incidents: [{ rule: broker-down }] }]
`)

    expect(read(results)).toBe(`failed: without a name for its rule
7:44: there is no rule "broker-dwon" (did you mean "broker-down"?)
passed: right`)
  })

  it('on which kafka-healing itself breaks has failed, and hides nothing', async () => {
    const file = join(folder, 'some.test.yml')
    writeFileSync(file, `tests:\n  - name: one${CRASHED}\n    expect: [{ at: 20s, nothing: true }]\n`)
    const options = {
      config: join(root, 'config.example.yml'),
      insist: false,
      loadSources: (one: Parameters<typeof loadSources>[0]) => loadSources(one, {}),
    }
    const { tests, document } = loadTests(file, options)
    const [test] = tests
    if (!test?.runnable || document === null) throw new Error('it does not load')
    const configuration = { ...test.runnable.configuration, inventory: null as never }

    const result = await runTest({ ...test, runnable: { ...test.runnable, configuration } }, document, {
      clock: systemClock,
    })

    expect(result.failures).toMatchObject([
      { line: 2, message: expect.stringMatching(/^kafka-healing itself breaks on this test: TypeError: /) },
    ])
  })

  it('is left out when its name is not wanted', async () => {
    const results = await run(
      `
tests:
  - name: one${CRASHED}
    expect: [{ at: 20s, incidents: [{ rule: broker-down }] }]
  - name: two${CRASHED}
    expect: [{ at: 20s, incidents: [{ rule: broker-down }] }]
`,
      { wanted: 'two' },
    )

    expect(read(results)).toBe('passed: two')
  })

  it('names the guard that decided, the leader, and what nobody can act on', async () => {
    const results = await run(`
tests:
  - name: three incidents
    mode: act
    world: { orders: { brokers: { 2: { unit: stopped, ago: 45m } } } }
    alerts:
      - { labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: '2' } }
      - { labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: '2' } }
      - { labels: { alertname: KafkaBrokerFenced, cluster: orders, broker_id: '9' } }
    expect:
      - at: 2m
        incidents:
          - { rule: broker-down, target: orders/broker/2, reason: approval, refused_by: symptom }
          - { rule: broker-hung, target: orders/broker/2, reason: attached, leader: broker-down }
          - { rule: broker-fenced, target: unresolved, reason: unresolvable }
`)

    expect(read(results)).toBe('passed: three incidents')
  })
})
