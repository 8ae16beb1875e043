import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseDocument, readDocument, type SourceDocument } from './document.ts'
import { formatProblem, orderProblems, suggestion } from './problem.ts'
import { validate } from './validate.ts'
import { withVariables } from './variables.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-document-'))
afterAll(() => rmSync(folder, { recursive: true }))

function read(text: string, file = 'a.yml'): SourceDocument {
  const { document, problems } = parseDocument(file, text)
  if (document === null) throw new Error(problems.map(formatProblem).join('\n'))
  return document
}

const complaints = (text: string, file = 'a.yml') => parseDocument(file, text).problems.map(formatProblem)

describe('a document', () => {
  it('says line and column of values, keys and absent things', () => {
    const document = read('rules:\n  - name: x\n    match: [ "a",\n      "b" ]\n    empty:\n')

    expect(document.at(['rules', 0, 'name'])).toEqual({ line: 2, column: 11 })
    expect(document.at(['rules', 0, 'name'], 'key')).toEqual({ line: 2, column: 5 })
    expect(document.at(['rules', 0, 'match', 1])).toEqual({ line: 4, column: 7 })
    expect(document.at(['rules', 0, 'empty', 'deep'])).toEqual({ line: 5, column: 5 })
    expect(document.at(['rules', 0])).toEqual({ line: 2, column: 5 })
    expect(document.at(['nothing', 'here'])).toEqual({ line: 1, column: 1 })
  })

  it('follows an alias to what it names', () => {
    expect(read('a: &x { b: 1 }\nc: *x\n').at(['c', 'b'])).toEqual({ line: 1, column: 12 })
  })

  it.each([
    ['a: 1\na: 2', 'a.yml:2:1: this key is already there'],
    ['a: &x [*x]', 'a.yml:1:8: the alias "x" stands inside what it names'],
    ['a: *nope', 'a.yml:1:4: no anchor "nope" before this alias'],
    ['a: !!js/function x', 'a.yml:1:4: unresolved tag'],
    ['? [a]\n: b', 'a.yml:1:3: a key must be a string'],
    ['a: 1\n---\nb: 2', 'a.yml:2:1: source contains multiple documents'],
    ['\ta: 1', 'a.yml:1:1: tabs are not allowed'],
    ['a: "x', 'a.yml:1:6: missing closing "quote'],
    ['['.repeat(100_000), 'a.yml:1:1: nested too deeply'],
  ])('refuses %.30j', (text, expected) => {
    const found = complaints(text)

    expect(found).toHaveLength(1)
    expect(found[0]).toContain(expected)
  })

  it('refuses an alias bomb before it goes off', () => {
    const levels = 'abcdefghi'.split('')
    const bomb = levels
      .map(
        (name, i) =>
          `${name}: &${name} [${Array<string>(9)
            .fill(i === 0 ? 'x' : `*${levels[i - 1]}`)
            .join()}]`,
      )
      .join('\n')

    expect(complaints(bomb)).toEqual(['a.yml:1:1: too many aliases (at most 100)'])
  })

  it('never throws on whatever a file holds', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.constantFrom('a.yml', 'a.ini', 'a.json'),
        (text, file) => {
          expect(() => parseDocument(file, text)).not.toThrow()
        },
      ),
      { numRuns: 400 },
    )
  })

  it('says why a file cannot be read', () => {
    const large = join(folder, 'large.yml')
    writeFileSync(large, `# ${'x'.repeat(1024 * 1024)}`)
    const binary = join(folder, 'binary.yml')
    writeFileSync(binary, Buffer.from([0x61, 0xff, 0xfe]))

    const words = [join(folder, 'none.yml'), folder, large, binary].map(
      (file) => readDocument(file).problems[0]?.message,
    )

    expect(words[0]).toBe('the file does not exist')
    expect(words[1]).toBe('this is a directory')
    expect(words[2]).toContain('at most 1048576')
    expect(words[3]).toBe('the file is not UTF-8')
  })
})

describe('INI', () => {
  const text =
    'listen = 127.0.0.1:1\n\n[smtp.backup]\nhost = b\n[receivers]\noncall[] = a@x.org\noncall[] = b@x.org\n[l.0]\nurl = u\n[l.1]\nurl = v\n'

  it('nests sections, reads lists, and knows the lines', () => {
    const document = read(text, 'c.ini')

    expect(document.value).toEqual({
      listen: '127.0.0.1:1',
      smtp: { backup: { host: 'b' } },
      receivers: { oncall: ['a@x.org', 'b@x.org'] },
      l: [{ url: 'u' }, { url: 'v' }],
    })
    expect(document.at(['receivers', 'oncall', 1]).line).toBe(7)
    expect(document.at(['smtp', 'backup', 'host']).line).toBe(4)
    expect(document.at(['l', 1, 'url']).line).toBe(11)
  })

  it('refuses a key twice and lines that are nothing', () => {
    expect(complaints('a = 1\na = 2\njunk\n', 'c.ini')).toEqual([
      'c.ini:2:1: this key is already there',
      'c.ini:3:1: expected "key = value", "[section]" or a comment',
    ])
  })
})

describe('validate', () => {
  const Schema = z.strictObject({
    name: z.string(),
    mode: z.enum(['inform', 'act']).default('inform'),
    attempts: z.strictObject({ max: z.int().max(5) }).prefault({ max: 3 }),
    unit: z.union([z.string(), z.strictObject({ name: z.string(), sudo: z.boolean() })]).optional(),
    steps: z.array(z.strictObject({ verb: z.string() })).default([]),
  })
  const found = (text: string) => {
    const result = validate(read(text), read(text).value, Schema)
    return 'problems' in result ? result.problems.map(formatProblem) : []
  }

  it('says everything at once, each at its place, with what was probably meant', () => {
    const text = 'nmae: x\nmode: acts\nattempts:\n  max: 9\n  maxx: 1\nsteps:\n  - verb: 1\n  - vreb: x\n'

    expect(found(text).toSorted()).toEqual(
      [
        'a.yml:1:1: "name" is missing',
        'a.yml:1:1: unknown key "nmae" (did you mean "name"?)',
        'a.yml:2:7: mode: expected one of inform, act, got "acts" (did you mean "act"?)',
        'a.yml:4:8: attempts.max: must be at most 5',
        'a.yml:5:3: unknown key "maxx" (did you mean "max"?)',
        'a.yml:7:11: steps[0].verb: expected a string, got a number',
        'a.yml:8:5: "steps[1].verb" is missing',
        'a.yml:8:5: unknown key "vreb" (did you mean "verb"?)',
      ].toSorted(),
    )
  })

  it('explains a union by the branch that was probably meant', () => {
    expect(found('name: x\nunit: { name: a, sdo: true }')).toEqual([
      'a.yml:2:7: "unit.sudo" is missing',
      'a.yml:2:18: unknown key "sdo" (did you mean "sudo"?)',
    ])
  })

  it('never quotes a value of the wrong type: it may be a secret', () => {
    expect(found('name: 12345').join()).not.toContain('12345')
  })

  it('says that a file is empty', () => {
    expect(found('')).toEqual(['a.yml:1:1: expected a mapping, got nothing'])
  })
})

describe('suggestion', () => {
  it.each([
    ['recievers', ['receivers', 'rules'], 'receivers'],
    ['key-file', ['key_file', 'host_key'], 'key_file'],
    ['Mode', ['mode'], 'mode'],
    ['systemctl', ['systemd', 'program'], 'systemd'],
    ['zzz', ['abc'], null],
  ])('%s', (word, candidates, expected) => {
    expect(suggestion(word, candidates)).toBe(expected === null ? '' : ` (did you mean "${expected}"?)`)
  })
})

describe('variables', () => {
  const fill = (value: unknown, env: Record<string, string> = {}) => {
    const problems: string[] = []
    const result = withVariables(value, env, (path, message) => problems.push(`${path.join('.')}: ${message}`))
    return { result, problems }
  }

  it('fills in what is set, defaults, and nothing else', () => {
    const { result, problems } = fill(
      { a: ['${X}:${Y:9095}', '$${X}', 'plain $X', '${E:}', '${U:http://h:1/}'] },
      { X: 'host', E: '' },
    )

    expect(result).toEqual({ a: ['host:9095', '${X}', 'plain $X', '', 'http://h:1/'] })
    expect(problems).toEqual([])
  })

  it('says which variable is not set, and which text is no variable', () => {
    expect(fill({ a: { b: '${NOPE}' }, c: '${not a name}', d: '${open' }).problems).toEqual([
      'a.b: the environment variable NOPE is not set and has no default',
      'c: expected ${NAME} or ${NAME:default} (a literal "${" is written "$${")',
      'd: expected ${NAME} or ${NAME:default} (a literal "${" is written "$${")',
    ])
  })

  it('never lets a value become structure or another variable', () => {
    expect(fill('${X}', { X: '{ a: ${Y} }', Y: 'z' }).result).toBe('{ a: ${Y} }')
  })
})

it('problems are told once each, in the order of the files', () => {
  const problem = (file: string, line: number, message: string) => ({
    file,
    line,
    column: 1,
    message,
    severity: 'error' as const,
  })

  const ordered = orderProblems([
    problem('b', 1, 'x'),
    problem('a', 10, 'x'),
    problem('a', 9, 'x'),
    problem('a', 10, 'x'),
  ])

  expect(ordered.map(formatProblem)).toEqual(['a:9:1: x', 'a:10:1: x', 'b:1:1: x'])
})
