import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatMatcher } from '../alert/matcher.ts'
import { operatorOf, toSilenceMatcher } from '../store/silence-matcher.ts'
import { parseMatchers, splitMatchers } from './matcher-list.ts'

describe('parseMatchers', () => {
  it.each([
    ['{alertname="X", cluster=~"a|b"}', ['alertname="X"', 'cluster=~"a|b"']],
    ['alertname=X,cluster!=b,', ['alertname="X"', 'cluster!="b"']],
    ['{a="1,2",b="}",c="say \\"hi, there\\""}', ['a="1,2"', 'b="}"', 'c="say \\"hi, there\\""']],
  ])('reads %s', (text, expected) => {
    const parsed = parseMatchers(text)

    expect('ok' in parsed && parsed.ok.map(formatMatcher)).toEqual(expected)
  })

  it('names every matcher that is wrong, and where', () => {
    const parsed = parseMatchers(['alertname="X"', 'nonsense', 'a=~"("'])

    expect('problems' in parsed && parsed.problems.map(({ field }) => field)).toEqual(['matchers[1]', 'matchers[2]'])
    expect('problems' in parsed && parsed.problems[1]?.problem).toMatch(/RE2.*at character 4/)
  })

  it.each(['', '{}', ' , '])('refuses %j: no matcher at all', (text) => {
    expect(parseMatchers(text)).toMatchObject({ problems: [{ field: 'matchers' }] })
  })

  it('reads back what it prints, in one text as in a list', () => {
    const label = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/)
    const one = fc.record({ name: label, value: fc.string(), isRegex: fc.constant(false), isEqual: fc.boolean() })
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 5 }), (matchers) => {
        const written = matchers.map((m) => formatMatcher({ ...m, operator: operatorOf(m), test: () => false }))
        for (const form of [written, `{${written.join(',')}}`]) {
          const parsed = parseMatchers(form)
          expect('ok' in parsed && parsed.ok.map(toSilenceMatcher)).toEqual(matchers)
        }
      }),
    )
  })
})

describe('splitMatchers', () => {
  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(splitMatchers(text))))
  })
})
