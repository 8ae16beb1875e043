import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { brokerTarget, lookContext } from '../../test/support/look.ts'
import { fillIn, judge, promql } from './promql.ts'

const NOW = 1_800_000_000_000
const samples = (...values: number[]) => values.map((value) => ({ labels: {}, value }))
const verdict = (healedWhen: Parameters<typeof judge>[0]['healed_when'], ...values: number[]) =>
  judge({ query: 'up', healed_when: healedWhen }, 'up', samples(...values), NOW).verdict

describe('promql decides', () => {
  test('empty and nonempty', () => {
    expect(verdict('empty')).toBe('healed')
    expect(verdict('empty', 1)).toBe('broken')
    expect(verdict('nonempty', 0)).toBe('healed')
    expect(verdict('nonempty')).toBe('broken')
  })

  test('a comparison must hold for every sample', () => {
    expect(verdict({ op: '==', value: 0 }, 0, 0)).toBe('healed')
    expect(verdict({ op: '==', value: 0 }, 0, 1)).toBe('broken')
    expect(verdict({ op: '<', value: 5 }, 5)).toBe('broken')
    expect(verdict({ op: '<=', value: 5 }, 5)).toBe('healed')
    expect(verdict({ op: '>=', value: 5 }, 5)).toBe('healed')
    expect(verdict({ op: '>', value: 5 }, 5)).toBe('broken')
    expect(verdict({ op: '!=', value: 5 }, 5)).toBe('broken')
  })

  test('S-5.1 nothing to compare, or nothing that is a number, is unknown', () => {
    expect(verdict({ op: '==', value: 0 })).toBe('unknown')
    expect(verdict({ op: '!=', value: 0 }, Number.NaN)).toBe('unknown')
  })

  test('S-5.1 Prometheus away or not configured is unknown, never empty', async () => {
    const params = { query: 'up', healed_when: 'empty' } as const
    expect((await promql.look(params, lookContext())).verdict).toBe('unknown')
    const monitoring = { prometheus: () => Promise.reject(new Error('refused')), alertmanager: null }
    const result = await promql.look(params, lookContext({ monitoring }))
    expect(result).toMatchObject({ verdict: 'unknown', reason: 'refused' })
  })
})

describe('promql fills in whole label values of the target only', () => {
  test('a value is quoted', () => {
    const target = brokerTarget(1, { host: 'a"b\\c' })
    expect(fillIn('up{instance=$target.host,id!=$target.name}', target)).toBe('up{instance="a\\"b\\\\c",id!="1"}')
  })

  test.each([
    'up{instance="$target.host"}',
    'up{x=~$target.host}',
    '$target.host',
    'up{x=$labels.y}',
    'up{x=$target.unit}',
  ])('%s is refused when the rules are loaded', (query) => {
    expect(promql.params.safeParse({ query, healed_when: 'empty' }).success).toBe(false)
  })

  test('no value can leave its quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (host) => {
        const filled = fillIn('up{instance=$target.host}', brokerTarget(1, { host }))
        expect(filled).toMatch(/^up\{instance="(?:[^"\\\n]|\\["\\n])*"\}$/u)
      }),
    )
  })
})
