import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { injections } from '../../test/support/injections.ts'
import { interpolate, interpolationProblems } from './interpolate.ts'

const values = (labels: Readonly<Record<string, string>>) => ({
  labels,
  target: { host: 'kafka-1' },
  incident: { id: '7' },
})

describe('interpolation', () => {
  test('replaces whole elements and leaves all others alone', () => {
    const argv = ['prog', '--topic', '${labels.topic}', '${target.host}', '${incident.id}', '$HOME', '{}']
    expect(interpolate(argv, values({ topic: 'two words; $(id)' }))).toEqual({
      argv: ['prog', '--topic', 'two words; $(id)', 'kafka-1', '7', '$HOME', '{}'],
    })
  })

  test('never replaces twice: what a label holds is no reference', () => {
    expect(interpolate(['prog', '${labels.a}'], values({ a: '${labels.b}', b: 'x' }))).toEqual({
      argv: ['prog', '${labels.b}'],
    })
  })

  test.each([
    ['${labels.absent}', {}, 'is missing'],
    ['${labels.constructor}', {}, 'is missing'],
    ['${labels.a}', { a: '' }, 'is empty'],
    ['${labels.a}', { a: '-rf' }, 'option'],
    ['${labels.a}', { a: '--help' }, 'option'],
    ['${labels.a}', { a: 'a\0b' }, 'control character'],
    ['${labels.a}', { a: 'a\nb' }, 'control character'],
    ['${labels.a}', { a: 'a\u001b[31m' }, 'control character'],
    ['${labels.a}', { a: 'x'.repeat(4097) }, 'longer'],
    ['x${labels.a}', { a: 'b' }, 'whole'],
  ] as const)('refuses %s of %j', (element, labels, problem) => {
    expect(interpolate(['prog', element], values(labels))).toEqual({ problem: expect.stringContaining(problem) })
  })

  test('lets a value begin with a dash only after a literal --', () => {
    expect(interpolate(['prog', '--', '${labels.a}'], values({ a: '-rf' }))).toEqual({ argv: ['prog', '--', '-rf'] })
    expect(interpolate(['prog', '${labels.b}', '${labels.a}'], values({ a: '-rf', b: '--' }))).toHaveProperty('problem')
  })

  test('a label can never become the program', () => {
    expect(interpolate(['${labels.a}'], values({ a: 'rm' }))).toHaveProperty('problem')
  })

  test('whatever a label holds, the number of arguments and the other arguments stay', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...injections))
    fc.assert(
      fc.property(text, (value) => {
        const result = interpolate(['prog', '-x', '${labels.a}', 'last'], values({ a: value }))
        if ('argv' in result) expect(result.argv).toEqual(['prog', '-x', value, 'last'])
        else expect(result.problem).toMatch(/^labels\.a /)
      }),
    )
  })
})

describe('the check of references at load', () => {
  test.each([
    [{ argv: ['prog', '${labels.topic}', '${target.host}', '${incident.id}'] }],
    [{ argv: ['bash', '-c', 'echo "$1"', '_', '${labels.topic}'] }],
    [{ argv: ['prog', '$HOME', '$$'], env: { A: '$x' } }],
    [{ verb: 'start' }],
  ])('allows %j', (params) => {
    expect(interpolationProblems(params)).toEqual([])
  })

  test.each([
    [{ argv: ['${labels.x}'] }, ['argv', 0], /written out/],
    [{ argv: ['prog', 'pre-${labels.x}'] }, ['argv', 1], /whole element/],
    [{ argv: ['prog', '${labels.x}${labels.y}'] }, ['argv', 1], /whole element/],
    [{ argv: ['prog', '${LABELS.x}'] }, ['argv', 1], /whole element/],
    [{ argv: ['prog', '${env.HOME}'] }, ['argv', 1], /whole element/],
    [{ argv: ['prog', '${target.keyFile}'] }, ['argv', 1], /target has no keyFile/],
    [{ argv: ['prog', '${incident.x}'] }, ['argv', 1], /incident has no x/],
    [{ argv: ['sh', '-c', '${labels.x}'] }, ['argv', 2], /code/],
    [{ argv: ['bash', '-lc', '${labels.x}'] }, ['argv', 2], /code/],
    [{ argv: ['/usr/bin/python3', '-c', '${labels.x}'] }, ['argv', 2], /code/],
    [{ argv: ['perl', '-e', '${labels.x}'] }, ['argv', 2], /code/],
    [{ argv: ['/usr/bin/ssh', 'host', '${labels.x}'] }, ['argv', 2], /shell/],
    [{ argv: ['prog'], env: { A: '${labels.x}' } }, ['env', 'A'], /only whole elements of argv/],
    [{ argv: ['prog'], nested: { argv: ['prog', '${labels.x}'] } }, ['nested', 'argv', 1], /only whole elements/],
  ])('refuses %j', (params, path, message) => {
    const problems = interpolationProblems(params)
    expect(problems).toEqual([{ path, message: expect.stringMatching(message) }])
  })
})
