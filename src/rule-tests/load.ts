import { dirname, resolve } from 'node:path'
import { complainTo, type Path, problemIn, readDocument, type SourceDocument } from '../document/document.ts'
import { orderProblems, type Problem } from '../document/problem.ts'
import { validate } from '../document/validate.ts'
import type { Configuration } from '../rules/configuration.ts'
import type { LoadedSources, Sources, UnderTest } from './configuration.ts'
import { withModes } from './modes.ts'
import { RuleTest, TestsFile } from './schema.ts'
import { problemsOf } from './sense.ts'

/** A test as it is written, checked as far as that goes without the rules. */
interface WrittenTest {
  readonly name: string
  /** Where it stands in the document. */
  readonly path: Path
  /** Null: it has the wrong shape, as `problems` say. */
  readonly fields: RuleTest | null
  readonly problems: readonly Problem[]
}

/** A file of tests. Its rules may be replaced: what is written here is read once. */
export interface WrittenTests {
  readonly document: SourceDocument
  readonly fields: TestsFile
  readonly tests: readonly WrittenTest[]
}

/** What a test runs on. */
export interface Runnable {
  readonly fields: RuleTest
  /** With the modes that the test wants. */
  readonly configuration: Configuration
}

export interface LoadedTest {
  readonly name: string
  readonly path: Path
  /** Null: it is wrong itself, as `problems` say, so it has failed. */
  readonly runnable: Runnable | null
  readonly problems: readonly Problem[]
}

export interface LoadedTests {
  readonly file: string
  /** Why nothing in the file can be run; of the file itself or of the configuration. */
  readonly problems: readonly Problem[]
  /** Null where there are problems. */
  readonly document: SourceDocument | null
  /** Shared by all files that test the same. Null where there are problems. */
  readonly under: UnderTest | null
  readonly tests: readonly LoadedTest[]
}

export interface LoadOptions {
  /** The configuration where the file names none. */
  readonly config: string
  /** It counts even where the file names another: it was asked for on the command line. */
  readonly insist: boolean
  readonly loadSources: (sources: Sources) => LoadedSources
}

/** Reads a file of tests and the configuration under test. Never throws for what they hold. */
export function loadTests(file: string, options: LoadOptions): LoadedTests {
  const read = readTests(file)
  if ('problems' in read) return unusable(file, read.problems)
  const loaded = options.loadSources(sourcesOf(file, read.ok.fields, options))
  return 'problems' in loaded ? unusable(file, loaded.problems) : testsUnder(read.ok, loaded.ok)
}

/** Reads the file alone. Never throws for what it holds. */
export function readTests(file: string): { readonly ok: WrittenTests } | { readonly problems: readonly Problem[] } {
  const { document, problems: unreadable } = readDocument(file)
  if (document === null) return { problems: unreadable }
  if (document.value === null || document.value === undefined)
    return { problems: [problemIn(file, { line: 1, column: 1 }, 'the file is empty: there is no test in it')] }
  const shape = validate(document, document.value, TestsFile)
  if ('problems' in shape) return { problems: orderProblems(shape.problems) }
  const tests = shape.ok.tests.map((entry, index) => readTest(entry, ['tests', index], document))
  return { ok: { document, fields: shape.ok, tests: withoutTwins(tests, document) } }
}

/** The tests with the rules that they are to test. */
export function testsUnder({ document, fields, tests }: WrittenTests, under: UnderTest): LoadedTests {
  const wrong: Problem[] = []
  const whole = withModes(under.configuration, fields, complainTo(wrong, document))
  if (wrong.length > 0) return unusable(document.file, wrong)
  return {
    file: document.file,
    problems: [],
    document,
    under,
    tests: tests.map((test) => testUnder(test, whole, document)),
  }
}

function unusable(file: string, problems: readonly Problem[]): LoadedTests {
  return { file, problems: orderProblems(problems), document: null, under: null, tests: [] }
}

function sourcesOf(file: string, { config, inventory, rules }: TestsFile, options: LoadOptions): Sources {
  const beside = (path: string): string => resolve(dirname(resolve(file)), path)
  return {
    config: config === undefined || options.insist ? resolve(options.config) : beside(config),
    inventory: inventory === undefined ? null : beside(inventory),
    rules: rules?.map(beside) ?? null,
  }
}

function readTest(entry: unknown, path: Path, document: SourceDocument): WrittenTest {
  const name = nameOf(entry) ?? `test ${Number(path.at(-1)) + 1}`
  const checked = validate(document, entry, RuleTest, path)
  if ('problems' in checked) return { name, path, fields: null, problems: orderProblems(checked.problems) }
  return { name, path, fields: checked.ok, problems: [] }
}

function testUnder(written: WrittenTest, whole: Configuration, document: SourceDocument): LoadedTest {
  const { name, path, fields } = written
  const problems = [...written.problems]
  const complain = complainTo(problems, document)
  const within = (at: Path, message: string, part?: 'key' | 'value') => complain([...path, ...at], message, part)
  const configuration = fields === null ? whole : withModes(whole, fields, within)
  if (fields !== null) for (const one of problemsOf(fields, configuration)) within(one.path, one.message, one.part)
  if (fields === null || problems.length > 0) return { name, path, runnable: null, problems: orderProblems(problems) }
  return { name, path, runnable: { fields, configuration }, problems }
}

function nameOf(entry: unknown): string | null {
  const name = typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : null
  return typeof name === 'string' && name !== '' ? name : null
}

/** Two of one name cannot be told apart in a report. */
function withoutTwins(tests: readonly WrittenTest[], document: SourceDocument): readonly WrittenTest[] {
  const first = new Map<string, WrittenTest>()
  return tests.map((test) => {
    const twin = first.get(test.name)
    if (twin === undefined) {
      first.set(test.name, test)
      return test
    }
    const { line } = document.at(twin.path)
    const problems = [...test.problems]
    complainTo(problems, document)([...test.path, 'name'], `there is already a test of that name in line ${line}`)
    return { ...test, problems: orderProblems(problems) }
  })
}
