import { expect, it } from 'vitest'
import { TOLD } from '../../src/incident/draft.ts'
import { isHealed, ranNothing, trace, useBrokerLab } from '../support/broker-lab.ts'
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

it('S-2.6 S-4.9 our own start of a crashed broker that then replays its logs: told after startPatience, and left alone', async () => {
  let id = 0
  const release = await on.lab.slowRecovery(3, async () => {
    id = await on.fire('KafkaBrokerDown', 3)
  })
  const ours = await on.invocation(3)
  const told = await on.stands(id, ({ escalations }) =>
    escalations.some(({ kind, level, toldAt }) => kind === 'told' && level === TOLD.startPatience && toldAt !== null),
  )
  expect(told.incident).toMatchObject({ state: 'verifying', attempts: 1 })
  await on.isTold(id, /it is starting/)
  expect(await on.lab.remainingLogs(3)).toBeGreaterThan(0)
  release()
  const healed = await on.stands(id, isHealed, 90_000)
  expect(healed.attempts.map(({ status, steps }) => [status, steps.length])).toEqual([['succeeded', 1]])
  expect(await on.invocation(3)).toBe(ours)
  await on.lab.waitHealed()
  await on.resolveAll()
}, 180_000)
