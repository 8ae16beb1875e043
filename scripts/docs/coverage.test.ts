import { describe, expect, test } from 'vitest'
import { coverageOf, coveragePage, sentencesOf } from './coverage.ts'
import { testTitles } from './test-titles.ts'

const SEMANTICS = `# Semantics

Normative.

## 1. One

**S-1.1** The first,
over two lines.

**S-1.2** The second names 1.1.

**S-1.10** The tenth.
`

/** The ids that a test file names. */
function named(source: string): readonly string[] {
  const { sentences, astray } = coverageOf(SEMANTICS, testTitles('a.test.ts', source))
  return [...sentences.flatMap(({ id, tests }) => tests.map(() => id)), ...astray.map(({ id }) => `${id}?`)]
}

test('sentences are read with their number and whole text', () => {
  expect(sentencesOf(SEMANTICS)).toEqual([
    { id: '1.1', text: 'The first, over two lines.' },
    { id: '1.2', text: 'The second names 1.1.' },
    { id: '1.10', text: 'The tenth.' },
  ])
})

describe('a test names a sentence', () => {
  test.each([
    ['at the beginning of its title', "test('S-1.1 refuses', () => {})", ['1.1']],
    ['at its end, several at once', "it('refuses (S-1.1, S-1.2)', async () => {})", ['1.1', '1.2']],
    ['and 1.1 is not 1.10', "it('S-1.10 refuses', () => {})", ['1.10']],
    ['in a template', 'it(`S-1.1 refuses ${what}`, () => {})', ['1.1']],
    ['by its describe', "describe('S-1.1', () => { describe('a', () => { it('b', () => {}) }) })", ['1.1']],
    ['as each of a table', "it.each([[1]])('S-1.1 %s', (n: number) => {})", ['1.1']],
    ['by a row of its table', "it.each([['S-1.1 a', 1], ['S-1.2 b', 2]] as const)('%s', () => {})", ['1.1', '1.2']],
    ['with more options', "test.concurrent('S-1.1 a', { timeout: 1 }, () => {})", ['1.1']],
    ['within a loop', "for (const a of b) test('S-1.1 a', () => {})", ['1.1']],
    ['that there is not', "test('S-9.9 a', () => {})", ['9.9?']],
    ['never in a comment', "// S-1.1\n/* test('S-1.1') */\ntest('a', () => {})", []],
    ['never by another call', "log('S-1.1 a'); test(name, () => { expect('S-1.1').toBe(1) })", []],
    ['never by a table that its title does not show', "it.each([['S-1.1']])('all of them', () => {})", []],
    ['never when it is skipped', "test.skip('S-1.1 a', () => {}); it.todo('S-1.2 b')", []],
    ['never by a describe without tests', "describe('S-1.1', () => {})", []],
    ['never below a describe that is skipped', "describe.skip('S-1.1', () => { it('S-1.2 a', () => {}) })", []],
  ])('%s', (_, source, ids) => {
    expect(named(source)).toEqual(ids)
  })
})

test('the page begins with what no test names, and lets no title become Markdown', () => {
  const titled = testTitles('src/a.test.ts', "test('S-1.2 *a* `b` [c](d) | e', () => {})\ntest('S-7.7 a', () => {})")
  const page = coveragePage(coverageOf(SEMANTICS, titled))
  expect(page).toContain('3 sentences, 1 of them named by tests.')
  expect(page).toContain('## Without a test\n\n- S-1.1 The first, over two lines.\n- S-1.10 The tenth.\n\n')
  expect(page).toContain("- `src/a.test.ts`: S-1.2 \\*a\\* 'b' \\[c\\](d) \\| e")
  expect(page).toContain('## Named, but not there\n\n- S-7.7: `src/a.test.ts`: S-7.7 a')
})
