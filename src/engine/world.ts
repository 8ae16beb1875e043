import type { Clock, Instant } from '../clock.ts'
import { findCulprit } from '../guards/culprit.ts'
import type { Intent, WorldGuard } from '../guards/guard.ts'
import { worldGuards } from '../guards/index.ts'
import type { Hosts } from '../hosts/host.ts'
import type { Incident } from '../incident/incident.ts'
import { type Plan, rungOf } from '../incident/plan.ts'
import type { GuardResult, Params, ProbeResult } from '../incident/verdict.ts'
import type { Inventory, Target } from '../inventory/inventory.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import type { ClusterView } from '../kafka/view.ts'
import { probeOf } from '../probes/index.ts'
import type { LookContext, Memory, Monitoring } from '../probes/probe.ts'
import type { StoredAlert } from '../store/store.ts'

/** All guards or all probes of one look together, in milliseconds: nothing may keep an incident waiting longer. */
const LOOK_DEADLINE_MS = 20_000

/** Everything through which the world is seen. Replaced as a whole at reload. */
export interface World {
  readonly inventory: Inventory
  readonly hosts: Hosts
  readonly local: LookContext['local']
  readonly kafka: KafkaClients
  readonly monitoring: Monitoring
}

/** One world for the whole of a task: half of it seen by one configuration and half by the next is evidence of neither. */
export function inOneWorld<D extends { readonly world: () => World }>(deps: D): D {
  const world = deps.world()
  return { ...deps, world: () => world }
}

/** The target that an incident acts on; null when there is none (yet) or the inventory no longer has it. */
export function targetOf(world: World, { target }: Incident): Target | null {
  return target === null ? null : (world.inventory.targets.get(target) ?? null)
}

/** Its target is computed from a view, anew at each look, until something was changed on one (S-2.7). */
export function isLookedFor({ plan, changed }: Incident): boolean {
  return plan.selects === 'culprit' && !changed
}

type Aim =
  | { readonly target: Target; readonly view: ClusterView | null; readonly problem?: never }
  | { readonly target: null; readonly view?: never; readonly problem: GuardResult }

/** What an incident acts on, with the view of the cluster that was taken to find it; or why there is nothing. */
export async function aim(world: World, incident: Incident): Promise<Aim> {
  if (!isLookedFor(incident)) {
    const target = targetOf(world, incident)
    return target ? { target, view: null } : { target: null, problem: noTarget(incident.subject.key) }
  }
  const cluster = world.inventory.clusters.get(incident.subject.cluster ?? '')
  if (!cluster) return { target: null, problem: noTarget(incident.subject.key) }
  const view = await world.kafka.view(cluster)
  const found = findCulprit(view, cluster)
  const target = 'target' in found ? world.inventory.targets.get(found.target) : undefined
  if (target) return { target, view }
  const reason = 'problem' in found ? found.problem : `${found.target} is not in the inventory`
  return { target: null, problem: { guard: 'culprit', verdict: 'refuse', reason, evidence: [] } }
}

/** As the incident will be once it acts on that target: what was seen of another one says nothing of it (S-2.5, S-2.7). */
export function aimedAt(incident: Incident, target: Pick<Target, 'key'>, targetAttempts: number): Incident {
  if (incident.target === target.key) return { ...incident, targetAttempts }
  return { ...incident, target: target.key, targetAttempts, firstUnit: null, ourInvocations: [] }
}

export function noTarget(key: string): GuardResult {
  return { guard: 'inventory', verdict: 'refuse', reason: `${key} is not in the inventory any more`, evidence: [] }
}

export function lookContext(
  world: World,
  target: Target,
  memory: Memory,
  clock: Clock,
  signal: AbortSignal,
  view: ClusterView | null = null,
): LookContext | null {
  const cluster = world.inventory.clusters.get(target.cluster)
  if (!cluster) return null
  return {
    target,
    cluster,
    host: world.hosts.hostOf(target),
    local: world.local,
    kafka: world.kafka,
    view: view ? () => Promise.resolve(view) : once(() => world.kafka.view(cluster)),
    monitoring: world.monitoring,
    memory,
    clock,
    signal,
  }
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null
  return () => (answer ??= ask())
}

export function intentOf(incident: Incident, target: Target, alerts: readonly StoredAlert[]): Intent {
  const attempt = incident.attempts + 1
  const byPerson = incident.grants > 0
  const { rungs } = incident.plan.runbook
  const rung = byPerson ? rungs.length : incident.targetAttempts + 1
  const firing = new Set(incident.firing.map((o) => o.fingerprint))
  return {
    incident: incident.id,
    plan: incident.plan,
    targetKey: target.key,
    cluster: target.cluster,
    attempt,
    disruptive: rungOf(incident.plan, rung).some((step) => step.traits.disruptive),
    byPerson,
    alerts: alerts.filter((alert) => firing.has(alert.fingerprint)),
    firstSeenUnit: incident.firstUnit,
    ourInvocations: incident.ourInvocations,
    changedByUs: incident.changed,
  }
}

/** The guards over the world that hold for this plan and target: those always on, and those the runbook lists. */
export function guardsOf(plan: Plan, target: Pick<Target, 'kind'>): readonly { guard: WorldGuard; params: unknown }[] {
  const chosen: { guard: WorldGuard; params: unknown }[] = []
  for (const guard of worldGuards) {
    if (!guard.targets.includes(target.kind)) continue
    // A runbook may ask several questions of its own by one guard.
    const listed = plan.runbook.guards.filter((check) => check.type === guard.type)
    if (guard.type === 'symptom') {
      if (plan.runbook.symptom) chosen.push({ guard, params: plan.runbook.symptom.params })
    } else if (listed.length > 0) chosen.push(...listed.map(({ params }) => ({ guard, params })))
    else if (guard.always) chosen.push({ guard, params: {} })
  }
  return chosen
}

/** Evaluates all guards over the world side by side. One that cannot be evaluated in time is `unknown` (S-5.1). */
export async function evaluateWorldGuards(intent: Intent, context: LookContext): Promise<readonly GuardResult[]> {
  return evaluate(guardsOf(intent.plan, context.target), intent, context)
}

/** The runbook's symptom alone, as verification asks for it (S-4.9). Empty when there is none. */
export async function evaluateSymptom(intent: Intent, context: LookContext): Promise<readonly GuardResult[]> {
  const chosen = guardsOf(intent.plan, context.target).filter(({ guard }) => guard.type === 'symptom')
  return evaluate(chosen, intent, context)
}

type Chosen = ReturnType<typeof guardsOf>[number]

/** Decided together once all is read: what was seen first must be young still when something follows from it (S-5.2). */
async function evaluate(
  chosen: readonly Chosen[],
  intent: Intent,
  context: LookContext,
): Promise<readonly GuardResult[]> {
  const all = await Promise.all(chosen.map((one) => readFacts(one, intent, context)))
  const now = context.clock.now()
  return all.map((decide) => decide(now))
}

/** The guard's decision on facts that are read; `unknown` where they cannot be. Never throws. */
async function readFacts(
  { guard, params }: Chosen,
  intent: Intent,
  context: LookContext,
): Promise<(now: Instant) => GuardResult> {
  const asked = statedBy(params)
  const unknown = (why: string): GuardResult => {
    const reason = `${guard.type} could not be evaluated: ${why}`
    return { guard: guard.type, verdict: 'unknown', reason, evidence: [], ...asked }
  }
  const read = async () => {
    const facts = await guard.facts(params, intent, context)
    return (now: Instant): GuardResult => {
      try {
        return { ...guard.decide(facts, params, intent, now), ...asked }
      } catch (error) {
        return unknown(error instanceof Error ? error.message : String(error))
      }
    }
  }
  return withDeadline(read, context, (why) => () => unknown(why))
}

/** What the runbook asks of it, where it asks for anything. */
export function statedBy(params: unknown): { readonly params?: Params } {
  const stated = typeof params === 'object' && params !== null ? { ...params } : {}
  return Object.keys(stated).length === 0 ? {} : { params: stated }
}

/** Asks every probe of the runbook side by side. */
export async function askProbes(plan: Plan, context: LookContext): Promise<readonly ProbeResult[]> {
  return Promise.all(
    plan.runbook.verify.map(async (check) => {
      const asked = { ...statedBy(check.params), withinMs: check.withinMs }
      const unknown = (why: string): ProbeResult => ({
        probe: check.type,
        verdict: 'unknown',
        reason: `${check.type}: ${why}`,
        evidence: [],
      })
      const probe = probeOf(check.type)
      if (!probe) return { ...unknown('no such probe in this build'), ...asked }
      return { ...(await withDeadline(() => probe.look(check.params, context), context, unknown)), ...asked }
    }),
  )
}

/** What was thrown or did not come in time becomes an answer: nothing that the world does may stop the core. */
async function withDeadline<T>(
  work: () => Promise<T>,
  { clock, signal }: LookContext,
  otherwise: (why: string) => T,
): Promise<T> {
  const done = new AbortController()
  const late = clock
    .sleep(LOOK_DEADLINE_MS, AbortSignal.any([done.signal, signal]))
    .then(() => otherwise(`no answer within ${LOOK_DEADLINE_MS / 1000} s`))
  try {
    return await Promise.race([work(), late])
  } catch (error) {
    return otherwise(error instanceof Error ? error.message : String(error))
  } finally {
    done.abort()
  }
}
