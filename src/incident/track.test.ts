import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decision, IncidentWorld } from '../../test/support/incident-world.ts'
import { killedUnit } from '../../test/support/look.ts'
import { planOf, startStep } from '../../test/support/plan.ts'
import type { Effect, Event } from './event.ts'
import type { Plan } from './plan.ts'
import { type Facts, isTracked, type Track, trackOf } from './track.ts'

const unit = killedUnit({ invocationId: 'first' })

/** An incident with the record that the store would keep of it. */
class TrackedWorld extends IncidentWorld {
  track: Track
  constructor(plan: Plan, leader: number | null = null) {
    super(plan, leader)
    this.track = trackOf(null, { before: null, after: this.incident, event: { type: 'opened' } }, this.now)
  }

  override apply(event: Event): readonly Effect[] {
    const before = this.incident
    const effects = super.apply(event)
    // The store saves nothing of what changed nothing.
    if (before === this.incident && effects.length === 0) return effects
    const transition = { before, after: this.incident, event }
    const next = trackOf(this.track, transition, this.now)
    // What the store does not even look at must not have mattered.
    if (isTracked(transition)) this.track = next
    else expect(next, event.type).toEqual(this.track)
    return effects
  }

  get facts(): Facts {
    return this.track.facts
  }

  /** From the opening to the guards' answer. */
  judge(change: Parameters<IncidentWorld['guards']>[0] = {}): void {
    this.until(({ state }) => state === 'checking')
    const look = this.pendingLook?.look ?? -1
    this.pendingLook = null
    this.apply({
      type: 'guardsEvaluated',
      look,
      decision: decision(change),
      history: this.history,
      unit,
    })
  }

  resolve(): void {
    this.apply({ type: 'alertResolved', occurrence: { fingerprint: 'a', startsAt: this.now } })
  }

  attempt(): void {
    this.judge()
    this.start()
    this.finish()
  }

  /** Healed, resolved, and watched to the end. */
  heal(): void {
    this.look()
    this.resolve()
    this.until(
      ({ state }) => state === 'closed',
      () => this.look(),
    )
  }
}

const refusal = { verdict: 'refuse', guard: 'availability', reason: 'ISR is short' } as const
const dead = { verdict: 'broken', conclusive: true, symptom: true } as const
const inform = () => new TrackedWorld(planOf({ mode: 'inform' }))
const once = () => planOf({ attempts: { ...planOf().attempts, max: 1 } })

describe('mode inform', () => {
  it.each([
    ['it would have acted', {}, { would: 'act', refusedBy: [] }],
    ['a guard would have refused', refusal, { would: 'refuse', refusedBy: ['availability'] }],
    ['evidence was missing', { ...refusal, verdict: 'unknown' }, { would: 'refuse', refusedBy: ['availability'] }],
    [
      'it would have asked',
      { verdict: 'hold', guard: 'human-first', approvable: true, asks: ['human-first: somebody stopped it'] },
      { would: 'ask', refusedBy: [], overridden: ['humanFirst'] },
    ],
    ['it was silenced', { ...refusal, verdict: 'hold', quiet: true }, { would: null, refusedBy: [], held: true }],
  ] as const)('S-3.3 records that %s', (_, decision, facts) => {
    const world = inform()
    world.judge(decision)
    expect(world.facts).toMatchObject({ mode: 'inform', outcome: 'informed', attempts: 0, ...facts })
  })

  it.each([
    ['second', 'sameRemedy', 'the unit was begun anew by somebody else'],
    ['first', 'otherwise', 'the same process goes on'],
    [null, 'unknown', 'it cannot be told by whom'],
    ['', 'unknown', 'it cannot be told by whom'],
  ] as const)('S-3.3 closes with who healed it: the unit then shows the invocation %j', (invocation, healer, says) => {
    const world = inform()
    world.judge()
    world.resolve()
    expect(world.facts.healer).toBe(null)
    world.look({ invocation })
    expect(world.incident).toMatchObject({ state: 'closed', outcome: 'informed' })
    expect(world.incident.detail).toContain(says)
    expect(world.facts).toMatchObject({ would: 'act', healer, outcome: 'informed' })
  })

  it('a runbook that starts nothing cannot tell who healed it', () => {
    const elect = { ...startStep, traits: { ...startStep.traits, starts: false } }
    const world = new TrackedWorld(planOf({ mode: 'inform', runbook: { ...planOf().runbook, rungs: [[elect]] } }))
    world.judge()
    world.resolve()
    world.look({ invocation: 'second' })
    expect(world.facts.healer).toBe('unknown')
  })

  it('an alert that ends before it would have acted says nothing of the guards', () => {
    const world = inform()
    world.resolve()
    world.look()
    expect(world.facts).toMatchObject({ would: null, outcome: 'informed', healer: 'unknown' })
  })

  it('what nobody could verify has no healer', () => {
    const world = inform()
    world.judge()
    world.resolve()
    world.until(
      ({ state }) => state === 'closed',
      () => world.look({ verdict: 'unknown' }),
    )
    expect(world.facts).toMatchObject({ outcome: 'unverified', healer: null })
  })
})

describe('modes that act', () => {
  it('a heal of ours counts once it has lasted, from the opening and from the first attempt', () => {
    const world = new TrackedWorld(planOf())
    world.attempt()
    const began = world.track.attemptAt
    world.look()
    expect(world.track).toMatchObject({ healedAt: null, facts: { healer: 'us', attempts: 1 } })
    const found = world.now
    world.heal()
    expect(world.track).toMatchObject({
      attemptAt: began,
      healedAt: found,
      facts: { outcome: 'healed', healer: 'us', failed: false, relapsed: false },
    })
  })

  it('the first attempt counts, however many follow', () => {
    const world = new TrackedWorld(planOf())
    world.attempt()
    const began = world.track.attemptAt
    world.look(dead)
    world.until(({ state }) => state === 'checking')
    world.attempt()
    world.heal()
    expect(world.track).toMatchObject({ attemptAt: began, facts: { attempts: 2, outcome: 'healed' } })
  })

  it('who healed it is told when it is found well, not when it has stayed so', () => {
    const world = new TrackedWorld(planOf())
    world.judge(refusal)
    world.until(
      ({ state }) => state === 'escalated',
      () => world.guards(refusal),
    )
    world.until(() => world.pendingLook?.kind === 'probe')
    world.look({ invocation: 'second' })
    world.heal()
    expect(world.facts).toMatchObject({ healer: 'sameRemedy', outcome: 'cleared', escalated: ['giveUp'] })
  })

  it('S-1.3 an alert that is gone is no refusal', () => {
    const world = new TrackedWorld(planOf())
    world.judge({ ...refusal, guard: 'still-firing', gone: true })
    expect(world.facts.refusedBy).toEqual([])
  })

  it('a relapse is remembered', () => {
    const world = new TrackedWorld(planOf())
    world.attempt()
    world.look()
    world.until(() => world.pendingLook !== null)
    world.look({ verdict: 'broken', symptom: true })
    expect(world.facts.relapsed).toBe(true)
  })

  it('each guard that decided against it is named once, in whatever order', () => {
    const world = new TrackedWorld(planOf())
    world.judge({ ...refusal, guard: 'quorum' })
    world.judge(refusal)
    world.judge(refusal)
    expect(world.facts).toMatchObject({ refusedBy: ['availability', 'quorum'], would: null })
  })

  it('S-5.11 what had failed in an incident that an older build opened is no heal of ours later', () => {
    const world = new TrackedWorld(once())
    world.attempt()
    world.look(dead)
    const unheard = {
      before: world.incident,
      after: world.incident,
      event: { type: 'timerDue', timer: 'reminder' },
    } as const
    world.track = trackOf(null, unheard, world.now)
    world.heal()
    expect(world.facts).toMatchObject({ failed: true, escalated: ['exhausted'], attempts: 1, outcome: 'healed' })
  })

  it('S-5.11 what was exhausted has failed, whatever becomes of it', () => {
    const world = new TrackedWorld(once())
    world.attempt()
    world.look(dead)
    expect(world.facts).toMatchObject({ failed: true, escalated: ['exhausted'] })
    world.apply({ type: 'retryRequested', by: 'ann' })
    world.attempt()
    world.heal()
    expect(world.facts).toMatchObject({ failed: true, attempts: 2, outcome: 'healed' })
  })

  it('S-4.7 what was not run is no attempt', () => {
    const world = new TrackedWorld(planOf())
    world.judge()
    world.start()
    const end = { outcome: 'notRun', notRun: 'busy', reason: 'busy', changed: false } as const
    world.apply({ type: 'attemptFinished', attempt: 1, end })
    expect(world.facts.attempts).toBe(0)
    world.now += 60_000
    world.judge()
    world.start()
    expect(world.track.attemptAt).toBe(world.now)
  })

  it('S-3.5 an approval is asked for, and given', () => {
    const world = new TrackedWorld(planOf({ mode: 'approve' }))
    world.judge()
    expect(world.facts.approval).toBe('asked')
    world.apply({ type: 'approved', by: 'ann', request: 1 })
    expect(world.facts.approval).toBe('given')
  })

  it('S-3.1 one that another led is told apart', () => {
    expect(new TrackedWorld(planOf(), 7).facts.followed).toBe(true)
    const world = new TrackedWorld(planOf())
    world.apply({ type: 'attached', leader: 7 })
    expect(world.facts.followed).toBe(true)
  })
})

describe('people', () => {
  it('overrule it while it is its turn', () => {
    const taken = new TrackedWorld(planOf())
    taken.judge(refusal)
    taken.apply({ type: 'takenOver', by: 'ann' })
    expect(taken.facts).toMatchObject({ overridden: ['takenOver'], escalated: [] })
    const cancelled = new TrackedWorld(planOf())
    cancelled.apply({ type: 'cancelled', by: 'ann', reason: 'no' })
    expect(cancelled.facts).toMatchObject({ overridden: ['cancelled'], outcome: 'cancelled' })
    const changed = new TrackedWorld(planOf())
    changed.judge({ ...refusal, escalate: 'humanChanged' })
    expect(changed.facts).toMatchObject({ overridden: ['changedByHand'], escalated: ['humanChanged'] })
  })

  it('do what they are asked to do once it is their turn', () => {
    const world = new TrackedWorld(once())
    world.attempt()
    world.look(dead)
    world.apply({ type: 'takenOver', by: 'ann' })
    world.apply({ type: 'cancelled', by: 'ann', reason: 'done' })
    expect(world.facts.overridden).toEqual([])
  })

  it('S-3.6 a rule that is gone is nobody overruling it', () => {
    const world = new TrackedWorld(planOf())
    world.apply({ type: 'cancelled', by: 'configuration', reason: 'gone', frees: true })
    expect(world.facts).toMatchObject({ overridden: [], outcome: 'cancelled' })
  })
})

const asks = (world: TrackedWorld, kind: 'guards' | 'probe') => world.pendingLook?.kind === kind
const MOVES: Readonly<Record<string, (world: TrackedWorld) => unknown>> = {
  time: (world) => world.fireNext(),
  pass: (world) => asks(world, 'guards') && world.guards(),
  refuse: (world) => asks(world, 'guards') && world.guards(refusal),
  quiet: (world) => asks(world, 'guards') && world.guards({ verdict: 'hold', quiet: true }),
  healed: (world) => asks(world, 'probe') && world.look(),
  broken: (world) => asks(world, 'probe') && world.look({ verdict: 'broken', symptom: true }),
  dead: (world) => asks(world, 'probe') && world.look(dead),
  start: (world) => world.claimable !== null && world.start(),
  finish: (world) => world.incident.reason === 'running' && world.finish(),
  resolve: (world) => world.resolve(),
  fire: (world) => world.apply({ type: 'alertFiring', occurrence: { fingerprint: 'a', startsAt: ++world.now } }),
  held: (world) => world.apply({ type: 'held', by: 'silence' }),
  released: (world) => world.apply({ type: 'released', jitterMs: 0 }),
  takeOver: (world) => world.apply({ type: 'takenOver', by: 'ann' }),
  cancel: (world) => world.apply({ type: 'cancelled', by: 'ann', reason: 'no' }),
  retry: (world) => world.apply({ type: 'retryRequested', by: 'ann' }),
  approve: (world) => world.apply({ type: 'approved', by: 'ann', request: world.incident.requests }),
}
const moves = fc.array(fc.constantFrom(...Object.keys(MOVES)), { maxLength: 120 })

it('whatever happens, the record says what the incident says', () => {
  fc.assert(
    fc.property(moves, fc.constantFrom('inform', 'approve', 'act'), (sequence, mode) => {
      const world = new TrackedWorld(planOf({ mode }))
      for (const move of sequence) {
        const before = world.facts
        MOVES[move]?.(world)
        const { facts, track, incident } = world
        expect(facts.outcome).toBe(incident.outcome)
        expect(facts.attempts).toBeLessThanOrEqual(incident.attempts)
        if (before.failed) expect(facts.failed).toBe(true)
        if (track.healedAt !== null) expect(facts).toMatchObject({ outcome: 'healed', healer: 'us' })
        if (track.healedAt !== null) expect(track.attemptAt).toBeLessThanOrEqual(track.healedAt)
        if (mode === 'inform') expect(facts).toMatchObject({ attempts: 0, approval: null, failed: false })
        else expect(facts.would).toBe(null)
      }
    }),
    { numRuns: 500 },
  )
})
