import { describe, expect, it } from 'vitest'
import { IncidentWorld } from '../../test/support/incident-world.ts'
import { brokerTarget, killedUnit, runningUnit } from '../../test/support/look.ts'
import { planOf } from '../../test/support/plan.ts'
import { startedByOthers } from '../guards/unit-history.ts'
import { aimedAt, intentOf } from './world.ts'

const two = brokerTarget(2)
const three = brokerTarget(3)
const ofTwo = killedUnit({ invocationId: '2'.repeat(32) })
const ofThree = runningUnit({ invocationId: '3'.repeat(32) })
const incident = {
  ...new IncidentWorld(planOf({ selects: 'culprit' })).incident,
  target: two.key,
  firstUnit: ofTwo,
  ourInvocations: ['ours'],
}

describe('S-2.7 a culprit that is another one than before', () => {
  it('S-2.5 nobody else has started the unit of the new one: what was seen first was the old one’s', () => {
    const intent = intentOf(aimedAt(incident, three, 1), three, [])
    expect(intent).toMatchObject({ firstSeenUnit: null, ourInvocations: [] })
    const seen = {
      kind: 'read',
      state: 'running',
      unit: ofThree,
      bootedAt: null,
      servingAt: null,
      source: 'x',
    } as const
    expect(startedByOthers(seen, intent)).toBe(false)
  })

  it('S-2.5 what the unit of the same one showed first stays', () => {
    expect(aimedAt(incident, two, 2)).toEqual({ ...incident, targetAttempts: 2 })
  })
})
