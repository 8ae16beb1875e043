import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { askLiveness } from '../../src/kafka/liveness.ts'
import { waitFor } from '../lab/wait.ts'
import { isHealed, ranNothing, trace, useBrokerLab } from '../support/broker-lab.ts'
import { postedRules } from '../support/rules.ts'

const on = useBrokerLab({ rules: postedRules(), prepare: (lab) => lab.createTopic('orders') })

/** What clients and probes do to a stopped broker within half a minute: its queue of connections is full. */
async function fillQueue(port: number): Promise<void> {
  const address = { host: '127.0.0.1', port }
  const why = async () => {
    for (let n = 0; n < 20; n++)
      connect(address)
        .on('error', () => undefined)
        .unref()
    return (await askLiveness(address, { clock: systemClock, deadlineMs: 1_000 })).why
  }
  await waitFor('connections to be accepted no more', async () => (await why()) === 'connect-timeout', 60_000)
}

describe('a broker that does not answer', () => {
  it('S-2.6 S-5.4 hung: told from dead and from starting by its own host, evidence gathered, then restarted once and healed', async () => {
    const before = await on.invocation(2)
    await on.lab.signalBroker(2, 'SIGSTOP')
    const id = await on.fire('KafkaBrokerHung', 2)
    const healed = await on.stands(id, isHealed, 120_000)

    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    const steps = healed.attempts[0]?.steps ?? []
    expect(steps.map(({ type, result }) => [type, result?.outcome])).toEqual([
      ['gather', 'succeeded'],
      ['systemd', 'succeeded'],
    ])
    // What a restart would have wiped out: the state of the stopped process is in it.
    expect(steps[0]?.result?.output).toMatch(/MainPID=\d+/)
    expect(trace(healed)).toContainEqual(expect.stringMatching(/^symptom pass: it hangs: .*(fenced|own host)/))
    expect(await on.invocation(2)).not.toBe(before)
    await on.lab.waitHealed()
    await on.resolveAll()
  }, 180_000)

  it('S-5.4 hung for long: it accepts no connection any more, which a network could cause too; its own host and the cluster tell', async () => {
    const before = await on.invocation(1)
    await on.lab.signalBroker(1, 'SIGSTOP')
    await fillQueue(on.lab.broker(1).port)
    const id = await on.fire('KafkaBrokerHung', 1)
    const healed = await on.stands(id, isHealed, 120_000)
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    expect(await on.invocation(1)).not.toBe(before)
    await on.lab.waitHealed()
    await on.resolveAll()
  }, 180_000)

  it('S-2.6 starting: its process lives and was never seen serving, so no machine restarts it', async () => {
    const { unit } = on.lab.broker(3)
    await on.lab.signalBroker(3, 'SIGKILL')
    await on.lab.systemctl('start', unit)
    await on.lab.signalBroker(3, 'SIGSTOP')
    await on.lab.waitUnit(unit, { ActiveState: 'active' })
    const before = await on.invocation(3)
    const id = await on.fire('KafkaBrokerHung', 3)
    const told = await on.isTold(id, /start/)

    expect(trace(told)).toContainEqual(expect.stringMatching(/^symptom refuse: .*start/))
    expect(trace(told)).toContainEqual(expect.stringMatching(/^no-recovery (refuse|unknown): /))
    expect(ranNothing(told)).toBe(true)
    await on.lab.signalBroker(3, 'SIGCONT')
    await on.lab.waitHealed()
    await on.resolveAll()
    expect(await on.invocation(3)).toBe(before)
  }, 120_000)

  it('S-2.6 dead: left to the rule that starts what crashed, which heals it', async () => {
    await on.lab.signalBroker(3, 'SIGKILL')
    const hung = await on.fire('KafkaBrokerHung', 3)
    const refused = await on.stands(hung, (view) => trace(view).some((line) => line.startsWith('symptom refuse')))
    expect(trace(refused)).toContainEqual(expect.stringMatching(/^symptom refuse: .*(dead|crashed|failed)/))

    const down = await on.fire('KafkaBrokerDown', 3)
    const healed = await on.stands(down, isHealed, 90_000)
    expect(healed.attempts.flatMap(({ steps }) => steps.map(({ type }) => type))).toEqual(['systemd'])
    await on.lab.waitHealed()
    await waitFor('the hung one to wait for nothing', async () => ranNothing(await on.stands(hung, () => true)))
    await on.resolveAll()
  }, 120_000)
})
