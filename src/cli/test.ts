import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { RE2JS } from 're2js'
import { systemClock } from '../clock.ts'
import { formatProblem } from '../document/problem.ts'
import { type LoadedSources, loadSources, type Sources } from '../rule-tests/configuration.ts'
import { coverageOf, type Item, placesIn } from '../rule-tests/coverage.ts'
import { type LoadedTests, loadTests } from '../rule-tests/load.ts'
import { runTests } from '../rule-tests/run.ts'
import { configFile } from './config-file.ts'
import { type Progress, withProgress } from './progress.ts'
import { paintFor } from './terminal.ts'
import { testFiles } from './test/files.ts'
import { junitXml } from './test/junit.ts'
import { exitCodeOf, type FileReport, type Report, renderJson, renderText } from './test/report.ts'

export interface TestOptions {
  readonly config?: string
  readonly run?: string
  readonly coverage?: boolean
  /** Percent, 0 to 100. */
  readonly coverageMin?: number
  readonly trace?: boolean
  readonly junit?: string
  readonly json?: boolean
}

/** `kafka-healing test`: runs all tests of all files, whatever fails among them. Exit codes stand in its help. */
export async function test(named: readonly string[], options: TestOptions = {}): Promise<void> {
  const wanted = nameFilter(options.run)
  if (typeof wanted === 'string') return fail(wanted)
  const config = configFile(options.config)
  const found = testFiles(named, config)
  if ('problems' in found) return fail(found.problems.map(formatProblem).join('\n'))
  const { files } = found
  const sources = remembering(loadSources)
  const loaded = files.map((file) =>
    loadTests(file, { config, insist: options.config !== undefined, loadSources: sources }),
  )
  const reports = await withProgress('testing', (progress) => runAll(loaded, wanted, progress), {
    clock: systemClock,
  })
  const report: Report = {
    files: reports,
    coverage: options.coverage === true || options.coverageMin !== undefined ? coverage(reports) : null,
    coverageMin: options.coverageMin ?? null,
  }
  if (options.junit !== undefined) {
    try {
      // One level, no more: `recursive` below /proc keeps Node busy for ever.
      const folder = dirname(options.junit)
      if (!existsSync(folder)) mkdirSync(folder)
      writeFileSync(options.junit, junitXml(report))
    } catch (error) {
      return fail(`${options.junit} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const paint = paintFor(process.stdout, process.env)
  process.stdout.write(options.json === true ? renderJson(report) : renderText(report, paint, options.trace === true))
  process.exitCode = exitCodeOf(report)
  if (process.exitCode === 2 && reports.every(({ loaded: { problems } }) => problems.length === 0))
    fail(`nothing to test: the name of no test holds ${options.run ?? ''}`)
}

/** Which names are wanted; a sentence when the pattern is none. */
function nameFilter(pattern: string | undefined): ((name: string) => boolean) | string {
  if (pattern === undefined) return () => true
  try {
    const compiled = RE2JS.compile(pattern)
    return (name) => compiled.matcher(name).find()
  } catch (error) {
    return `--run ${JSON.stringify(pattern)} is not an RE2 pattern: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function runAll(
  loaded: readonly LoadedTests[],
  wanted: (name: string) => boolean,
  progress: Progress,
): Promise<readonly FileReport[]> {
  const reports: FileReport[] = []
  for (const each of loaded) {
    const began = systemClock.monotonic()
    const onDone = ({ name }: { readonly name: string }): void => progress.say(`${each.file}: ${name}`)
    const results = await runTests(each, { clock: systemClock, wanted, onDone })
    reports.push({ loaded: each, results, tookMs: systemClock.monotonic() - began })
  }
  return reports
}

/** Of each configuration under test on its own: two may have rules of one name. */
function coverage(reports: readonly FileReport[]): readonly Item[] {
  const together = Map.groupBy(
    reports.filter(({ loaded: { under } }) => under !== null),
    ({ loaded: { under } }) => under,
  )
  return [...together].flatMap(([under, files]) =>
    under === null
      ? []
      : coverageOf(
          under.configuration.rules,
          files.flatMap(({ results }) => results),
          placesIn(under.rulesFiles),
        ),
  )
}

/** Several files test one configuration: it is read once. */
function remembering(load: (sources: Sources) => LoadedSources): (sources: Sources) => LoadedSources {
  const known = new Map<string, LoadedSources>()
  return (sources) => {
    const key = JSON.stringify(sources)
    const loaded = known.get(key) ?? load(sources)
    known.set(key, loaded)
    return loaded
  }
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 2
}
