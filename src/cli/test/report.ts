import { formatProblem, type Position } from '../../document/problem.ts'
import { formatDuration } from '../../duration.ts'
import { times } from '../../notify/naming.ts'
import { type Item, type Share, shareOf } from '../../rule-tests/coverage.ts'
import type { LoadedTests } from '../../rule-tests/load.ts'
import type { Failure, TestResult, TraceLine } from '../../rule-tests/run.ts'
import { type Paint, printable } from '../terminal.ts'

/** What came of one file. */
export interface FileReport {
  readonly loaded: Pick<LoadedTests, 'file' | 'problems' | 'under'>
  readonly results: readonly TestResult[]
  /** Milliseconds. */
  readonly tookMs: number
}

export interface Report {
  readonly files: readonly FileReport[]
  /** Null: not asked for. */
  readonly coverage: readonly Item[] | null
  /** Percent that each kind of items must reach; null: any will do. */
  readonly coverageMin: number | null
}

const KINDS = [
  ['rules', 'rule'],
  ['guards', 'guard'],
  ['rungs', 'rung'],
] as const satisfies readonly (readonly [string, Item['kind']])[]

/** Lines of a trace that are shown before a failure. */
const SHOWN_LINES = 40

/** 0: all passed; 1: a test failed, or too little is covered; 2: nothing was tested, or a file could not be loaded. */
export function exitCodeOf(report: Report): 0 | 1 | 2 {
  const { files } = report
  if (files.some(({ loaded }) => loaded.problems.length > 0)) return 2
  if (files.every(({ results }) => results.length === 0)) return 2
  return files.some(({ results }) => results.some(hasFailed)) || tooLittle(report).length > 0 ? 1 : 0
}

export function hasFailed({ failures }: TestResult): boolean {
  return failures.length > 0
}

/** Kinds of which less is covered than is wanted. */
function tooLittle({ coverage, coverageMin }: Report): readonly string[] {
  if (coverage === null || coverageMin === null) return []
  return KINDS.filter(([, kind]) => shareOfKind(coverage, kind).percent < coverageMin).map(([name]) => name)
}

function shareOfKind(items: readonly Item[], kind: Item['kind']): Share {
  return shareOf(items.filter((item) => item.kind === kind))
}

/** For people. */
export function renderText(report: Report, paint: Paint, wholeTrace: boolean): string {
  const blocks = [
    ...report.files.map((file) => fileLines(file, paint, wholeTrace)),
    ...(report.coverage === null ? [] : [coverageLines(report, report.coverage, paint)]),
    [summary(report, paint)],
  ]
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function fileLines({ loaded, results, tookMs }: FileReport, paint: Paint, wholeTrace: boolean): readonly string[] {
  if (loaded.problems.length > 0)
    return [
      `${paint('red', 'cannot be tested')}  ${printable(loaded.file)}`,
      ...loaded.problems.map((problem) => printable(formatProblem(problem))),
    ]
  const failed = results.filter(hasFailed)
  const word = failed.length > 0 ? paint('red', 'failed') : paint('green', 'passed')
  const count =
    failed.length > 0 ? `${failed.length} of ${times(results.length, 'test')}` : times(results.length, 'test')
  return [
    `${word}  ${printable(loaded.file)}: ${count}, ${seconds(tookMs)}`,
    ...(wholeTrace ? results : failed).flatMap((result) => ['', ...testLines(loaded.file, result, paint, wholeTrace)]),
  ]
}

function testLines(file: string, result: TestResult, paint: Paint, wholeTrace: boolean): readonly string[] {
  const { name, position, failures } = result
  const word = failures.length > 0 ? paint('red', 'FAIL') : paint('green', 'PASS')
  return [
    `${word}  ${paint('bold', printable(name))}  (${at(file, position)})`,
    ...failures.flatMap((failure) => failureLines(failure, paint)),
    ...traceLines(result, paint, wholeTrace),
  ]
}

function failureLines({ file, message, diff, ...position }: Failure, paint: Paint): readonly string[] {
  return [
    `${at(file, position)}: ${printable(message)}`,
    ...diff.map(({ sign, text }) => {
      const line = `  ${sign} ${printable(text)}`
      return sign === ' ' ? line : paint(sign === '-' ? 'red' : 'green', line)
    }),
  ]
}

function traceLines(result: TestResult, paint: Paint, whole: boolean): readonly string[] {
  const { lines, earlier } = whole ? { lines: result.trace, earlier: 0 } : untilFailure(result)
  if (lines.length === 0) return []
  const width = Math.max(...lines.map(({ afterMs }) => sinceStart(afterMs).length))
  return [
    '  what happened:',
    ...(earlier > 0 ? [paint('dim', `    ${earlier} earlier lines are not shown; --trace shows all`)] : []),
    ...lines.map((line) => paint('dim', `    ${traceText(line, width)}`)),
  ]
}

/** What happened last before the last failure, and how many lines came before that. */
export function untilFailure({ trace, failedAtMs }: Pick<TestResult, 'trace' | 'failedAtMs'>): {
  readonly lines: readonly TraceLine[]
  readonly earlier: number
} {
  const told = trace.filter(({ afterMs }) => afterMs <= (failedAtMs ?? -1))
  const lines = told.slice(-SHOWN_LINES)
  return { lines, earlier: told.length - lines.length }
}

/** One line, its time at the end of `width` columns. */
export function traceText({ afterMs, incident, text, times, lastAfterMs }: TraceLine, width = 0): string {
  const who = incident === null ? '' : `#${incident} `
  const again = times > 1 ? ` (${times} times, last at ${sinceStart(lastAfterMs)})` : ''
  return printable(`${sinceStart(afterMs).padStart(width)}  ${who}${text}${again}`)
}

/** `1m30.5s`: durations do not have tenths, and nobody wants more. */
function sinceStart(ms: number): string {
  const tenths = Math.round(ms / 100)
  const whole = formatDuration(Math.floor(tenths / 10) * 1_000)
  if (tenths % 10 === 0) return whole
  return whole.endsWith('s') ? `${whole.slice(0, -1)}.${tenths % 10}s` : `${whole}0.${tenths % 10}s`
}

function coverageLines(report: Report, items: readonly Item[], paint: Paint): readonly string[] {
  const short = tooLittle(report)
  const shares = KINDS.map(([name, kind]) => {
    const { touched, of, percent } = shareOfKind(items, kind)
    const text = `${name} ${percent} % (${touched} of ${of})`
    return short.includes(name) ? paint('red', text) : text
  })
  const wanted = short.length === 0 ? [] : [paint('red', `wanted: ${report.coverageMin} % of each`)]
  const byRule = Map.groupBy(
    items.filter(({ touched }) => !touched),
    ({ rule }) => rule,
  )
  return [`covered: ${shares.join(', ')}`, ...wanted, ...[...byRule].flatMap(([rule, gaps]) => gapLines(rule, gaps))]
}

/** What no test touches of one rule. Of a rule without any test that alone is worth a line. */
function gapLines(rule: string, gaps: readonly Item[]): readonly string[] {
  const place = gaps.find(({ kind }) => kind !== 'rung')?.place ?? null
  const head = `${place === null ? '' : `${at(place.file, place)}: `}rule ${rule}`
  if (gaps.some(({ kind }) => kind === 'rule')) return [printable(`${head}: no test opens an incident of it`)]
  const guards = (wanted: Item['wanted'], said: string): readonly string[] => {
    const names = gaps.filter((gap) => gap.wanted === wanted).map(({ name }) => name)
    return names.length === 0 ? [] : [`${head}: these guards never ${said}: ${names.join(', ')}`]
  }
  const rungs = gaps.filter(({ kind }) => kind === 'rung')
  return [
    ...rungs.map(
      ({ name, place }) => `${place === null ? head : at(place.file, place)}: ${name} never runs to its end`,
    ),
    ...guards('passes', 'pass'),
    ...guards('objects', 'object'),
  ].map(printable)
}

function summary({ files }: Report, paint: Paint): string {
  const results = files.flatMap((file) => file.results)
  const failed = results.filter(hasFailed).length
  const unloaded = files.filter(({ loaded }) => loaded.problems.length > 0).length
  const parts = [
    failed > 0
      ? paint('red', `${failed} of ${times(results.length, 'test')} failed`)
      : `${times(results.length, 'test')} passed`,
    ...(unloaded > 0 ? [paint('red', `${times(unloaded, 'file')} could not be tested`)] : []),
  ]
  return parts.join(', ')
}

/** For programs. */
export function renderJson(report: Report): string {
  const { files, coverage, coverageMin } = report
  const results = files.flatMap((file) => file.results)
  const whole = {
    ok: exitCodeOf(report) === 0,
    tests: results.length,
    failed: results.filter(hasFailed).length,
    files: files.map(({ loaded, results, tookMs }) => ({
      file: loaded.file,
      tookMs: Math.round(tookMs),
      problems: loaded.problems,
      tests: results.map(({ name, position, failures, trace, tookMs }) => ({
        name,
        ...position,
        ok: failures.length === 0,
        tookMs: Math.round(tookMs),
        failures,
        trace,
      })),
    })),
    coverage:
      coverage === null
        ? null
        : {
            min: coverageMin,
            ...Object.fromEntries(KINDS.map(([name, kind]) => [name, shareOfKind(coverage, kind)])),
            gaps: coverage.flatMap(({ kind, rule, name, wanted, touched, place }) =>
              touched ? [] : [{ kind, rule, name, wanted, ...place }],
            ),
          },
  }
  return `${JSON.stringify(whole, null, 2)}\n`
}

function at(file: string, { line, column }: Position): string {
  return `${printable(file)}:${line}:${column}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}
