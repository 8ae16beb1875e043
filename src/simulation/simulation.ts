import type { Instant } from '../clock.ts'
import type { Configuration } from '../rules/configuration.ts'
import type { IncidentView, Store } from '../store/store.ts'
import { scenarioProblems } from './check.ts'
import { simulatedClock } from './clock.ts'
import { type Coverage, coverageOf } from './coverage.ts'
import type { Scenario, StepFacts } from './facts.ts'
import { openService, type Service } from './service.ts'
import type { SentMail, Telling } from './tellings.ts'
import { type Happening, openTrace } from './trace.ts'
import { openWorld, pastOf, type SimulatedWorld } from './world.ts'

export { type ScenarioProblem, scenarioProblems } from './check.ts'
export type { Coverage } from './coverage.ts'
export type { SentMail, Telling } from './tellings.ts'
export type { Happening } from './trace.ts'

/** A world that a test describes, with the real core, looker, runner and store in it, over simulated time. */
export interface Simulation {
  /** When the test begins, by the simulated clock. The world has been there for some minutes by then, and looked at. */
  readonly startedAt: Instant
  /** Lets everything happen that is due until `ms` milliseconds after the start. What is earlier than now changes nothing. */
  runUntil(ms: number): Promise<void>
  /** Every incident so far in the order in which they were opened, with decisions, attempts, steps and journal. */
  incidents(): Promise<readonly IncidentView[]>
  /** Everything that people were told so far, in order. What waits for the digest is told at its time. */
  tellings(): readonly Telling[]
  /** The mails that were made of it. Links are left out. */
  mails(): readonly SentMail[]
  /** What has happened so far, in order, for people to read. */
  trace(): readonly Happening[]
  /** What people could not do when its time came: nothing to approve, nothing to resume. A test should fail of it. */
  problems(): readonly Happening[]
  /** Entries of `steps` that no step has come to. */
  unusedSteps(): readonly StepFacts[]
  /** What took part so far. */
  coverage(): Promise<Coverage>
  close(): Promise<void>
}

/** Monday, at nine in the morning. */
const START = '2026-01-05T09:00:00Z'
/** So long before its start, or before the first thing that a test says of the past, the world is there and well. Milliseconds. */
const BEFORE_MS = 6 * 60_000
const PAGE = 200

/** Throws for a scenario of which {@link scenarioProblems} says something. */
export async function simulate(scenario: Scenario, given: Configuration): Promise<Simulation> {
  const [problem] = scenarioProblems(scenario, given)
  if (problem) throw new Error(`${problem.path.join('.')}: ${problem.message}`)
  const configuration = inMode(given, scenario.mode)
  const startedAt = Date.parse(scenario.start ?? START)
  const clock = simulatedClock(startedAt - pastOf(scenario.world ?? {}) - BEFORE_MS)
  const trace = openTrace()
  const problems = openTrace()

  // The world opens first, and nothing changes in it before the service is there to see it.
  const world: SimulatedWorld = openWorld(scenario, configuration, clock, startedAt, () => service.peace.disturb())
  const service: Service = await openService(configuration, world, clock, trace, problems)
  for (const change of scenario.changes ?? []) {
    clock.plan(startedAt + change.at, () => {
      if (!('world' in change)) return service.person(change)
      trace.add(clock.now(), null, `the world changes: ${JSON.stringify(change.world)}`)
      world.change(change.world)
    })
  }

  // Looked at once while all is well, and once shortly before the start, when the past has come true.
  await service.runTo(clock.now())
  if (startedAt - BEFORE_MS > clock.now()) {
    service.peace.rest(startedAt - BEFORE_MS)
    await service.runTo(startedAt - BEFORE_MS)
  }
  service.peace.rest(startedAt)

  const incidents = () => incidentsIn(service.store)
  return {
    startedAt,
    runUntil: (ms) => service.runTo(Math.max(clock.now(), startedAt + ms)),
    incidents,
    tellings: () => service.told.tellings,
    mails: () => service.told.mails,
    trace: () => trace.happenings,
    problems: () => problems.happenings,
    unusedSteps: () => world.unusedSteps(),
    coverage: async () => coverageOf(await incidents()),
    close: () => service.close(),
  }
}

function inMode(configuration: Configuration, mode: Scenario['mode']): Configuration {
  if (mode === undefined) return configuration
  const rules = configuration.rules.map((rule) => ({ ...rule, plan: { ...rule.plan, mode } }))
  return { ...configuration, rules }
}

async function incidentsIn(store: Store): Promise<readonly IncidentView[]> {
  const ids: number[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Awaited<ReturnType<Store['incidents']>> = await store.incidents({
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    })
    ids.push(...page.items.map(({ id }) => id))
    cursor = page.next
  }
  const views = await Promise.all(ids.toSorted((a, b) => a - b).map((id) => store.incidentView(id)))
  return views.filter((view) => view !== null)
}
