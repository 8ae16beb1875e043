import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatMatcher,
  type Matcher,
  type MatcherOperator,
  makeMatcher,
  matches,
  matchesEverything,
} from './matcher.ts'
import { parseMatcher } from './matcher-syntax.ts'

function parsed(text: string): Matcher {
  const result = parseMatcher(text)
  if ('problem' in result) throw new Error(`${text}: ${result.column}: ${result.problem}`)
  return result.ok
}

const parts = ({ name, operator, value }: Matcher) => [name, operator, value]

describe('parseMatcher', () => {
  it.each([
    ['alertname="KafkaBrokerDown"', 'alertname', '=', 'KafkaBrokerDown'],
    ['alertname=KafkaBrokerDown', 'alertname', '=', 'KafkaBrokerDown'],
    ['  alertname  =  "a b"  ', 'alertname', '=', 'a b'],
    ['foo!=bar', 'foo', '!=', 'bar'],
    ['foo=~"a.*"', 'foo', '=~', 'a.*'],
    ['foo!~a|b', 'foo', '!~', 'a|b'],
    ['foo=', 'foo', '=', ''],
    ['foo=""', 'foo', '=', ''],
    ['"foo bar"=baz', 'foo bar', '=', 'baz'],
    ['größe=1', 'größe', '=', '1'],
    ['"\\u00e9"="x"', 'é', '=', 'x'],
    ['foo=~"\\\\d+"', 'foo', '=~', '\\d+'],
    ['foo=~"\\d+"', 'foo', '=~', '\\d+'], // only the classic grammar reads it
    ['foo="a\\tb"', 'foo', '=', 'a\\tb'], // both read it and differ: classic counts
    ['foo="say \\"hi\\""', 'foo', '=', 'say "hi"'],
    ['foo="two\\nlines"', 'foo', '=', 'two\nlines'],
    ['alertname=~x=y', 'alertname', '=~', 'x=y'],
    ['foo=a b', 'foo', '=', 'a b'],
    ['foo="a,b"', 'foo', '=', 'a,b'],
  ])('reads %s', (text, ...expected) => {
    expect(parts(parsed(text))).toEqual(expected)
  })

  it.each([
    ['', 1, 'label name'],
    ['alertname', 10, '='],
    ['="x"', 1, 'label name'],
    ['alertname=="x"', 11, '"="'],
    ['alertname="x', 13, 'closing double quote'],
    ['foo="a"b"', 8, 'after the value'],
    ['1foo="a" extra', 10, 'after the value'],
    ['{foo="bar"}', 1, 'label name'],
    ['foo=~"("', 6, 'RE2'],
    ['foo=~"(?=x)"', 6, 'RE2'],
    ['foo=~"(a)\\\\1"', 6, 'RE2'],
    ['foo=~"a)(b"', 6, 'RE2'],
    [`foo=~"${'a'.repeat(2_001)}"`, 6, 'longer than'],
    ['"a\\qb"="x"', 3, 'escape'],
  ])('refuses %s and says where', (text, column, words) => {
    const result = parseMatcher(text)

    expect(result).toMatchObject({ column })
    expect('problem' in result && result.problem).toContain(words)
  })

  it('never throws and reads back what it prints', () => {
    const operator = fc.constantFrom<MatcherOperator>('=', '!=', '=~', '!~')
    const text = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(text, operator, text, text, (name, op, value, noise) => {
        expect(() => parseMatcher(noise)).not.toThrow()
        const made = makeMatcher(name, op, value)
        if ('ok' in made) expect(parts(parsed(formatMatcher(made.ok)))).toEqual([name, op, value])
      }),
      { numRuns: 500 },
    )
  })
})

describe('matches', () => {
  it.each([
    ['foo="bar"', { foo: 'bar' }, true],
    ['foo="bar"', {}, false],
    ['foo=""', {}, true],
    ['foo!="x"', {}, true],
    ['foo!~"x.+"', {}, true],
    ['foo=~"ba"', { foo: 'bar' }, false],
    ['foo=~"ba."', { foo: 'bar' }, true],
    ['foo=~"a|b"', { foo: 'ab' }, false],
    ['foo=~"(?i)BAR"', { foo: 'bar' }, true],
    ['foo=~"bar"', { foo: 'bar\n' }, false],
    ['constructor=""', {}, true],
    ['toString=~".+"', {}, false],
  ])('%s on %j is %s', (text, labels, expected) => {
    expect(matches([parsed(text)], labels)).toBe(expected)
  })

  it('wants every matcher to hold', () => {
    const matchers = [parsed('a="1"'), parsed('b="2"')]

    expect(matches(matchers, { a: '1', b: '2' })).toBe(true)
    expect(matches(matchers, { a: '1', b: '3' })).toBe(false)
  })

  it('takes linear time on patterns that ruin a backtracking engine', () => {
    expect(matches([parsed('a=~"(a+)+b"')], { a: 'a'.repeat(2_000) })).toBe(false)
  })
})

describe('matchesEverything', () => {
  it.each([
    [[], true],
    [['nolabel!="x"'], true],
    [['foo!~"x.+"'], true],
    [['foo=""'], true],
    [['foo=~".*"'], true],
    [['alertname=~".+"'], true],
    [['alertname=~"(?s).+|x"'], true],
    [['foo!=""'], true],
    [['foo!=""', 'bar!~"y"'], true],
    [['foo!="x"', 'cluster="orders"'], false],
    [['alertname=~"Kafka.*"'], false],
    [['broker_id=~"1|2"'], false],
  ])('%j: %s', (texts, expected) => {
    expect(matchesEverything(texts.map(parsed))).toBe(expected)
  })
})
