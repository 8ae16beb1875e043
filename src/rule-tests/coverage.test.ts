import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { worldGuards } from '../guards/index.ts'
import type { Coverage } from '../simulation/coverage.ts'
import { loadSources } from './configuration.ts'
import { coverageOf, guardsOf, type Item, placesIn, shareOf } from './coverage.ts'
import type { TestResult } from './run.ts'

const loaded = loadSources(
  { config: join(import.meta.dirname, '../../config.example.yml'), inventory: null, rules: null },
  {},
)
if ('problems' in loaded) throw new Error('the example does not load')
const { configuration, rulesFiles } = loaded.ok
const rules = configuration.rules
const planOf = (name: string) => {
  const plan = rules.find((rule) => rule.name === name)?.plan
  if (plan === undefined) throw new Error(`no rule ${name}`)
  return plan
}

/** A test that speaks of `about`, in which this took part. */
function result(about: readonly string[], coverage: Partial<Coverage>): TestResult {
  return {
    name: 'a test',
    position: { line: 1, column: 1 },
    failures: [],
    trace: [],
    failedAtMs: null,
    coverage: { rules: [], guards: [], rungs: [], probes: [], ...coverage },
    speaksOf: new Set(about),
    tookMs: 1,
  }
}

const touched = (results: readonly TestResult[]): readonly string[] =>
  coverageOf(rules, results, placesIn(rulesFiles))
    .filter((item) => item.touched)
    .map(({ kind, rule, name, wanted }) => [kind, rule, name, wanted].filter(Boolean).join(' '))

describe('what tests touch', () => {
  it('is nothing without tests', () => {
    const items = coverageOf(rules, [], placesIn(rulesFiles))
    const of = (kind: Item['kind']) => items.filter((item) => item.kind === kind)

    expect(shareOf(items)).toEqual({ touched: 0, of: items.length, percent: 0 })
    expect(of('rule')).toHaveLength(5)
    expect(of('rung')).toHaveLength(8)
    expect(of('rule')[0]).toMatchObject({
      rule: 'broker-down',
      place: { file: expect.stringMatching(/kafka\.yml$/), line: expect.any(Number) },
    })
  })

  it('is a rule that opened an incident, in a test that speaks of it', () => {
    expect(touched([result(['broker-down'], { rules: ['broker-down', 'broker-hung'] })])).toEqual([
      'rule broker-down opens an incident',
    ])
  })

  it('is a rung that ran to its last step', () => {
    const ran = (steps: readonly number[]) =>
      result(['broker-hung'], { rungs: [{ rule: 'broker-hung', runbook: 'restart-hung-broker', rung: 0, steps }] })

    expect(touched([ran([0])])).toEqual([])
    expect(touched([ran([0, 1])])).toEqual(['rung broker-hung rung 1 of restart-hung-broker runs to its end'])
  })

  it('is each answer of a guard over the world, under its rule', () => {
    const said = (verdict: string) =>
      result(['broker-down'], { guards: [{ rule: 'broker-down', guard: 'symptom', verdict }] })

    expect(touched([said('pass')])).toEqual(['guard broker-down symptom passes'])
    expect(touched([said('refuse')])).toEqual(['guard broker-down symptom objects'])
    expect(touched([said('unknown'), said('pass')])).toHaveLength(2)
  })

  it('is no guard over our own rows: those judge every rule alike', () => {
    const guards = [{ rule: 'broker-hung', guard: 'storm', verdict: 'hold' }]

    expect(touched([result(['broker-hung'], { guards })])).toEqual([])
    expect(guardsOf(planOf('broker-hung'))).not.toContain('storm')
  })
})

describe('the guards that apply to a rule', () => {
  it('are those that can object to what it does', () => {
    expect(guardsOf(planOf('broker-down'))).toEqual(['still-firing', 'identity', 'symptom', 'human-first'])
    expect(guardsOf(planOf('broker-hung'))).toEqual([
      ...guardsOf(planOf('broker-down')),
      'availability',
      'quorum',
      'no-recovery',
      'no-reassignment',
    ])
    expect(guardsOf(planOf('exporter-down'))).toEqual(['still-firing', 'identity', 'symptom', 'human-first'])
  })

  it('are those that its runbook lists as well', () => {
    const plan = planOf('exporter-down')
    const listed = { ...plan, runbook: { ...plan.runbook, symptom: null, guards: [{ type: 'promql', params: {} }] } }

    expect(guardsOf(listed)).toEqual(['still-firing', 'identity', 'human-first', 'promql'])
  })

  it('leave out no more than what passes whatever it sees when nothing is stopped', () => {
    const hung = guardsOf(planOf('broker-hung'))
    const left = worldGuards.filter(
      ({ type }) => hung.includes(type) && !guardsOf(planOf('broker-down')).includes(type),
    )
    const blind = { view: 'nothing could be read', node: 2, tolerate: [] }

    for (const guard of left) {
      const intent = { disruptive: false } as Parameters<typeof guard.decide>[2]
      expect(guard.decide(guard.type === 'no-recovery' ? null : blind, {}, intent, 0).verdict, guard.type).toBe('pass')
    }
  })
})

describe('a share', () => {
  it('is 100 only when all of it is touched', () => {
    const item: Item = { kind: 'rule', rule: 'one', name: '', wanted: 'opens an incident', touched: true, place: null }
    const items = (count: number): Item[] => Array.from({ length: count }, () => item)

    expect(shareOf([...items(199), { ...item, touched: false }])).toEqual({ touched: 199, of: 200, percent: 99 })
    expect(shareOf(items(3)).percent).toBe(100)
    expect(shareOf([]).percent).toBe(100)
  })
})
