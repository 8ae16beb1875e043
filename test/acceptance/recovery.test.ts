import { expect, it } from 'vitest'
import { ranNothing, trace, useBrokerLab } from '../support/broker-lab.ts'
import { postedRules } from '../support/rules.ts'

const on = useBrokerLab({ rules: postedRules(), prepare: (lab) => lab.preloadSegments('segments') })

it.each(['KafkaBrokerHung', 'KafkaBrokerDown', 'KafkaBrokerFenced'])(
  'S-2.6 a broker that replays its logs after an unclean stop is never restarted for %s, and told',
  async (alertname) => {
    const release = await on.lab.slowRecovery(2)
    const before = await on.invocation(2)
    const id = await on.fire(alertname, 2)
    const told = await on.isTold(id, /start|recover/)
    expect(ranNothing(told)).toBe(true)
    expect(trace(told).filter((line) => line.startsWith('symptom pass'))).toEqual([])
    // It has not come to its end by itself meanwhile: all this happened while it replayed.
    expect(await on.lab.remainingLogs(2)).toBeGreaterThan(0)
    release()
    await on.lab.waitHealed()
    expect(await on.invocation(2)).toBe(before)
    await on.resolveAll()
    expect(ranNothing(await on.stands(id, () => true))).toBe(true)
  },
  150_000,
)
