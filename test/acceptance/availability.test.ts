import { expect, it } from 'vitest'
import { waitFor } from '../lab/wait.ts'
import { type BrokerLab, isHealed, ranNothing, trace, useBrokerLab } from '../support/broker-lab.ts'
import { postedRules } from '../support/rules.ts'

// One controller of its own, so that brokers can be away without the quorum, and four brokers, so that two are no storm.
// The long session leaves a hung broker in sync, and so missed when it goes, for as long as a case takes.
const SESSION_MS = 12_000
const on: BrokerLab = useBrokerLab({
  brokers: 4,
  controllers: 1,
  sessionTimeoutMs: SESSION_MS,
  rules: postedRules(),
  async prepare(lab) {
    await lab.createTopic('orders', { assignment: [[1, 2, 3]] })
    await lab.createTopic('solo', { assignment: [[1]], minInsyncReplicas: 1 })
    await lab.createTopic('pair', { assignment: [[4, 3]], minInsyncReplicas: 1 })
  },
})

/** Stopped by a person: nothing starts it but the person. */
async function stop(id: number): Promise<void> {
  await on.lab.systemctl('stop', on.lab.broker(id).unit)
}

async function healed(id: number): Promise<void> {
  const view = await on.stands(id, isHealed, 150_000)
  expect(view.attempts.map(({ status }) => status)).toEqual(['succeeded'])
  await on.lab.waitHealed(90_000)
}

it('S-5.6 another broker is down and the topic is at min.insync.replicas: refused by name; when the other one is back it acts by itself', async () => {
  await stop(3)
  await on.lab.signalBroker(2, 'SIGSTOP')
  const id = await on.fire('KafkaBrokerHung', 2)
  const told = await on.isTold(id, /orders-0: 1 in sync without this broker, at least 2 wanted/)
  expect(trace(told)).toContainEqual(expect.stringMatching(/^availability refuse: orders-0/))
  expect(trace(told)).toContainEqual(expect.stringMatching(/^storm pass/))
  expect(ranNothing(told)).toBe(true)

  // Out of every ISR it would take nothing away; what is dead is started first all the same.
  await on.stands(
    id,
    (view) => trace(view).some((line) => line.startsWith('availability refuse: start broker 3 first')),
    90_000,
  )
  await on.lab.systemctl('start', on.lab.broker(3).unit)
  await healed(id)
  await on.resolveAll()
}, 180_000)

it('S-5.6 the last broker that is eligible to lead a partition is not stopped', async () => {
  await stop(4)
  await on.lab.signalBroker(3, 'SIGSTOP')
  await waitFor(
    'the partition to lose its leader',
    async () => (await on.lab.offlinePartitions()).join() === 'pair-0',
    60_000,
  )
  const id = await on.fire('KafkaBrokerHung', 3)
  const told = await on.isTold(id, /pair-0: it has no leader, and this broker/)
  expect(trace(told)).toContainEqual(expect.stringMatching(/^availability refuse: pair-0/))
  expect(ranNothing(told)).toBe(true)
  await on.lab.signalBroker(3, 'SIGCONT')
  await on.lab.systemctl('start', on.lab.broker(4).unit)
  await on.lab.waitHealed(90_000)
  await on.resolveAll()
}, 180_000)

it('S-5.6 a topic with one replica that nobody tolerates: a person is asked, by the topic’s name; tolerated, it acts', async () => {
  await on.lab.signalBroker(1, 'SIGSTOP')
  const id = await on.fire('KafkaBrokerHung', 1)
  // Once the cluster says that it hangs, this is all that is left to ask about.
  await on.stands(id, ({ incident }) => incident.approval !== null, 90_000)
  const asked = await on.isTold(id, /would stop taking writes: solo/)
  expect(ranNothing(asked)).toBe(true)

  await on.changeInventory((cluster) => {
    cluster['tolerate_unavailable'] = ['so*']
  })
  await healed(id)
  await on.resolveAll()
}, 180_000)
