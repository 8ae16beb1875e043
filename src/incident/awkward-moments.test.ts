import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { planOf } from '../../test/support/plan.ts'
import type { AttemptEnd } from './event.ts'

const resolved = { type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } } as const
const dead = { verdict: 'broken', conclusive: true, symptom: true, reason: 'the unit is failed' } as const
const busy: AttemptEnd = { outcome: 'notRun', notRun: 'busy', reason: 'another run holds the unit', changed: false }

function checking(world: IncidentWorld): IncidentWorld {
  world.until(
    (i) => i.state === 'checking',
    () => world.look(dead),
  )
  return world
}

function attempted(world: IncidentWorld): IncidentWorld {
  checking(world).guards()
  world.start()
  world.finish()
  return world
}

function again(world: IncidentWorld): void {
  world.apply({ type: 'alertFiring', occurrence: { fingerprint: 'a', startsAt: world.now + 1 } })
}

describe('holds', () => {
  it('S-3.2 S-3.4 a silence that ends within the back-off does not shorten it', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.look(dead)
    const due = world.timers.get('act') ?? 0
    world.apply({ type: 'held', by: 'ann' })
    world.now += 1
    world.apply({ type: 'released', jitterMs: 0 })
    expect(world.timers.get('act')).toBeGreaterThanOrEqual(due)
  })

  it('S-6.2 guards of an escalated incident go on being evaluated when a silence has come and gone', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
    world.apply({ type: 'held', by: 'ann' })
    world.apply({ type: 'released', jitterMs: 0 })
    expect(world.timers.has('guard')).toBe(true)
  })

  it('S-3.4 one that was held by Alertmanager while attached looks again once it leads', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards({ verdict: 'hold', quiet: true, reason: 'silenced in Alertmanager' })
    world.apply({ type: 'attached', leader: 7 })
    world.apply({ type: 'leads' })
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'held' })
    expect(world.timers.has('guard')).toBe(true)
  })
})

describe('before anything was run', () => {
  it('S-3.7 when everything is due at once after a long downtime, the guards are heard before it gives up', () => {
    const late = () => {
      const world = new IncidentWorld(planOf())
      world.now += 24 * 3_600_000
      // What is due fires in the order in which it was due; the look's answer comes after all of it.
      while ([...world.timers.values()].some((dueAt) => dueAt <= world.now)) world.fireNext()
      return world
    }
    const well = late()
    well.guards()
    expect(well.scheduled).toHaveLength(1)
    const refused = late()
    refused.guards({ verdict: 'refuse', reason: 'still' })
    refused.until(
      (i) => i.state === 'escalated',
      () => refused.guards({ verdict: 'refuse', reason: 'still' }),
    )
    expect(refused.now - 1_000_000 - 24 * 3_600_000).toBeLessThan(5 * 60_000)
  })

  it('S-1.3 a resolve cancels a start that is scheduled and has not begun', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards()
    world.apply(resolved)
    expect(world.incident).toMatchObject({ state: 'verifying', reason: 'afterResolve', attempt: null })
  })

  it('S-1.3 S-1.5 an attempt that was not run is no first attempt: a resolve after it starts nothing', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply({ type: 'attemptFinished', attempt: 1, end: busy })
    world.apply(resolved)
    world.look(dead)
    expect(world.incident).toMatchObject({ state: 'waiting', reason: 'symptomWithoutAlert' })
  })

  it('S-5.2 what is not run again and again is tried with growing gaps, and told', () => {
    const world = new IncidentWorld(planOf())
    let tries = 0
    while (world.now < 1_000_000 + 30 * 60_000) {
      checking(world).guards()
      world.start()
      tries++
      world.apply({
        type: 'attemptFinished',
        attempt: world.incident.attempt ?? 0,
        end: { ...busy, notRun: 'guards', reason: 'ISR is short again' },
      })
    }
    expect(tries).toBeLessThan(60)
    expect(world.told.map((t) => t.kind)).toContain('refused')
  })

  it("S-4.1 S-4.7 a person's retry that was not run is still theirs", () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards({ verdict: 'refuse', escalate: 'humanChanged', reason: 'somebody started it' })
    world.apply({ type: 'retryRequested', by: 'ann' })
    world.guards()
    world.start()
    world.apply({ type: 'attemptFinished', attempt: 1, end: busy })
    checking(world).guards()
    expect(world.scheduled.at(-1)).toMatchObject({ byPerson: true })
    world.start()
    world.finish('failed')
    expect(world.incident.grants).toBe(0)
  })
})

describe('telling', () => {
  const levels = [{ to: ['boss'], afterMs: 15 * 60_000 }]

  it('S-6.3 an alert that comes and goes does not keep further levels and reminders from being told', () => {
    const plan = planOf()
    const world = checking(
      new IncidentWorld(planOf({ escalation: { ...plan.escalation, levels, repeatMs: 3_600_000 } })),
    )
    world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
    const end = world.now + 2.5 * 3_600_000
    let flips = 0
    while (world.now < end) {
      // Every minute or so: resolved, looked at, fires again.
      world.apply({ type: 'alertResolved', occurrence: world.incident.firing[0] ?? { fingerprint: 'a', startsAt: 0 } })
      if (flips++ % 2 === 0) world.fireNext()
      world.look({ verdict: 'broken' })
      again(world)
      world.fireNext()
      if (world.pendingLook?.kind === 'guards') world.guards({ verdict: 'refuse' })
      else if (world.pendingLook) world.look({ verdict: 'broken' })
    }
    expect(world.told.filter((t) => t.kind === 'escalated').map((t) => t.level)).toEqual([0, 1, 1000, 1001])
  })

  it('S-6.3 each recovery after a relapse is told, and each relapse', () => {
    const world = attempted(new IncidentWorld(planOf()))
    for (let i = 0; i < 3; i++) {
      world.look()
      world.until(
        (one) => one.state === 'verifying',
        () => world.look({ verdict: 'broken' }),
      )
    }
    expect(world.told.filter((t) => t.kind === 'recovered')).toHaveLength(3)
    expect(world.told.filter((t) => t.kind === 'told' && t.level >= 100)).toHaveLength(3)
  })

  it('S-6.2 S-6.3 who took over is done when it is verified; what begins after that is told again', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
    world.apply({ type: 'takenOver', by: 'ann' })
    world.until(
      (i) => i.state === 'settled',
      () => world.look(),
    )
    world.now += 3_600_000
    again(world)
    checking(world)
    world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
    expect(world.told.filter((t) => t.kind === 'escalated').map((t) => t.round)).toEqual([1, expect.any(Number)])
    expect(world.timers.has('reminder')).toBe(true)
  })

  it('S-6.1 an occurrence that begins after it settled has its own tellBy', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.look()
    world.until(
      (i) => i.state === 'settled',
      () => world.look(),
    )
    again(world)
    expect(world.timers.has('tellBy')).toBe(true)
  })

  it('S-3.6 a mode lowered while an attempt runs is told when that attempt did not heal', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply({ type: 'restricted', to: 'inform', reason: 'mode lowered' })
    world.finish('failed')
    world.look(dead)
    expect(world.incident).toMatchObject({ state: 'settled', outcome: 'informed' })
    expect(world.told.at(-1)).toMatchObject({ kind: 'told', level: 50 })
  })
})

describe('counts', () => {
  it('S-4.10 one heal is counted once: after recurrence it is verified and closes', () => {
    const world = new IncidentWorld(planOf())
    world.history = { attempts: 0, heals: 2, suspended: false }
    attempted(world)
    world.apply(resolved)
    world.look()
    world.until(
      (i) => i.state === 'escalated',
      () => world.look(),
    )
    world.until(
      (i) => i.state !== 'escalated' && i.state !== 'probation',
      () => world.look(),
    )
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'healed' })
    expect(world.history.heals).toBe(3)
  })

  it('S-4.10 what another occurrence found well again is no second heal of ours', () => {
    const world = attempted(new IncidentWorld(planOf()))
    world.look()
    const settled = () =>
      world.until(
        (i) => i.state === 'settled' || i.state === 'closed',
        () => (world.pendingLook?.kind === 'guards' ? world.guards({ verdict: 'refuse', gone: true }) : world.look()),
      )
    settled()
    world.now += 3_600_000
    again(world)
    settled()
    expect(world.history.heals).toBe(1)
  })
})

describe('restrictions', () => {
  it('S-3.1 S-3.6 one that is attached when its mode is lowered does not wait for a leader', () => {
    const world = new IncidentWorld(planOf(), 7)
    world.apply({ type: 'restricted', to: 'inform', reason: 'mode lowered' })
    world.until(
      (i) => i.state === 'settled',
      () => world.guards(),
    )
    expect(world.incident).toMatchObject({ leader: null, outcome: 'informed' })
  })

  it('S-3.1 a leader that may act no more makes room', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
    world.apply({ type: 'restricted', to: 'inform', reason: 'mode lowered' })
    expect(world.lastEffects).toContainEqual({ type: 'electLeader' })
  })

  it('S-3.6 what the configuration no longer names closes although its alert fires, and frees it', () => {
    const world = new IncidentWorld(planOf())
    world.apply({ type: 'cancelled', by: 'configuration', reason: 'rule broker-down is gone', frees: true })
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'cancelled', firing: [] })
  })

  it('S-3.6 the same during a running attempt: only after the rung', () => {
    const world = checking(new IncidentWorld(planOf()))
    world.guards()
    world.start()
    world.apply({ type: 'cancelled', by: 'configuration', reason: 'rule broker-down is gone', frees: true })
    expect(world.incident.state).toBe('attempting')
    world.finish()
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'cancelled' })
  })
})
