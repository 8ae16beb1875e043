import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Titled, testTitles } from './test-titles.ts'

/** A numbered sentence of docs/semantics.md. */
export interface Sentence {
  /** `5.6`. */
  readonly id: string
  readonly text: string
}

/** A test as the page shows it. */
interface Shown {
  readonly file: string
  readonly title: string
}

export interface Coverage {
  /** Every sentence, in its order, with the tests that name it. */
  readonly sentences: readonly (Sentence & { readonly tests: readonly Shown[] })[]
  /** Tests that name a sentence that there is not. */
  readonly astray: readonly (Shown & { readonly id: string })[]
}

/** Tests live in test files, and in the conformance suites that test files run. */
const FILES = ['src/**/*.test.ts', 'src/store/conformance/*.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts']

/** Each sentence with the tests whose titles name it as `S-x.y`, wherever in the title or in those of its `describe`s. */
export function semanticsCoverage(root: string): Coverage {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const files = [...new Set(FILES.flatMap((pattern) => globSync(pattern, { cwd: root })))].toSorted()
  return coverageOf(
    read('docs/semantics.md'),
    files.flatMap((file) => testTitles(file, read(file))),
  )
}

export function coverageOf(semantics: string, titled: readonly Titled[]): Coverage {
  const sentences = sentencesOf(semantics)
  const known = new Set(sentences.map(({ id }) => id))
  const named = titled.flatMap((one) => namesOf(one).map((id) => ({ id, file: one.file, title: shownTitle(one) })))
  return {
    sentences: sentences.map((sentence) => ({
      ...sentence,
      tests: named.filter(({ id }) => id === sentence.id).map(({ file, title }) => ({ file, title })),
    })),
    astray: named.filter(({ id }) => !known.has(id)),
  }
}

/** The sentences of the page: each a paragraph that begins with its number. */
export function sentencesOf(semantics: string): readonly Sentence[] {
  return [...semantics.matchAll(/^\*\*S-(\d+\.\d+)\*\* ([\s\S]*?)(?=\n\n|\n*$(?![\s\S]))/gm)].map(
    ([, id = '', text = '']) => ({ id, text: text.replaceAll(/\s+/g, ' ').trim() }),
  )
}

function namesOf({ title, within, rows }: Titled): readonly string[] {
  const said = [...within, title, ...(/[%$]/.test(title) ? rows.filter((row) => /^S-\d/.test(row)) : [])]
  return [...new Set(said.flatMap((text) => [...text.matchAll(/\bS-(\d+\.\d+)\b/g)].map(([, id = '']) => id)))]
}

function shownTitle({ title, within }: Titled): string {
  return [...within, title].join(' › ')
}

const SHORT = 110

/** The page: what no test names comes first. */
export function coveragePage({ sentences, astray }: Coverage): string {
  const bare = sentences.filter(({ tests }) => tests.length === 0)
  const head = `# Semantics coverage

Generated from the titles of the tests by \`npm run docs\`; a test fails when it is out of date, and when a sentence of
[semantics.md](semantics.md) is named by no test. That a test names a sentence says where to look, not that nothing is left to show.

${sentences.length} sentences, ${sentences.length - bare.length} of them named by tests.`
  const parts = [
    head,
    `## Without a test\n\n${bare.length === 0 ? 'None.' : bare.map((one) => `- S-${one.id} ${short(one.text)}`).join('\n')}`,
    ...(astray.length === 0
      ? []
      : [`## Named, but not there\n\n${astray.map(({ id, ...test }) => `- S-${id}: ${line(test)}`).join('\n')}`]),
    '## With tests',
    ...sentences
      .filter(({ tests }) => tests.length > 0)
      .map(
        (one) => `### S-${one.id}\n\n${short(one.text)}\n\n${one.tests.map((test) => `- ${line(test)}`).join('\n')}`,
      ),
  ]
  return `${parts.join('\n\n')}\n`
}

function short(text: string): string {
  const plain = text.replaceAll(/[*`]/g, '')
  if (plain.length <= SHORT) return plain
  return `${plain.slice(0, plain.lastIndexOf(' ', SHORT))} …`
}

/** Titles are other people's text: nothing in them is to become Markdown. */
function line({ file, title }: Shown): string {
  return `\`${file}\`: ${title.replaceAll(/\s+/g, ' ').replaceAll(/[`*_|<>[\]]/g, (mark) => (mark === '`' ? "'" : `\\${mark}`))}`
}
