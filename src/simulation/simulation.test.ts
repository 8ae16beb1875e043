import { describe, expect, test } from 'vitest'
import { configurationOf, inventoryOf, scenarioOf, simulated } from '../../test/support/simulated.ts'
import { TOLD } from '../incident/draft.ts'
import { type Simulation, scenarioProblems, simulate } from './simulation.ts'

const MINUTE = 60_000
const shipped = configurationOf()
const alert = (name: string, labels: string, more = 'until: healthy') =>
  `alerts: [{ ${more}, labels: { alertname: ${name}, cluster: orders, ${labels} } }]`
const down = alert('KafkaBrokerDown', 'broker_id: "2"')
const crashed = 'mode: act\nworld: { orders: { brokers: { 2: { unit: crashed } } } }'

async function only(simulation: Simulation) {
  const [view, ...others] = await simulation.incidents()
  if (!view || others.length > 0) throw new Error(`${others.length + (view ? 1 : 0)} incidents`)
  return view
}
const outcomes = async (simulation: Simulation) =>
  (await simulation.incidents()).map(({ incident }) => `${incident.plan.rule} ${incident.state} ${incident.reason}`)
const tell = (simulation: Simulation) =>
  simulation
    .trace()
    .map(({ text }) => text)
    .join('\n')
const steps = async (simulation: Simulation) =>
  (await simulation.incidents()).flatMap(({ attempts }) =>
    attempts.flatMap(({ attempt, steps }) =>
      steps.map(
        ({ type, params, result }) =>
          `${attempt} ${type} ${typeof params['verb'] === 'string' ? params['verb'] : ''} ${result?.outcome}`,
      ),
    ),
  )

describe('each shipped rule heals in simulation', () => {
  test.each([
    ['broker-down', crashed, down, ['1 systemd start succeeded']],
    [
      'broker-hung',
      'mode: act\nworld: { orders: { brokers: { 2: { unit: hung } } } }',
      alert('KafkaBrokerHung', 'broker_id: "2"'),
      ['1 gather  succeeded', '1 systemd restart succeeded'],
    ],
    [
      'broker-fenced',
      'mode: act\nworld: { orders: { brokers: { 2: { fenced: true } } } }',
      alert('KafkaBrokerFenced', 'broker_id: "2"'),
      ['1 gather  succeeded', '1 systemd restart succeeded'],
    ],
    [
      'under-replicated',
      'mode: act\nworld: { orders: { topics: { payments: { partitions: 6, replicas: [1, 2, 3], isr: [1, 3] } } } }',
      'alerts: [{ until: healthy, labels: { alertname: KafkaUnderReplicatedPartitions, cluster: orders } }]',
      ['1 gather  succeeded', '1 systemd restart succeeded'],
    ],
    [
      'exporter-down',
      'mode: act\nworld: { orders: { exporters: { exporter-1: { answers: false } } } }',
      alert('KafkaExporterDown', 'exporter: exporter-1'),
      ['1 systemd restart succeeded'],
    ],
  ])('%s', async (rule, world, alerts, ran) => {
    const simulation = await simulated(`${world}\n${alerts}`, 60, shipped)
    expect(await outcomes(simulation), tell(simulation)).toEqual([`${rule} closed healed`])
    expect(await steps(simulation)).toEqual(ran)
    expect(simulation.problems()).toEqual([])
    await simulation.close()
  })
})

describe('a hung broker is restarted also where', () => {
  const zookeepers = ['zk-1:2181', 'zk-2:2181', 'zk-3:2181']
  const scenario = `mode: act
world: { orders: { brokers: { 2: { unit: hung } } } }
${alert('KafkaBrokerHung', 'broker_id: "2"')}`

  test.each([
    ['only Prometheus can be asked whether the alert fires', { config: { alertmanagers: [] } }],
    ['the cluster is of the time of ZooKeeper', { inventory: inventoryOf(3, 1, { controllers: [], zookeepers }) }],
    ['the inventory names no controllers', { inventory: inventoryOf(3, 1, { controllers: [] }) }],
  ])('%s', async (_, change) => {
    const simulation = await simulated(scenario, 60, configurationOf(change))
    expect(await outcomes(simulation), tell(simulation)).toEqual(['broker-hung closed healed'])
    await simulation.close()
  })

  test('S-5.7 but not where most ZooKeeper servers are silent', async () => {
    const configuration = configurationOf({ inventory: inventoryOf(3, 1, { controllers: [], zookeepers }) })
    const silent = scenario.replace('orders: {', 'orders: { zookeepers: { "zk-1:2181": silent, "zk-2:2181": silent },')
    const simulation = await simulated(silent, 5, configuration)
    expect(tell(simulation)).toContain(
      'by quorum: the quorum has no leader or no majority: 1 of 3 ZooKeeper servers serve',
    )
    await simulation.close()
  })
})

describe('what steps do', () => {
  const failing = (outcome: string) =>
    `${crashed}\nsteps: [{ on: orders/broker/2, step: systemd, ${outcome} }]\n${down}`

  test('one that fails is followed by the next rung, and its process leaves its words', async () => {
    const simulation = await simulated(failing('outcome: failed, exit: 3, output: no such file'), 30, shipped)
    expect(await outcomes(simulation)).toEqual(['broker-down closed healed'])
    expect(await steps(simulation)).toEqual([
      '1 systemd start failed',
      '2 systemd reset-failed succeeded',
      '2 systemd start succeeded',
    ])
    const [first] = (await only(simulation)).attempts
    expect(first?.steps[0]?.result).toMatchObject({
      exitCode: 1,
      reason: expect.stringContaining('Result=exit-code, status 3'),
      output: expect.stringContaining('no such file'),
    })
    await simulation.close()
  })

  test('S-4.7 those that are not run spend no attempt', async () => {
    const busy = await simulated(failing('outcome: busy'), 30, shipped)
    expect(await outcomes(busy)).toEqual(['broker-down closed healed'])
    expect((await only(busy)).attempts).toMatchObject([
      { status: 'notRun', rung: 1 },
      { status: 'succeeded', rung: 1 },
    ])
    await busy.close()

    const refused = await simulated(failing('outcome: permission'), 5, shipped)
    expect(await outcomes(refused)).toEqual(['broker-down escalated permission'])
    expect(refused.tellings()[0]).toMatchObject({ kind: 'escalated', rule: 'broker-down', to: ['kafka-oncall'] })
    expect(refused.mails()[0]).toMatchObject({
      recipient: 'kafka-oncall@example.org',
      subject: '[orders] broker 2 down: not permitted to act',
    })
    await refused.close()
  })

  test('S-4.4 after an unknown one it is verified first, and nothing is repeated before it must be over', async () => {
    const simulation = await simulated(failing('outcome: unknown'), 30, shipped)
    const [first, second] = (await only(simulation)).attempts
    expect(first?.status).toBe('unknown')
    expect(second?.startedAt).toBeGreaterThan((first?.startedAt ?? 0) + 75_000)
    expect(await outcomes(simulation)).toEqual(['broker-down closed healed'])
    await simulation.close()
  })

  test('one that outlasts its limit is unknown, and what systemd began goes on', async () => {
    const simulation = await simulated(failing('takes: 4m'), 30, shipped)
    expect(await steps(simulation)).toEqual(['1 systemd start unknown'])
    expect(await outcomes(simulation)).toEqual(['broker-down closed healed'])
    await simulation.close()
  })

  test('a test may say what comes of them', async () => {
    const simulation = await simulated(
      failing('times: 3, then: { orders: { brokers: { 2: { unit: { is: crashed, result: oom-kill } } } } }'),
      30,
      shipped,
    )
    expect(await outcomes(simulation), tell(simulation)).toEqual(['broker-down escalated exhausted'])
    expect(tell(simulation)).toContain('oom-kill')
    await simulation.close()
  })

  test('a program runs on the host, ends with what the test says, and does no harm where it says nothing', async () => {
    const rung = [{ program: { argv: ['/usr/local/bin/heal', '${target.name}'], disruptive: false } }]
    const rules = configurationOf({
      rules: ({ rules, runbooks }) => ({
        rules,
        runbooks: { ...runbooks, 'start-broker': { ...runbooks['start-broker'], rungs: [rung] } },
      }),
    })
    const simulation = await simulated(
      `${crashed}
steps:
  - { on: orders/broker/2, step: program, outcome: failed, exit: 7, output: no licence }
  - { on: orders/broker/2, step: program, then: { orders: { brokers: { 2: { unit: running } } } } }
${down}`,
      40,
      rules,
    )
    expect(await steps(simulation)).toEqual(['1 program  failed', '2 program  succeeded'])
    const [first] = (await only(simulation)).attempts
    expect(first?.steps[0]?.result).toMatchObject({ exitCode: 7, output: 'no licence' })
    expect(simulation.unusedSteps()).toEqual([])
    await simulation.close()
  })

  test('an entry that no step comes to is shown', async () => {
    const simulation = await simulated(
      `${crashed}\nsteps: [{ on: orders/broker/3, step: start }]\n${down}`,
      30,
      shipped,
    )
    expect(simulation.unusedSteps()).toMatchObject([{ on: 'orders/broker/3', step: 'start' }])
    await simulation.close()
  })
})

describe('the world goes on by itself', () => {
  test('S-4.9 replicas come back one by one, which is progress', async () => {
    const simulation = await simulated(
      `${crashed.replace('crashed }', 'crashed, catch_up: 40m }')}\n${down}`,
      30,
      shipped,
    )
    expect(await outcomes(simulation)).toEqual(['broker-down verifying afterAttempt'])
    // Only that it takes long; not that it stands still.
    expect(simulation.tellings()).toMatchObject([{ kind: 'told', level: TOLD.tellBy }])
    await simulation.runUntil(70 * MINUTE)
    expect(await outcomes(simulation)).toEqual(['broker-down closed healed'])
    await simulation.close()
  })

  test('S-2.6 what never serves is not restarted, and told after an hour', async () => {
    const simulation = await simulated(
      `${crashed.replace('crashed }', 'crashed, startup: never }')}\n${down}`,
      62,
      shipped,
    )
    expect(await steps(simulation)).toEqual(['1 systemd start succeeded'])
    expect(simulation.tellings()).toMatchObject([{ level: TOLD.tellBy }, { level: TOLD.startPatience }])
    await simulation.close()
  })

  test('S-5.9 in a storm crashed brokers are started one by one, those of the quorum first, and it is one mail', async () => {
    const alerts = [2, 4, 5].map(
      (id) => `{ until: healthy, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "${id}" } }`,
    )
    const simulation = await simulated(
      `mode: act
world: { orders: { brokers: { 2: { unit: crashed }, 4: { unit: crashed }, 5: { unit: crashed } } } }
alerts: [${alerts.join(', ')}]`,
      60,
      shipped,
    )
    const begun = (await simulation.incidents()).flatMap(({ attempts }) => attempts.filter((one) => one.startedAt))
    const inOrder = begun.toSorted((one, other) => (one.startedAt ?? 0) - (other.startedAt ?? 0))
    expect(inOrder.map(({ target }) => target)).toEqual(['orders/broker/2', 'orders/broker/4', 'orders/broker/5'])
    expect((inOrder[1]?.startedAt ?? 0) - (inOrder[0]?.startedAt ?? 0)).toBeGreaterThan(20_000)
    expect(await outcomes(simulation)).toEqual(Array.from({ length: 3 }, () => 'broker-down closed healed'))
    const told = simulation.tellings()
    expect(told.filter(({ incident }) => incident === null).map(({ kind }) => kind)).toEqual(['storm', 'stormOver'])
    expect(told.every((one) => one.incident === null || one.byStorm)).toBe(true)
    expect(simulation.mails()).toHaveLength(2)
    await simulation.close()
  })

  test('S-5.7 a broker that is a controller too does not serve before the quorum has its majority', async () => {
    const dead = [1, 2, 3].map((id) => `${id}: { unit: crashed }`).join(', ')
    const simulation = await simulated(
      `mode: act
world: { orders: { brokers: { ${dead} } } }
changes: [{ at: 5m, world: { orders: { brokers: { 2: { unit: running } } } } }]
${alert('KafkaBrokerDown', 'broker_id: "1"')}`,
      4,
      configurationOf({ inventory: inventoryOf(3, 0) }),
    )
    expect(tell(simulation)).toContain('it has not served since it began')
    expect(await outcomes(simulation)).toEqual(['broker-down verifying afterAttempt'])
    await simulation.runUntil(5.5 * MINUTE)
    expect(tell(simulation)).toContain('replicas are not in sync yet')
    await simulation.close()
  })

  test('it may change: what crashes again within probation goes on with the same attempts', async () => {
    const simulation = await simulated(
      `${crashed}
changes: [{ at: 5m, world: { orders: { brokers: { 2: { unit: crashed } } } } }]
alerts:
  - { until: healthy, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }
  - { from: 6m, until: healthy, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }`,
      60,
      shipped,
    )
    expect(await outcomes(simulation), tell(simulation)).toEqual(['broker-down closed healed'])
    expect((await only(simulation)).incident.attempts).toBe(2)
    await simulation.close()
  })

  test('S-2.5 an alert that ends by itself starts nothing', async () => {
    const simulation = await simulated(
      `mode: act
world: { orders: { brokers: { 2: { unit: crashed } } } }
changes: [{ at: 10s, world: { orders: { brokers: { 2: { unit: running } } } } }]
${down}`,
      30,
      shipped,
    )
    expect(await steps(simulation)).toEqual([])
    expect(await outcomes(simulation), tell(simulation)).toEqual(['broker-down closed cleared'])
    await simulation.close()
  })
})

test('an alert that is muted in Alertmanager is delivered when that ends', async () => {
  const simulation = await simulated(
    `${crashed}\n${alert('KafkaBrokerDown', 'broker_id: "2"', 'muted: { until: 10m }')}`,
    9,
    shipped,
  )
  expect(await outcomes(simulation)).toEqual([])
  await simulation.runUntil(11 * MINUTE)
  expect((await only(simulation)).incident.openedAt - simulation.startedAt).toBe(10 * MINUTE)
  await simulation.close()
})

describe('what people do', () => {
  const stopped = `mode: act
world: { orders: { brokers: { 2: { unit: stopped, ago: 2h } } } }
${down}`

  test('an approval lets go on what asked for it', async () => {
    const simulation = await simulated(`${stopped}\nchanges: [{ at: 5m, do: approve, by: alice }]`, 40, shipped)
    expect(await outcomes(simulation), tell(simulation)).toEqual(['broker-down closed healed'])
    expect(simulation.tellings()).toMatchObject([{ kind: 'told', reason: 'approval' }, { kind: 'recovered' }])
    await simulation.close()
  })

  test('a retry, a take-over, a cancel, each of the incident that is meant', async () => {
    const both = `mode: act
world: { orders: { brokers: { 2: { unit: stopped, ago: 2h }, 3: { unit: stopped, ago: 2h } } } }
alerts:
  - { labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }
  - { labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "3" } }
changes:
  - { at: 2m, do: retry }
  - { at: 3m, do: take-over, on: orders/broker/2 }
  - { at: 4m, do: cancel, on: orders/broker/3, by: bob }`
    const simulation = await simulated(both, 5, shipped)
    expect(simulation.problems()).toMatchObject([
      { text: expect.stringMatching(/^which incident to retry\? 1 \(broker-down/) },
    ])
    expect(await outcomes(simulation)).toEqual(['broker-down escalated takenOver', 'broker-down settled cancelled'])
    await simulation.close()
  })

  test('what cannot be done is a problem of the test', async () => {
    const simulation = await simulated(
      `${stopped}\nchanges: [{ at: 1s, do: approve }, { at: 2s, do: resume, scope: all }, { at: 40m, do: retry, rule: exporter-down }]`,
      41,
      shipped,
    )
    expect(simulation.problems().map(({ text }) => text)).toEqual([
      'no such incident asks for an approval',
      'nothing is paused, suspended or demoted by all',
      'there is no such incident to retry',
    ])
    await simulation.close()
  })

  test('S-3.4 a pause stops it, and its end lets it start over', async () => {
    const simulation = await simulated(
      `${crashed}\nchanges: [{ at: 5s, do: pause, scope: 'target:orders/broker/2' }, { at: 2h, do: resume, scope: 'target:orders/broker/2' }]\n${down}`,
      150,
      shipped,
    )
    const [attempt] = (await only(simulation)).attempts
    expect((attempt?.startedAt ?? 0) - simulation.startedAt).toBeGreaterThan(120 * MINUTE)
    expect(simulation.tellings().map(({ kind }) => kind)).toEqual(['pause', 'pause', 'recovered'])
    await simulation.close()
  })
})

describe('time', () => {
  test('two runs are equal in all that they show', async () => {
    const shown = async () => {
      const simulation = await simulated(
        `${crashed}
steps: [{ on: orders/broker/2, step: start, outcome: failed, output: "oh" }]
changes: [{ at: 1s, do: silence, matchers: ['alertname="X"'] }, { at: 3m, world: { orders: { brokers: { 3: { unit: hung } } } } }]
${down.replace(/\]$/, ', { from: 4m, labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: "3" } }]')}`,
        45,
        shipped,
      )
      const all = [simulation.trace(), simulation.tellings(), simulation.mails(), await simulation.incidents()]
      await simulation.close()
      return all
    }
    expect(await shown()).toEqual(await shown())
  })

  test('a decade of peace takes no longer than a day of it', async () => {
    const simulation = await simulated('{}', 10 * 365 * 24 * 60, shipped)
    expect(simulation.trace()).toEqual([])
    await simulation.close()
  })

  test('a year with a crash a month heals twelve times', async () => {
    const month = 30 * 24 * 60
    const times = Array.from({ length: 12 }, (_, n) => n * month + 60)
    const simulation = await simulated(
      `mode: act
changes: [${times.map((at) => `{ at: ${at}m, world: { orders: { brokers: { 2: { unit: crashed } } } } }`).join(', ')}]
alerts: [${times.map((at) => `{ from: ${at + 1}m, until: healthy, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }`).join(', ')}]`,
      365 * 24 * 60,
      shipped,
    )
    expect(await outcomes(simulation)).toEqual(times.map(() => 'broker-down closed healed'))
    await simulation.close()
  })

  test('it can be closed in the middle of a step', async () => {
    const simulation = await simulated(
      `${crashed}\nsteps: [{ on: orders/broker/2, step: start, takes: 1h }]\n${down}`,
      2,
      shipped,
    )
    expect(await outcomes(simulation)).toEqual(['broker-down attempting running'])
    await simulation.close()
  })

  test('it stands still until it is asked to go on', async () => {
    const simulation = await simulated(`${crashed}\n${down}`, 0, shipped)
    expect(await outcomes(simulation)).toEqual(['broker-down waiting after'])
    await simulation.runUntil(29_999)
    expect(await outcomes(simulation)).toEqual(['broker-down waiting after'])
    await simulation.runUntil(30_000)
    expect((await only(simulation)).incident.attempts).toBe(1)
    await simulation.runUntil(0)
    expect((await only(simulation)).incident.attempts).toBe(1)
    await simulation.close()
  })
})

test('what took part is counted by rule', async () => {
  const simulation = await simulated(`${crashed}\n${down}`, 30, shipped)
  const { rules, guards, rungs, probes } = await simulation.coverage()
  expect(rules).toEqual(['broker-down'])
  expect(guards).toContainEqual({ rule: 'broker-down', guard: 'identity', verdict: 'pass' })
  expect(rungs).toEqual([{ rule: 'broker-down', runbook: 'start-broker', rung: 0, steps: [0] }])
  expect(probes).toContainEqual({ rule: 'broker-down', probe: 'in-sync', verdict: 'healed' })
  await simulation.close()
})

describe('a scenario that does not fit the configuration', () => {
  const problemsOf = (text: string) =>
    scenarioProblems(scenarioOf(text), shipped).map(({ path, message }) => `${path.join('.')}: ${message}`)

  test.each([
    ['world: { order: {} }', 'world.order: the inventory has no cluster "order" (did you mean "orders"?)'],
    [
      'world: { orders: { brokers: { 9: {} } } }',
      'world.orders.brokers.9: cluster orders has no broker "9" in the inventory',
    ],
    [
      'world: { orders: { exporters: { x: {} } } }',
      'world.orders.exporters.x: cluster orders has no exporter "x" in the inventory',
    ],
    [
      'world: { orders: { topics: { a: { replicas: [1, 2], isr: [3] } } } }',
      'world.orders.topics.a.isr.0: broker 3 holds no replica',
    ],
    [
      'world: { orders: { topics: { a: { replicas: [1, 1] } } } }',
      'world.orders.topics.a.replicas: a broker holds one replica of a partition at most',
    ],
    [
      'world: { orders: { brokers: { 2: { ago: 1m } } } }',
      'world.orders.brokers.2.ago: `ago` says how long ago its unit came into a state, which `unit` names',
    ],
    [
      'world: { orders: { brokers: { 2: { unit: crashed, started: 5s } } } }',
      'world.orders.brokers.2.started: it was started before its unit came into that state: more than `ago` (1m by default)',
    ],
    [
      'steps: [{ on: orders/broker/9, step: start }]',
      'steps.0.on: the inventory has no target "orders/broker/9" (did you mean "orders/broker/1"?)',
    ],
    ['changes: [{ at: 1m, do: pause, scope: "cluster:x" }]', 'changes.0.scope: there is no cluster "x"'],
    [
      'changes: [{ at: 1m, do: retry, rule: broker-dwn }]',
      'changes.0.rule: there is no rule "broker-dwn" (did you mean "broker-down"?)',
    ],
    ['changes: [{ at: 1m, do: silence, matchers: ["x"] }]', /^changes\.0\.matchers\.0: character \d/],
    ['alerts: [{ from: 2m, until: 1m, labels: {} }]', 'alerts.0.until: it ends before it begins'],
  ])('%s', (text, problem) => {
    const matching = typeof problem === 'string' ? problem : expect.stringMatching(problem)
    expect(problemsOf(text)).toEqual([matching])
  })

  test('is not run', async () => {
    await expect(simulate(scenarioOf('world: { order: {} }'), shipped)).rejects.toThrow(
      'the inventory has no cluster "order"',
    )
  })

  test('monitoring that nobody has cannot fail', () => {
    const alone = configurationOf({ config: { prometheus: undefined }, inventory: inventoryOf(3, 1) })
    const said = scenarioProblems(scenarioOf('world: { prometheus: { answers: false } }'), alone)
    expect(said).toEqual([{ path: ['world', 'prometheus'], message: 'the configuration names no Prometheus' }])
  })
})
