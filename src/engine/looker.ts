import type { OwnFacts, OwnIntent, UnitSeen } from '../guards/guard.ts'
import { ownGuards } from '../guards/index.ts'
import type { Decision } from '../incident/event.ts'
import { decisionOf, lookOf } from '../incident/summary.ts'
import type { GuardResult, ProbeResult } from '../incident/verdict.ts'
import type { Target } from '../inventory/inventory.ts'
import { INVOCATION } from '../probes/kafka-api.ts'
import type { LookContext } from '../probes/probe.ts'
import { unitLog } from '../probes/unit-log.ts'
import { unitOfLook } from '../probes/unit-state.ts'
import type { LookTask, Moved, Store } from '../store/store.ts'
import { inParallel } from './in-parallel.ts'
import { type Steady, untilCommitted } from './steady.ts'
import type { Wake } from './wake.ts'
import {
  askProbes,
  evaluateSymptom,
  evaluateWorldGuards,
  intentOf,
  lookContext,
  targetOf,
  type World,
} from './world.ts'

/** Guards and probes hang on networks, not on our processor: so many at once. */
const PARALLEL = 16
const LEASE_MS = 30_000
const LOG_LINES = 60
const LOG_CHARACTERS = 3_000

export interface LookerDeps extends Steady {
  readonly store: Store
  readonly world: () => World
  readonly owner: string
  readonly wake: Wake
  readonly onMoved: (moved: Moved) => void
}

/** Evaluates guards and asks probes for whoever waits for an answer, until `signal` aborts and all of them are done. */
export async function runLooker(deps: LookerDeps): Promise<void> {
  const { store, clock, owner } = deps
  const claim = () => store.claimLook(owner, clock.now(), LEASE_MS)
  const work = (task: LookTask) => look(task, deps)
  const facts = (task: LookTask) => ({ incident: task.incident.id })
  await Promise.all(await inParallel({ ...deps, most: PARALLEL, claim, work, facts }))
}

async function look(task: LookTask, deps: LookerDeps): Promise<void> {
  const moved = task.kind === 'guards' ? await lookAtGuards(task, deps) : await lookAtProbes(task, deps)
  if (moved) deps.onMoved(moved)
}

async function lookAtGuards(task: LookTask, deps: LookerDeps): Promise<Moved | null> {
  const { store, clock } = deps
  const { incident } = task
  const { results, unit } = await guardResults(task, deps)
  const decision = decisionOf(results)
  return untilCommitted(() => store.guardsEvaluated(task, decision, results, unit, clock.now()), deps).then((moved) => {
    deps.log.info(
      { incident: incident.id, verdict: decision.verdict, guard: decision.guard, reason: decision.reason },
      'guards evaluated',
    )
    return moved
  })
}

async function guardResults(
  task: LookTask,
  deps: LookerDeps,
): Promise<{ results: readonly GuardResult[]; unit: UnitSeen | null }> {
  const { store, clock } = deps
  const world = deps.world()
  const { incident } = task
  const target = targetOf(world, incident)
  if (!target) return { results: [noTarget(incident.subject.key)], unit: null }
  const context = lookContext(world, target, await store.memory(target.key), clock, deps.signal)
  if (!context) return { results: [noTarget(target.key)], unit: null }
  const intent = intentOf(incident, target, task.alerts)
  const [results, unit, facts] = await Promise.all([
    evaluateWorldGuards(intent, context),
    incident.firstUnit ?? unitOf(context),
    store.ownFacts(incident.id, target.key, target.cluster, clock.now()),
  ])
  const own = decideOwn(
    facts,
    { ...intent, rack: target.rack, firstStart: !incident.changed && incident.targetAttempts === 0 },
    clock.now(),
  )
  return { results: [...own.results, ...results], unit }
}

/** The guards over our own rows; the store calls this again inside the claim (S-5.2). */
export function decideOwn(
  facts: OwnFacts,
  intent: OwnIntent,
  now: number,
): { decision: Decision; results: readonly GuardResult[] } {
  const results = ownGuards.map((guard) => guard.decide(facts, intent, now))
  return { decision: decisionOf(results), results }
}

async function unitOf(context: LookContext): Promise<UnitSeen | null> {
  const read = await unitOfLook(context)
  return 'problem' in read ? null : read
}

async function lookAtProbes(task: LookTask, deps: LookerDeps): Promise<Moved | null> {
  const { store, clock } = deps
  const { incident } = task
  const world = deps.world()
  const target = targetOf(world, incident)
  const context = target && lookContext(world, target, await store.memory(target.key), clock, deps.signal)
  if (!target || !context) {
    const seen = lookOf(
      incident.plan,
      [{ probe: 'inventory', verdict: 'unknown', reason: noTarget(incident.subject.key).reason, evidence: [] }],
      null,
      null,
    )
    return untilCommitted(() => store.looked(task, seen, [], [], clock.now()), deps)
  }
  const [asked, symptom, unit] = await Promise.all([
    askProbes(incident.plan, context),
    task.symptom ? evaluateSymptom(intentOf(incident, target, task.alerts), context) : [],
    unitOf(context),
  ])
  const holds =
    symptom.length === 0
      ? null
      : symptom[0]?.verdict === 'pass'
        ? true
        : symptom[0]?.verdict === 'refuse'
          ? false
          : null
  const seen = lookOf(incident.plan, asked, holds, unit?.invocationId ?? null)
  const results = seen.conclusive ? await withLog(asked, target, deps) : asked
  const serving = results.find((result) => result.verdict === 'healed' && invocationIn(result) !== null)
  if (serving) {
    await untilCommitted(() => store.rememberServing(target.key, clock.now(), invocationIn(serving)), deps)
  }
  return untilCommitted(() => store.looked(task, seen, results, symptom, clock.now()), deps)
}

/** What the unit printed last, beside what says that it is dead: a person wants to read it first. */
async function withLog(
  results: readonly ProbeResult[],
  target: Target,
  deps: LookerDeps,
): Promise<readonly ProbeResult[]> {
  const host = deps.world().hosts.hostOf(target)
  const text = withoutFrames(await unitLog(host, target.unit, LOG_LINES, deps.signal))
  if (text.trim() === '') return results
  const log = { name: 'last log lines', value: text.slice(-LOG_CHARACTERS), source: host.name, at: deps.clock.now() }
  const first = results.findIndex((result) => result.conclusive)
  return results.map((result, index) => (index === first ? { ...result, evidence: [...result.evidence, log] } : result))
}

/** Java's stack frames push the one line that says why out of sight. */
function withoutFrames(log: string): string {
  return log
    .split('\n')
    .filter((line) => !/^\s+at \S+\(/.test(line))
    .join('\n')
}

/** The invocation that was seen serving, as the probe read it before the listener answered; null when it does not say. */
function invocationIn({ evidence }: ProbeResult): string | null {
  const value = evidence.find((one) => one.name === INVOCATION)?.value
  return typeof value === 'string' && value !== '' ? value : null
}

function noTarget(key: string): GuardResult {
  return { guard: 'inventory', verdict: 'refuse', reason: `${key} is not in the inventory any more`, evidence: [] }
}
