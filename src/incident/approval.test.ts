import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { planOf } from '../../test/support/plan.ts'
import type { Decision } from './event.ts'
import type { Plan } from './plan.ts'
import { decisionOf } from './summary.ts'
import type { GuardResult } from './verdict.ts'

const MINUTE = 60_000
const stopped: Partial<Decision> = {
  verdict: 'refuse',
  guard: 'symptom',
  reason: 'stopped on purpose',
  approvable: true,
  asks: ['symptom: stopped on purpose'],
}
/** What the guards say once the approval covers what they ask. */
const covered: Partial<Decision> = { asks: ['symptom: stopped on purpose'] }

function asking(change: Partial<Plan> = {}, decision: Partial<Decision> = {}): IncidentWorld {
  const world = new IncidentWorld(planOf(change))
  world.until((i) => i.state === 'checking')
  world.guards(decision)
  return world
}

function approve(world: IncidentWorld, request = world.incident.approval?.request ?? 0): void {
  world.apply({ type: 'approved', by: 'ann', request })
}

/** Lets the clock run without anything being answered. */
function wait(world: IncidentWorld, ms: number): void {
  world.now += ms
}

describe('mode approve', () => {
  it('S-3.5 asks with a mail at once and does nothing; once approved the guards run again and the attempt begins', () => {
    const world = asking({ mode: 'approve' })
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'approval', approval: { request: 1, by: null } })
    expect(world.told).toMatchObject([{ kind: 'told', reason: 'approval' }])
    expect(world.scheduled).toEqual([])
    approve(world)
    expect(world.incident.state).toBe('checking')
    expect(world.scheduled).toEqual([])
    world.guards()
    expect(world.scheduled).toMatchObject([{ attempt: 1, byPerson: false }])
  })

  it('S-3.5 an approval given late does not act', () => {
    const world = asking({ mode: 'approve' })
    wait(world, 15 * MINUTE)
    approve(world)
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'approval', approval: { by: null } })
  })

  it('S-3.5 an approval that was given lapses when the guards do not pass in time', () => {
    const world = asking({ mode: 'approve' })
    approve(world)
    world.guards({ verdict: 'refuse', reason: 'ISR is short' })
    world.until((i) => i.state === 'checking')
    wait(world, 15 * MINUTE)
    world.guards()
    expect(world.incident).toMatchObject({ reason: 'approval', approval: { request: 2, by: null } })
    expect(world.scheduled).toEqual([])
  })

  it('S-3.5 another question than the one that was approved is asked anew', () => {
    const world = asking({}, stopped)
    approve(world)
    const asks = ['availability: scratch-0 goes offline']
    world.guards({ ...stopped, guard: 'availability', reason: 'scratch-0 goes offline', asks })
    expect(world.incident).toMatchObject({ reason: 'approval', approval: { request: 2, by: null, waives: asks } })
    approve(world, 1)
    expect(world.incident.approval?.by).toBeNull()
  })

  it('S-3.5 it holds for one attempt', () => {
    const world = asking({ mode: 'approve' })
    approve(world)
    world.guards()
    world.start()
    world.finish('failed')
    world.until(
      (i) => i.reason === 'approval' || i.state === 'escalated',
      () =>
        world.pendingLook?.kind === 'guards'
          ? world.guards()
          : world.look({ verdict: 'broken', symptom: true, conclusive: true }),
    )
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'approval', attempts: 1 })
  })

  it('S-5.2 while it waits for a person nothing is given up, and it is told again after escalateAfter', () => {
    const world = asking({ mode: 'approve' })
    const opened = world.now
    while (world.now - opened < 5 * 60 * MINUTE || world.pendingLook) {
      if (world.pendingLook) world.guards()
      else world.fireNext()
    }
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'approval' })
    expect(world.told.map((one) => one.kind)).toContain('refused')
    // One mail for the question, one after `repeat`, and that of escalateAfter: not one for each time it lapsed.
    expect(world.told).toHaveLength(3)
    expect(world.incident.approval?.request).toBeGreaterThan(10)
  })

  it('S-4.1 a person who asks for a retry has approved it', () => {
    const world = asking({ mode: 'approve' })
    world.apply({ type: 'retryRequested', by: 'ann' })
    world.guards()
    expect(world.scheduled).toMatchObject([{ byPerson: true }])
  })

  it('S-3.4 a pause while it waits: approving then does not act', () => {
    const world = asking({ mode: 'approve' })
    world.apply({ type: 'held', by: 'paused' })
    approve(world)
    if (world.pendingLook) world.guards({ verdict: 'hold', quiet: true, reason: 'paused' })
    expect(world.scheduled).toEqual([])
    expect(world.incident.held).not.toBeNull()
  })
})

describe('what a guard lets a person approve', () => {
  it('S-2.5 a unit stopped on purpose in mode act asks, and starts only after a yes', () => {
    const world = asking({}, stopped)
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'approval' })
    approve(world)
    world.guards(covered)
    expect(world.scheduled).toHaveLength(1)
  })

  it('S-2.5 an answer that was on its way when the approval came is asked for again', () => {
    const world = asking({}, stopped)
    world.until((i) => i.state === 'checking')
    approve(world)
    const late = world.pendingLook
    world.guards(stopped)
    expect(world.incident.state).toBe('checking')
    expect(world.pendingLook?.look).toBeGreaterThan(late?.look ?? 0)
    world.guards(covered)
    expect(world.scheduled).toHaveLength(1)
  })

  it('S-4.10 a suspended target is approve-only until a person resumes it', () => {
    const world = new IncidentWorld(planOf())
    world.history = { attempts: 0, heals: 0, suspended: true }
    world.until((i) => i.state === 'checking')
    world.guards()
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'approval' })
    expect(world.scheduled).toEqual([])
    world.history = { attempts: 0, heals: 0, suspended: false }
    world.until((i) => i.state === 'checking')
    world.guards()
    expect(world.scheduled).toHaveLength(1)
  })

  it.each<[string, readonly Partial<GuardResult>[], readonly string[], Partial<Decision>]>([
    [
      'only what may be approved',
      [{ verdict: 'refuse', approvable: true }],
      [],
      { approvable: true, verdict: 'refuse' },
    ],
    ['approved', [{ verdict: 'refuse', approvable: true }], ['g: why'], { approvable: false, verdict: 'pass' }],
    [
      'something else stands in the way too',
      [
        { verdict: 'refuse', approvable: true },
        { verdict: 'unknown', reason: 'no view' },
      ],
      ['g: why'],
      { approvable: false, verdict: 'unknown', reason: 'no view' },
    ],
    ['another reason than was approved', [{ verdict: 'refuse', approvable: true }], ['g: else'], { verdict: 'refuse' }],
    [
      'a quiet hold',
      [
        { verdict: 'hold', quiet: true },
        { verdict: 'refuse', approvable: true },
      ],
      [],
      { quiet: true },
    ],
  ])('S-5.2 together: %s', (_name, results, waived, expected) => {
    const all = results.map(
      (one): GuardResult => ({ guard: 'g', verdict: 'pass', reason: 'why', evidence: [], ...one }),
    )
    expect(decisionOf(all, waived)).toMatchObject(expected)
  })
})

describe('told holds and urgency', () => {
  it('S-5.2 a told hold stops giveUp; it runs anew once another guard refuses', () => {
    const world = asking({}, { verdict: 'hold', reason: 'storm' })
    expect(world.timers.has('giveUp')).toBe(false)
    const began = world.now
    while (world.now - began < 3 * 60 * MINUTE || world.pendingLook) {
      if (world.pendingLook) world.guards({ verdict: 'hold', reason: 'storm' })
      else world.fireNext()
    }
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'onHold' })
    world.until(
      (i) => i.reason === 'refused',
      () => world.guards({ verdict: 'refuse', reason: 'ISR is short' }),
    )
    expect(world.timers.get('giveUp')).toBeGreaterThan(world.now)
    world.until(
      (i) => i.state === 'escalated',
      () => world.guards({ verdict: 'refuse', reason: 'ISR is short' }),
    )
    expect(world.incident.reason).toBe('giveUp')
  })

  it('S-6.1 people hear within two minutes when a partition is offline or under its min.insync.replicas', () => {
    const world = new IncidentWorld(planOf())
    const opened = world.now
    world.until((i) => i.state === 'checking')
    while (world.told.length === 0) {
      if (world.pendingLook) world.guards({ verdict: 'refuse', reason: 'quorum', urgent: true })
      else world.fireNext()
    }
    expect(world.told).toMatchObject([{ kind: 'told' }])
    expect(world.now - opened).toBe(2 * MINUTE)
  })

  it('S-6.1 a view that says so counts before the first look of the guards, once, and not under a silence', () => {
    const world = new IncidentWorld(planOf({ afterMs: 60 * MINUTE }))
    const opened = world.now
    world.apply({ type: 'urgent' })
    const before = world.incident
    world.apply({ type: 'urgent' })
    expect(world.incident).toBe(before)
    world.until(() => world.told.length > 0)
    expect(world.now - opened).toBe(2 * MINUTE)
    const silenced = new IncidentWorld(planOf())
    silenced.apply({ type: 'held', by: 'silence' })
    silenced.apply({ type: 'urgent' })
    expect(silenced.timers.has('tellBy')).toBe(false)
  })

  it('S-4.5 a unit that another command holds: retried until its bound has passed, then a person is called; no attempt is spent', () => {
    const world = new IncidentWorld(planOf({ afterMs: 0 }))
    const began = world.now
    const busy = { outcome: 'notRun', notRun: 'busy', reason: 'another run holds the unit', changed: false } as const
    world.until(
      (i) => i.state === 'escalated',
      () => {
        world.guards()
        world.start()
        world.apply({ type: 'attemptFinished', attempt: world.incident.attempt ?? 0, end: busy })
      },
    )
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'busy' })
    expect(world.history.attempts).toBe(0)
    expect(world.now - began).toBeGreaterThanOrEqual(75_000)
    expect(world.now - began).toBeLessThan(4 * MINUTE)
  })
})

describe('S-3.6 a narrower configuration', () => {
  const guard = { type: 'promql', params: { query: 'up' } }

  it('S-3.6 act lowered to approve asks before the next attempt', () => {
    const world = new IncidentWorld(planOf())
    world.apply({ type: 'restricted', to: 'approve', reason: 'lowered' })
    world.until((i) => i.state === 'checking')
    world.guards()
    expect(world.incident.reason).toBe('approval')
  })

  it('S-3.6 a guard that was added counts at once, also for an attempt that has not begun; one that is there is no news', () => {
    const world = asking()
    expect(world.incident.reason).toBe('scheduled')
    world.apply({ type: 'restricted', to: 'act', guards: [guard], reason: 'guard promql was added' })
    expect(world.incident).toMatchObject({ state: 'checking', plan: { runbook: { guards: [guard] } } })
    const before = world.incident
    world.apply({ type: 'restricted', to: 'act', guards: [guard], reason: 'again' })
    expect(world.incident).toBe(before)
  })

  it('S-3.6 permissions come only by a retry that asks for the rule in force', () => {
    const world = new IncidentWorld(planOf({ mode: 'inform' }))
    world.until((i) => i.state === 'checking')
    world.guards({ verdict: 'refuse', reason: 'no' })
    world.apply({ type: 'retryRequested', by: 'ann' })
    expect(world.incident.grants).toBe(0)
    const waiting = asking({}, { verdict: 'refuse', reason: 'no' })
    waiting.apply({ type: 'retryRequested', by: 'ann', plan: planOf({ afterMs: 7 }) })
    expect(waiting.incident).toMatchObject({ grants: 1, plan: { afterMs: 7 } })
  })
})

describe('S-2.7 the culprit', () => {
  const culprits = planOf({ selects: 'culprit' })

  function found(world: IncidentWorld, culprit: string | null, change: Partial<Decision> = {}): void {
    const look = world.pendingLook?.look ?? -1
    world.pendingLook = null
    const { history } = world
    const decision = { ...decisionOf([]), ...change }
    world.apply({ type: 'guardsEvaluated', look, decision, history, unit: null, culprit })
  }

  it('S-2.7 is aimed at when it is found, and followed until something was changed', () => {
    const world = new IncidentWorld(culprits)
    expect(world.incident.target).toBeNull()
    world.until((i) => i.state === 'checking')
    found(world, 'lab/broker/2', { verdict: 'refuse', reason: 'not now' })
    expect(world.incident.target).toBe('lab/broker/2')
    world.until((i) => i.state === 'checking')
    found(world, 'lab/broker/3')
    expect(world.incident.target).toBe('lab/broker/3')
    world.until((i) => i.state === 'checking')
    found(world, 'lab/broker/3')
    world.start()
    world.finish()
    world.until(
      (i) => i.state === 'checking' || i.state === 'escalated',
      () => world.look({ verdict: 'broken', symptom: true, conclusive: true }),
    )
    found(world, 'lab/broker/1')
    expect(world.incident.target).toBe('lab/broker/3')
  })

  it('S-3.1 does nothing to a culprit just found: another incident may lead on it', () => {
    const world = new IncidentWorld(culprits)
    world.until((i) => i.state === 'checking')
    found(world, 'lab/broker/2')
    expect(world.incident).toMatchObject({ state: 'waiting', target: 'lab/broker/2' })
    expect(world.scheduled).toEqual([])
    expect(world.lastEffects).toContainEqual({ type: 'electLeader' })
    world.apply({ type: 'attached', leader: 7 })
    expect(world.incident).toMatchObject({ reason: 'attached', leader: 7 })
    while (world.fireNext()) expect(world.pendingLook).toBeNull()
    expect(world.scheduled).toEqual([])
  })

  it('S-4.1 a retry is granted for the culprit that the person was told of, not for another one', () => {
    const world = new IncidentWorld(culprits)
    world.until((i) => i.state === 'checking')
    found(world, 'lab/broker/2', { verdict: 'refuse', reason: 'another cluster', escalate: 'identity' })
    expect(world.incident).toMatchObject({ state: 'escalated', target: 'lab/broker/2' })
    world.apply({ type: 'retryRequested', by: 'ann' })
    found(world, 'lab/broker/2')
    expect(world.scheduled).toMatchObject([{ byPerson: true }])

    const other = new IncidentWorld(culprits)
    other.until((i) => i.state === 'checking')
    found(other, 'lab/broker/2', { verdict: 'refuse', reason: 'another cluster', escalate: 'identity' })
    other.apply({ type: 'retryRequested', by: 'ann' })
    found(other, 'lab/broker/3')
    other.until((i) => i.state === 'checking')
    found(other, 'lab/broker/3')
    expect(other.scheduled).toMatchObject([{ byPerson: false }])
  })

  it('S-1.3 without a culprit it closes as unverified once no alert fires', () => {
    const world = new IncidentWorld(culprits)
    world.until((i) => i.state === 'checking')
    found(world, null, { verdict: 'refuse', reason: 'two brokers could be it' })
    world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } })
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'unverified' })
  })
})
