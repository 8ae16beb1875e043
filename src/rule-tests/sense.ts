import type { Path } from '../document/document.ts'
import { suggestion } from '../document/problem.ts'
import { formatDuration } from '../duration.ts'
import type { Configuration } from '../rules/configuration.ts'
import { granted } from '../rules/granted.ts'
import { scenarioProblems } from '../simulation/check.ts'
import type { Expectation, IncidentExpectation, MailExpectation, RuleTest } from './schema.ts'
import { UNRESOLVED } from './seen.ts'

/** Longer tests are slips of the pen: 30d for 30s. Milliseconds. */
const LONGEST_MS = 366 * 86_400_000

export interface TestProblem {
  /** Within the test. */
  readonly path: Path
  readonly message: string
  readonly part?: 'key' | 'value'
}

/** Why a test of the right shape would test nothing, or something else than what was meant: names that are not there, times out of order. */
export function problemsOf(test: RuleTest, configuration: Configuration): readonly TestProblem[] {
  return [
    ...scenarioProblems(test, configuration),
    ...eventless(test),
    ...untimely(test),
    ...test.expect.flatMap((expectation, index) =>
      within(['expect', index], [...stated(expectation), ...unknownNames(expectation, configuration)]),
    ),
  ]
}

function eventless({ alerts = [] }: RuleTest): readonly TestProblem[] {
  return alerts.length > 0
    ? []
    : [{ path: ['alerts'], message: 'there is no alert in this test: no rule can do anything' }]
}

function untimely({ alerts = [], changes = [], expect }: RuleTest): readonly TestProblem[] {
  const problems: TestProblem[] = []
  const last = expect.reduce((latest, { at }) => Math.max(latest, at), 0)
  for (const [index, { at }] of expect.entries()) {
    const path = ['expect', index, 'at']
    const before = expect[index - 1]?.at
    if (at > LONGEST_MS) problems.push({ path, message: `at most ${formatDuration(LONGEST_MS)} can be tested` })
    if (before !== undefined && at <= before) {
      const message = `expectations stand in the order of time, and the one before is at ${formatDuration(before)}`
      problems.push({ path, message })
    }
  }
  const unseen = `nothing is expected after ${formatDuration(last)}, so what comes of it is never looked at`
  for (const [index, { from = 0 }] of alerts.entries())
    if (from > last) problems.push({ path: ['alerts', index, 'from'], message: unseen })
  for (const [index, { at }] of changes.entries())
    if (at > last) problems.push({ path: ['changes', index, 'at'], message: unseen })
  return problems
}

/** What an expectation can state, besides that it is all there is. */
const STATEMENTS = ['incidents', 'ran', 'mails', 'nothing'] as const

function stated(expectation: Expectation): readonly TestProblem[] {
  const { only = true, nothing } = expectation
  const states = STATEMENTS.filter((key) => expectation[key] !== undefined)
  if (states.length === 0)
    return [{ path: [], message: `this expectation states nothing: give it one of ${STATEMENTS.join(', ')}` }]
  if (nothing === true && states.length > 1) {
    const message = '`nothing` means that there is nothing else to state'
    return [{ path: ['nothing'], message, part: 'key' }]
  }
  if (only) return []
  if (nothing === true) return [{ path: ['only'], message: '`nothing` leaves no others', part: 'key' }]
  return states.flatMap((key) => {
    const list = expectation[key]
    if (!Array.isArray(list) || list.length > 0) return []
    return [{ path: [key], message: 'with `only: false` an empty list states nothing', part: 'key' as const }]
  })
}

function unknownNames(
  { incidents = [], ran = [], mails = [] }: Expectation,
  configuration: Configuration,
): readonly TestProblem[] {
  const known = namesOf(configuration)
  return [
    ...incidents.flatMap((each, index) => within(['incidents', index], inIncident(each, known))),
    ...ran.flatMap((each, index) => within(['ran', index], inStep(each, known))),
    ...mails.flatMap((each, index) => within(['mails', index], inMail(each, known))),
  ]
}

interface Names {
  readonly rules: readonly string[]
  readonly targets: readonly string[]
  readonly guards: readonly string[]
  readonly actions: readonly string[]
  readonly receivers: readonly string[]
}

function namesOf({ rules, inventory, config }: Configuration): Names {
  const clusters = [...inventory.clusters.keys()].map((name) => `${name}/cluster/${name}`)
  return {
    rules: rules.map(({ name }) => name),
    targets: [...inventory.targets.keys(), ...clusters, UNRESOLVED],
    // Neither is in the registry: the looker says so where there is nothing to act on.
    guards: [...granted.guards.map(({ type }) => type), 'culprit', 'inventory'],
    actions: granted.actions.map(({ type }) => type),
    receivers: [...config.receivers.keys()],
  }
}

function inIncident({ rule, target, refused_by, leader }: IncidentExpectation, known: Names): readonly TestProblem[] {
  return [
    ...unknown(['rule'], 'rule', rule, known.rules),
    ...unknown(['target'], 'target', target, known.targets),
    ...unknown(['refused_by'], 'guard', refused_by, known.guards),
    ...unknown(['leader'], 'rule', leader, known.rules),
  ]
}

function inMail({ rule, target, to = [] }: MailExpectation, known: Names): readonly TestProblem[] {
  return [
    ...unknown(['rule'], 'rule', rule, known.rules),
    ...unknown(['target'], 'target', target, known.targets),
    ...to.flatMap((name, index) => unknown(['to', index], 'receiver', name, known.receivers)),
  ]
}

function inStep(step: string, known: Names): readonly TestProblem[] {
  const words = /^(\S+)(?: .*)? on (\S+)$/.exec(step)
  if (words === null)
    return [{ path: [], message: 'expected a step and its target, such as `systemd start on orders/broker/2`' }]
  const [, action, target] = words
  return [...unknown([], 'action', action, known.actions), ...unknown([], 'target', target, known.targets)]
}

function unknown(path: Path, what: string, name: string | undefined, known: readonly string[]): readonly TestProblem[] {
  if (name === undefined || known.includes(name)) return []
  const near = suggestion(name, known)
  const some = known.length <= 12 ? ` (there are: ${known.join(', ')})` : ''
  return [{ path, message: `there is no ${what} "${name}"${near || some}` }]
}

function within(path: Path, problems: readonly TestProblem[]): readonly TestProblem[] {
  return problems.map((problem) => ({ ...problem, path: [...path, ...problem.path] }))
}
