import { describe, expect, test } from 'vitest'
import { compared } from '../../test/support/compared.ts'
import { brokerTarget, fakeHost, intentOf, local, lookContext } from '../../test/support/look.ts'
import type { LookContext, PromSample } from '../probes/probe.ts'
import { programGuard } from './program.ts'
import { promqlGuard } from './promql.ts'

const NOW = 1_800_000_000_000
const prometheus = (answer: readonly PromSample[] | Error, asked: string[] = []): Partial<LookContext> => ({
  monitoring: {
    alertmanager: null,
    prometheus: async (query) => {
      asked.push(query)
      if (answer instanceof Error) throw answer
      return answer
    },
  },
})

describe('S-5.1 a guard by a query of the user’s own', () => {
  const ask = async (wanted: object, change: Partial<LookContext>) => {
    const params = promqlGuard.params.parse({ query: 'vector(1)', ...wanted })
    const facts = await promqlGuard.facts(params, intentOf(), lookContext(change))
    return promqlGuard.decide(facts, params, intentOf(), NOW)
  }
  const one = { labels: {}, value: 7 }

  test('passes when the answer is as wanted, else refuses', async () => {
    expect((await ask({ pass_when: 'empty' }, prometheus([]))).verdict).toBe('pass')
    expect((await ask({ pass_when: 'empty' }, prometheus([one]))).verdict).toBe('refuse')
    expect((await ask({ pass_when: { op: '<', value: 8 } }, prometheus([one]))).verdict).toBe('pass')
    expect((await ask({ pass_when: { op: '<', value: 7 } }, prometheus([one]))).verdict).toBe('refuse')
  })

  test('shows what it asked; the target’s values arrive quoted', async () => {
    const asked: string[] = []
    const target = brokerTarget(1, { host: 'a"} or vector(1) #' })
    const query = 'up{host=$target.host}'
    const result = await ask({ query, pass_when: 'empty' }, { ...prometheus([], asked), target })
    expect(asked).toEqual(['up{host="a\\"} or vector(1) #"}'])
    expect(result.evidence[0]).toMatchObject({ value: asked[0], source: 'prometheus' })
  })

  test.each<[string, Partial<LookContext>]>([
    ['Prometheus does not answer', prometheus(new Error('connection refused'))],
    ['Prometheus is not configured', {}],
    ['there is nothing to compare', prometheus([])],
    ['the answer is no number', prometheus([{ labels: {}, value: Number.NaN }])],
  ])('%s: unknown, unless the rule allows it', async (_, context) => {
    const wanted = { pass_when: { op: '<', value: 8 } }
    expect((await ask(wanted, context)).verdict).toBe('unknown')
    const allowed = await ask({ ...wanted, on_error: 'allow' }, context)
    expect(allowed.verdict).toBe('pass')
    expect(allowed.reason).toContain('the rule allows that')
  })

  test('`allow` lets nothing pass that was answered with no', async () => {
    expect((await ask({ pass_when: 'empty', on_error: 'allow' }, prometheus([one]))).verdict).toBe('refuse')
  })
})

describe('S-5.1 a guard by a program of the user’s own', () => {
  const ask = async (wanted: object, change: Partial<LookContext> = {}) => {
    const params = programGuard.params.parse(wanted)
    const context = lookContext({ host: local, ...change })
    return programGuard.decide(await programGuard.facts(params, intentOf(), context), params, intentOf(), NOW)
  }
  const sh = (script: string) => ({ argv: ['sh', '-c', script] })

  test('exit code 0 passes, every other refuses', async () => {
    expect(await ask(sh('echo fine'))).toMatchObject({ verdict: 'pass', reason: 'exit code 0: fine' })
    expect(await ask(sh('echo not now >&2; exit 3'))).toMatchObject({
      verdict: 'refuse',
      reason: 'exit code 3: not now',
    })
    expect((await ask({ ...sh('exit 1'), on_error: 'allow' })).verdict).toBe('refuse')
  })

  test('the target’s values are whole arguments', async () => {
    const target = brokerTarget(1, { host: '$(exit 1)' })
    expect(await ask({ argv: ['echo', '${target.host}'] }, { target })).toMatchObject({
      reason: 'exit code 0: $(exit 1)',
    })
  })

  test.each<[string, object, Partial<LookContext>]>([
    ['is not there', { argv: ['/no/such/program'] }, {}],
    ['hangs', { ...sh('sleep 30'), limit: 1 }, {}],
    ['is killed', sh('kill -KILL $$'), {}],
    [
      'cannot be sent',
      sh('true'),
      { host: fakeHost(async () => ({ kind: 'notSent', cause: 'unreachable', reason: 'no route' })) },
    ],
    ['names a value that is none', { argv: ['echo', '${target.nothing}'] }, {}],
  ])(
    'one that %s is unknown, unless the rule allows it',
    async (_, wanted, context) => {
      expect((await ask(wanted, context)).verdict).toBe('unknown')
      expect((await ask({ ...wanted, on_error: 'allow' }, context)).verdict).toBe('pass')
    },
    15_000,
  )
})

describe('S-5.1 each value with what was wanted', () => {
  test('the answer of a query against its condition', async () => {
    const params = promqlGuard.params.parse({ query: 'up', pass_when: { op: '>=', value: 2 } })
    const facts = await promqlGuard.facts(params, intentOf(), lookContext(prometheus([{ labels: {}, value: 1 }])))
    expect(compared(promqlGuard.decide(facts, params, intentOf(), NOW))).toEqual([['answer', '1', '>= 2']])
  })

  test('the exit code of a program', async () => {
    const params = programGuard.params.parse({ argv: ['false'], where: 'local' })
    const facts = await programGuard.facts(params, intentOf(), lookContext({ local }))
    expect(compared(programGuard.decide(facts, params, intentOf(), NOW))).toEqual([['exitCode', 1, 0]])
  })
})
