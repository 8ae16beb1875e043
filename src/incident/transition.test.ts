import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { planOf, startStep, subject, unresolved } from '../../test/support/plan.ts'
import type { Effect } from './event.ts'
import { open, transition } from './transition.ts'

const dead = { verdict: 'broken', symptom: true, conclusive: true } as const

function untilChecking(world: IncidentWorld): IncidentWorld {
  world.until((incident) => incident.state === 'checking')
  return world
}

function attempted(world: IncidentWorld): IncidentWorld {
  untilChecking(world)
  world.guards()
  world.start()
  world.finish()
  return world
}

describe('an incident in mode act', () => {
  it('S-3.2 S-4.1 waits, checks, attempts, verifies, watches and closes healed when no alert fires', () => {
    const world = attempted(new IncidentWorld(planOf()))
    expect(world.scheduled).toMatchObject([{ attempt: 1, rung: 1, byPerson: false }])
    expect(world.scheduled[0]?.at).toBe(1_000_000 + 30_000)

    world.look({ verdict: 'progressing', starting: true, mark: 'x' })
    world.until(
      (i) => i.state === 'probation',
      () => world.look(),
    )
    world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } })
    expect(world.incident.state).toBe('probation')
    world.until(
      (i) => i.state === 'closed',
      () => world.look(),
    )

    expect(world.incident.outcome).toBe('healed')
    expect(world.told).toEqual([{ round: 0, kind: 'recovered', level: 1, reason: 'watching' }])
    expect(world.history).toEqual({ attempts: 0, heals: 1, suspended: false })
  })

  it('S-4.1 backs off between attempts, climbs the rungs, and escalates when its attempts are spent', () => {
    const world = new IncidentWorld(planOf())
    const dues: number[] = []
    for (let attempt = 1; attempt <= 3; attempt++) {
      attempted(world)
      world.look(dead)
      if (attempt < 3) dues.push((world.timers.get('act') ?? 0) - world.now)
    }

    expect(world.scheduled.map((s) => s.rung)).toEqual([1, 2, 2])
    expect(dues[0]).toBeGreaterThanOrEqual(30_000)
    expect(dues[0]).toBeLessThanOrEqual(36_000)
    expect(dues[1]).toBeGreaterThanOrEqual(60_000)
    expect(dues[1]).toBeLessThanOrEqual(72_000)
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'exhausted', round: 1 })
    expect(world.told).toContainEqual({ round: 1, kind: 'escalated', level: 0, reason: 'exhausted' })
  })

  it('S-4.9 waits for `within` when the probes find it broken but not dead', () => {
    const world = attempted(new IncidentWorld(planOf()))
    const began = world.now
    world.look({ verdict: 'broken', symptom: true })
    expect(world.incident.state).toBe('verifying')
    world.until(
      (i) => i.state !== 'verifying',
      () => world.look({ verdict: 'broken', symptom: true }),
    )
    expect(world.incident.reason).toBe('backoff')
    expect(world.now - began).toBeGreaterThanOrEqual(120_000)
  })

  it('S-4.9 broken at the deadline without the symptom escalates as changed, not healed', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.until(
      (i) => i.state !== 'verifying',
      () => world.look({ verdict: 'broken', symptom: false }),
    )
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'changedNotHealed' })
  })

  it('S-4.9 unknown until the deadline escalates and starts no attempt', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.until(
      (i) => i.state !== 'verifying',
      () => world.look({ verdict: 'unknown', symptom: null }),
    )
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'verificationUnknown' })
    expect(world.scheduled).toHaveLength(1)
  })

  it('S-4.9 progress spends nothing, and is told when it stands still for 15 minutes', () => {
    const world = attempted(new IncidentWorld(planOf()))
    const until = world.now + 16 * 60_000
    world.until(
      (i) => world.now > until || i.state !== 'verifying',
      () => world.look({ verdict: 'progressing', mark: 'in-sync:3' }),
    )
    expect(world.incident.state).toBe('verifying')
    expect(world.told.map((t) => [t.kind, t.level])).toContainEqual(['told', 21])
    expect(world.scheduled).toHaveLength(1)
  })

  it('S-4.9 a start that takes longer than startPatience is told and never restarted', () => {
    const world = attempted(new IncidentWorld(planOf()))
    const until = world.now + 61 * 60_000
    world.until(
      (i) => world.now > until || i.state !== 'verifying',
      () => world.look({ verdict: 'progressing', starting: true, mark: 'x' }),
    )
    expect(world.told.map((t) => [t.kind, t.level])).toContainEqual(['told', 20])
    expect(world.scheduled).toHaveLength(1)
  })

  it('S-4.4 nothing is judged before an unknown step has surely ended', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    const over = world.now + 75_000
    world.apply({
      type: 'attemptInterrupted',
      attempt: 1,
      end: { outcome: 'unknown', reason: 'owner gone', changed: true, surelyOverAt: over, repeatable: true },
    })
    expect(world.pendingLook).toBeNull()
    expect(world.timers.get('verifyPoll')).toBe(over)
    world.fireNext()
    world.look(dead)
    expect(world.incident.reason).toBe('backoff')
  })

  it('S-4.4 an unknown outcome that must not repeat escalates instead of trying again', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply({
      type: 'attemptInterrupted',
      attempt: 1,
      end: { outcome: 'unknown', reason: 'owner gone', changed: true, surelyOverAt: world.now, repeatable: false },
    })
    world.look(dead)
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'unknownNotRepeatable' })
  })

  it('S-4.7 a connection that fails before the command was sent spends no attempt; two minutes of it escalate', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply({
      type: 'attemptFinished',
      attempt: 1,
      end: { outcome: 'notRun', notRun: 'unreachable', reason: 'no route', changed: false },
    })
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'evidenceMissing', targetAttempts: 0 })
    expect(world.history.attempts).toBe(0)
    world.until(
      (i) => i.state === 'escalated',
      () => world.guards({ verdict: 'unknown', escalate: 'unreachable', reason: 'no route' }),
    )
    expect(world.incident.reason).toBe('unreachable')
    expect(world.now).toBeLessThan(1_000_000 + 30_000 + 4 * 60_000)
  })

  it.each(['identity', 'permission', 'humanChanged'] as const)(
    'S-6.2 %s escalates at once, without an attempt',
    (cause) => {
      const world = untilChecking(new IncidentWorld(planOf()))
      world.guards({ verdict: 'refuse', escalate: cause, reason: 'no' })
      expect(world.incident).toMatchObject({ state: 'escalated', reason: cause })
      expect(world.scheduled).toEqual([])
    },
  )

  it('S-6.2 escalated without any step, passing guards are told with a retry, never acted on', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
    world.until(() => world.pendingLook?.kind === 'guards')
    world.guards()
    expect(world.incident.state).toBe('escalated')
    expect(world.scheduled).toEqual([])
    expect(world.told.at(-1)).toMatchObject({ kind: 'told', level: 10 })

    world.apply({ type: 'retryRequested', by: 'ann' })
    world.guards()
    expect(world.scheduled).toMatchObject([{ attempt: 1, byPerson: true, rung: 2 }])
  })

  it('S-5.2 refusals spend no attempt, are tried again with growing gaps of at most a minute, and give up after two hours', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    const gaps: number[] = []
    world.until(
      (i) => i.state === 'escalated',
      () => {
        world.guards({ verdict: 'refuse', guard: 'budget', reason: 'too often' })
        const due = world.timers.get('guard')
        if (due !== undefined) gaps.push(due - world.now)
      },
    )
    expect(gaps.slice(0, 8)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    expect(world.incident).toMatchObject({ reason: 'giveUp', attempts: 0 })
    expect(world.told.map((t) => t.kind)).toEqual(['told', 'refused', 'escalated'])
  })

  it('S-6.1 a first mail goes out after tellBy in whatever state, while healing goes on', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.until(
      () => world.told.length > 0,
      () => world.look({ verdict: 'progressing', mark: String(world.now) }),
    )
    expect(world.now - 1_000_000).toBe(600_000)
    expect(world.told).toEqual([{ round: 0, kind: 'told', level: 0, reason: 'afterAttempt' }])
    expect(world.incident.state).toBe('verifying')
  })

  it('S-4.10 a relapse within probation goes on with the same attempt count', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.look()
    expect(world.incident.state).toBe('probation')
    world.until(() => world.pendingLook !== null)
    world.look(dead)
    expect(world.incident.state).toBe('verifying')
    world.look(dead)
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'backoff', attempts: 1, targetAttempts: 1 })
    attempted(world)
    expect(world.scheduled.map((s) => s.rung)).toEqual([1, 2])
  })

  it('S-4.10 three heals of one target in 24 h escalate as recurrence and suspend the target', () => {
    const world = new IncidentWorld(planOf())
    world.history = { attempts: 0, heals: 2, suspended: false }
    attempted(world)
    world.look()
    expect((world.incident.probationEndsAt ?? 0) - world.now).toBe(4 * 900_000)
    world.until(
      (i) => i.state !== 'probation',
      () => world.look(),
    )
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'recurrence' })
    expect(world.history.suspended).toBe(true)
  })

  it('S-3.3 a healed incident whose alert still fires settles and says that alert and probes disagree', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.look()
    world.until(
      (i) => i.state === 'settled',
      () => world.look(),
    )
    expect(world.told.at(-1)).toMatchObject({ kind: 'told', level: 30 })
    world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } })
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'healed' })
  })
})

describe('alerts', () => {
  const resolved = { type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } } as const

  it('S-1.3 S-1.5 a resolve before the first attempt asks the probes and starts nothing', () => {
    const world = new IncidentWorld(planOf())
    world.apply(resolved)
    expect(world.incident).toMatchObject({ state: 'verifying', reason: 'afterResolve' })
    world.look()
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'cleared' })
    expect(world.scheduled).toEqual([])
  })

  it('S-1.3 a symptom without alert only tells before the first attempt', () => {
    const world = new IncidentWorld(planOf())
    world.apply(resolved)
    world.look(dead)
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'symptomWithoutAlert' })
    world.until(
      (i) => i.state === 'escalated',
      () => world.look(dead),
    )
    expect(world.incident.reason).toBe('giveUp')
    expect(world.told.map((t) => t.kind)).toEqual(['told', 'escalated'])
    expect(world.scheduled).toEqual([])
  })

  it('S-1.3 after an attempt, attempts go on by symptom, and the back-off is kept', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.look(dead)
    const due = world.timers.get('act')
    world.apply(resolved)
    world.look(dead)
    expect(world.incident.reason).toBe('backoff')
    expect(world.timers.get('act')).toBe(due)
    attempted(world)
    expect(world.scheduled).toHaveLength(2)
  })

  it('S-4.1 a resolve during an attempt is recorded and changes nothing until the rung ends', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply(resolved)
    expect(world.incident).toMatchObject({ state: 'attempting', reason: 'running', firing: [] })
  })

  it('S-1.2 one of two alerts resolving changes nothing', () => {
    const world = new IncidentWorld(planOf())
    world.apply({ type: 'alertFiring', occurrence: { fingerprint: 'b', startsAt: 999_999 } })
    world.apply(resolved)
    expect(world.incident.state).toBe('waiting')
    expect(world.incident.firing).toHaveLength(1)
  })

  it('an incident without a target closes unverified when none of its alerts fires (S-1.3)', () => {
    const [opened] = open(1, planOf(), unresolved, resolved.occurrence, null, 5)
    const [incident] = transition(opened, { type: 'timerDue', timer: 'act' }, 5)
    expect(incident).toMatchObject({ state: 'escalated', reason: 'unresolvable', round: 1 })
    expect(transition(incident, resolved, 6)[0]).toMatchObject({ state: 'closed', outcome: 'unverified' })
  })

  it('S-3.4 S-2.1 a silence over an alert that names no target: nobody is called before it ends', () => {
    const [opened] = open(1, planOf(), unresolved, resolved.occurrence, null, 5)
    const [held, effects] = transition(opened, { type: 'held', by: 'silence' }, 5)
    expect(effects).toContainEqual({ type: 'cancelTimer', kind: 'act' })
    expect(transition(held, { type: 'timerDue', timer: 'act' }, 6)).toEqual([held, []])
    const [released, timers] = transition(held, { type: 'released', jitterMs: 7 }, 10)
    expect(timers).toContainEqual({ type: 'timer', kind: 'act', dueAt: 10 + 30_000 + 7 })
    const [incident] = transition(released, { type: 'timerDue', timer: 'act' }, 40_000)
    expect(incident).toMatchObject({ state: 'escalated', reason: 'unresolvable' })
  })
})

describe('mode inform', () => {
  it('S-3.3 evaluates every guard at the moment it would have acted, says so, and closes on verified', () => {
    const world = untilChecking(new IncidentWorld(planOf({ mode: 'inform' })))
    world.guards()
    expect(world.incident).toMatchObject({ state: 'settled', outcome: 'informed' })
    expect(world.incident.detail).toContain('would have run start-broker')
    expect(world.told).toEqual([{ round: 0, kind: 'digest', level: 0, reason: 'informed' }])
    world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } })
    world.look()
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'informed' })
    expect(world.scheduled).toEqual([])
  })
})

describe('holds and people', () => {
  it('S-3.4 a silence stops the clocks; at its end it starts over at `after` with its attempts kept', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.look(dead)
    world.apply({ type: 'held', by: 'silence 1' })
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'held' })
    expect([...world.timers.keys()]).toEqual([])
    world.now += 3_600_000
    world.apply({ type: 'released', jitterMs: 1_234 })
    expect(world.timers.get('act')).toBe(world.now + 30_000 + 1_234)
    expect(world.incident).toMatchObject({ reason: 'after', attempts: 1 })
  })

  it('S-3.4 a silence stops new attempts, never a started one', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply({ type: 'held', by: 'silence 1' })
    expect(world.incident.state).toBe('attempting')
    world.finish('failed')
    world.look(dead)
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'held' })
  })

  it('S-6.2 taking over stops levels and further attempts; a retry grants exactly one', () => {
    const plan = planOf()
    const world = new IncidentWorld({
      ...plan,
      escalation: { ...plan.escalation, levels: [{ to: ['boss'], afterMs: 60_000 }] },
    })
    for (let i = 0; i < 3; i++) attempted(world).look(dead)
    expect(world.timers.has('level')).toBe(true)
    world.apply({ type: 'takenOver', by: 'ann' })
    expect(world.timers.has('level')).toBe(false)
    expect(world.timers.has('reminder')).toBe(false)

    world.apply({ type: 'retryRequested', by: 'ann' })
    world.guards()
    expect(world.scheduled.at(-1)).toMatchObject({ byPerson: true, rung: 2 })
    world.start()
    world.finish()
    world.look(dead)
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'exhausted', round: 2 })
    expect(world.scheduled).toHaveLength(4)
  })

  it('S-6.2 fixed by hand after an escalation: verified, watched, closed, and a recovery is told', () => {
    const world = new IncidentWorld(planOf())
    for (let i = 0; i < 3; i++) attempted(world).look(dead)
    world.apply({ type: 'takenOver', by: 'ann' })
    world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } })
    world.look({ verdict: 'broken' })
    expect(world.incident).toMatchObject({ state: 'escalated', round: 1, owner: 'ann' })
    world.until(
      (i) => i.state === 'closed',
      () => world.look(),
    )
    expect(world.told.filter((t) => t.kind === 'escalated')).toHaveLength(1)
    expect(world.told.filter((t) => t.kind === 'recovered')).toHaveLength(1)
  })

  it('S-6.2 levels are told by delay until somebody takes over, then reminders', () => {
    const plan = planOf()
    const world = new IncidentWorld({
      ...plan,
      escalation: {
        ...plan.escalation,
        levels: [
          { to: ['second'], afterMs: 600_000 },
          { to: ['boss'], afterMs: 1_800_000 },
        ],
      },
    })
    untilChecking(world).guards({ verdict: 'refuse', escalate: 'identity', reason: 'x' })
    const at = world.now
    world.until(
      () => world.now >= at + 5 * 3_600_000,
      () =>
        world.pendingLook?.kind === 'guards' ? world.guards({ verdict: 'refuse' }) : world.look({ verdict: 'broken' }),
    )
    expect(world.told.filter((t) => t.kind === 'escalated').map((t) => t.level)).toEqual([0, 1, 2, 1000])
  })

  it('S-3.1 an attached incident starts nothing and mails nothing; when its leader closes it is evaluated anew', () => {
    const world = new IncidentWorld(planOf(), 7)
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'attached', leader: 7 })
    expect([...world.timers.keys()]).toEqual([])
    world.apply({ type: 'leads' })
    expect(world.incident).toMatchObject({ reason: 'after', leader: null })
    expect(world.timers.has('act')).toBe(true)
  })

  it('S-3.6 a rule removed during a running attempt closes cancelled only after the rung', () => {
    const world = untilChecking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply({ type: 'cancelled', by: 'configuration', reason: 'rule removed' })
    expect(world.incident.state).toBe('attempting')
    world.finish()
    expect(world.incident).toMatchObject({ state: 'settled', outcome: 'cancelled' })
  })

  it('S-3.6 a mode lowered to inform starts no attempt any more', () => {
    const world = new IncidentWorld(planOf())
    world.apply({ type: 'restricted', to: 'inform', reason: 'mode lowered' })
    untilChecking(world).guards()
    expect(world.incident).toMatchObject({ state: 'settled', outcome: 'informed' })
    expect(world.scheduled).toEqual([])
  })
})

it('S-4.1 the first rung of a two-rung runbook is used once', () => {
  const world = new IncidentWorld(planOf({ runbook: { ...planOf().runbook, rungs: [[startStep]] } }))
  attempted(world).look(dead)
  attempted(world)
  expect(world.scheduled.map((s) => s.rung)).toEqual([1, 1])
  expect(subject.kind).toBe('broker')
})

it('S-6.2 in escalated, guards and probes are asked each minute, and neither keeps the other from being heard', () => {
  const world = untilChecking(new IncidentWorld(planOf()))
  world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
  const asked = { guards: 0, probe: 0 }
  const until = world.now + 10 * 60_000
  world.until(
    () => world.now > until,
    () => {
      const kind = world.pendingLook?.kind ?? 'probe'
      asked[kind]++
      if (kind === 'guards') world.guards({ verdict: 'refuse', reason: 'still' })
      else world.look({ verdict: 'broken' })
    },
  )
  expect(asked.guards).toBeGreaterThanOrEqual(9)
  expect(asked.probe).toBeGreaterThanOrEqual(9)
})

it('S-4.1 a completed probation forgives the attempts, whoever healed it; only a heal of ours is counted', () => {
  const world = untilChecking(new IncidentWorld(planOf()))
  world.history = { attempts: 2, heals: 1, suspended: false }
  world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
  world.until(
    (i) => i.state === 'settled',
    () => (world.pendingLook?.kind === 'guards' ? world.guards({ verdict: 'refuse' }) : world.look()),
  )
  expect(world.incident.outcome).toBe('cleared')
  expect(world.history).toEqual({ attempts: 0, heals: 1, suspended: false })
})

it('S-2.1 S-3.3 what mode inform has to say is due in one digest a day', () => {
  const at = Date.UTC(2026, 10, 21, 7, 59)
  const openedAt = (id: number, now: number): readonly Effect[] => {
    const occurrence = { fingerprint: 'a', startsAt: at }
    const [incident] = open(id, planOf({ mode: 'inform' }), unresolved, occurrence, null, now)
    return transition(incident, { type: 'timerDue', timer: 'act' }, now)[1]
  }
  const effects = openedAt(1, at)
  expect(effects).toMatchObject([{ type: 'tell', kind: 'digest', dueAt: Date.UTC(2026, 10, 21, 8) }])
  const later = openedAt(2, at + 60_000)
  expect(later).toMatchObject([{ kind: 'digest', dueAt: Date.UTC(2026, 10, 22, 8) }])
})

it('S-2.5 an invocation that could not be read after our own rung is learned by the next look, not taken for a person’s', () => {
  const world = untilChecking(new IncidentWorld(planOf()))
  world.guards()
  world.start()
  world.apply({
    type: 'attemptFinished',
    attempt: 1,
    end: { outcome: 'succeeded', reason: 'done', changed: true, invocation: null },
  })
  world.look({ verdict: 'progressing', mark: 'x', invocation: 'ours' })
  expect(world.incident.ourInvocations).toEqual(['ours'])
  world.until(() => world.pendingLook !== null)
  world.look({ verdict: 'progressing', mark: 'y', invocation: 'somebody else’s' })
  expect(world.incident.ourInvocations).toEqual(['ours'])
})

it('S-4.7 a permission refused at a later step escalates at once, although a step has run', () => {
  const world = untilChecking(new IncidentWorld(planOf()))
  world.guards()
  world.start()
  world.apply({
    type: 'attemptFinished',
    attempt: 1,
    end: { outcome: 'failed', notRun: 'permission', reason: 'sudo refused', changed: true },
  })
  expect(world.incident).toMatchObject({ state: 'escalated', reason: 'permission', attempts: 1 })
})

it('S-4.2 cancelled in the middle of a step of unknown outcome, it lets go only when the step has surely ended', () => {
  const world = untilChecking(new IncidentWorld(planOf()))
  world.guards()
  world.start()
  world.apply({ type: 'cancelled', by: 'configuration', reason: 'rule removed' })
  const end = {
    outcome: 'unknown',
    reason: 'lost',
    changed: true,
    surelyOverAt: world.now + 75_000,
    repeatable: true,
  } as const
  const effects = world.apply({ type: 'attemptFinished', attempt: 1, end })
  expect(effects.map((effect) => effect.type)).not.toContain('releaseHolds')
  world.until(
    (i) => i.state === 'settled',
    () => world.look({ verdict: 'broken' }),
  )
  expect(world.now).toBe(end.surelyOverAt)
  expect(world.lastEffects.map((effect) => effect.type)).toContain('releaseHolds')
})

it('S-6.2 a look that did not help returns to escalated for the same cause', () => {
  const world = untilChecking(new IncidentWorld(planOf()))
  world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
  world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } })
  world.look({ verdict: 'broken' })
  expect(world.incident).toMatchObject({ state: 'escalated', reason: 'identity', round: 1 })
})
