import { describe, expect, it } from 'vitest'
import { ranNothing, useBrokerLab } from '../support/broker-lab.ts'
import { postedRules } from '../support/rules.ts'

const on = useBrokerLab({ proxied: true, rules: postedRules(), prepare: (lab) => lab.createTopic('orders') })

describe.each([
  ['refused', 'refuse'],
  ['dropped', 'drop'],
  ['frozen in the middle of an answer', 'freeze'],
] as const)('the network between kafka-healing and one healthy broker is %s', (_how, fault) => {
  it('S-5.4 nothing is restarted, and it says that its peers can reach it', async () => {
    const before = await on.invocation(3)
    await on.lab.cut(3, fault)
    const id = await on.fire('KafkaBrokerHung', 3)
    const told = await on.isTold(id, /peers can/)
    expect(ranNothing(told)).toBe(true)
    await on.lab.cut(3, 'pass')
    await on.resolveAll()
    expect(ranNothing(await on.stands(id, () => true))).toBe(true)
    expect(await on.invocation(3)).toBe(before)
  }, 120_000)

  it.each(['KafkaBrokerDown', 'KafkaBrokerFenced'])(
    'S-5.4 nothing is done for %s either, and a person is told why',
    async (alertname) => {
      const before = await on.invocation(3)
      await on.lab.cut(3, fault)
      const id = await on.fire(alertname, 3)
      const told = await on.isTold(id, /has not crashed|not fenced|peers can/)
      expect(ranNothing(told)).toBe(true)
      await on.lab.cut(3, 'pass')
      await on.resolveAll()
      expect(ranNothing(await on.stands(id, () => true))).toBe(true)
      expect(await on.invocation(3)).toBe(before)
    },
    120_000,
  )
})
