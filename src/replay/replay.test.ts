import { describe, expect, test } from 'vitest'
import { startStep } from '../../test/support/plan.ts'
import {
  DAY,
  firing,
  HOUR,
  inventoryOf,
  MINUTE,
  replayOf,
  ruleOf,
  SECOND,
  setOf,
  T0,
} from '../../test/support/record.ts'
import type { Plan } from '../incident/plan.ts'
import type { Recorded, RecordedGuards } from '../store/recorded.ts'
import type { Kind } from './differences.ts'
import type { RuleSet } from './rule-set.ts'

const inventory = inventoryOf({ orders: 3, billing: 3 })
const down = (broker: number, cluster = 'orders') => ({
  alertname: 'KafkaBrokerDown',
  cluster,
  broker_id: String(broker),
})
const set = (...rules: RuleSet['rules']): RuleSet => setOf(rules, inventory)
const brokerDown = (change: Partial<Plan> = {}) => ruleOf('broker-down', ['alertname="KafkaBrokerDown"'], change)
const restart = { ...startStep, params: { verb: 'restart' }, traits: { ...startStep.traits, disruptive: true } }
const { runbook } = brokerDown().plan

/** Two alerts: broker 1 for half an hour, broker 2 of another cluster an hour later. */
const record: readonly Recorded[] = [
  ...firing(down(1), T0, 30 * MINUTE),
  ...firing(down(2, 'billing'), T0 + HOUR, 30 * MINUTE),
]

/** What is different, by the broker that it is about. */
async function kinds(
  before: RuleSet,
  after: RuleSet,
  recorded = record,
): Promise<Readonly<Record<string, readonly Kind[]>>> {
  const { differences } = await replayOf(before, after, recorded)
  return Object.fromEntries(
    differences.map(({ labels, kinds }) => [`${labels['cluster']}/${labels['broker_id']}`, kinds]),
  )
}

describe('a change of the rules', () => {
  const other = ruleOf('hung', ['alertname="KafkaBrokerHung"'])
  const cases: readonly [string, RuleSet, RuleSet, Readonly<Record<string, readonly Kind[]>>][] = [
    ['nothing', set(brokerDown()), set(brokerDown({ revision: 'later' })), {}],
    ['a rule that no alert meets', set(brokerDown()), set(brokerDown(), other), {}],
    [
      'a new rule',
      set(other),
      set(other, brokerDown()),
      { 'orders/1': ['newlyMatched'], 'billing/2': ['newlyMatched'] },
    ],
    [
      'a narrower matcher',
      set(brokerDown()),
      set(ruleOf('broker-down', ['alertname="KafkaBrokerDown"', 'cluster!="billing"'])),
      { 'billing/2': ['noLongerMatched'] },
    ],
    [
      'another name',
      set(brokerDown()),
      set(ruleOf('down', ['alertname="KafkaBrokerDown"'])),
      { 'orders/1': ['otherRule'], 'billing/2': ['otherRule'] },
    ],
    [
      'a rule in front of it, for one cluster, that says the same',
      set(brokerDown()),
      set(ruleOf('orders-down', ['alertname="KafkaBrokerDown"', 'cluster="orders"']), brokerDown()),
      { 'orders/1': ['otherRule'] },
    ],
    [
      'a rule in front of it that goes on to it',
      set(brokerDown()),
      set(ruleOf('first', ['cluster="orders"'], { mode: 'inform' }, true), brokerDown()),
      { 'orders/1': ['newlyMatched'] },
    ],
    [
      'other steps',
      set(brokerDown()),
      set(brokerDown({ runbook: { ...runbook, rungs: [[startStep, startStep]] } })),
      { 'orders/1': ['otherRunbook'], 'billing/2': ['otherRunbook'] },
    ],
    [
      'disruptive steps, of which a cluster bears one in 15 min (S-5.10)',
      set(brokerDown()),
      set(brokerDown({ runbook: { ...runbook, rungs: [[restart]] } })),
      {
        'orders/1': ['otherRunbook', 'fewerAttempts', 'newRefusal'],
        'billing/2': ['otherRunbook', 'fewerAttempts', 'newRefusal'],
      },
    ],
    [
      'another runbook that does the same',
      set(brokerDown()),
      set(brokerDown({ runbook: { ...runbook, name: 'start' } })),
      { 'orders/1': ['otherRunbook'], 'billing/2': ['otherRunbook'] },
    ],
    [
      'only informing',
      set(brokerDown()),
      set(brokerDown({ mode: 'inform' })),
      { 'orders/1': ['otherMode', 'fewerAttempts'], 'billing/2': ['otherMode', 'fewerAttempts'] },
    ],
    [
      'asking first',
      set(brokerDown({ mode: 'inform' })),
      set(brokerDown({ mode: 'approve' })),
      { 'orders/1': ['otherMode'], 'billing/2': ['otherMode'] },
    ],
    [
      'fewer attempts',
      set(brokerDown()),
      set(brokerDown({ attempts: { ...brokerDown().plan.attempts, max: 1 } })),
      { 'orders/1': ['fewerAttempts'], 'billing/2': ['fewerAttempts'] },
    ],
    [
      'waiting longer than the alerts last',
      set(brokerDown()),
      set(brokerDown({ afterMs: 40 * MINUTE })),
      { 'orders/1': ['fewerAttempts'], 'billing/2': ['fewerAttempts'] },
    ],
    [
      'who is told',
      set(brokerDown()),
      set(brokerDown({ escalation: { ...brokerDown().plan.escalation, to: ['x'] } })),
      {},
    ],
  ]
  test.each(cases)('%s', async (_name, before, after, expected) => {
    expect(await kinds(before, after)).toEqual(expected)
  })

  test('another inventory: other targets', async () => {
    const smaller = setOf([brokerDown()], inventoryOf({ orders: 3, billing: 1 }))
    const { differences } = await replayOf(set(brokerDown()), smaller, record)
    expect(differences).toMatchObject([
      {
        kinds: ['otherTarget', 'fewerAttempts'],
        before: [{ subject: 'billing/broker/2', attempts: 3 }],
        after: [{ subject: null, problem: expect.stringContaining('"2"'), attempts: 0 }],
      },
    ])
  })
})

describe('attempts', () => {
  test('go on while the alert fires, with back-off between them, until the rule has had enough', async () => {
    const { report } = await replayOf(set(brokerDown()), set(), firing(down(1), T0, 30 * MINUTE))
    expect(report.before).toMatchObject({ incidents: 1, attempts: 3, escalated: { exhausted: 1 } })
  })

  test('end with the alert: what is well is not repaired', async () => {
    const { differences } = await replayOf(set(brokerDown()), set(), firing(down(1), T0, MINUTE))
    expect(differences).toMatchObject([{ before: [{ attempts: 1, firstAttemptAt: T0 + 30 * SECOND }] }])
  })

  test('end when the alert ended (endsAt), not when its webhook came', async () => {
    const [fired, ended] = firing(down(1), T0, 6 * MINUTE)
    const late = ended ? [fired, { ...ended, endsAt: T0 + MINUTE }].filter((one) => one !== undefined) : []
    const meanwhile = firing({ alertname: 'Other' }, T0 + 5 * MINUTE, null)
    expect((await replayOf(set(brokerDown()), set(), [...late, ...meanwhile])).report.before.attempts).toBe(1)
    expect((await replayOf(set(brokerDown()), set(), firing(down(1), T0, 6 * MINUTE))).report.before.attempts).toBe(2)
  })

  test('end when probes were recorded to find it healed', async () => {
    const alerts = firing(down(1), T0, 30 * MINUTE)
    const fingerprints = alerts.slice(0, 1).map(({ fingerprint }) => fingerprint)
    const healed: Recorded = { kind: 'health', at: T0 + 2 * MINUTE, healed: true, fingerprints }
    expect((await replayOf(set(brokerDown()), set(), [...alerts, healed])).report.before.attempts).toBe(1)
    const again: Recorded = { kind: 'health', at: T0 + 5 * MINUTE, healed: false, fingerprints }
    expect((await replayOf(set(brokerDown()), set(), [...alerts, healed, again])).report.before.attempts).toBe(3)
  })

  test('S-4.1 count on the target, whatever the rule, until a probation is over', async () => {
    const hung = ruleOf('hung', ['alertname="KafkaBrokerHung"'])
    const soon = firing({ ...down(1), alertname: 'KafkaBrokerHung' }, T0 + 32 * MINUTE, 10 * MINUTE)
    const later = firing({ ...down(1), alertname: 'KafkaBrokerHung' }, T0 + 3 * HOUR, 20 * MINUTE)
    const first = firing(down(1), T0, 30 * MINUTE)
    const both = set(brokerDown(), hung)
    const attempts = async (recorded: readonly Recorded[]) =>
      (await replayOf(both, set(), recorded)).report.before.attempts
    expect(await attempts([...first, ...soon])).toBe(3)
    expect(await attempts([...first, ...later])).toBe(6)
  })

  test('S-3.1 are those of the incident that leads on the target', async () => {
    const hung = ruleOf('hung', ['alertname="KafkaBrokerHung"'], { rank: 10 })
    const alerts = [
      ...firing(down(1), T0, 30 * MINUTE),
      ...firing({ ...down(1), alertname: 'KafkaBrokerHung' }, T0 + SECOND, 30 * MINUTE),
    ]
    const { differences } = await replayOf(set(brokerDown(), hung), set(brokerDown({ rank: 5 }), hung), alerts)
    expect(differences.map(({ labels, kinds, indirect }) => [labels['alertname'], kinds, indirect])).toEqual([
      ['KafkaBrokerDown', ['moreAttempts'], false],
      ['KafkaBrokerHung', ['fewerAttempts'], true],
    ])
  })

  const hungOf = (broker: number) => ({ ...down(broker), alertname: 'KafkaBrokerHung' })
  const hungRule = (change: Partial<Plan> = {}) => ruleOf('hung', ['alertname="KafkaBrokerHung"'], change)
  const attemptsOf = async (recorded: readonly Recorded[], ...rules: RuleSet['rules']) => {
    const { differences } = await replayOf(set(...rules), set(), recorded)
    return Object.fromEntries(differences.map(({ labels, before }) => [labels['alertname'], before[0]?.attempts]))
  }

  test('S-3.4 are those of another incident once the leader is silenced', async () => {
    const silence: Recorded = {
      kind: 'silence',
      at: T0,
      id: 's',
      matchers: [{ name: 'alertname', value: 'KafkaBrokerDown', isRegex: false, isEqual: true }],
      startsAt: T0 + 10 * SECOND,
      endsAt: T0 + HOUR,
      author: 'ann',
      comment: '',
    }
    const alerts = [...firing(down(1), T0, 30 * MINUTE), ...firing(hungOf(1), T0 + SECOND, 30 * MINUTE)]
    expect(await attemptsOf(alerts, brokerDown(), hungRule())).toEqual({ KafkaBrokerDown: 3, KafkaBrokerHung: 0 })
    expect(await attemptsOf([...alerts, silence], brokerDown(), hungRule())).toEqual({
      KafkaBrokerDown: 0,
      KafkaBrokerHung: 3,
    })
  })

  test('S-3.1 are those of another incident once the leader has settled, healed while its alert fires on', async () => {
    const alerts = firing(down(1), T0, 3 * HOUR)
    const fingerprints = alerts.slice(0, 1).map(({ fingerprint }) => fingerprint)
    const healed: Recorded = { kind: 'health', at: T0 + 2 * MINUTE, healed: true, fingerprints }
    const later = firing(hungOf(1), T0 + HOUR, 30 * MINUTE)
    expect(await attemptsOf([...alerts, healed, ...later], brokerDown(), hungRule())).toEqual({
      KafkaBrokerDown: 1,
      KafkaBrokerHung: 3,
    })
  })

  test('S-4.2 hold the cluster for as long as they are verified, no longer', async () => {
    const restarts = {
      runbook: { ...runbook, rungs: [[restart]] },
      attempts: { ...brokerDown().plan.attempts, max: 1 },
    }
    const alerts = [...firing(down(1), T0, 3 * HOUR), ...firing(hungOf(2), T0 + HOUR, 30 * MINUTE)]
    expect(await attemptsOf(alerts, brokerDown(restarts), hungRule(restarts))).toEqual({
      KafkaBrokerDown: 1,
      KafkaBrokerHung: 1,
    })
  })

  test('S-5.10 wait until the budget has room, and are begun then', async () => {
    const restarts = {
      runbook: { ...runbook, rungs: [[restart]] },
      attempts: { ...brokerDown().plan.attempts, max: 1 },
    }
    const alerts = [...firing(down(1), T0, MINUTE), ...firing(down(2), T0 + MINUTE, HOUR)]
    const { differences } = await replayOf(set(brokerDown(restarts)), set(), alerts)
    const [first = 0, second = 0] = differences.map(({ before }) => before[0]?.firstAttemptAt ?? 0)
    expect(second - first).toBeGreaterThanOrEqual(15 * MINUTE)
    expect(second - first).toBeLessThanOrEqual(16 * MINUTE)
  })

  test('S-4.10 that heal three times in a day and do not last are a person’s turn', async () => {
    const alerts = [0, 3, 6].flatMap((hours) =>
      firing(down(1), T0 + hours * HOUR, MINUTE, { startsAt: T0 + hours * HOUR }),
    )
    const { report } = await replayOf(set(brokerDown()), set(), alerts, { until: T0 + 12 * HOUR })
    expect(report.before).toMatchObject({ attempts: 3, escalated: { recurrence: 1 } })
  })

  test('S-5.10 of one rule use up the budget of another: told as indirect', async () => {
    const restarts = { ...runbook, rungs: [[restart]] }
    const hung = ruleOf('hung', ['alertname="KafkaBrokerHung"'], { runbook: restarts })
    const alerts = [
      ...firing(down(1), T0, 5 * MINUTE),
      ...firing({ ...down(2), alertname: 'KafkaBrokerHung' }, T0 + MINUTE, 5 * MINUTE),
    ]
    const { differences, report } = await replayOf(
      set(brokerDown({ mode: 'inform', runbook: restarts }), hung),
      set(brokerDown({ runbook: restarts }), hung),
      alerts,
    )
    expect(differences.map(({ kinds, indirect, after }) => [kinds, indirect, after[0]?.attempts])).toEqual([
      [['otherMode', 'moreAttempts', 'newRefusal'], false, 1],
      [['fewerAttempts', 'newRefusal'], true, 0],
    ])
    expect(report).toMatchObject({ different: 2, indirect: 1 })
  })
})

describe('refusals', () => {
  const said = (change: Partial<RecordedGuards>, verdicts: RecordedGuards['verdicts']): Recorded => ({
    kind: 'guards',
    at: T0 + 31 * SECOND,
    until: T0 + 30 * MINUTE,
    target: 'orders/broker/1',
    culpritOf: null,
    disruptive: false,
    verdicts,
    ...change,
  })
  const restarts = brokerDown({ runbook: { ...runbook, rungs: [[restart]], guards: [] } })
  const refused = { guard: 'human-first', verdict: 'refuse', reason: 'somebody was at it' } as const

  test('are those that were recorded of that target at that time', async () => {
    const others = [-3 * HOUR, 3 * HOUR].flatMap((away) => firing(down(1), T0 + away, 30 * MINUTE))
    const { differences } = await replayOf(set(), set(brokerDown()), [...others, ...record, said({}, [refused])])
    expect(differences.map(({ after }) => after[0])).toMatchObject([
      { attempts: 3, objections: [] },
      { attempts: 0, objections: [{ guard: 'human-first', verdict: 'refuse', reason: 'somebody was at it' }] },
      { attempts: 3, objections: [] },
      { attempts: 3, objections: [] },
    ])
  })

  test('do not count before they were recorded', async () => {
    const later = said({ at: T0 + 5 * MINUTE }, [refused])
    const { differences } = await replayOf(set(brokerDown()), set(), [...firing(down(1), T0, 30 * MINUTE), later])
    expect(differences[0]?.before[0]).toMatchObject({ attempts: 2, objections: [{ guard: 'human-first' }] })
  })

  test('of a guard that asks something else are not known: it counts as passed, and is named', async () => {
    const symptom = { guard: 'symptom', verdict: 'refuse', reason: 'it runs', params: { unit: 'crashed' } } as const
    const asksOther = brokerDown({ runbook: { ...runbook, symptom: { type: 'symptom', params: { broker: 'hung' } } } })
    const { differences, report } = await replayOf(set(brokerDown()), set(asksOther), [
      ...firing(down(1), T0, 30 * MINUTE),
      said({}, [symptom]),
    ])
    expect(differences).toMatchObject([{ kinds: ['moreAttempts', 'refusalGone'] }])
    expect(report.notRecorded).toContainEqual(
      expect.objectContaining({ side: 'after', rule: 'broker-down', guard: 'symptom', known: 0 }),
    )
    expect(report.notRecorded).not.toContainEqual(expect.objectContaining({ side: 'before', guard: 'symptom' }))
  })

  test('of guards for disruptive rungs do not concern others, nor are those answered by a start', async () => {
    const short = { guard: 'availability', verdict: 'refuse', reason: 'ISR is short' } as const
    const passed = { guard: 'availability', verdict: 'pass', reason: 'it takes nothing' } as const
    const alerts = firing(down(1), T0, 30 * MINUTE)
    const asked = { ...restarts.plan.runbook, guards: [{ type: 'availability', params: {} }] }
    const { differences } = await replayOf(set(brokerDown()), set(brokerDown({ runbook: asked })), [
      ...alerts,
      said({ disruptive: true }, [short]),
    ])
    expect(differences).toMatchObject([{ kinds: ['otherRunbook', 'fewerAttempts', 'newRefusal'] }])
    const { report } = await replayOf(set(), set(brokerDown({ runbook: asked })), [
      ...alerts,
      said({ disruptive: false }, [passed]),
    ])
    expect(report.notRecorded).toContainEqual(expect.objectContaining({ guard: 'availability', known: 0 }))
  })

  test('by silences and pauses are as they were made; one of a rule no longer covers it under another name', async () => {
    const pause: Recorded = {
      kind: 'pause',
      at: T0,
      scope: 'rule:broker-down',
      startsAt: T0 - HOUR,
      endsAt: T0 + DAY,
      author: 'ann',
      comment: 'moving racks',
    }
    const { differences } = await replayOf(set(brokerDown()), set(ruleOf('down', ['alertname="KafkaBrokerDown"'])), [
      ...firing(down(1), T0, 30 * MINUTE),
      pause,
    ])
    expect(differences).toMatchObject([
      {
        kinds: ['otherRule', 'moreAttempts', 'refusalGone'],
        before: [{ attempts: 0, objections: [{ guard: 'not-paused', verdict: 'hold' }] }],
      },
    ])
    const silence: Recorded = {
      kind: 'silence',
      at: T0,
      id: 's',
      matchers: [{ name: 'cluster', value: 'orders', isRegex: false, isEqual: true }],
      startsAt: T0 - HOUR,
      endsAt: T0 + 10 * MINUTE,
      author: 'ann',
      comment: 'later',
    }
    const { differences: silenced } = await replayOf(set(), set(brokerDown()), [...record, silence])
    expect(silenced.map(({ after }) => after[0]?.objections.map(({ guard }) => guard))).toEqual([['not-silenced'], []])
    const [first] = silenced
    expect(first?.after[0]?.firstAttemptAt).toBeGreaterThanOrEqual(T0 + 10 * MINUTE + 30 * SECOND)
    expect(first?.after[0]?.firstAttemptAt).toBeLessThanOrEqual(T0 + 10 * MINUTE + 40 * SECOND)
  })

  test('S-3.4 by a silence stop the clocks: what comes while it lasts waits anew after it', async () => {
    const silence: Recorded = {
      kind: 'silence',
      at: T0,
      id: 's',
      matchers: [{ name: 'cluster', value: 'orders', isRegex: false, isEqual: true }],
      startsAt: T0 - HOUR,
      endsAt: T0 + 2 * MINUTE,
      author: 'ann',
      comment: '',
    }
    const waits = set(brokerDown({ afterMs: 5 * MINUTE }))
    const { differences } = await replayOf(waits, set(), [...firing(down(1), T0, 30 * MINUTE), silence])
    const first = (differences[0]?.before[0]?.firstAttemptAt ?? 0) - T0
    expect(first).toBeGreaterThanOrEqual(7 * MINUTE)
    expect(first).toBeLessThanOrEqual(7 * MINUTE + 10 * SECOND)
  })

  test('S-2.7 by a culprit that the record does not name', async () => {
    const culprit = { ...brokerDown({ selects: 'culprit' }), selector: { kind: 'broker', from: 'culprit' } } as const
    const { differences } = await replayOf(set(), set(culprit), [
      ...record,
      said({ target: 'orders/broker/3', culpritOf: 'orders', at: T0 + 31 * SECOND }, []),
    ])
    expect(differences.map(({ after }) => after[0])).toMatchObject([
      { subject: 'orders/cluster/orders', attempts: 3 },
      { subject: 'billing/cluster/billing', attempts: 0, objections: [{ guard: 'culprit' }] },
    ])
  })
})

describe('a report', () => {
  test('counts what it was given and what it cannot tell', async () => {
    const { report } = await replayOf(set(brokerDown()), set(brokerDown({ afterMs: 40 * MINUTE })), [
      ...record,
      ...firing({ alertname: 'Other' }, T0 + 2 * HOUR, null),
      { kind: 'attempt', at: T0 + MINUTE, rule: 'broker-down', target: 'orders/broker/1' },
    ])
    expect(report).toMatchObject({
      from: T0,
      to: T0 + 2 * HOUR,
      changes: 5,
      alerts: 3,
      different: 2,
      kinds: { fewerAttempts: 2, newlyMatched: 0 },
      groups: [
        { kinds: ['fewerAttempts'], before: ['broker-down'], after: ['broker-down'], indirect: false, alerts: 2 },
      ],
      rules: [{ rule: 'broker-down', change: 'changed', fields: ['after'] }],
      before: { matched: 2, incidents: 2, attempts: 6 },
      after: { matched: 2, incidents: 2, attempts: 0 },
      recordedAttempts: 1,
    })
  })

  test('an alert that fires still is told with all that comes until the end of the record', async () => {
    const alerts = firing(down(1), T0, null)
    const { differences } = await replayOf(set(brokerDown()), set(brokerDown({ mode: 'inform' })), alerts, {
      until: T0 + HOUR,
    })
    expect(differences).toMatchObject([{ endedAt: null, before: [{ attempts: 3 }], after: [{ attempts: 0 }] }])
  })

  test('names what is written differently, also where no alert shows it', async () => {
    const rules = ['a', 'b', 'c'].map((name) => ruleOf(name, [`alertname="${name}"`]))
    const [a, b, c] = rules
    const changed = ruleOf('c', ['alertname="c"', 'x!="y"'], {
      rank: 1,
      runbook: { ...runbook, guards: [{ type: 'quorum', params: {} }] },
    })
    const { report } = await replayOf(set(...rules), set(...[b, changed].filter((one) => one !== undefined)), [])
    expect([a?.name, c?.name]).toEqual(['a', 'c'])
    expect(report.rules).toEqual([
      { rule: 'a', change: 'removed', fields: [] },
      { rule: 'c', change: 'changed', fields: ['match', 'rank', 'runbook.guards'] },
    ])
  })
})
