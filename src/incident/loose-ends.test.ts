import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { planOf } from '../../test/support/plan.ts'
import type { AttemptEnd } from './event.ts'

const occurrence = { fingerprint: 'a', startsAt: 999_999 } as const
const dead = { verdict: 'broken', conclusive: true, symptom: true, reason: 'the unit is failed' } as const
const refused = { verdict: 'refuse', reason: 'no' } as const
const busy: AttemptEnd = { outcome: 'notRun', notRun: 'busy', reason: 'another run holds the unit', changed: false }

function checking(world = new IncidentWorld(planOf())): IncidentWorld {
  world.until(
    (i) => i.state === 'checking',
    () => world.look(dead),
  )
  return world
}

function started(): IncidentWorld {
  const world = checking()
  world.guards()
  world.start()
  return world
}

/** Answers each question: the guards' with `guards`, the probes' with `look`. */
function answering(world: IncidentWorld, guards: Parameters<IncidentWorld['guards']>[0], look = {}): () => void {
  return () => (world.pendingLook?.kind === 'guards' ? world.guards(guards) : world.look(look))
}

describe('taken over', () => {
  it('S-6.2 nothing is attempted after a take-over, although what ran when it came was not run', () => {
    const world = started()
    world.apply({ type: 'takenOver', by: 'ann' })
    world.apply({ type: 'attemptFinished', attempt: 1, end: busy })
    world.until((i) => i.state !== 'waiting' && i.state !== 'checking', answering(world, {}))
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'takenOver', owner: 'ann' })
    expect(world.scheduled).toHaveLength(1)
  })

  it('S-6.2 nothing is attempted after a take-over while the probes were asked and the alert fires again', () => {
    const world = checking()
    world.apply({ type: 'alertResolved', occurrence })
    world.apply({ type: 'takenOver', by: 'ann' })
    world.apply({ type: 'alertFiring', occurrence: { ...occurrence, startsAt: world.now } })
    world.until((i) => i.state === 'escalated' || i.state === 'attempting', answering(world, {}))
    expect(world.incident).toMatchObject({ state: 'escalated', reason: 'takenOver' })
    world.apply({ type: 'retryRequested', by: 'ann' })
    world.guards()
    expect(world.scheduled).toMatchObject([{ byPerson: true }])
  })
})

describe('cancelled', () => {
  it('S-4.2 S-4.4 holds stay until a step of unknown outcome has surely ended, whoever cancels meanwhile', () => {
    const world = started()
    const surelyOverAt = world.now + 70_000
    const end: AttemptEnd = { outcome: 'unknown', reason: 'connection lost', changed: true, surelyOverAt }
    world.apply({ type: 'attemptFinished', attempt: 1, end })
    const effects = world.apply({ type: 'cancelled', by: 'configuration', reason: 'gone', frees: true })
    expect(effects.some(({ type }) => type === 'releaseHolds')).toBe(false)
    world.until((i) => i.state === 'closed', answering(world, {}, dead))
    expect(world.now).toBeGreaterThanOrEqual(surelyOverAt)
    expect(world.incident.outcome).toBe('cancelled')
    expect(world.lastEffects).toContainEqual({ type: 'releaseHolds' })
  })

  it('S-4.1 a retry that was asked for and cancelled grants nothing to what begins later', () => {
    const world = checking()
    world.guards(refused)
    world.apply({ type: 'retryRequested', by: 'ann' })
    world.apply({ type: 'cancelled', by: 'ann', reason: 'mistake' })
    world.now += 3_600_000
    world.apply({ type: 'alertFiring', occurrence: { ...occurrence, startsAt: world.now } })
    world.until((i) => i.state === 'attempting', answering(world, {}, dead))
    expect(world.scheduled).toMatchObject([{ rung: 1, byPerson: false }])
  })
})

describe('nothing stands for ever without a word', () => {
  it('S-6.1 a relapse that the guards never let it heal is given up', () => {
    const world = started()
    world.finish()
    world.look()
    expect(world.incident.state).toBe('probation')
    world.until((i) => i.state === 'waiting', answering(world, refused, dead))
    world.until((i) => i.state === 'escalated', answering(world, refused, dead))
    expect(world.incident.reason).toBe('giveUp')
  })

  it('S-3.4 S-6.1 one that resolved while Alertmanager silenced it is told once the silence is over', () => {
    const world = checking()
    world.guards({ verdict: 'hold', quiet: true, reason: 'silenced in Alertmanager' })
    world.apply({ type: 'alertResolved', occurrence })
    const gone = { verdict: 'refuse', gone: true, reason: 'does not fire' } as const
    for (let i = 0; i < 400 && world.told.length === 0; i++) {
      if (world.pendingLook) answering(world, gone, dead)()
      else if (!world.fireNext()) break
    }
    expect(world.told).not.toEqual([])
  })

  it('S-3.4 it is found well while the silence in Alertmanager lasts', () => {
    const world = checking()
    const silenced = { verdict: 'hold', quiet: true, reason: 'silenced in Alertmanager' } as const
    world.guards(silenced)
    world.apply({ type: 'alertResolved', occurrence })
    const began = world.now
    for (let i = 0; i < 40; i++) {
      if (world.pendingLook) answering(world, silenced, dead)()
      else if (!world.fireNext()) break
    }
    expect(world.told).toEqual([])
    expect(world.now).toBeGreaterThan(began + 5 * 60_000)
    world.until((i) => i.state === 'closed', answering(world, silenced, {}))
    expect(world.incident.outcome).toBe('cleared')
  })

  it('S-6.2 S-3.7 after a downtime neither look of an escalated incident overtakes the other for ever', () => {
    const world = checking()
    world.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong cluster' })
    world.now += 3_600_000
    const asked = new Set<string>()
    for (let i = 0; i < 20; i++) {
      world.fireNext()
      while ([...world.timers.values()].some((dueAt) => dueAt <= world.now)) world.fireNext()
      if (world.pendingLook) asked.add(world.pendingLook.kind)
      answering(world, refused, dead)()
    }
    expect([...asked].toSorted()).toEqual(['guards', 'probe'])
  })
})

it('S-6.1 a refusal is told after `escalateAfter` although the alert was taken for gone in between', () => {
  const world = checking(
    new IncidentWorld({ ...planOf(), escalation: { ...planOf().escalation, escalateAfterMs: 60_000 } }),
  )
  world.guards(refused)
  world.until((i) => i.state === 'checking')
  world.guards({ ...refused, gone: true })
  const told = () => world.told.some(({ kind }) => kind === 'refused')
  world.until(told, answering(world, refused, dead))
  expect(world.now).toBeLessThanOrEqual(1_000_000 + 30_000 + 61_000)
})
