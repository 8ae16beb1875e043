import { describe, expect, it } from 'vitest'
import { planOf } from '../../test/support/plan.ts'
import type { Plan } from '../incident/plan.ts'
import { unfinishable } from './ladder.ts'

const MINUTE = 60_000

function laddered(
  max: number,
  backoff: Plan['attempts']['backoff'],
  disruptive: boolean,
  giveUpMs = 120 * MINUTE,
): Plan {
  const plan = planOf()
  const step = plan.runbook.rungs[0]?.[0]
  if (!step) throw new Error('a plan without a step')
  const rungs = [[{ ...step, traits: { ...step.traits, disruptive } }]]
  return {
    ...plan,
    afterMs: MINUTE,
    attempts: { ...plan.attempts, max, backoff },
    escalation: { ...plan.escalation, giveUpMs },
    runbook: { ...plan.runbook, rungs },
  }
}

const quick = { initialMs: 30_000, multiplier: 2, maxMs: 5 * MINUTE }

describe('S-5.10 a ladder that can never be finished', () => {
  it.each([
    [
      'a back-off that outlasts give_up',
      laddered(2, { initialMs: 180 * MINUTE, multiplier: 1, maxMs: 180 * MINUTE }, false),
      'attempt 2 of 2 can never begin: the back-off lets it 3h1m after the opening at the earliest',
    ],
    [
      'an `after` that does',
      { ...laddered(1, quick, false), afterMs: 121 * MINUTE },
      'attempt 1 of 1 can never begin: `after` lets it 2h1m after',
    ],
    [
      'restarts, one in a quarter of an hour',
      laddered(4, quick, true, 40 * MINUTE),
      'attempt 4 of 4 can never begin: the budget lets it 46m after',
    ],
    [
      'more than four in an hour on one target',
      laddered(6, quick, false, 50 * MINUTE),
      'attempt 5 of 6 can never begin: the budget lets it 1h1m after',
    ],
  ])('%s', (_, plan, said) => expect(unfinishable(plan)).toContain(said))

  it.each([
    ['starts', laddered(3, quick, false)],
    ['restarts', laddered(3, quick, true)],
    ['six starts in two hours', laddered(6, quick, false)],
  ])('%s can be', (_, plan) => expect(unfinishable(plan)).toBeNull())
})
