import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { planOf } from '../../test/support/plan.ts'

/** Prometheus dies: minutes later everything it told of is "resolved", or gone (S-1.3). */
const resolved = { type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: 999_999 } } as const
const dead = { verdict: 'broken', conclusive: true, symptom: true, reason: 'the unit is failed' } as const
const unknown = { verdict: 'unknown', symptom: null, reason: 'no answer' } as const

const fresh = (): IncidentWorld => new IncidentWorld(planOf())

function checking(world: IncidentWorld): IncidentWorld {
  world.until(
    (i) => i.state === 'checking',
    () => world.look(dead),
  )
  return world
}

function scheduled(world = fresh()): IncidentWorld {
  checking(world).guards()
  return world
}

function running(): IncidentWorld {
  const world = scheduled()
  world.start()
  return world
}

function finished(): IncidentWorld {
  const world = running()
  world.finish()
  return world
}

function after<T extends IncidentWorld>(world: T, then: (world: T) => void): T {
  then(world)
  return world
}

/** Where an incident can stand when it happens; nothing of it was ever seen healed. */
const PLACES: readonly (readonly [string, () => IncidentWorld])[] = [
  ['waiting its time', () => fresh()],
  ['checking', () => checking(fresh())],
  ['refused', () => after(checking(fresh()), (w) => w.guards({ verdict: 'refuse', reason: 'ISR is short' }))],
  ['without evidence', () => after(checking(fresh()), (w) => w.guards({ verdict: 'unknown', reason: 'no SSH' }))],
  ['on hold', () => after(checking(fresh()), (w) => w.guards({ verdict: 'hold', reason: 'hold file' }))],
  ['silenced', () => after(fresh(), (w) => w.apply({ type: 'held', by: 'ann' }))],
  [
    'muted in Alertmanager',
    () => after(checking(fresh()), (w) => w.guards({ verdict: 'hold', quiet: true, reason: 'silenced' })),
  ],
  ['attached', () => new IncidentWorld(planOf(), 7)],
  ['scheduled', () => scheduled()],
  ['running', () => running()],
  ['verifying', () => finished()],
  ['in back-off', () => after(finished(), (w) => w.look(dead))],
  [
    'escalated',
    () => after(checking(fresh()), (w) => w.guards({ verdict: 'refuse', escalate: 'identity', reason: 'wrong disk' })),
  ],
  ['taken over', () => after(checking(fresh()), (w) => w.apply({ type: 'takenOver', by: 'ann' }))],
]

describe.each(PLACES)('S-1.3 everything is "resolved" because Prometheus died: %s', (_, place) => {
  it.each([
    ['broken', dead],
    ['unknown', unknown],
  ])('while the probes say %s nothing closes it, nothing recovers, and no first attempt is made', (__, answer) => {
    const world = place()
    const began = world.incident.attempts > 0 || world.incident.reason === 'running'
    const before = world.scheduled.length
    world.apply(resolved)
    if (world.incident.state === 'attempting') world.finish()
    const until = world.now + 6 * 3_600_000
    for (let i = 0; i < 2_000 && world.now < until; i++) {
      if (world.pendingLook?.kind === 'probe') world.look(answer)
      // The guards see no alert, either.
      else if (world.pendingLook) world.guards({ verdict: 'refuse', gone: true, reason: 'it is shown no more' })
      else if (!world.fireNext()) break
      expect(world.incident.state).not.toBe('closed')
      expect(world.incident.outcome).toBeNull()
    }
    expect(world.told.filter(({ kind }) => kind === 'recovered')).toEqual([])
    if (!began) expect(world.scheduled).toHaveLength(before)
  })

  it('and when Prometheus is back, the same occurrence is taken up again', () => {
    const world = place()
    world.apply(resolved)
    if (world.incident.state === 'attempting') world.finish()
    if (world.pendingLook?.kind === 'probe') world.look(dead)
    world.now += 60_000
    world.apply({ type: 'alertFiring', occurrence: resolved.occurrence })
    expect(world.incident.firing).toEqual([resolved.occurrence])
    expect(world.incident.state).not.toBe('closed')
    // It does not wait for an alert that is there.
    expect(world.incident.reason).not.toBe('symptomWithoutAlert')
  })
})

it('S-1.3 S-3.3 in mode inform, with probes that cannot tell, it ends as unverified and never as well', () => {
  const world = informed()
  for (let i = 0; i < 200 && world.incident.state !== 'closed'; i++) {
    if (world.pendingLook) world.look(unknown)
    else world.fireNext()
  }
  expect(world.incident).toMatchObject({ state: 'closed', outcome: 'unverified' })
  expect(world.told.filter(({ kind }) => kind === 'recovered')).toEqual([])
})

it('S-1.3 S-3.3 in mode inform, what the probes find broken stays open until they find it well, and is told', () => {
  const world = informed()
  world.look(dead)
  expect(world.incident).toMatchObject({ state: 'waiting', reason: 'symptomWithoutAlert' })
  expect(world.told.at(-1)).toMatchObject({ kind: 'digest', reason: 'symptomWithoutAlert' })
  const told = world.told.length
  for (let i = 0; i < 20; i++) {
    if (world.pendingLook) world.look(dead)
    else world.fireNext()
    expect(world.incident.state).not.toBe('closed')
  }
  expect(world.told).toHaveLength(told)
  expect(world.scheduled).toEqual([])
  world.until(
    ({ state }) => state === 'closed',
    () => world.look(),
  )
  expect(world.incident.outcome).toBe('informed')
})

it('S-1.3 in mode inform, one that stays broken without an alert ends as unverified after give_up', () => {
  const world = informed()
  const since = world.now
  world.until(
    ({ state }) => state === 'closed',
    () => world.look(dead),
  )
  expect(world.incident).toMatchObject({ state: 'closed', outcome: 'unverified' })
  expect(world.now - since).toBeGreaterThanOrEqual(world.incident.plan.escalation.giveUpMs)
  expect(world.told.filter(({ kind }) => kind === 'recovered')).toEqual([])
})

/** In mode inform, with the guards passed and no alert any more. */
function informed(): IncidentWorld {
  const world = checking(new IncidentWorld(planOf({ mode: 'inform' })))
  world.guards()
  world.apply(resolved)
  return world
}
