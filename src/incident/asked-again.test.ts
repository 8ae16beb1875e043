import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { planOf } from '../../test/support/plan.ts'
import type { Decision } from './event.ts'
import type { Plan } from './plan.ts'

const MINUTE = 60_000
const occurrence = { fingerprint: 'a', startsAt: 999_999 }
const broken = { verdict: 'broken', symptom: true, conclusive: true } as const
const asks = (what: string): Partial<Decision> => ({
  verdict: 'refuse',
  guard: 'availability',
  reason: what,
  approvable: true,
  asks: [`availability: ${what}`],
})

function asking(change: Partial<Plan> = {}, decision: Partial<Decision> = {}): IncidentWorld {
  const world = new IncidentWorld(planOf(change))
  world.until((i) => i.state === 'checking')
  world.guards(decision)
  return world
}

function questions(world: IncidentWorld): number {
  return world.told.filter(({ reason }) => reason === 'approval').length
}

/** Answers what is asked until the condition holds. */
function until(world: IncidentWorld, condition: Parameters<IncidentWorld['until']>[0]): void {
  world.until(condition, () => (world.pendingLook?.kind === 'guards' ? world.guards() : world.look(broken)))
}

describe('S-3.5 a question has a number of its own and is mailed', () => {
  it('the second attempt asks anew, under another number, with another mail', () => {
    const world = asking({ mode: 'approve' })
    world.apply({ type: 'approved', by: 'ann', request: 1 })
    world.guards()
    world.start()
    world.finish('failed')
    until(world, (i) => i.reason === 'approval')
    expect(world.incident.approval).toMatchObject({ request: 2, by: null })
    expect(questions(world)).toBe(2)
    world.apply({ type: 'approved', by: 'the link of the first mail', request: 1 })
    expect(world.incident.approval?.by).toBeNull()
  })

  it('a link from before an escalation approves nothing that is asked after it', () => {
    const world = asking({ mode: 'approve' })
    until(world, (i) => i.state === 'checking')
    world.guards({ verdict: 'refuse', reason: 'another cluster', escalate: 'identity' })
    world.apply({ type: 'retryRequested', by: 'ann' })
    world.guards(asks('scratch has no replica to spare'))
    expect(world.incident.approval?.request).toBe(2)
    world.apply({ type: 'approved', by: 'the link of the first mail', request: 1 })
    expect(world.incident.approval?.by).toBeNull()
    expect(questions(world)).toBe(2)
  })

  it('another question is mailed however soon it follows the first', () => {
    const world = asking({}, asks('scratch has no replica to spare'))
    until(world, (i) => i.state === 'checking')
    world.guards(asks('scratch and logs have no replica to spare'))
    expect(world.incident.approval?.request).toBe(2)
    expect(questions(world)).toBe(2)
  })

  it('after a silence the question is asked and mailed anew', () => {
    const world = asking({ mode: 'approve' })
    world.apply({ type: 'held', by: 'silenced' })
    world.apply({ type: 'released', jitterMs: 0 })
    until(world, (i) => i.reason === 'approval')
    expect(world.incident.approval?.request).toBe(2)
    expect(questions(world)).toBe(2)
  })
})

describe('S-6.1 what is refused comes to an end', () => {
  it.each([
    ['a told hold', { verdict: 'hold', reason: 'storm' }],
    ['a question', asks('scratch has no replica to spare')],
  ] as const)('S-6.1 giveUp runs again when the alert flapped during %s', (_name, decision) => {
    const world = asking({}, decision)
    expect(world.timers.has('giveUp')).toBe(false)
    world.apply({ type: 'alertResolved', occurrence })
    world.apply({ type: 'alertFiring', occurrence: { ...occurrence, startsAt: occurrence.startsAt + 1 } })
    world.until(
      (i) => i.state === 'escalated',
      () => world.guards({ verdict: 'refuse', reason: 'ISR is short' }),
    )
    expect(world.incident.reason).toBe('giveUp')
  })

  it('S-6.1 a refusal is told although escalateAfter came due while the probes were asked', () => {
    const world = asking({}, { verdict: 'refuse', reason: 'ISR is short' })
    world.timers.delete('tellBy')
    const due = world.timers.get('escalateAfter') ?? 0
    while ((world.timers.get('guard') ?? 0) < due) {
      world.fireNext()
      if (world.pendingLook) world.guards({ verdict: 'refuse', reason: 'ISR is short' })
    }
    world.apply({ type: 'timerDue', timer: 'guard' })
    world.guards({ verdict: 'refuse', gone: true, reason: 'Alertmanager shows it no more' })
    expect(world.incident.state).toBe('verifying')
    world.now = due
    world.timers.delete('escalateAfter')
    world.apply({ type: 'timerDue', timer: 'escalateAfter' })
    world.look(broken)
    const until = world.now + 10 * MINUTE
    while (world.now < until && world.fireNext())
      if (world.pendingLook) world.guards({ verdict: 'refuse', reason: 'ISR is short' })
    expect(world.told.map(({ kind }) => kind)).toContain('refused')
  })

  it('S-6.2 a culprit that was never found is looked for on, and a retry is told of when there is one', () => {
    const world = new IncidentWorld(planOf({ selects: 'culprit' }))
    const answer = (culprit: string | null, decision: Partial<Decision>): void => {
      if (world.pendingLook?.kind === 'probe') return world.look({ verdict: 'unknown' })
      const look = world.pendingLook?.look ?? -1
      world.pendingLook = null
      const { history } = world
      const all = { verdict: 'pass', guard: null, reason: '', quiet: false, until: null, escalate: null } as const
      const decided = { ...all, gone: false, approvable: false, asks: [], urgent: false, ...decision }
      world.apply({ type: 'guardsEvaluated', look, decision: decided, history, unit: null, culprit })
    }
    world.until(
      (i) => i.state === 'escalated',
      () => answer(null, { verdict: 'refuse', reason: 'several brokers lack replicas' }),
    )
    for (let minutes = 0; minutes < 5; minutes++) {
      world.fireNext()
      if (world.pendingLook) answer('lab/broker/2', {})
    }
    expect(world.told).toContainEqual(expect.objectContaining({ kind: 'told', level: 10 }))
  })
})

describe('what never comes to an end is handed over', () => {
  it('S-6.1 guards that never answer are given up like those that refuse', () => {
    const world = new IncidentWorld(planOf())
    world.until((i) => i.state === 'checking')
    const began = world.now
    for (let fired = 0; fired < 1_000 && world.incident.state === 'checking'; fired++) world.fireNext()
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'giveUp' })
    expect(world.now - began).toBeLessThan(121 * MINUTE)
  })

  it('S-3.7 after a long downtime they are asked before anything is given up', () => {
    const world = asking({}, { verdict: 'refuse', reason: 'ISR is short' })
    world.now += 300 * MINUTE
    while (world.pendingLook === null) world.fireNext()
    world.timers.delete('giveUp')
    world.apply({ type: 'timerDue', timer: 'giveUp' })
    expect(world.incident.state).toBe('checking')
  })

  it('S-4.5 only a unit that is busy without a break is a person’s turn', () => {
    const world = new IncidentWorld(planOf({ afterMs: 0 }))
    const tryOnce = (): void => {
      world.until((i) => i.state === 'checking')
      world.guards()
      world.start()
      const end = { outcome: 'notRun', notRun: 'busy', reason: 'another run holds the unit', changed: false } as const
      world.apply({ type: 'attemptFinished', attempt: world.incident.attempt ?? 0, end })
    }
    tryOnce()
    const later = world.now + 30 * MINUTE
    while (world.now < later) {
      if (world.pendingLook) world.guards({ verdict: 'refuse', reason: 'ISR is short' })
      else world.fireNext()
    }
    tryOnce()
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'refused' })
  })

  it('S-3.5 what is asked after a relapse is mailed, although the same was asked before', () => {
    const world = asking({ mode: 'approve' })
    world.apply({ type: 'approved', by: 'ann', request: 1 })
    world.guards()
    world.start()
    world.finish('failed')
    until(world, (i) => i.reason === 'approval')
    world.apply({ type: 'alertResolved', occurrence })
    world.look({ verdict: 'healed' })
    expect(world.incident.state).toBe('probation')
    const before = questions(world)
    world.until(
      (i) => i.state === 'verifying',
      () => world.look(broken),
    )
    until(world, (i) => i.reason === 'approval')
    expect(questions(world)).toBe(before + 1)
  })
})

describe('S-3.6 restrictions apply at once', () => {
  it('S-3.6 a guard that is added while the others are being asked is asked too before anything begins', () => {
    const world = new IncidentWorld(planOf())
    world.until((i) => i.state === 'checking')
    const before = world.pendingLook
    const guards = [{ type: 'promql', params: { query: 'up' } }]
    world.apply({ type: 'restricted', to: 'act', guards, reason: 'guard promql was added' })
    const after = world.pendingLook
    world.pendingLook = before
    world.guards()
    expect(world.scheduled).toEqual([])
    world.pendingLook = after
    world.guards()
    expect(world.scheduled).toHaveLength(1)
  })
})
