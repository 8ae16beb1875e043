import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { planOf, startStep, subject } from '../../test/support/plan.ts'
import { assertNever } from '../never.ts'
import { waivedBy } from './approval.ts'
import type { Decision } from './event.ts'
import type { Incident } from './incident.ts'
import { replay } from './replay.ts'
import { decisionOf, PASSED } from './summary.ts'
import type { GuardResult } from './verdict.ts'

const verdicts = fc.constantFrom('pass', 'hold', 'refuse', 'unknown', 'gone', 'quiet', 'identity', 'unreachable', 'ask')
const looks = fc.constantFrom('healed', 'broken', 'dead', 'changed', 'progressing', 'starting', 'unknown')
const move = fc.oneof(
  { weight: 30, arbitrary: fc.record({ do: fc.constant('drive' as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('time' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('guards' as const),
      say: fc.oneof({ weight: 3, arbitrary: fc.constant('pass' as const) }, verdicts),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('look' as const), say: looks }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('start' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      say: fc.constantFrom('succeeded', 'failed', 'notRun', 'unknown', 'unknownOnce'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('fire', 'resolve'), alert: fc.constantFrom('a', 'b', 'c') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'held',
        'released',
        'takeOver',
        'retry',
        'attach',
        'lead',
        'stale',
        'claimRefused',
        'suspend',
        'approve',
        'restrict',
      ),
    }),
  },
)
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never

interface Trail {
  readonly world: IncidentWorld
  readonly states: Incident[]
  retries: number
  refunds: number
}

/** Plays the moves; a move that the world cannot make now is left out. Every event with nonsense ids is tried too. */
function play(
  moves: readonly Move[],
  check: (before: Incident, trail: Trail, move: Move) => void,
  mode: 'act' | 'approve' = 'act',
): Trail {
  const rungs = [[startStep], [{ ...startStep, traits: { ...startStep.traits, repeatable: false } }]]
  const world = new IncidentWorld(planOf({ mode, runbook: { ...planOf().runbook, rungs } }))
  const trail: Trail = { world, states: [world.incident], retries: 0, refunds: 0 }
  for (const one of moves) {
    const before = world.incident
    make(one, trail)
    check(before, trail, one)
    trail.states.push(world.incident)
  }
  return trail
}

function make(one: Move, trail: Trail): void {
  const { world } = trail
  const { incident } = world
  switch (one.do) {
    case 'time':
      return void world.fireNext()
    case 'drive':
      return drive(world)
    case 'guards': {
      if (world.pendingLook?.kind !== 'guards') return
      if (one.say === 'gone') return world.guards({ verdict: 'refuse', gone: true, reason: 'gone' })
      if (one.say === 'quiet') return world.guards({ verdict: 'hold', quiet: true, reason: 'silenced' })
      if (one.say === 'identity' || one.say === 'unreachable')
        return world.guards({ verdict: 'unknown', escalate: one.say, reason: one.say })
      if (one.say === 'ask') return world.guards(asking(incident, world.now))
      return world.guards({ verdict: one.say, reason: one.say })
    }
    case 'look': {
      if (world.pendingLook?.kind !== 'probe') return
      if (one.say === 'dead') return world.look({ verdict: 'broken', symptom: true, conclusive: true })
      if (one.say === 'changed') return world.look({ verdict: 'broken', symptom: false })
      if (one.say === 'starting') return world.look({ verdict: 'progressing', starting: true, mark: 's' })
      return world.look({ verdict: one.say, symptom: one.say === 'broken', mark: String(world.now) })
    }
    case 'start':
      return world.claimable === null ? undefined : world.start()
    case 'finish': {
      if (incident.state !== 'attempting' || incident.reason !== 'running') return
      const attempt = incident.attempt ?? -1
      if (one.say === 'notRun') trail.refunds++
      const end =
        one.say === 'notRun'
          ? ({ outcome: 'notRun', notRun: 'busy', reason: 'busy', changed: false } as const)
          : one.say === 'unknown' || one.say === 'unknownOnce'
            ? ({
                outcome: 'unknown',
                reason: 'lost',
                changed: true,
                surelyOverAt: world.now + 75_000,
                repeatable: one.say === 'unknown',
              } as const)
            : ({ outcome: one.say, reason: one.say, changed: true } as const)
      return void world.apply({ type: 'attemptFinished', attempt, end })
    }
    case 'fire':
      world.now++
      return void world.apply({ type: 'alertFiring', occurrence: { fingerprint: one.alert, startsAt: world.now } })
    case 'resolve':
      return void world.apply({ type: 'alertResolved', occurrence: { fingerprint: one.alert, startsAt: world.now } })
    case 'held':
      return void world.apply({ type: 'held', by: 'silence' })
    case 'released':
      return void world.apply({ type: 'released', jitterMs: 17 })
    case 'takeOver':
      return void world.apply({ type: 'takenOver', by: 'ann' })
    case 'retry': {
      const grants = incident.grants
      world.apply({ type: 'retryRequested', by: 'ann' })
      if (world.incident.grants > grants) trail.retries++
      return
    }
    case 'attach':
      return void world.apply({ type: 'attached', leader: 99 })
    case 'lead':
      return void world.apply({ type: 'leads' })
    case 'claimRefused':
      if (world.claimable !== null)
        world.apply({
          type: 'claimRefused',
          attempt: world.claimable,
          decision: { ...PASSED, verdict: 'refuse', guard: 'budget', reason: 'x' },
        })
      return
    case 'suspend':
      world.history = { ...world.history, suspended: true }
      return
    case 'approve':
      return void world.apply({ type: 'approved', by: 'ann', request: incident.approval?.request ?? 1 })
    case 'restrict':
      return void world.apply({
        type: 'restricted',
        to: incident.plan.mode === 'inform' ? 'inform' : 'approve',
        guards: [{ type: 'promql', params: {} }],
        reason: 'narrowed',
      })
    case 'stale':
      return stale(world)
    default:
      return assertNever(one, 'move')
  }
}

/** What a guard that a person may overrule says, with what is approved already taken into account. */
function asking(incident: Incident, now: number): Decision {
  const refused: GuardResult = { guard: 'g', verdict: 'refuse', reason: 'asks', evidence: [], approvable: true }
  return decisionOf([refused], waivedBy(incident, now))
}

/** The next thing that has to happen, with the answer that leads on to another attempt: so that sequences go deep. */
function drive(world: IncidentWorld): void {
  if (world.pendingLook?.kind === 'guards') return world.guards()
  if (world.pendingLook?.kind === 'probe') return world.look({ verdict: 'broken', symptom: true, conclusive: true })
  if (world.claimable !== null) return world.start()
  if (world.incident.state === 'attempting') return world.finish('failed')
  world.fireNext()
}

/** Late, foreign and duplicate events: none of them may change anything (S-3.8). */
function stale(world: IncidentWorld): void {
  const { incident, history } = world
  const decision = PASSED
  const before = world.incident
  const effects = [
    world.apply({ type: 'guardsEvaluated', look: incident.look + 1, decision, history, unit: null }),
    world.apply({ type: 'guardsEvaluated', look: incident.look - 1, decision, history, unit: null }),
    world.apply({
      type: 'attemptFinished',
      attempt: incident.attempts + 7,
      end: { outcome: 'succeeded', reason: '', changed: true },
    }),
    world.apply({ type: 'attemptStarted', attempt: incident.attempts + 7 }),
    world.apply({ type: 'claimRefused', attempt: incident.attempts + 7, decision }),
    world.apply({ type: 'alertResolved', occurrence: { fingerprint: 'never seen', startsAt: 1 } }),
  ]
  expect(world.incident).toBe(before)
  expect(effects.flat()).toEqual([])
}

const sequences = fc.array(move, { minLength: 1, maxLength: 120, size: 'max' })
const runs = { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 400) }

describe('over long random sequences of events', () => {
  it('S-4.1 never starts more attempts than the plan allows, one more per retry of a person', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        let sinceHeal = 0
        let granted = 0
        let started = 0
        play(moves, (before, { world, retries, refunds }) => {
          if (world.incident.attempts > before.attempts) {
            started++
            sinceHeal++
          }
          granted = Math.max(granted, retries)
          if (world.lastEffects.some((e) => e.type === 'completeProbation')) sinceHeal = 0
          expect(sinceHeal).toBeLessThanOrEqual(3 + granted + refunds)
          expect(started).toBe(world.incident.attempts)
        })
      }),
      runs,
    )
  })

  it('S-5.2 S-1.5 schedules an attempt only in answer to guards that passed, with no hold and no leader', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (before, { world }, one) => {
          if (
            world.scheduled.at(-1)?.at !== world.now ||
            before.state === 'attempting' ||
            world.incident.state !== 'attempting'
          )
            return
          const passed = one.do === 'guards' && (one.say === 'pass' || one.say === 'ask')
          expect(one.do === 'drive' || passed).toBe(true)
          expect(before).toMatchObject({ state: 'checking', held: null })
          expect(before.reason).not.toBe('attached')
        })
      }),
      runs,
    )
  })

  it('S-3.5 what needs a yes begins only with one that is young and for exactly this, or, of the mode alone, by a retry', () => {
    fc.assert(
      fc.property(sequences, fc.constantFrom('act' as const, 'approve' as const), (moves, mode) => {
        play(
          moves,
          (before, { world }, one) => {
            if (before.state === 'attempting' || world.incident.state !== 'attempting') return
            const asks = one.do === 'guards' && one.say === 'ask'
            const { approval, grants } = before
            const yes = approval !== null && approval.by !== null && world.now < approval.expiresAt
            if (asks) expect(yes && approval.waives.includes('g: asks')).toBe(true)
            else if (before.plan.mode === 'approve' && grants === 0) expect(yes).toBe(true)
          },
          mode,
        )
      }),
      runs,
    )
  })

  it('S-4.4 after an unknown outcome that must not repeat, only a person makes another attempt begin', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        let blocked = false
        play(moves, (before, { world }, one) => {
          if (
            one.do === 'finish' &&
            one.say === 'unknownOnce' &&
            before.state === 'attempting' &&
            before.reason === 'running'
          )
            blocked = true
          if (world.incident.state === 'probation' || world.incident.state === 'settled' || world.incident.grants > 0)
            blocked = false
          if (blocked) expect(world.incident.attempts).toBe(before.attempts)
        })
      }),
      runs,
    )
  })

  it('S-3.3 closes only when none of its alerts fires, and nothing moves it afterwards', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (before, { world }) => {
          if (world.incident.state === 'closed') expect(world.incident.firing).toEqual([])
          if (before.state === 'closed') expect(world.incident).toBe(before)
        })
      }),
      runs,
    )
  })

  it('S-6.3 a new round begins exactly with an entry into escalated, a relapse, or a new occurrence after it settled', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (before, { world }) => {
          if (world.incident.round === before.round) return
          expect(world.incident.round).toBe(before.round + 1)
          if (before.state === 'probation' && world.incident.state === 'verifying') return
          if (before.state === 'settled' && world.incident.state !== 'settled') return
          expect(before.state).not.toBe('escalated')
          expect(world.incident.state).toBe('escalated')
        })
      }),
      runs,
    )
  })

  it('S-3.4 while a quiet hold covers it, no clock of waiting runs', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (_before, { world }) => {
          const { held, state } = world.incident
          if (!held || state === 'settled' || state === 'escalated') return
          for (const clock of ['act', 'tellBy', 'escalateAfter'] as const)
            expect([...world.timers.keys()]).not.toContain(clock)
        })
      }),
      runs,
    )
  })

  it('always has something that moves it on: a timer, a look under way, an attempt, a hold, a leader, or a person', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (_before, { world }) => {
          const { state, held, reason } = world.incident
          if (state === 'closed' || state === 'settled' || held || reason === 'attached') return
          const moving = world.timers.size > 0 || world.pendingLook !== null || state === 'attempting'
          expect(moving, `${state}/${reason} would stand for ever`).toBe(true)
        })
      }),
      runs,
    )
  })

  it('S-1.3 only a look of the probes that says healed makes it healed or cleared, or lets a recovery be told', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (before, { world }, one) => {
          const { incident } = world
          const wellNow = incident.outcome === 'healed' || incident.outcome === 'cleared'
          const wellBefore = before.outcome === 'healed' || before.outcome === 'cleared'
          const recovery = world.lastEffects.some((e) => e.type === 'tell' && e.kind === 'recovered')
          if (incident === before || (!(wellNow && !wellBefore) && !recovery)) return
          expect(one).toMatchObject({ do: 'look', say: 'healed' })
        })
      }),
      runs,
    )
  })

  it('S-4.9 S-5.2 progress, missing evidence, holds and refusals spend no attempt', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (before, { world }, one) => {
          if (one.do === 'start' || one.do === 'drive') return
          expect(world.incident.attempts).toBe(before.attempts)
        })
      }),
      runs,
    )
  })

  it('S-1.2 the set of firing alerts is what fired and has not resolved, whatever else happens', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        const firing = new Set(['a'])
        play(moves, (before, { world }, one) => {
          if (before.state === 'closed') return
          if (one.do === 'fire') firing.add(one.alert)
          if (one.do === 'resolve') firing.delete(one.alert)
          expect(new Set(world.incident.firing.map((o) => o.fingerprint))).toEqual(firing)
        })
      }),
      runs,
    )
  })

  it('S-6.2 after somebody took over, no level and no reminder is told until it is left', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        play(moves, (before, { world }) => {
          if (before.owner === null || world.incident.owner === null || before.state !== 'escalated') return
          const told = world.lastEffects.filter((e) => e.type === 'tell' && e.kind === 'escalated')
          if (world.incident !== before) expect(told).toEqual([])
        })
      }),
      runs,
    )
  })

  it('S-3.8 replay of the journal equals the incident', () => {
    fc.assert(
      fc.property(sequences, (moves) => {
        const { world, states } = play(moves, () => {})
        const opened = {
          at: 1_000_000,
          event: {
            type: 'opened',
            plan: states[0]?.plan ?? planOf(),
            subject,
            leader: null,
            occurrence: { fingerprint: 'a', startsAt: 999_999 },
          } as const,
        }
        expect(replay(1, [opened, ...world.journal])).toEqual(world.incident)
      }),
      runs,
    )
  })
})
