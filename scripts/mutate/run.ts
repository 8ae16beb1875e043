import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseDocument } from 'yaml'
import type { Labels } from '../../src/alert/alert.ts'
import { systemClock } from '../../src/clock.ts'
import { formatProblem } from '../../src/document/problem.ts'
import { loadSources, type UnderTest } from '../../src/rule-tests/configuration.ts'
import { readTests, testsUnder, type WrittenTests } from '../../src/rule-tests/load.ts'
import { runTest } from '../../src/rule-tests/run.ts'
import { receiversOf } from '../../src/rules/configuration.ts'
import { granted } from '../../src/rules/granted.ts'
import { loadRules } from '../../src/rules/load.ts'
import { matchRules, type Rule } from '../../src/rules/match.ts'
import { type Mutant, mutantsOf } from './mutants.ts'

export interface Checked {
  readonly mutant: Mutant
  /** `killed`: a test failed; `refused`: `check` refuses such a file, so no test is needed. */
  readonly fate: 'killed' | 'refused' | 'survived'
  /** What found it. */
  readonly by: string | null
}

export interface Mutation {
  readonly config: string
  readonly inventory: string
  readonly rules: string
  readonly tests: string
}

/** A receiver for mutants that tell the wrong people. */
const SOMEBODY_ELSE = 'somebody-else'

/**
 * Breaks the rules in one place at a time and runs their tests against each. `only`: a part of what mutants are called.
 * Throws when the tests do not pass on the rules as they are: what they find then says nothing.
 */
export async function mutate(
  { config, inventory, rules, tests }: Mutation,
  { only = '', onDone = () => undefined }: { readonly only?: string; readonly onDone?: (done: Checked) => void } = {},
): Promise<readonly Checked[]> {
  const text = readFileSync(rules, 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-mutate-'))
  try {
    const world = workbench(folder, { config, inventory, rules })
    const read = readTests(tests)
    if ('problems' in read) throw new Error(read.problems.map(formatProblem).join('\n'))
    const unbroken = world.load(text)
    if (typeof unbroken === 'string') throw new Error(unbroken)
    const suite = await suiteOf(read.ok, unbroken)
    const checked: Checked[] = []
    for (const mutant of mutantsOf(rules, text, world.receivers)) {
      if (!mutant.what.includes(only)) continue
      const done = await check(mutant, suite, world.load)
      checked.push(done)
      onDone(done)
    }
    return checked
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Workbench {
  readonly receivers: readonly string[]
  /** The configuration with that text as its only rules file; what is wrong with it where it cannot be loaded. */
  readonly load: (text: string) => UnderTest | string
}

/** Everything but the rules is read once. */
function workbench(folder: string, { config, inventory, rules }: Omit<Mutation, 'tests'>): Workbench {
  const document = parseDocument(readFileSync(config, 'utf8'))
  document.setIn(['receivers', SOMEBODY_ELSE], ['somebody-else@example.org'])
  const copy = join(folder, 'config.yml')
  writeFileSync(copy, String(document))
  const loaded = loadSources({ config: copy, inventory, rules: [rules] })
  if ('problems' in loaded) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  const { configuration } = loaded.ok
  const file = join(folder, basename(rules))
  const context = { ...configuration, powers: granted, revision: configuration.revision.name }
  return {
    receivers: [...configuration.config.receivers.keys()],
    load(text) {
      writeFileSync(file, text)
      const { rules: broken, problems } = loadRules([file], context)
      const errors = problems.filter(({ severity }) => severity === 'error')
      if (errors.length > 0) return errors.map(formatProblem).join('\n')
      const noticesTo = configuration.config.noticesTo ?? receiversOf(broken)
      return { configuration: { ...configuration, rules: broken, noticesTo }, rulesFiles: [file] }
    },
  }
}

/** The tests, those that found the last mutants first. */
interface Suite {
  readonly tests: WrittenTests
  /** Places of tests in their file, in the order in which they are tried. */
  readonly order: number[]
  /** By place: the rules that open incidents in it, as long as nothing is broken. */
  readonly opened: readonly ReadonlySet<string>[]
  readonly unbroken: readonly Rule[]
}

async function suiteOf(tests: WrittenTests, under: UnderTest): Promise<Suite> {
  const opened: ReadonlySet<string>[] = []
  const tookMs: number[] = []
  for (const test of testsUnder(tests, under).tests) {
    const result = await runTest(test, tests.document, { clock: systemClock })
    const [first] = result.failures
    if (first) {
      const where = formatProblem({ ...first, severity: 'error' })
      throw new Error(`the tests do not pass on the rules as they are: ${test.name}\n${where}`)
    }
    opened.push(new Set(result.coverage?.rules))
    tookMs.push(result.tookMs)
  }
  const order = [...opened.keys()].toSorted((a, b) => (tookMs[a] ?? 0) - (tookMs[b] ?? 0))
  return { tests, order, opened, unbroken: under.configuration.rules }
}

async function check(mutant: Mutant, suite: Suite, load: Workbench['load']): Promise<Checked> {
  const under = load(mutant.text)
  if (typeof under === 'string') return { mutant, fate: 'refused', by: under }
  const { tests, order } = suite
  const loaded = testsUnder(tests, under)
  if (loaded.problems.length > 0) return { mutant, fate: 'killed', by: loaded.problems.map(formatProblem).join('\n') }
  for (const [place, index] of order.entries()) {
    const test = loaded.tests[index]
    if (test === undefined || !canTell(mutant, index, under.configuration.rules, suite)) continue
    const { failures } = await runTest(test, tests.document, { clock: systemClock, stopAtFirst: true })
    if (failures.length === 0) continue
    order.unshift(...order.splice(place, 1))
    return { mutant, fate: 'killed', by: test.name }
  }
  return { mutant, fate: 'survived', by: null }
}

/** What a rule says decides nothing where neither it nor what is broken in it opens an incident. */
function canTell(mutant: Mutant, index: number, rules: readonly Rule[], { tests, opened, unbroken }: Suite): boolean {
  if (!mutant.isOrder && mutant.rules.some((rule) => opened[index]?.has(rule) === true)) return true
  const opens = (all: readonly Rule[], labels: Labels): string =>
    matchRules(all, labels)
      .map(({ name }) => name)
      .join()
  const { alerts = [] } = tests.tests[index]?.fields ?? {}
  return alerts.some(({ labels }) => opens(rules, labels) !== opens(unbroken, labels))
}
