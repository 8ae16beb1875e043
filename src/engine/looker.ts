import type { Intent, OwnFacts, OwnIntent, UnitSeen } from '../guards/guard.ts'
import { ownGuards } from '../guards/index.ts'
import { nodeOf, readView } from '../guards/view-facts.ts'
import { waivedBy } from '../incident/approval.ts'
import type { Decision } from '../incident/event.ts'
import type { Incident } from '../incident/incident.ts'
import { decisionOf, lookOf } from '../incident/summary.ts'
import type { GuardResult, ProbeResult } from '../incident/verdict.ts'
import type { Target } from '../inventory/inventory.ts'
import type { ClusterView } from '../kafka/view.ts'
import { INVOCATION } from '../probes/kafka-api.ts'
import type { LookContext } from '../probes/probe.ts'
import { unitLog } from '../probes/unit-log.ts'
import { unitOfLook } from '../probes/unit-state.ts'
import type { LookTask, Moved, Store } from '../store/store.ts'
import { seenIn } from './cluster-seen.ts'
import { inParallel } from './in-parallel.ts'
import { rememberView } from './remember-view.ts'
import { type Steady, untilCommitted } from './steady.ts'
import type { Wake } from './wake.ts'
import {
  aim,
  aimedAt,
  askProbes,
  evaluateSymptom,
  evaluateWorldGuards,
  inOneWorld,
  intentOf,
  isLookedFor,
  lookContext,
  noTarget,
  targetOf,
  type World,
} from './world.ts'

/** Guards and probes hang on networks, not on our processor: so many at once. */
const PARALLEL = 16
const LEASE_MS = 30_000
const LOG_LINES = 60
const LOG_CHARACTERS = 3_000

/** What one look takes. */
export interface LookDeps extends Steady {
  readonly store: Store
  readonly world: () => World
  readonly onMoved: (moved: Moved) => void
}

export interface LookerDeps extends LookDeps {
  readonly owner: string
  readonly wake: Wake
}

/** Evaluates guards and asks probes for whoever waits for an answer, until `signal` aborts and all of them are done. */
export async function runLooker(deps: LookerDeps): Promise<void> {
  const claim = () => claimLook(deps)
  const work = (task: LookTask) => look(task, deps)
  const facts = (task: LookTask) => ({ incident: task.incident.id })
  await Promise.all(await inParallel({ ...deps, most: PARALLEL, claim, work, facts }))
}

/** The next look that somebody waits for. */
export function claimLook({ store, owner, clock }: Omit<LookerDeps, 'wake'>): Promise<LookTask | null> {
  return store.claimLook(owner, clock.now(), LEASE_MS)
}

/** Evaluates the guards, or asks the probes, and stores what they say. */
export async function look(task: LookTask, deps: LookDeps): Promise<void> {
  const once = inOneWorld(deps)
  const moved = task.kind === 'guards' ? await lookAtGuards(task, once) : await lookAtProbes(task, once)
  if (moved) deps.onMoved(moved)
}

async function lookAtGuards(task: LookTask, deps: LookDeps): Promise<Moved | null> {
  const { store, clock } = deps
  const { incident } = task
  const { results, unit, culprit } = await guardResults(task, deps)
  const decision = decisionOf(results, waivedBy(incident, clock.now()))
  const stored = () => store.guardsEvaluated(task, decision, results, unit, clock.now(), culprit)
  return untilCommitted(stored, deps).then((moved) => {
    deps.log.info(
      { incident: incident.id, verdict: decision.verdict, guard: decision.guard, reason: decision.reason },
      'guards evaluated',
    )
    return moved
  })
}

interface GuardsSeen {
  readonly results: readonly GuardResult[]
  readonly unit: UnitSeen | null
  /** Only for rules that act on the culprit. */
  readonly culprit?: string | null
}

async function guardResults(task: LookTask, deps: LookDeps): Promise<GuardsSeen> {
  const { incident } = task
  const { target, problem, view } = await aim(deps.world(), incident)
  const looksFor = isLookedFor(incident)
  if (!target) {
    const own = await ownResults(incident, null, deps)
    return { results: [...own, problem], unit: null, ...(looksFor && { culprit: null }) }
  }
  if (!looksFor) return judgeTarget(incident, target, view, task, deps)
  // What was spent on the target counts, by whichever incident (S-4.1).
  const { attempts } = await deps.store.targetHistory(target.key, deps.clock.now())
  return { ...(await judgeTarget(aimedAt(incident, target, attempts), target, view, task, deps)), culprit: target.key }
}

/** All guards about one target. `view`: of its cluster, where one was taken to find the target. */
async function judgeTarget(
  incident: Incident,
  target: Target,
  view: ClusterView | null,
  task: LookTask,
  deps: LookDeps,
): Promise<GuardsSeen> {
  const { store, clock } = deps
  const memory = await store.memory(target.key, target.cluster, clock.now())
  const context = lookContext(deps.world(), target, memory, clock, deps.signal, view)
  if (!context) return { results: [noTarget(target.key)], unit: null }
  const intent = intentOf(incident, target, task.alerts)
  const [results, unit] = await Promise.all([
    evaluateWorldGuards(intent, context),
    incident.firstUnit ?? unitOf(context),
  ])
  // For these kinds a guard has taken the view; a start of an exporter asks nothing of the cluster.
  if (target.kind === 'broker' || target.kind === 'controller') await keepView(context, deps)
  // After that: whether there is a storm is decided on what was seen just now (S-5.9).
  const own = await ownResults(incident, target, deps, intent)
  return { results: [...own, ...results], unit }
}

/** What the next look compares with (S-5.4, S-5.5). A view that could not be taken leaves all as it was. */
async function keepView(context: LookContext, deps: LookDeps): Promise<void> {
  const view = await readView(context)
  if (typeof view === 'string') return
  const { target, memory } = context
  await untilCommitted(() => rememberView(deps.store, view, nodeOf(target.name), memory.baseline), deps)
  await untilCommitted(() => deps.store.clusterSeen(view.cluster, seenIn(view), deps.clock.now()), deps)
}

/** The guards over our own rows. Without a target only what covers the incident as a whole can object. */
async function ownResults(
  incident: Incident,
  target: Target | null,
  { store, clock }: LookDeps,
  intent?: Intent,
): Promise<readonly GuardResult[]> {
  const now = clock.now()
  const facts = await store.ownFacts(incident.id, target?.key ?? null, incident.subject.cluster, now)
  const about: OwnIntent = {
    incident: incident.id,
    targetKey: target?.key ?? incident.subject.key,
    cluster: incident.subject.cluster ?? '',
    disruptive: intent?.disruptive ?? false,
    byPerson: incident.grants > 0,
    attempt: incident.attempts + 1,
    rack: target?.rack ?? null,
    firstStart: intent?.disruptive === false && !incident.changed && incident.targetAttempts === 0,
  }
  return decideOwn(facts, about, now).results
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

async function lookAtProbes(task: LookTask, deps: LookDeps): Promise<Moved | null> {
  const { store, clock } = deps
  const { incident } = task
  const world = deps.world()
  const target = targetOf(world, incident)
  const memory = target && (await store.memory(target.key, target.cluster, clock.now()))
  const context = target && memory && lookContext(world, target, memory, clock, deps.signal)
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
  deps: LookDeps,
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
