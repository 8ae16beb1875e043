import { describe, expect, it } from 'vitest'
import { cli } from '../../../test/support/cli.ts'
import { injections } from '../../../test/support/injections.ts'
import { planOf } from '../../../test/support/plan.ts'
import { alertOf, incidentOf, orders, T0, viewOf } from '../../../test/support/story.ts'
import { type ExplainDeps, explainIncident, explainLabels } from '../../http/explain/explain.ts'
import type { IncidentExplanation } from '../../http/explain/shapes.ts'
import type { ExplainedRule } from '../../rules/explain-match.ts'
import type { DecisionView, IncidentView, JournalRow, StoredAlert } from '../../store/store.ts'
import type { Screen } from '../client/session.ts'
import { plain } from '../terminal.ts'
import { alertLines, alertsLines } from './alert-lines.ts'
import { askedFor, labelsOf } from './asked-for.ts'
import { incidentLines } from './incident-lines.ts'

const NOW = T0 + 420_000
const screen: Screen = { now: NOW, paint: plain, columns: 100, zone: 'UTC' }
const propose = (...args: readonly string[]) => `kafka-healing ${args.join(' ')}`

function rule(name: string, change: Partial<ExplainedRule> = {}): ExplainedRule {
  return { rule: name, result: 'fails', failing: [], continues: false, skipped: null, opens: null, ...change }
}
const how = 'cluster="orders" and broker_id="2" name orders/broker/2'
const rules = [
  rule('broker-hung', {
    failing: [
      { matcher: 'alertname="KafkaBrokerHung"', label: 'alertname', value: 'KafkaBrokerDown' },
      { matcher: 'severity="page"', label: 'severity', value: null },
    ],
  }),
  rule('broker-down', {
    result: 'matches',
    opens: { mode: 'act', runbook: 'start-broker', subject: orders, how },
  }),
  rule('last', { result: 'notTried', skipped: 'broker-down' }),
]

function depsOf(view: IncidentView, alert: Partial<StoredAlert> = {}, revision = 'c0ffee1'): ExplainDeps {
  return {
    store: {
      incidentView: async () => view,
      alertSeen: async () => ({ ...(view.alerts[0] ?? alertOf()), ...alert, credential: 'token-1', incidents: [12] }),
    },
    clock: { now: () => NOW, monotonic: () => 0, sleep: async () => undefined },
    match: () => ({ revision, rules }),
  }
}

async function told(view: IncidentView, revision?: string): Promise<IncidentExplanation> {
  const explanation = await explainIncident(12, depsOf(view, {}, revision))
  if (explanation === null) throw new Error('no such incident')
  return explanation
}

function row(at: number, event: JournalRow['event'], change: Partial<JournalRow> = {}): JournalRow {
  return { id: at, at, event, state: 'waiting', reason: 'after', detail: '', reducerVersion: 1, ...change }
}
const opened = row(
  T0,
  {
    type: 'opened',
    plan: planOf({ revision: 'c0ffee1' }),
    subject: orders,
    leader: null,
    occurrence: { fingerprint: 'f1', startsAt: T0 - 20_000 },
  },
  { detail: 'waits 30 s' },
)

const short = 'orders-0: 1 in sync without this broker, at least 2 wanted'
const refusal: DecisionView = {
  id: 1,
  kind: 'guards',
  attempt: null,
  trace: 1,
  verdict: 'refuse',
  guard: 'availability',
  reason: short,
  intent: {
    revision: 'c0ffee1',
    mode: 'act',
    target: 'orders/broker/2',
    attempt: 1,
    rung: 2,
    step: null,
    disruptive: true,
    byPerson: false,
  },
  results: [
    { guard: 'not-silenced', verdict: 'pass', reason: 'not silenced', evidence: [] },
    {
      guard: 'identity',
      verdict: 'pass',
      reason: 'cluster MkU3 and node 2',
      evidence: [
        { name: 'live cluster id', value: 'MkU3', wanted: 'MkU3', source: 'kafka-1:9092', at: T0 + 58_000 },
        { name: 'boot', value: 7, source: 'kafka-2', at: T0 + 60_000 },
      ],
    },
    {
      guard: 'availability',
      verdict: 'refuse',
      reason: short,
      evidence: [
        {
          name: 'orders-0',
          value: 'ISR 1,2',
          wanted: 'at least 2 in sync without it',
          source: 'cluster',
          at: T0 + 60_000,
        },
        { name: 'topics', value: 7, source: 'cluster', at: T0 + 60_000 },
      ],
    },
  ],
  followed: { state: 'waiting', reason: 'refused', until: null, nextAt: T0 + 440_000 },
  firstAt: T0 + 60_000,
  lastAt: T0 + 400_000,
  count: 9,
}

const refused = viewOf({
  incident: incidentOf({ state: 'waiting', reason: 'refused', stateSince: T0 + 60_000 }),
  attempts: [],
  escalations: [],
  journal: [
    opened,
    row(T0 + 20_000, { type: 'held', by: 'silenced by jane: disk swap' }),
    row(T0 + 30_000, { type: 'released', jitterMs: 0 }),
  ],
  decisions: [refusal],
  timers: [
    { incident: 12, kind: 'guard', dueAt: NOW + 20_000 },
    { incident: 12, kind: 'giveUp', dueAt: T0 + 7_200_000 },
  ],
})

describe('an incident', () => {
  it('that is refused: why, which rules, what happened with each value and what was wanted, what comes next', async () => {
    expect(incidentLines(await told(refused), screen, false).join('\n')).toBe(
      `It did not act because availability refuses: orders-0: 1 in sync without this broker, at least 2
wanted; it will act when availability passes; the guards are evaluated again in 20 s (2026-11-21
08:07:20 +00:00); it gives up in 1 h 53 min (2026-11-21 10:00:00 +00:00).

incident 12: broker-down on orders/broker/2, mode act, revision c0ffee1
opened 2026-11-21 08:00:00 +00:00 (7 min ago)
waiting (refused) since 2026-11-21 08:01:00 +00:00 (6 min ago)

Which rules its alerts meet
  KafkaBrokerDown{cluster="orders", broker_id="2", instance="kafka-2:7071"} firing since 2026-11-21
    07:59:40 +00:00, last heard of at 2026-11-21 08:00:00 +00:00
    the rules in force, revision c0ffee1; it came by the credential token-1
      broker-hung  alertname="KafkaBrokerHung" does not hold: it is "KafkaBrokerDown";
                   severity="page" does not hold: it is not there
      broker-down  matches: mode act, runbook start-broker
                   cluster="orders" and broker_id="2" name orders/broker/2
      last         not tried: broker-down matched and does not continue

What happened
  2026-11-21 (+00:00)
  08:00:00  alert     KafkaBrokerDown (f1) fires since 2026-11-21 07:59:40 +00:00
  08:00:00  incident  rule broker-down (mode act, revision c0ffee1) opens the incident about
                      orders/broker/2: waits 30 s
  08:00:20  hold      every clock stops: silenced by jane: disk swap
  08:00:30  hold      the hold ended
  08:01:00  guards    refuse by availability: orders-0: 1 in sync without this broker, at least 2
                      wanted (the same 9 times, until 2026-11-21 08:06:40 +00:00)
                      for attempt 1, rung 2 on orders/broker/2, disruptive, then waiting (refused)
                      refuse       availability: orders-0: 1 in sync without this broker, at least 2
                                   wanted
                                   orders-0 = ISR 1,2; wanted at least 2 in sync without it
                                     (cluster, seen 08:01:00)
                                   topics = 7 (cluster, seen 08:01:00)
                      pass         not-silenced: not silenced
                      pass         identity: cluster MkU3 and node 2
                                   live cluster id = MkU3; wanted MkU3 (kafka-1:9092, seen 08:00:58,
                                     2 s before)

What comes next
  The guards are evaluated again in 20 s (2026-11-21 08:07:20 +00:00).
  It gives up waiting in 1 h 53 min (2026-11-21 10:00:00 +00:00).`,
    )
  })

  it('that acted: attempts with their steps, what the probes saw, who was told; in the zone of whoever reads', async () => {
    const view = viewOf({ journal: [opened], attempts: viewOf().attempts.slice(2) })
    const lines = incidentLines(await told(view, 'c0ffee2'), { ...screen, columns: null, zone: 'Asia/Kolkata' }, false)
    expect(lines.join('\n')).toBe(
      `It acted (1 attempt, the last one failed) and does nothing more by itself (exhausted): 3 of 3 attempts spent: broker 2 does not answer; it is a person’s turn; the probes look again in 40 s (2026-11-21 13:37:40 +05:30).

incident 12: broker-down on orders/broker/2, mode act, revision c0ffee1
opened 2026-11-21 13:30:00 +05:30 (7 min ago)
escalated (exhausted) since 2026-11-21 13:30:00 +05:30 (7 min ago)

Which rules its alerts meet
  KafkaBrokerDown{cluster="orders", broker_id="2", instance="kafka-2:7071"} firing since 2026-11-21 13:29:40 +05:30, last heard of at 2026-11-21 13:30:00 +05:30
    the rules in force, revision c0ffee2; it came by the credential token-1
      broker-hung  alertname="KafkaBrokerHung" does not hold: it is "KafkaBrokerDown"; severity="page" does not hold: it is not there
      broker-down  matches: mode act, runbook start-broker
                   cluster="orders" and broker_id="2" name orders/broker/2
      last         not tried: broker-down matched and does not continue
  The incident follows revision c0ffee1, under which it was opened.

What happened
  2026-11-21 (+05:30)
  13:30:00  alert     KafkaBrokerDown (f1) fires since 2026-11-21 13:29:40 +05:30
  13:30:00  incident  rule broker-down (mode act, revision c0ffee1) opens the incident about orders/broker/2: waits 30 s
  13:35:00  guards    pass: all guards passed
                      pass         identity: the cluster is the one in the inventory
  13:35:00  attempt   attempt 3, rung 2: failed: the unit did not stay up
                      1. systemd {"verb":"start"}: failed, exit code 3 after 3 s: kafka.service is failed (exit-code, status 1)
                         | line one of 3
                         | unknown option: nonsense.3
  13:36:30  probes    broken: connection refused (the same 4 times, until 2026-11-21 13:36:39 +05:30)
                      broken       kafka-api: connection refused by kafka-2:9092
                                   ApiVersions = refused (kafka-2:9092, seen 13:36:39)
                                   journal (journalctl, seen 13:36:39):
                                   | FATAL no such option
                                   | kafka.service: Failed
  13:36:40  told      to be mailed to oncall (escalated): 3 of 3 attempts spent: broker 2 does not answer

What comes next
  The probes look again in 40 s (2026-11-21 13:37:40 +05:30).
  A reminder comes in 3 h 59 min (2026-11-21 17:36:40 +05:30), then every 4 h, until somebody takes over.`,
    )
  })

  it('of earlier answers only what stood in the way, of all of them everything with --full', async () => {
    const second = { ...refusal, id: 2, firstAt: T0 + 410_000, lastAt: T0 + 410_000, count: 1 }
    const view = { ...refused, decisions: [refusal, second] }
    const passed = (lines: readonly string[]) => lines.filter((line) => line.includes('pass         identity')).length
    const explanation = await told(view)
    expect(passed(incidentLines(explanation, screen, false))).toBe(1)
    expect(passed(incidentLines(explanation, screen, true))).toBe(2)
  })

  it('who decided comes first, then what else stands in the way', async () => {
    const evidence = [{ name: 'unit', value: null, wanted: 'crashed', source: 'ssh', at: T0 + 60_000 }]
    const results = [
      { guard: 'storm', verdict: 'hold', reason: 'a storm', evidence: [] },
      { guard: 'quorum', verdict: 'refuse', reason: 'no majority', evidence: [] },
      { guard: 'identity', verdict: 'unknown', reason: 'cannot be asked', evidence },
    ] as const
    const asked = { ...refusal, guard: 'identity', results }
    const lines = incidentLines(await told({ ...refused, decisions: [asked] }), screen, false)
    const from = lines.findIndex((line) => line.includes('for attempt 1'))
    expect(lines.slice(from + 1, from + 5).map((line) => line.trim())).toEqual([
      'unknown      identity: cannot be asked',
      'unit = nothing; wanted crashed (ssh, seen 08:01:00)',
      'refuse       quorum: no majority',
      'hold         storm: a storm',
    ])
  })

  it('the symptom that is asked beside the probes: gone, or it holds', async () => {
    const asked = (verdict: 'pass' | 'refuse'): DecisionView => ({
      ...refusal,
      kind: 'probe',
      verdict: 'healed',
      guard: null,
      results: [
        { guard: 'symptom', verdict, reason: 'it has crashed, or not', evidence: [], params: { unit: 'crashed' } },
        { probe: 'unit', verdict: 'healed', reason: 'the unit runs', evidence: [] },
      ],
    })
    const seen = async (decision: DecisionView) =>
      incidentLines(await told({ ...refused, decisions: [decision] }), screen, false)
        .map((line) => line.trim())
        .filter((line) => /^(healed|gone|holds) /.test(line))
    expect(await seen(asked('refuse'))).toEqual([
      'healed       unit: the unit runs',
      'gone         symptom {"unit":"crashed"}: it has crashed, or not',
    ])
    expect(await seen(asked('pass'))).toEqual([
      'holds        symptom {"unit":"crashed"}: it has crashed, or not',
      'healed       unit: the unit runs',
    ])
  })

  it('what probes are asked: parameters, and how long it may take', async () => {
    const probe: DecisionView = {
      ...refusal,
      id: 2,
      kind: 'probe',
      verdict: 'broken',
      results: [
        {
          probe: 'promql',
          verdict: 'broken',
          reason: '3, healed when == 0',
          evidence: [{ name: 'answer', value: '3', wanted: '== 0', source: 'prometheus', at: T0 + 60_000 }],
          params: { query: 'up', healed_when: { op: '==', value: 0 } },
          withinMs: 120_000,
        },
      ],
    }
    const lines = incidentLines(await told({ ...refused, decisions: [probe] }), { ...screen, columns: null }, false)
    expect(lines).toContain(
      '                      broken       promql {"query":"up","healed_when":{"op":"==","value":0}} within 2 min: 3, healed when == 0',
    )
    expect(lines).toContain('                                   answer = 3; wanted == 0 (prometheus, seen 08:01:00)')
  })
})

describe('an alert', () => {
  it('with its incident and the command that tells its story', async () => {
    const alert = await explainLabels(alertOf(), depsOf(refused))
    const lines = alertLines(alert, { ...screen, columns: null }, propose)
    expect(lines[0]).toMatch(/^Incident 12: It did not act because availability refuses: /)
    expect(lines.slice(2, 4)).toEqual([
      'alert KafkaBrokerDown{cluster="orders", broker_id="2", instance="kafka-2:7071"} firing since 2026-11-21 07:59:40 +00:00, last heard of at 2026-11-21 08:00:00 +00:00',
      '  the rules in force, revision c0ffee1; it came by the credential token-1',
    ])
    expect(lines.slice(-3)).toEqual([
      'incident 12: broker-down on orders/broker/2, waiting (refused), opened 2026-11-21 08:00:00 +00:00 (7 min ago)',
      `  ${alert.incidents[0]?.summary.replaceAll(' UTC', ' +00:00')}.`,
      '  kafka-healing explain 12',
    ])
  })

  it('several, and how many more', async () => {
    const alert = await explainLabels(alertOf(), depsOf(refused))
    const lines = alertsLines({ items: [alert, alert], more: 3 }, screen, propose)
    expect(lines.filter((line) => line === '  kafka-healing explain 12')).toHaveLength(2)
    expect(lines.at(-1)).toBe('and 3 more; a fingerprint or more matchers narrow it down')
    expect(alertsLines({ items: [], more: 0 }, screen, propose)).toEqual(['No alert that is known matches.'])
  })
})

describe('what alerts, hosts and people write', () => {
  const evils = [...injections, '\u001b[2J\u001b]0;x\u0007', 'x\u202ey', 'a\u2028b', '\u009b31m', 'a\rb']

  it.each(evils)('is shown as text only: %j', async (evil) => {
    const alert = alertOf({ labels: { alertname: evil, [evil]: evil }, annotations: { summary: evil } })
    const evidence = [
      { name: evil, value: evil, wanted: evil, source: evil, at: T0 },
      { name: evil, value: `${evil}\n${evil}`, source: evil, at: T0 },
    ]
    const results = [{ guard: evil, verdict: 'refuse' as const, reason: evil, evidence, params: { [evil]: evil } }]
    const view = viewOf({
      incident: incidentOf({ state: 'waiting', reason: 'held', detail: evil, held: { by: evil, since: T0 } }),
      alerts: [alert],
      journal: [opened, row(T0, { type: 'takenOver', by: evil }), row(T0, { type: 'held', by: evil })],
      decisions: [{ ...refusal, guard: evil, reason: evil, results, count: 1 }],
      attempts: viewOf().attempts.map((one) => ({ ...one, reason: evil })),
    })
    const tried = rules.map((one) => ({ ...one, rule: evil, failing: [{ matcher: evil, label: evil, value: evil }] }))
    const deps = { ...depsOf(view, { labels: alert.labels }), match: () => ({ revision: evil, rules: tried }) }
    const incident = await explainIncident(12, deps)
    if (incident === null) throw new Error('no such incident')
    const explained = await explainLabels(alert, deps)
    const lines = [...incidentLines(incident, screen, true), ...alertLines(explained, screen, propose)]
    // oxlint-disable-next-line no-control-regex
    for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
  })
})

describe('what may be asked for', () => {
  it.each([
    ['7', { incident: 7 }],
    ['#7', { incident: 7 }],
    ['00f2b4a1c3d4e5f6', { fingerprint: '00f2b4a1c3d4e5f6' }],
    ['1234567890123456', { fingerprint: '1234567890123456' }],
  ])('%s', (text, wanted) => {
    expect(askedFor(text)).toEqual(wanted)
  })

  it.each([
    ['alertname=X,broker_id=2', ['alertname="X"', 'broker_id="2"']],
    ['{alertname=~"A|B", cluster!="dev"}', ['alertname=~"A|B"', 'cluster!="dev"']],
    ['KafkaBrokerDown', ['alertname="KafkaBrokerDown"']],
  ])('matchers %s', (text, wanted) => {
    const asked = askedFor(text)
    const said = 'matchers' in asked ? asked.matchers.map((one) => `${one.name}${one.operator}"${one.value}"`) : []
    expect(said).toEqual(wanted)
  })

  it.each(['', '0', 'a b', '=x', 'a=~"("', 'incident 7'])('%j is refused, with what is wrong', (text) => {
    expect(() => askedFor(text)).toThrow(/is neither the number of an incident, nor a fingerprint, nor matchers/)
  })

  it('labels are what matchers spell out', () => {
    const asked = askedFor('alertname=X,cluster="a b"')
    expect('matchers' in asked && labelsOf(asked.matchers)).toEqual({ alertname: 'X', cluster: 'a b' })
    const open = askedFor('alertname=~"X"')
    expect(() => 'matchers' in open && labelsOf(open.matchers)).toThrow('leaves open what the label is')
  })
})

describe('without a service', () => {
  const offline = (...args: readonly string[]) => cli(['explain', '--offline', '-c', 'config.example.yml', ...args])

  it('says what the shipped rules make of labels', async () => {
    const { code, stdout } = await offline('alertname=KafkaBrokerDown,cluster=orders,broker_id=2')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^It would only tell about orders\/broker\/2 \(rule broker-down, mode inform\)/)
    expect(stdout).toContain('cluster="orders" and broker_id="2" name orders/broker/2')
    expect(stdout).toContain('not tried: broker-down matched and does not continue')
  })

  it('as JSON', async () => {
    const { stdout } = await offline('NoSuchAlert', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      summary: expect.stringMatching(/^It would not act because no rule matches/) as string,
      labels: { alertname: 'NoSuchAlert' },
      alert: null,
    })
  })

  it('knows no incidents', async () => {
    expect(await offline('7')).toMatchObject({
      code: 2,
      stderr: '--offline knows no incidents and no alerts; say the labels of one\n',
    })
  })
})
