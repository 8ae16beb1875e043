import { formatProblem } from '../../document/problem.ts'
import type { Failure, TestResult } from '../../rule-tests/run.ts'
import { type FileReport, hasFailed, type Report, traceText, untilFailure } from './report.ts'

type Attributes = Readonly<Record<string, string | number>>

/**
 * JUnit XML as CI systems read it: a suite for each file, a case for each test, `file` and `line` for those that link to
 * it. A file that could not be loaded is a case with an error.
 */
export function junitXml({ files }: Report): string {
  const suites = files.map(suite)
  const whole = element('testsuites', { name: 'kafka-healing test', ...total(files) }, suites)
  return `<?xml version="1.0" encoding="UTF-8"?>\n${whole}\n`
}

function suite(report: FileReport): string {
  const { loaded, results } = report
  const file = { name: loaded.file, ...total([report]), skipped: 0 }
  if (loaded.problems.length === 0)
    return element(
      'testsuite',
      file,
      results.map((result) => testCase(result, loaded.file)),
    )
  const problems = loaded.problems.map(formatProblem)
  const error = element('error', { type: 'load', message: problems[0] ?? '' }, [escaped(problems.join('\n'))])
  const { line } = loaded.problems[0] ?? { line: 1 }
  const only = element(
    'testcase',
    { name: 'can be loaded', classname: loaded.file, file: loaded.file, line, time: 0 },
    [error],
  )
  return element('testsuite', file, [only])
}

function total(files: readonly FileReport[]): Attributes {
  const results = files.flatMap((file) => file.results)
  const errors = files.filter(({ loaded }) => loaded.problems.length > 0).length
  const ms = files.reduce((sum, { tookMs }) => sum + tookMs, 0)
  return {
    tests: results.length + errors,
    failures: results.filter(hasFailed).length,
    errors,
    time: seconds(ms),
  }
}

function testCase(result: TestResult, file: string): string {
  const { name, position, failures, tookMs } = result
  const attributes = { name, classname: file, file, line: position.line, time: seconds(tookMs) }
  const [first] = failures
  if (first === undefined) return element('testcase', attributes, [])
  const text = [...failures.map(failureText), ...untilFailure(result).lines.map((line) => traceText(line))].join('\n')
  return element('testcase', attributes, [
    element('failure', { type: 'expectation', message: first.message }, [escaped(text)]),
  ])
}

function failureText({ file, line, column, message, diff }: Failure): string {
  return [`${file}:${line}:${column}: ${message}`, ...diff.map(({ sign, text }) => `  ${sign} ${text}`)].join('\n')
}

/** `children` are markup. */
function element(name: string, attributes: Attributes, children: readonly string[]): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
  const start = `<${name}${written.join('')}`
  return children.length === 0 ? `${start}/>` : `${start}>${children.join('')}</${name}>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // Within attributes a reader would make blanks of them.
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** What XML 1.0 cannot hold at all becomes the replacement character. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll(/[&<>"'\n\r\t]/g, (one) => ENTITIES[one] ?? one)
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}
