import { describe, expect, it } from 'vitest'
import { parseMatcher } from '../alert/matcher-syntax.ts'
import { contradiction, covers } from './unreachable.ts'

const matchers = (...texts: readonly string[]) =>
  texts.map((text) => {
    const parsed = parseMatcher(text)
    if ('problem' in parsed) throw new Error(parsed.problem)
    return parsed.ok
  })

describe('a rule that can never match', () => {
  it.each([
    [['alertname="A"', 'alertname="B"'], 'no alert can match alertname="A" and alertname="B"'],
    [['env=~"a|b"', 'env!~"a|b|c"'], 'no alert can match env=~"a|b" and env!~"a|b|c"'],
    [['env="a"', 'env!="a"'], 'no alert can match env="a" and env!="a"'],
    [['env=""', 'env=~".+"'], 'no alert can match env="" and env=~".+"'],
  ])('%j', (texts, said) => expect(contradiction(matchers(...texts))).toBe(said))

  it.each([[['a="1"', 'b="2"']], [['a=~"x|y"', 'a!="x"']], [['a=~"x.*"', 'a!~"y.*"']], [['a=""', 'a!="x"']]])(
    '%j may match',
    (texts) => expect(contradiction(matchers(...texts))).toBeNull(),
  )
})

describe('a rule behind another', () => {
  it.each([
    [['alertname="A"'], ['alertname="A"', 'severity="x"']],
    [['alertname=~"A|B"'], ['alertname="B"']],
    [['alertname=~"Kafka.*"'], ['alertname=~"KafkaDown|KafkaHung"']],
    [['env!="dev"'], ['env!="dev"', 'a="b"']],
    [['env!="dev"'], ['env="prod"']],
  ])('%j matches all that %j does', (earlier, later) =>
    expect(covers(matchers(...earlier), matchers(...later))).toBe(true),
  )

  it.each([
    [['alertname="A"', 'severity="x"'], ['alertname="A"']],
    [['alertname="A"'], ['alertname=~"A|B"']],
    [['env!="dev"'], ['alertname="A"']],
    [['alertname=~"A.*"'], ['alertname=~"AB.*"']],
  ])('%j leaves something of %j', (earlier, later) =>
    expect(covers(matchers(...earlier), matchers(...later))).toBe(false),
  )
})
