import { describe, expect, test } from 'vitest'
import { configurationOf, inventoryOf, simulated } from '../../test/support/simulated.ts'
import { ownGuards, worldGuards } from '../guards/index.ts'
import type { Configuration } from '../rules/configuration.ts'

const shipped = configurationOf()
const guarded = configurationOf({
  rules: ({ rules, runbooks }) => ({
    rules,
    runbooks: {
      ...runbooks,
      'start-broker': {
        ...runbooks['start-broker'],
        guards: [
          { promql: { query: 'sum(lag{broker=$target.name})', pass_when: { op: '<', value: 10 } } },
          { program: { argv: ['/usr/local/bin/may-start', '${target.name}'] } },
        ],
      },
    },
  }),
})
const sundays = configurationOf({
  config: {
    maintenance: [
      {
        name: 'patches',
        schedule: '0 2 * * sun',
        timezone: 'UTC',
        duration: '2h',
        clusters: ['orders'],
        comment: 'kernel',
      },
    ],
  },
})

const down = 'alerts: [{ labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }]'
const hung = 'alerts: [{ labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: "2" } }]'
const lagging = 'alerts: [{ labels: { alertname: KafkaUnderReplicatedPartitions, cluster: orders } }]'
const blind = 'prometheus: { answers: false }, alertmanager: { answers: false }'
/** Escalated at once; its guards are asked on, and what comes later holds them (S-6.2). */
const WRONG_DISK = 'world: { orders: { brokers: { 2: { unit: crashed, meta: missing } } } }'
const exporters = (n: number, at: string) =>
  `{ from: ${at}, labels: { alertname: KafkaExporterDown, cluster: orders, exporter: exporter-${n} } }`

interface Row {
  readonly guard: string
  readonly verdict: 'pass' | 'hold' | 'refuse' | 'unknown'
  readonly what: string
  readonly reason: string | RegExp
  readonly scenario: string
  readonly minutes?: number
  readonly configuration?: Configuration
}

const TABLE: readonly Row[] = [
  {
    guard: 'still-firing',
    verdict: 'refuse',
    what: 'Alertmanager shows the alert no more, and its end was not delivered yet',
    reason: 'Alertmanager shows it no more',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } } }
alerts: [{ until: 20s, told: 5m, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }]`,
  },
  {
    guard: 'still-firing',
    verdict: 'hold',
    what: 'it is silenced in Alertmanager',
    reason: 'silenced or inhibited in Alertmanager',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } } }
alerts: [{ muted: { from: 10s }, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }]`,
  },
  {
    guard: 'still-firing',
    verdict: 'unknown',
    what: "Alertmanager's copy is old",
    reason: "Alertmanager's copy is older than 3 min: Prometheus may not reach it",
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } }, alertmanager: { stale: 10m } }
alerts: [{ since: 1h, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }]`,
  },
  {
    guard: 'still-firing',
    verdict: 'unknown',
    what: 'nobody can be asked about a restart',
    reason: /^nobody can be asked whether it still fires/,
    scenario: `world: { orders: { brokers: { 2: { unit: hung } } }, ${blind} }\n${hung}`,
  },
  {
    guard: 'still-firing',
    verdict: 'pass',
    what: 'nobody can be asked about a start, and two own witnesses say that it crashed',
    reason: /but the probe and the unit both say that it crashed$/,
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } }, ${blind} }\n${down}`,
  },
  {
    guard: 'identity',
    verdict: 'refuse',
    what: 'the disk holds the data of another cluster',
    reason: '/var/lib/kafka holds cluster ZGV2ZGV2ZGV2ZGV2ZGV2Zw, not MkU3OEVBNTcwNTJENDM2Qk',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed, meta: { cluster_id: ZGV2ZGV2ZGV2ZGV2ZGV2Zw } } } } }\n${down}`,
  },
  {
    guard: 'identity',
    verdict: 'refuse',
    what: 'the disk is not mounted, and holds nothing',
    reason:
      "/var/lib/kafka must be a mount point and lies on /; /var/lib/kafka: head: cannot open '/var/lib/kafka/meta.properties' for reading: No such file or directory",
    scenario: `world: { orders: { brokers: { 2: { unit: crashed, mounted: false, meta: missing } } } }\n${down}`,
  },
  {
    guard: 'identity',
    verdict: 'refuse',
    what: 'the disk is full',
    reason: /^\/var\/lib\/kafka has 536870912 of 107374182400 bytes free/,
    scenario: `world: { orders: { brokers: { 2: { unit: crashed, disk: { free: 512MiB } } } } }\n${down}`,
  },
  {
    guard: 'identity',
    verdict: 'refuse',
    what: 'the brokers belong to another cluster',
    reason: /^kafka-1:9092 belongs to cluster ZGV2ZGV2ZGV2ZGV2ZGV2Zw/,
    scenario: `world: { orders: { cluster_id: ZGV2ZGV2ZGV2ZGV2ZGV2Zw, brokers: { 2: { unit: crashed } } } }\n${down}`,
  },
  {
    guard: 'identity',
    verdict: 'hold',
    what: 'somebody put the host on hold',
    reason: '/etc/kafka-healing.hold is there on ssh healer@kafka-2',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed, hold: true } } } }\n${down}`,
  },
  ...(['unreachable', 'authentication', 'host-key', 'lost'] as const).map(
    (ssh): Row => ({
      guard: 'identity',
      verdict: 'unknown',
      what: `the host: ${ssh}`,
      reason: /^ssh healer@kafka-2 cannot be asked: /,
      scenario: `world: { orders: { brokers: { 2: { unit: crashed, ssh: ${ssh} } } } }\n${down}`,
    }),
  ),
  {
    guard: 'symptom',
    verdict: 'refuse',
    what: 'somebody stopped it',
    reason: 'stopped on purpose: inactive (dead), Result=success, main process 1/143, enabled',
    scenario: `world: { orders: { brokers: { 2: { unit: stopped, ago: 2h } } } }\n${down}`,
  },
  {
    guard: 'symptom',
    verdict: 'refuse',
    what: 'it crashed, and was disabled',
    reason: /^stopped on purpose: .*disabled$/,
    scenario: `world: { orders: { brokers: { 2: { unit: { is: crashed, file: disabled } } } } }\n${down}`,
  },
  {
    guard: 'symptom',
    verdict: 'pass',
    what: 'the host booted and nothing started it',
    reason: /^it was not started since the host booted/,
    scenario: `world: { orders: { brokers: { 2: { unit: never-started } } } }\n${down}`,
  },
  {
    guard: 'symptom',
    verdict: 'refuse',
    what: 'systemd restarts it by itself',
    reason: /^systemd restarts it by itself/,
    scenario: `world: { orders: { brokers: { 2: { unit: auto-restart } } } }\n${down}`,
  },
  {
    guard: 'symptom',
    verdict: 'unknown',
    what: 'the host has no such unit',
    reason: /^the host has no such unit/,
    scenario: `world: { orders: { brokers: { 2: { unit: missing } } } }\n${down}`,
  },
  {
    guard: 'symptom',
    verdict: 'refuse',
    what: 'a restarted process has not served yet',
    reason: /^it is starting: it has not been seen serving since it began/,
    scenario: `world: { orders: { brokers: { 2: { unit: starting, ago: 40m } } } }\n${hung}`,
  },
  {
    guard: 'symptom',
    verdict: 'refuse',
    what: 'we cannot reach it, its peers can',
    reason: 'we cannot reach it, its peers can: it is unfenced and in sync',
    scenario: `world: { orders: { brokers: { 2: { listener: no-answer } } } }\n${hung}`,
  },
  {
    guard: 'symptom',
    verdict: 'refuse',
    what: 'most brokers give no answer',
    reason: 'probes fail to 3 of 5 brokers: the prober is suspect',
    scenario: `world: { orders: { brokers: { 1: { listener: connect-timeout }, 2: { unit: hung }, 3: { listener: connect-timeout } } } }\n${hung}`,
  },
  {
    guard: 'symptom',
    verdict: 'refuse',
    what: 'a lagging broker has not been in sync since it began',
    reason: 'it has not been seen in sync since it began: it may be catching up',
    scenario: `world: { orders: { brokers: { 2: { started: 4m, startup: 10s, catch_up: 3h } } } }\n${lagging}`,
    minutes: 6,
  },
  {
    guard: 'human-first',
    verdict: 'hold',
    what: 'somebody restarted it a moment before',
    reason: /^somebody started kafka.service at 2026-01-05T08:50:00/,
    scenario: `world: { orders: { brokers: { 2: { unit: crashed, started: 10m } } } }\n${down}`,
  },
  {
    guard: 'human-first',
    verdict: 'pass',
    what: 'the host booted a moment before',
    reason: 'it was started as the host booted',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed, booted: 10m } } } }\n${down}`,
  },
  {
    guard: 'availability',
    verdict: 'refuse',
    what: 'a partition without a leader has nobody else',
    reason: 'logs-0: it has no leader, and this broker is in its ISR',
    scenario: `world: { orders: { brokers: { 2: { unit: hung } }, topics: { logs: { replicas: [2, 3], isr: [2] }, orders: {} } } }\n${hung}`,
  },
  {
    guard: 'availability',
    verdict: 'refuse',
    what: 'a topic has no replica to spare, which a person may approve',
    reason: '1 topics have no replica to spare and would stop taking writes: logs',
    scenario: `world: { orders: { topics: { orders: { isr: [1, 3] }, logs: { replicas: [2, 3], min_isr: 2 } } } }\n${lagging}`,
    minutes: 6,
  },
  {
    guard: 'availability',
    verdict: 'refuse',
    what: 'our account sees nothing',
    reason: 'our account may not DESCRIBE the cluster',
    scenario: `world: { orders: { rights: [], brokers: { 2: { unit: hung } } } }\n${hung}`,
  },
  {
    guard: 'availability',
    verdict: 'unknown',
    what: 'not all could be read',
    reason: 'not all was seen: minInsyncReplicas: no answer in time',
    scenario: `world: { orders: { unread: [minInsyncReplicas], brokers: { 2: { unit: hung } } } }\n${hung}`,
  },
  {
    guard: 'availability',
    verdict: 'refuse',
    what: 'most topics have vanished',
    reason: /^2 of 3 topics and 2 of 3 partitions are gone since .*; it is looked at again in half a minute$/,
    scenario: `world: { orders: { brokers: { 2: { unit: hung } }, topics: { a: {}, b: {}, c: {} } } }
changes: [{ at: 29s, world: { orders: { topics: { a: { hidden: true }, b: { hidden: true } } } } }]\n${hung}`,
  },
  {
    guard: 'quorum',
    verdict: 'refuse',
    what: 'too few voters are caught up without it',
    reason: /^the quorum would lose its majority: 1 of 3 voters are caught up without controller 2/,
    scenario: `world: { orders: { brokers: { 2: { unit: hung } }, controllers: { lagging: [3] } } }\n${hung}`,
  },
  {
    guard: 'quorum',
    verdict: 'refuse',
    what: 'nobody leads',
    reason: /^the quorum has no leader or no majority: no controller leads: kafka-1:9093 follower/,
    scenario: `world: { orders: { brokers: { 4: { lagging: true } }, controllers: { leader: null } } }\n${hung.replace('"2"', '"4"')}`,
  },
  {
    guard: 'quorum',
    verdict: 'unknown',
    what: 'controllers do not let us in',
    reason: /^the quorum could not be asked: no controller is known to lead/,
    scenario: `world: { orders: { brokers: { 2: { unit: hung } }, controllers: { refused: [1, 3] } } }\n${hung}`,
  },
  {
    guard: 'no-recovery',
    verdict: 'refuse',
    what: 'it recovers its logs',
    reason: 'it recovers its logs: BrokerState 2 (recovering its logs), 7 logs and segments to recover',
    scenario: `world: { orders: { brokers: { 2: { unit: recovering, logs_to_recover: 7 } } } }\n${hung}`,
  },
  {
    guard: 'no-recovery',
    verdict: 'refuse',
    what: 'neither metrics nor journal can be read',
    reason: /^neither BrokerState nor the journal can be read/,
    scenario: `world: { orders: { brokers: { 2: { unit: hung, metrics: false, journal: unreadable } } } }\n${hung}`,
  },
  {
    guard: 'no-reassignment',
    verdict: 'refuse',
    what: 'a partition is being moved',
    reason: 'orders-0 is being moved',
    scenario: `world: { orders: { brokers: { 2: { unit: hung } }, topics: { orders: {} }, reassignments: [{ topic: orders, partition: 0, adding: [4], removing: [1] }] } }\n${hung}`,
  },
  {
    guard: 'no-reassignment',
    verdict: 'pass',
    what: 'what is being moved only waits for it',
    reason: '1 wait for the target itself',
    scenario: `world: { orders: { brokers: { 2: { unit: hung } }, topics: { orders: { replicas: [1, 2, 3] } }, reassignments: [{ topic: orders, partition: 0, adding: [2] }] } }\n${hung}`,
  },
  {
    guard: 'promql',
    verdict: 'refuse',
    what: 'Prometheus answers otherwise than wanted',
    reason: 'sum(lag{broker="2"}): 12, passes when < 10',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } }, prometheus: { queries: { 'sum(lag{broker="2"})': 12 } } }\n${down}`,
    configuration: guarded,
  },
  {
    guard: 'promql',
    verdict: 'unknown',
    what: 'the test says nothing of it',
    reason: 'the test does not say what Prometheus answers to sum(lag{broker="2"})',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } } }\n${down}`,
    configuration: guarded,
  },
  {
    guard: 'program',
    verdict: 'refuse',
    what: 'the program says no',
    reason: 'exit code 1: not now',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } }, programs: { /usr/local/bin/may-start 2: { exit: 1, output: not now } } }\n${down}`,
    configuration: guarded,
  },
  {
    guard: 'program',
    verdict: 'unknown',
    what: 'the program hangs',
    reason: 'the program was ended by its time limit',
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } }, programs: { /usr/local/bin/may-start: { hangs: true } } }\n${down}`,
    configuration: guarded,
  },
  {
    guard: 'not-paused',
    verdict: 'hold',
    what: 'somebody paused the cluster',
    reason: 'cluster:orders is paused by alice: moving racks',
    scenario: `${WRONG_DISK}
changes: [{ at: 2m, do: pause, scope: cluster:orders, for: 1h, by: alice, comment: moving racks }]\n${down}`,
    minutes: 4,
  },
  {
    guard: 'not-silenced',
    verdict: 'hold',
    what: 'somebody silenced the alert here',
    reason: 'silenced by bob: known',
    scenario: `${WRONG_DISK}
changes: [{ at: 2m, do: silence, matchers: ['broker_id="2"'], by: bob, comment: known }]\n${down}`,
    minutes: 4,
  },
  {
    guard: 'maintenance',
    verdict: 'hold',
    what: 'a maintenance window has begun',
    reason: 'maintenance patches: kernel',
    scenario: `start: 2026-01-04T01:57:00Z\n${WRONG_DISK}\n${down}`,
    minutes: 4,
    configuration: sundays,
  },
  {
    guard: 'storm',
    verdict: 'hold',
    what: 'so much is broken that it is no single failure',
    reason: /^storm over orders since .*; nothing disruptive until 10 min of calm$/,
    scenario: `world: { orders: { brokers: { 2: { unit: hung }, 4: { unit: crashed }, 5: { unit: crashed } } } }\n${hung}`,
  },
  {
    guard: 'storm',
    verdict: 'hold',
    what: 'nothing of the cluster answers us',
    reason: 'no listener of orders gives any answer: kafka-healing itself may be cut off',
    scenario: `world: { orders: { reachable: false, brokers: { 2: { unit: crashed } } } }\n${down}`,
  },
  {
    guard: 'one-at-a-time',
    verdict: 'refuse',
    what: 'another broker of the cluster is being restarted',
    reason: 'attempt 1 of incident 1 holds cluster:orders',
    scenario: `world: { orders: { startup: 10m, brokers: { 2: { unit: hung }, 4: { unit: hung } } } }
alerts:
  - { labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: "2" } }
  - { from: 1m, labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: "4" } }`,
  },
  {
    guard: 'cooldown',
    verdict: 'refuse',
    what: 'another incident has just acted on it',
    reason: /^cooling down until 2026-01-05T09:/,
    scenario: `world: { orders: { brokers: { 2: { unit: crashed } } } }
changes:
  - { at: 2m, do: cancel }
  - { at: 2m10s, world: { orders: { brokers: { 2: { unit: hung } } } } }
alerts:
  - { until: 2m5s, labels: { alertname: KafkaBrokerDown, cluster: orders, broker_id: "2" } }
  - { from: 2m10s, labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: "2" } }`,
    minutes: 5,
  },
  {
    guard: 'budget',
    verdict: 'refuse',
    what: 'a broker of the cluster was restarted within the last quarter of an hour',
    reason: /^1 disruptive actions in the cluster per 15 min, at most 1; again at /,
    scenario: `world: { orders: { startup: 10m, brokers: { 2: { unit: hung }, 4: { unit: hung } } } }
alerts:
  - { labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: "2" } }
  - { from: 1m, labels: { alertname: KafkaBrokerHung, cluster: orders, broker_id: "4" } }`,
  },
  {
    guard: 'breaker',
    verdict: 'refuse',
    what: 'the rule has failed on three targets, and a person let it try again once',
    reason: /^demoted to inform since /,
    scenario: `world: { orders: { exporters: { exporter-1: { answers: false }, exporter-2: { answers: false }, exporter-3: { answers: false }, exporter-4: { answers: false } } } }
steps: [${[1, 2, 3, 4].map((n) => `{ on: orders/exporter/exporter-${n}, step: restart, outcome: failed, times: 3 }`).join(', ')}]
alerts: [${exporters(1, '0s')}, ${exporters(2, '0s')}, ${exporters(3, '0s')}, ${exporters(4, '20m')}]
changes: [{ at: 20m10s, do: replan, on: orders/exporter/exporter-4 }]`,
    minutes: 25,
    configuration: configurationOf({ inventory: inventoryOf(5, 4) }),
  },
]

describe('every guard decides on the facts of a simulated world', () => {
  test.each(TABLE.map((row) => [row.guard, row.verdict, row.what, row] as const))(
    '%s: %s when %s',
    async (guard, verdict, _what, { scenario, minutes = 2, configuration = shipped, reason }) => {
      const simulation = await simulated(`mode: act\n${scenario}`, minutes, configuration)
      const results = (await simulation.incidents()).flatMap(({ decisions }) => decisions.flatMap((one) => one.results))
      const said = results.flatMap((one) =>
        'guard' in one && one.guard === guard && one.verdict === verdict ? [one.reason] : [],
      )
      const told = simulation.trace().map(({ text }) => text)
      await simulation.close()
      const matching = typeof reason === 'string' ? expect.stringContaining(reason) : expect.stringMatching(reason)
      expect(said, told.join('\n')).toContainEqual(matching)
    },
  )

  test('none is left out', () => {
    const provoked = new Set(TABLE.filter(({ verdict }) => verdict !== 'pass').map(({ guard }) => guard))
    expect([...worldGuards, ...ownGuards].map(({ type }) => type).filter((type) => !provoked.has(type))).toEqual([])
  })
})
