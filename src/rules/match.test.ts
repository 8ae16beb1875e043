import { describe, expect, it } from 'vitest'
import { parseMatcher } from '../alert/matcher-syntax.ts'
import { matchRules, type Rule } from './match.ts'

function rule(name: string, match: readonly string[], onward = false): Rule {
  const matchers = match.map((text) => {
    const parsed = parseMatcher(text)
    if ('problem' in parsed) throw new Error(parsed.problem)
    return parsed.ok
  })
  // Only what matching looks at.
  return { name, matchers, selector: { kind: 'broker', from: 'labels' }, continue: onward, plan: null as never }
}

const rules = [
  rule('critical', ['alertname="Down"', 'severity="critical"']),
  rule('watch', ['cluster="orders"'], true),
  rule('down', ['alertname="Down"']),
  rule('never', ['alertname="Down"']),
]
const named = (labels: Record<string, string>) => matchRules(rules, labels).map(({ name }) => name)

describe('matchRules', () => {
  it('takes the first rule of which all matchers hold', () => {
    expect(named({ alertname: 'Down', severity: 'critical', cluster: 'orders' })).toEqual(['critical'])
    expect(named({ alertname: 'Down', severity: 'warning' })).toEqual(['down'])
  })

  it('goes on after a rule that says continue', () => {
    expect(named({ alertname: 'Down', cluster: 'orders' })).toEqual(['watch', 'down'])
    expect(named({ alertname: 'Other', cluster: 'orders' })).toEqual(['watch'])
  })

  it('finds none for an alert that nobody knows', () => {
    expect(named({ alertname: 'Other' })).toEqual([])
    expect(named({})).toEqual([])
  })
})
