import { createHash } from 'node:crypto'
import type { Alert } from '../../alert/alert.ts'
import type { Instant } from '../../clock.ts'
import type { Decision, Look } from '../../incident/event.ts'
import type { Plan, Step } from '../../incident/plan.ts'
import { PASSED } from '../../incident/summary.ts'
import type { StepResult } from '../../incident/verdict.ts'
import type { Subject } from '../../inventory/inventory.ts'
import type { ClaimedAttempt, DeliveryReceipt, IncomingDelivery, Moved, Opening, Store } from '../store.ts'

/** Makes an empty store, closed by the suite. */
export type OpenStore = () => Promise<Store>

export const T0: Instant = 1_763_705_993_000
export const SECOND = 1_000
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

export function alert(name: string, over: Partial<Alert> & { readonly labels?: Record<string, string> } = {}): Alert {
  const labels = { alertname: name, cluster: 'orders', ...over.labels }
  const fingerprint = createHash('sha256').update(JSON.stringify(labels)).digest('hex').slice(0, 16)
  return {
    status: 'firing',
    annotations: {},
    startsAt: T0 - MINUTE,
    endsAt: over.status === 'resolved' ? T0 : null,
    generatorURL: '',
    fingerprint,
    ...over,
    labels,
  }
}

export function resolved(firing: Alert, over: Partial<Alert> = {}): Alert {
  return { ...firing, status: 'resolved', endsAt: T0 + HOUR, ...over }
}

export function delivery(
  alerts: readonly Alert[],
  over: Partial<IncomingDelivery['delivery']> & { readonly rawBody?: string } = {},
): IncomingDelivery {
  const { rawBody, ...rest } = over
  return {
    delivery: {
      receiver: 'kafka-healing',
      groupKey: '{}:{alertname="X"}',
      status: 'firing',
      externalURL: 'http://alertmanager:9093',
      truncatedAlerts: 0,
      alerts,
      ...rest,
    },
    rawBody: rawBody ?? '{"version":"4"}',
    credential: 'main',
  }
}

export const startStep: Step = {
  type: 'systemd',
  params: { verb: 'start' },
  traits: { disruptive: false, repeatable: true, stops: false, starts: true, changes: true, limitSeconds: 60 },
}
export const stopStep: Step = {
  type: 'systemd',
  params: { verb: 'stop' },
  traits: { disruptive: true, repeatable: true, stops: true, starts: false, changes: true, limitSeconds: 60 },
}
export const programStep: Step = {
  type: 'program',
  params: { argv: ['/bin/true'] },
  traits: { disruptive: true, repeatable: false, stops: false, starts: false, changes: true, limitSeconds: 300 },
}
export const readStep: Step = {
  type: 'gather',
  params: { threads: true, disk: true },
  traits: { disruptive: false, repeatable: true, stops: false, starts: false, changes: false, limitSeconds: 30 },
}

export function plan(over: Partial<Plan> & { readonly rungs?: readonly (readonly Step[])[] } = {}): Plan {
  const { rungs, ...rest } = over
  return {
    rule: 'broker-down',
    revision: 'abc123',
    rank: 100,
    mode: 'act',
    afterMs: 30 * SECOND,
    targetKind: 'broker',
    selects: 'labels',
    attempts: { max: 3, backoff: { initialMs: 30 * SECOND, multiplier: 2, maxMs: 5 * MINUTE }, stableMs: 15 * MINUTE },
    escalation: {
      to: ['kafka-oncall'],
      repeatMs: 4 * HOUR,
      levels: [{ to: ['boss'], afterMs: 30 * MINUTE }],
      tellByMs: 10 * MINUTE,
      escalateAfterMs: 15 * MINUTE,
      giveUpMs: 2 * HOUR,
      startPatienceMs: HOUR,
      approvalMs: 15 * MINUTE,
    },
    firing: { source: 'webhook', maxAgeMs: HOUR },
    runbook: {
      name: 'start-broker',
      url: null,
      symptom: null,
      guards: [],
      rungs: rungs ?? [[startStep]],
      verify: [{ type: 'kafka-api', params: {}, withinMs: 2 * MINUTE }],
    },
    ...rest,
  }
}

export function broker(id: number, cluster = 'orders'): Subject {
  const key = `${cluster}/broker/${id}`
  return { kind: 'broker', key, cluster, target: key }
}

export const pass: Decision = PASSED
export const refuse: Decision = { ...pass, verdict: 'refuse', guard: 'availability', reason: 'ISR is short' }

export const ok: StepResult = { outcome: 'succeeded', reason: 'exit 0', exitCode: 0, output: 'started' }

export function look(over: Partial<Look> = {}): Look {
  return {
    verdict: 'healed',
    reason: 'all probes are healed',
    mark: null,
    starting: false,
    process: null,
    conclusive: false,
    withinMs: 2 * MINUTE,
    symptom: null,
    invocation: null,
    ...over,
  }
}

export async function receive(store: Store, alerts: readonly Alert[], now: Instant): Promise<DeliveryReceipt> {
  const [receipt] = await store.storeDeliveries([delivery(alerts)], now)
  if (!receipt) throw new Error('no receipt')
  return receipt
}

/** Admits everything in the inbox under the same openings. */
export async function drain(store: Store, openings: readonly Opening[], now: Instant): Promise<readonly Moved[]> {
  const moved: Moved[] = []
  for (let row = await store.nextInboxRow(); row; row = await store.nextInboxRow()) {
    moved.push(...(await store.admit(row, row.alert.status === 'resolved' ? [] : openings, now)))
  }
  return moved
}

/** An alert arrives and a rule matches it. Returns what moved last. */
export async function fire(store: Store, one: Alert, opening: Opening, now: Instant): Promise<Moved> {
  await receive(store, [one], now)
  const moved = await drain(store, [opening], now)
  const last = moved.at(-1)
  if (!last) throw new Error('nothing moved')
  return last
}

export async function fireTimers(store: Store, now: Instant): Promise<readonly Moved[]> {
  const moved: Moved[] = []
  for (let timer = await store.nextTimer(now); timer; timer = await store.nextTimer(now)) {
    const one = await store.fireTimer(timer, now)
    if (one) moved.push(one)
  }
  return moved
}

/** Opens an incident and passes its guards, so that an attempt is scheduled. */
export async function schedule(store: Store, opening: Opening, now: Instant, name = 'BrokerDown'): Promise<number> {
  const labels = { subject: opening.subject.key, rule: opening.plan.rule }
  const { incident } = await fire(store, alert(name, { labels }), opening, now)
  await fireTimers(store, now + opening.plan.afterMs)
  await passGuards(store, now + opening.plan.afterMs)
  return incident.id
}

export async function passGuards(store: Store, now: Instant): Promise<Moved> {
  for (;;) {
    const task = await store.claimLook('me', now, 30 * SECOND)
    if (!task) throw new Error('no guards to evaluate')
    if (task.kind !== 'guards') continue
    const moved = await store.guardsEvaluated(task, pass, [], null, now)
    if (!moved) throw new Error('the guards moved nothing')
    return moved
  }
}

/** The guards refuse whoever is asked about next. */
export async function refuseGuards(store: Store, now: Instant): Promise<void> {
  await fireTimers(store, now)
  const task = await store.claimLook('me', now, SECOND)
  if (task?.kind !== 'guards') throw new Error('no guards to evaluate')
  await store.guardsEvaluated(task, refuse, [], null, now)
}

export const decidePass = () => ({ decision: pass, results: [] })

/** As `dead` it is a process that is gone: its lease is over at once, for where others may judge it only then. */
export async function claim(store: Store, now: Instant, owner = 'me'): Promise<ClaimedAttempt> {
  const claimed = await store.claimAttempt(owner, now, owner === 'dead' ? 0 : MINUTE, decidePass)
  if (!claimed || 'refused' in claimed) throw new Error(`not claimed: ${JSON.stringify(claimed)}`)
  return claimed
}

/** Runs all steps of an attempt that has been claimed; it succeeds. */
export async function succeed(store: Store, attempt: ClaimedAttempt, now: Instant): Promise<void> {
  for (const index of attempt.steps.keys()) {
    await store.startStep(attempt, index + 1, now)
    await store.finishStep(attempt, index + 1, ok, now)
  }
  await store.finishAttempt(attempt, { outcome: 'succeeded', reason: 'ok', changed: true }, now)
}

/** From nothing to a rung that has run all its steps and succeeded. */
export async function runAttempt(store: Store, opening: Opening, now: Instant): Promise<number> {
  const id = await schedule(store, opening, now)
  await succeed(store, await claim(store, now + MINUTE), now + MINUTE)
  return id
}

/** Answers the question that the incident waits for. */
export async function see(store: Store, seen: Look, now: Instant): Promise<Moved | null> {
  const task = await store.claimLook('me', now, 30 * SECOND)
  if (task?.kind !== 'probe') throw new Error('no probe is asked for')
  return store.looked(task, seen, [], [], now)
}

/** The same where several incidents ask: all get the answer, one's move is returned. */
export async function seeOf(store: Store, id: number, seen: Look, now: Instant): Promise<Moved | null> {
  let moved: Moved | null = null
  for (let task = await store.claimLook('me', now, SECOND); task; task = await store.claimLook('me', now, SECOND)) {
    if (task.kind !== 'probe') continue
    const one = await store.looked(task, seen, [], [], now)
    if (task.incident.id === id) moved = one
  }
  return moved
}

export async function incident(store: Store, id: number) {
  const view = await store.incidentView(id)
  if (!view) throw new Error(`no incident ${id}`)
  return view.incident
}

export function fail(): never {
  throw new Error('nothing there')
}
