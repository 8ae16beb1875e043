import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { brokerTarget, clusterOf } from '../../test/support/look.ts'
import { planOf } from '../../test/support/plan.ts'
import { parseMatcher } from '../alert/matcher-syntax.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Selector } from '../inventory/resolve.ts'
import { explainMatch, tryRules } from './explain-match.ts'
import { matchRules, type Rule } from './match.ts'
import { openingsOf } from './openings.ts'

function rule(name: string, match: readonly string[], more: Partial<Rule> = {}): Rule {
  const matchers = match.map((text) => {
    const parsed = parseMatcher(text)
    if ('problem' in parsed) throw new Error(parsed.problem)
    return parsed.ok
  })
  const selector: Selector = { kind: 'broker', from: 'labels' }
  return { name, matchers, selector, continue: false, plan: planOf({ rule: name }), ...more }
}

const rules = [
  rule('hung', ['alertname="Hung"', 'severity=~"critical|page"', 'cluster!="dev"']),
  rule('watch', ['cluster="orders"'], { continue: true, selector: { kind: 'broker', from: 'culprit' } }),
  rule('down', ['alertname="Down"']),
  rule('never', ['alertname="Down"', 'broker_id="9"']),
]
const brokers = [brokerTarget(1), brokerTarget(2, { aliases: ['kafka-2:7071'] })]
const inventory: Inventory = {
  clusters: new Map([['orders', clusterOf(brokers)]]),
  targets: new Map(brokers.map((target) => [target.key, target])),
}
const down = { alertname: 'Down', cluster: 'orders', broker_id: '2' }
const explain = (labels: Record<string, string>, clusters: readonly string[] | null = null) =>
  explainMatch(
    { labels, fingerprint: 'f00d' },
    { rules, inventory },
    clusters === null ? null : { name: 'token-1', clusters },
  )

describe('which rules were tried', () => {
  it('every matcher that does not hold, with what the label is', () => {
    expect(tryRules(rules, { alertname: 'Other', cluster: 'dev' })[0]).toEqual({
      rule: 'hung',
      result: 'fails',
      failing: [
        { matcher: 'alertname="Hung"', label: 'alertname', value: 'Other' },
        { matcher: 'severity=~"critical|page"', label: 'severity', value: null },
        { matcher: 'cluster!="dev"', label: 'cluster', value: 'dev' },
      ],
      continues: false,
      skipped: null,
    })
  })

  it('a label that is there and empty is told from one that is missing', () => {
    const [first] = tryRules(rules, { alertname: '' })
    expect(first?.failing.map(({ value }) => value)).toEqual(['', null])
  })

  it('names that every object has are no labels', () => {
    const named = rule('odd', ['constructor="x"'])
    expect(tryRules([named], {})[0]?.failing).toEqual([
      { matcher: 'constructor="x"', label: 'constructor', value: null },
    ])
  })

  it('a rule that continues lets the next be tried; one that does not ends it', () => {
    expect(tryRules(rules, down).map(({ rule: name, result, skipped }) => [name, result, skipped])).toEqual([
      ['hung', 'fails', null],
      ['watch', 'matches', null],
      ['down', 'matches', null],
      ['never', 'notTried', 'down'],
    ])
  })
})

describe('what the rules that match open', () => {
  it('S-2.1 the subject, and by which labels', () => {
    const [, watch, byId] = explain(down)
    expect(watch?.opens).toMatchObject({
      subject: { key: 'orders/cluster/orders' },
      how: 'cluster="orders" names the cluster; which broker of it is to blame is computed from what the cluster shows, before acting',
    })
    expect(byId?.opens).toMatchObject({
      mode: 'act',
      runbook: planOf().runbook.name,
      subject: { kind: 'broker', target: 'orders/broker/2' },
      how: 'cluster="orders" and broker_id="2" name orders/broker/2',
    })
  })

  it.each([
    [{ instance: 'kafka-2:7071' }, 'instance="kafka-2:7071" is an alias of orders/broker/2'],
    [{ host: 'kafka-2' }, 'host="kafka-2" is the host of orders/broker/2'],
    [
      { instance: 'prober', host: 'kafka-2', broker_id: '2' },
      'instance="prober" names nothing, host="kafka-2" is the host of orders/broker/2, and broker_id="2" agrees',
    ],
    [{ host: 'kafka-9' }, 'no broker in the inventory has the host, address or alias of host="kafka-9"'],
    [{ cluster: 'nope' }, 'the inventory has no cluster "nope"'],
    [{}, 'the alert names no broker: neither cluster and broker_id, nor instance, nor host'],
  ])('S-2.1 %o: %s', (labels, how) => {
    const opened = explain({ alertname: 'Down', ...labels }).find(({ result }) => result === 'matches')?.opens
    expect(opened?.how).toBe(how)
    expect(opened?.subject.kind === 'unresolved' ? opened.subject.problem : how).toBe(how)
  })

  it('S-2.2 a credential that is bound to other clusters', () => {
    const found = explain(down, ['audit']).find(({ rule: name }) => name === 'down')
    expect(found?.opens).toMatchObject({
      subject: { kind: 'unresolved', cluster: 'orders' },
      how: 'the credential token-1 may not speak for cluster orders',
    })
  })

  it('nothing for a rule that fails or is not tried', () => {
    expect(explain({ alertname: 'Down' }).map(({ opens }) => opens !== null)).toEqual([false, false, true, false])
  })
})

it('says exactly what opens incidents, whatever the labels', () => {
  const some = (...values: readonly string[]) => fc.option(fc.constantFrom(...values), { nil: undefined })
  const labels = fc.record({
    alertname: some('Down', 'Hung', 'x', ''),
    severity: some('critical', 'page', ''),
    cluster: some('orders', 'dev', 'audit', '*'),
    broker_id: some('1', '2', '02', 'all'),
    instance: some('kafka-2:7071', 'kafka-1', 'x'),
    host: some('kafka-2', 'x'),
  })
  const speakers = fc.constantFrom(null, { name: 'a', clusters: ['orders'] }, { name: 'b', clusters: [] })
  fc.assert(
    fc.property(labels, speakers, (made, speaker) => {
      const given = Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)) as Record<
        string,
        string
      >
      const alert = { labels: given, fingerprint: 'f00d' }
      const explained = explainMatch(alert, { rules, inventory }, speaker)
      const opened = explained.flatMap(({ rule: name, opens }) => (opens ? [{ name, subject: opens.subject }] : []))
      expect(opened.map(({ name }) => name)).toEqual(matchRules(rules, given).map(({ name }) => name))
      const openings = openingsOf(alert, { rules, inventory }, speaker)
      expect(opened).toEqual(openings.map(({ plan, subject }) => ({ name: plan.rule, subject })))
    }),
  )
})
