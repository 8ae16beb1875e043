import { type Clock, type Instant } from '../clock.ts'
import { type Path, problemIn, type SourceDocument } from '../document/document.ts'
import type { Position, Problem } from '../document/problem.ts'
import { formatDuration } from '../duration.ts'
import type { Coverage } from '../simulation/coverage.ts'
import { simulate } from '../simulation/simulation.ts'
import type { Happening } from '../simulation/trace.ts'
import { compare, type DiffLine } from './compare.ts'
import type { LoadedTest, LoadedTests, Runnable } from './load.ts'
import { momentOf } from './seen.ts'

/** Something that is not as a test expects it, with its place. */
export interface Failure extends Position {
  readonly file: string
  readonly message: string
  readonly diff: readonly DiffLine[]
}

/** What happened in a test, by the time since its start. */
export interface TraceLine {
  readonly afterMs: number
  readonly incident: number | null
  readonly text: string
  /** How often in a row, and when last. */
  readonly times: number
  readonly lastAfterMs: number
}

export interface TestResult {
  readonly name: string
  /** Where the test stands. */
  readonly position: Position
  /** Empty: it has passed. */
  readonly failures: readonly Failure[]
  readonly trace: readonly TraceLine[]
  /** Up to when the trace tells of the last failure, in milliseconds since the start. */
  readonly failedAtMs: number | null
  /** Null: it could not be run, or this was not asked for. */
  readonly coverage: Coverage | null
  /** Rules that its expectations speak of. */
  readonly speaksOf: ReadonlySet<string>
  /** Real time, in milliseconds. */
  readonly tookMs: number
}

export interface RunOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Only whether a test passes is asked: it ends at the first mismatch, and what took part is not gathered. */
  readonly stopAtFirst?: boolean
}

/** Runs one test. Never throws. */
export async function runTest(
  test: LoadedTest,
  document: SourceDocument,
  { clock, stopAtFirst = false }: RunOptions,
): Promise<TestResult> {
  const { name, path, runnable, problems } = test
  const began = clock.monotonic()
  const position = document.at(path)
  if (runnable === null)
    return {
      name,
      position,
      failures: problems.map(asFailure),
      trace: [],
      failedAtMs: null,
      coverage: null,
      speaksOf: new Set(),
      tookMs: clock.monotonic() - began,
    }
  const { failures, trace, failedAtMs, coverage } = await play(runnable, path, document, stopAtFirst).catch(
    (error: unknown) => brokeOff(error, document.file, position),
  )
  const speaksOf = spokenOf(runnable)
  return { name, position, failures, trace, failedAtMs, coverage, speaksOf, tookMs: clock.monotonic() - began }
}

/** A defect of ours in one test must not hide what the others find. */
function brokeOff(error: unknown, file: string, position: Position): Played {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const [message = '', ...rest] = why.split('\n')
  const diff = rest.map((text): DiffLine => ({ sign: ' ', text: text.trim() }))
  const failure = { file, ...position, message: `kafka-healing itself breaks on this test: ${message}`, diff }
  return { failures: [failure], trace: [], failedAtMs: null, coverage: null }
}

type Played = Pick<TestResult, 'failures' | 'trace' | 'failedAtMs' | 'coverage'>

async function play(
  { fields, configuration }: Runnable,
  path: Path,
  document: SourceDocument,
  stopAtFirst: boolean,
): Promise<Played> {
  const { name: _name, modes: _modes, expect, mode: _mode, ...scenario } = fields
  const simulation = await simulate(scenario, configuration)
  try {
    const failures: Failure[] = []
    let failedAtMs: number | null = null
    const fail = (at: Path, message: string, diff: readonly DiffLine[]): void => {
      failures.push({ file: document.file, ...document.at([...path, ...at]), message, diff })
    }
    for (const [index, expectation] of expect.entries()) {
      await simulation.runUntil(expectation.at)
      const mismatches = compare(expectation, await momentOf(simulation))
      for (const one of mismatches) {
        fail(['expect', index, ...one.path], `at ${formatDuration(expectation.at)}, ${one.message}`, one.diff)
        failedAtMs = expectation.at
      }
      if (stopAtFirst && failures.length > 0) break
    }
    for (const { at, text } of simulation.problems()) {
      fail(['changes'], `at ${formatDuration(at - simulation.startedAt)}, ${text}`, [])
      failedAtMs = Math.max(failedAtMs ?? 0, at - simulation.startedAt)
    }
    if (!stopAtFirst || failures.length === 0) {
      for (const step of simulation.unusedSteps())
        fail(['steps', fields.steps?.indexOf(step) ?? 0], 'no step comes to this', [])
    }
    const trace = simulation.trace().map((one) => traceLine(one, simulation.startedAt))
    return { failures, trace, failedAtMs, coverage: stopAtFirst ? null : await simulation.coverage() }
  } finally {
    await simulation.close()
  }
}

/** Runs all tests of a file whose name is wanted, one after another. */
export async function runTests(
  { document, tests }: LoadedTests,
  options: RunOptions & {
    readonly wanted: (name: string) => boolean
    readonly onDone?: (result: TestResult) => void
  },
): Promise<readonly TestResult[]> {
  if (document === null) return []
  const results: TestResult[] = []
  for (const test of tests) {
    if (!options.wanted(test.name)) continue
    const result = await runTest(test, document, options)
    results.push(result)
    options.onDone?.(result)
  }
  return results
}

function traceLine({ at, incident, text, times, lastAt }: Happening, startedAt: Instant): TraceLine {
  return { afterMs: at - startedAt, incident, text, times, lastAfterMs: lastAt - startedAt }
}

function spokenOf({ fields }: Runnable): ReadonlySet<string> {
  return new Set(
    fields.expect.flatMap(({ incidents = [], mails = [] }) => [
      ...incidents.map(({ rule }) => rule),
      ...mails.flatMap(({ rule }) => rule ?? []),
    ]),
  )
}

function asFailure({ file, line, column, message }: Problem): Failure {
  return { ...problemIn(file, { line, column }, message), diff: [] }
}
