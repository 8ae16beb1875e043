import type { ActionContext, Values } from '../actions/action.ts'
import { actionOf } from '../actions/index.ts'
import { targetValues } from '../actions/interpolate.ts'
import { storm } from '../guards/storm.ts'
import { surelyOverAt } from '../hosts/host.ts'
import { waivedBy } from '../incident/approval.ts'
import type { AttemptEnd } from '../incident/event.ts'
import type { Step } from '../incident/plan.ts'
import { decisionOf } from '../incident/summary.ts'
import { type Intended, intended } from '../incident/trace.ts'
import type { GuardResult, StepResult } from '../incident/verdict.ts'
import type { Target } from '../inventory/inventory.ts'
import { readUnit } from '../probes/unit-state.ts'
import { type ClaimedAttempt, type Moved, type Store, StoreUnavailableError, stepKey } from '../store/store.ts'
import { inParallel } from './in-parallel.ts'
import { decideOwn } from './looker.ts'
import { type Steady, untilCommitted } from './steady.ts'
import type { Wake } from './wake.ts'
import { evaluateWorldGuards, inOneWorld, intentOf, lookContext, targetOf, type World } from './world.ts'

const PARALLEL = 8
/** Longer than any renewal gap by far; a runner that cannot renew sends no further step (S-4.5). */
const LEASE_MS = 60_000
export const RENEW_MS = 15_000
/** Evidence of the world is good for so long, in milliseconds (S-5.2). */
const EVIDENCE_MS = 10_000

/** What one attempt takes. */
export interface AttemptDeps extends Steady {
  readonly store: Store
  readonly world: () => World
  readonly owner: string
  /** Kept here: the ids of the attempts under way. */
  readonly running: Set<number>
  readonly onMoved: (moved: Moved) => void
  readonly onStep: (key: string, action: string, result: StepResult, milliseconds: number) => void
  readonly onAttempt: (attempt: ClaimedAttempt, end: AttemptEnd, milliseconds: number) => void
}

export interface RunnerDeps extends AttemptDeps {
  readonly wake: Wake
  /** How long a running step may go on once shutdown began, in milliseconds (S-4.8). */
  readonly graceMs: number
}

/** Claims scheduled attempts and runs them until `signal` aborts; then waits for what runs, up to the grace. */
export async function runRunner(deps: RunnerDeps): Promise<void> {
  const cut = new AbortController()
  const work = (attempt: ClaimedAttempt) => runAttempt(attempt, deps, cut.signal)
  const facts = ({ incident, number }: ClaimedAttempt) => ({ incident: incident.id, attempt: number })
  const running = await inParallel({ ...deps, most: PARALLEL, claim: () => claimAttempt(deps), work, facts })
  if (running.size === 0) return
  const all = Promise.all(running)
  const done = new AbortController()
  await Promise.race([all, deps.clock.sleep(deps.graceMs, done.signal)])
  done.abort()
  cut.abort(new Error('shutdown'))
  await all
}

/** The next attempt that the guards over our own rows let begin; those that they refuse move back. */
export async function claimAttempt({
  store,
  owner,
  clock,
  signal,
  onMoved,
}: AttemptDeps): Promise<ClaimedAttempt | null> {
  while (!signal.aborted) {
    const claimed = await store.claimAttempt(owner, clock.now(), LEASE_MS, decideOwn)
    if (claimed === null || !('refused' in claimed)) return claimed
    onMoved(claimed.refused)
  }
  return null
}

/** Runs the steps of an attempt under its lease, until `cut` aborts, and stores how they ended. */
export async function runAttempt(attempt: ClaimedAttempt, deps: AttemptDeps, cut: AbortSignal): Promise<void> {
  const { store, clock } = deps
  const began = clock.monotonic()
  const lost = new AbortController()
  const over = new AbortController()
  const renewing = renew(attempt, deps, lost, over.signal)
  // Committing goes on through a shutdown: what was done must be written, or it is unknown at the next start.
  const commit: Steady = { ...deps, signal: lost.signal }
  deps.running.add(attempt.id)
  try {
    const end = await runSteps(attempt, deps, commit, AbortSignal.any([cut, lost.signal])).catch((error: unknown) => {
      if (lost.signal.aborted || error instanceof StoreUnavailableError) throw error
      deps.log.error({ err: error, incident: attempt.incident.id, attempt: attempt.number }, 'an attempt broke off')
      return brokeOff(attempt, clock.now(), error)
    })
    if (end === null) return
    const moved = await untilCommitted(() => store.finishAttempt(attempt, end, clock.now()), commit)
    deps.onAttempt(attempt, end, clock.monotonic() - began)
    if (moved) deps.onMoved(moved)
  } finally {
    deps.running.delete(attempt.id)
    over.abort()
    await renewing
  }
}

async function renew(
  attempt: ClaimedAttempt,
  { store, clock, log }: AttemptDeps,
  lost: AbortController,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    await clock.sleep(RENEW_MS, over)
    if (over.aborted) return
    try {
      if (await store.renewLease(attempt, clock.now(), LEASE_MS)) continue
      log.error({ incident: attempt.incident.id, attempt: attempt.number }, 'lease lost, no further step is sent')
      return lost.abort(new Error('lease lost'))
    } catch (err) {
      log.warn({ err }, 'could not renew a lease')
    }
  }
}

interface Progress {
  begun: boolean
  /** A step that changes something has begun: from then on an attempt is spent (S-5.10). */
  changed: boolean
  stopped: boolean
  failure: StepResult | null
}

/** Null: handed back at shutdown before anything was run, or the lease is gone and the outcome is somebody else's to judge. */
async function runSteps(
  attempt: ClaimedAttempt,
  deps: AttemptDeps,
  commit: Steady,
  signal: AbortSignal,
): Promise<AttemptEnd | null> {
  const { store, clock } = deps
  const target = targetOf(deps.world(), attempt.incident)
  if (!target)
    return {
      outcome: 'notRun',
      notRun: 'guards',
      reason: `${attempt.targetKey} is not in the inventory any more`,
      changed: false,
    }
  const progress: Progress = { begun: false, changed: false, stopped: false, failure: null }
  for (const [index, step] of attempt.steps.entries()) {
    if (mustSkip(step, progress, deps.signal.aborted)) continue
    const here = inOneWorld(deps)
    const refusal = await guardsBefore(step, index, attempt, target, here, commit)
    if (refusal !== null) {
      if (!progress.changed) return { outcome: 'notRun', notRun: 'guards', reason: refusal, changed: false }
      progress.failure ??= { outcome: 'failed', reason: refusal, exitCode: null, output: '' }
      continue
    }
    if (deps.signal.aborted && !progress.begun) {
      await untilCommitted(() => store.handBack(attempt, clock.now()), commit)
      return null
    }
    const startedAt = clock.now()
    if (!(await untilCommitted(() => store.startStep(attempt, index + 1, startedAt), commit))) return null
    const result = await runStep(step, index, attempt, target, here, signal)
    if (!(await untilCommitted(() => store.finishStep(attempt, index + 1, result, clock.now()), commit))) return null
    if (result.notRun && !progress.changed)
      return { outcome: 'notRun', notRun: result.notRun, reason: result.reason, changed: false }
    progress.begun = true
    progress.changed ||= step.traits.changes
    if (result.outcome === 'succeeded' && step.traits.stops) progress.stopped = true
    if (result.outcome === 'unknown') return unknownEnd(attempt, index, startedAt, step, result, progress)
    if (result.outcome === 'failed') {
      progress.failure ??= result
      if (step.traits.stops) progress.stopped = true
    }
  }
  if (!progress.begun) return { outcome: 'failed', reason: 'nothing was run before the shutdown', changed: false }
  const invocation = await invocationOf(target, deps)
  if (progress.failure) {
    const { reason, notRun } = progress.failure
    const end = { outcome: 'failed', reason, changed: progress.changed, invocation } as const
    return notRun === 'permission' ? { ...end, notRun } : end
  }
  return { outcome: 'succeeded', reason: 'all steps succeeded', changed: progress.changed, invocation }
}

/** The first step that does not succeed ends the rung, as does a shutdown; but a target that we stopped is started (S-4.1). */
function mustSkip(step: Step, { begun, stopped, failure }: Progress, shuttingDown: boolean): boolean {
  if (failure === null && !(shuttingDown && begun)) return false
  return !(stopped && step.traits.starts)
}

/** A defect of ours in the middle of a rung: nobody knows how far it came (S-4.4). */
function brokeOff(attempt: ClaimedAttempt, now: number, error: unknown): AttemptEnd {
  const longest = Math.max(0, ...attempt.steps.map((step) => step.traits.limitSeconds))
  const reason = `the attempt broke off: ${error instanceof Error ? error.message : String(error)}`
  const repeatable = attempt.steps.every((step) => step.traits.repeatable)
  return { outcome: 'unknown', reason, changed: true, surelyOverAt: surelyOverAt(now, longest * 1_000), repeatable }
}

function unknownEnd(
  attempt: ClaimedAttempt,
  index: number,
  startedAt: number,
  step: Step,
  result: StepResult,
  { changed }: Progress,
): AttemptEnd {
  return {
    outcome: 'unknown',
    reason: result.reason,
    changed,
    surelyOverAt: surelyOverAt(startedAt, step.traits.limitSeconds * 1_000),
    repeatable: attempt.steps.slice(index).every((later) => later.traits.repeatable),
  }
}

/** Guards run again before every disruptive step, and before a first step whose evidence has grown old (S-4.3, S-5.2). */
async function guardsBefore(
  step: Step,
  index: number,
  attempt: ClaimedAttempt,
  target: Target,
  deps: AttemptDeps,
  commit: Steady,
): Promise<string | null> {
  const { store, clock } = deps
  const stale = index === 0 && attempt.startedAt - attempt.scheduledAt > EVIDENCE_MS
  const { disruptive } = step.traits
  if (!stale && !disruptive) return null
  const memory = await untilCommitted(() => store.memory(target.key, target.cluster, clock.now()), commit)
  const context = lookContext(deps.world(), target, memory, clock, commit.signal)
  if (!context) return `${target.key} is not in the inventory any more`
  const intent = {
    ...intentOf(attempt.incident, target, attempt.alerts),
    attempt: attempt.number,
    byPerson: attempt.byPerson,
    disruptive: attempt.steps.some(({ traits }) => traits.disruptive),
  }
  const world = await evaluateWorldGuards(intent, context)
  const results = disruptive ? [...world, await stormNow(attempt, target, deps, commit)] : world
  const decision = decisionOf(results, waivedBy(attempt.incident, clock.now()))
  await untilCommitted(
    () => store.recordDecision(attempt.incident.id, intendedBy(attempt, index + 1), decision, results, clock.now()),
    commit,
  )
  return decision.verdict === 'pass' ? null : decision.reason
}

function intendedBy({ incident, targetKey, number, rung, byPerson }: ClaimedAttempt, step: number): Intended {
  return intended(incident, { target: targetKey, attempt: number, rung, byPerson }, step)
}

/** Of the guards over our own rows a storm alone stops what has begun: it may be young, and a restart in it does harm (S-5.9). */
async function stormNow(
  attempt: ClaimedAttempt,
  target: Target,
  { store, clock }: AttemptDeps,
  commit: Steady,
): Promise<GuardResult> {
  const now = clock.now()
  const { incident, number, byPerson } = attempt
  const facts = await untilCommitted(() => store.ownFacts(incident.id, target.key, target.cluster, now), commit)
  const intent = { incident: incident.id, targetKey: target.key, cluster: target.cluster, attempt: number, byPerson }
  return storm.decide(facts, { ...intent, disruptive: true, rack: target.rack, firstStart: false }, now)
}

async function runStep(
  step: Step,
  index: number,
  attempt: ClaimedAttempt,
  target: Target,
  deps: AttemptDeps,
  signal: AbortSignal,
): Promise<StepResult> {
  const { clock, log } = deps
  const world = deps.world()
  const action = actionOf(step.type)
  if (!action) return { outcome: 'failed', reason: `no action ${step.type} in this build`, exitCode: null, output: '' }
  const context: ActionContext = {
    target,
    host: world.hosts.hostOf(target),
    local: world.local,
    key: stepKey(attempt.incident.id, attempt.number, index + 1),
    limitSeconds: step.traits.limitSeconds,
    values: valuesOf(attempt, target),
    clock,
    signal,
  }
  const began = clock.monotonic()
  log.info(
    { incident: attempt.incident.id, key: context.key, action: step.type, target: target.key, host: context.host.name },
    'step started',
  )
  const result = await action.run(step.params, context).catch((error: unknown): StepResult => {
    log.error({ err: error, key: context.key }, 'an action threw; its outcome is unknown')
    return {
      outcome: 'unknown',
      reason: `the action broke: ${error instanceof Error ? error.message : String(error)}`,
      exitCode: null,
      output: '',
    }
  })
  deps.onStep(context.key, step.type, result, clock.monotonic() - began)
  return result
}

/** What whole values may be interpolated from. */
function valuesOf(attempt: ClaimedAttempt, target: Target): Values {
  return {
    labels: attempt.alerts[0]?.labels ?? {},
    target: targetValues(target),
    incident: { id: String(attempt.incident.id), rule: attempt.incident.plan.rule, attempt: String(attempt.number) },
  }
}

async function invocationOf(target: Target, deps: AttemptDeps): Promise<string | null> {
  const read = await readUnit(deps.world().hosts.hostOf(target), target.unit, deps.clock)
  return 'problem' in read ? null : read.invocationId || null
}
