import { expect, it } from 'vitest'
import { waitFor } from '../lab/wait.ts'
import { isHealed, ranNothing, trace, useBrokerLab } from '../support/broker-lab.ts'
import { postedRules } from '../support/rules.ts'

const on = useBrokerLab({ rules: postedRules(), prepare: (lab) => lab.createTopic('orders') })

it('S-5.7 the active controller is the one that hangs: another one leads, and it is restarted', async () => {
  const sick = await on.lab.activeController()
  if (sick === null) throw new Error('nobody leads the quorum')
  const before = await on.invocation(sick)
  await on.lab.signalBroker(sick, 'SIGSTOP')
  const id = await on.fire('KafkaBrokerHung', sick)
  const healed = await on.stands(id, isHealed, 120_000)
  expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
  expect(trace(healed)).toContainEqual(expect.stringMatching(/^quorum pass: .*2 of 3/))
  expect(await on.invocation(sick)).not.toBe(before)
  expect(await on.lab.activeController()).not.toBe(sick)
  await on.lab.waitHealed()
  await on.resolveAll()
}, 180_000)

it('S-5.7 quorum lost: the survivor still calls all healthy; nothing is stopped, and the crashed are started', async () => {
  await Promise.all([1, 2].map((id) => on.lab.signalBroker(id, 'SIGKILL')))
  await waitFor('the quorum to be lost', async () => (await on.lab.activeController()) === null, 30_000)
  // The last good picture: nothing is missing in it.
  expect(await on.lab.offlinePartitions()).toEqual([])
  const before = await on.invocation(3)
  const fenced = await on.fire('KafkaBrokerFenced', 3)
  const frozen = await on.stands(fenced, (view) =>
    trace(view).some((line) => /^quorum refuse: .*no controller leads/.test(line)),
  )
  expect(ranNothing(frozen)).toBe(true)

  const down = [await on.fire('KafkaBrokerDown', 1), await on.fire('KafkaBrokerDown', 2)]
  // Probation is over after three seconds, so both are watched at once.
  for (const healed of await Promise.all(down.map((id) => on.stands(id, isHealed, 120_000)))) {
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
  }
  expect(await on.lab.activeController()).not.toBeNull()
  // Two of three at once: one mail tells of all of it.
  await on.lab.waitMail(({ subject }) => /storm/i.test(subject))
  await on.lab.waitHealed()
  expect(ranNothing(await on.stands(fenced, () => true))).toBe(true)
  expect(await on.invocation(3)).toBe(before)
  await on.resolveAll()
}, 240_000)
