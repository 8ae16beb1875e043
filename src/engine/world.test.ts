import { expect, test } from 'vitest'
import { brokerTarget, clusterOf, intentOf, lookContext } from '../../test/support/look.ts'
import { planOf } from '../../test/support/plan.ts'
import type { Plan } from '../incident/plan.ts'
import { askProbes, evaluateWorldGuards } from './world.ts'

const query = 'up{instance=$target.host} == 0'
const condition = { op: '==', value: 0 }
const asks = { type: 'promql', params: { query, pass_when: condition, on_error: 'refuse' } }
const { runbook } = planOf()
const plan: Plan = planOf({
  runbook: {
    ...runbook,
    symptom: null,
    guards: [asks],
    verify: [{ type: 'promql', params: { query, healed_when: 'empty' }, withinMs: 120_000 }],
  },
})
const target = brokerTarget(1)
const context = lookContext({ target, cluster: clusterOf([target]) })

test('guards are told with what the runbook asks of them, also where they cannot be evaluated', async () => {
  const results = await evaluateWorldGuards(intentOf({ plan }), context)
  const byName = new Map(results.map((result) => [result.guard, result]))
  expect(byName.get('promql')).toMatchObject({ verdict: 'unknown', params: asks.params })
  expect(byName.get('availability')?.params).toBeUndefined()
  const thrown = lookContext({
    target,
    monitoring: {
      alertmanager: null,
      get prometheus(): null {
        throw new Error('defect')
      },
    },
  })
  const broken = await evaluateWorldGuards(intentOf({ plan }), thrown)
  expect(broken.find(({ guard }) => guard === 'promql')).toMatchObject({
    verdict: 'unknown',
    reason: 'promql could not be evaluated: defect',
    params: asks.params,
  })
})

test('probes are told with their parameters and the time they are given', async () => {
  expect(await askProbes(plan, context)).toMatchObject([
    { probe: 'promql', verdict: 'unknown', params: { query, healed_when: 'empty' }, withinMs: 120_000 },
  ])
  const unknown = planOf({ runbook: { ...runbook, verify: [{ type: 'nope', params: {}, withinMs: 5 }] } })
  expect(await askProbes(unknown, context)).toEqual([
    { probe: 'nope', verdict: 'unknown', reason: 'nope: no such probe in this build', evidence: [], withinMs: 5 },
  ])
})
