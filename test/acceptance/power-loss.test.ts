import { expect, it } from 'vitest'
import { waitFor } from '../lab/wait.ts'
import { incident, incidents } from '../support/api.ts'
import { isHealed, ranNothing, trace, useBrokerLab } from '../support/broker-lab.ts'
import { readMail } from '../support/mime.ts'
import { postedRules } from '../support/rules.ts'

const on = useBrokerLab({ rules: postedRules(), prepare: (lab) => lab.createTopic('orders') })

it('S-5.9 two of three brokers lose power: started one after the other, each verified serving before the next, nothing disruptive, one mail for the storm', async () => {
  const mailsBefore = on.lab.mails().length
  await Promise.all([1, 2].map((id) => on.lab.signalBroker(id, 'SIGKILL')))
  const first = await on.fire('KafkaBrokerDown', 1)
  const second = await on.fire('KafkaBrokerDown', 2)
  const survivor = await on.invocation(3)
  const healed = await Promise.all([first, second].map((id) => on.stands(id, isHealed, 150_000)))
  await on.lab.waitHealed()
  const spans = healed
    .map((view) => {
      const steps = view.attempts.flatMap((attempt) => attempt.steps)
      expect(steps.map(({ result }) => result?.outcome)).toEqual(['succeeded'])
      const served = view.decisions.find(({ results }) => results.some(({ serves }) => serves === true))
      return { from: Date.parse(steps[0]?.startedAt ?? ''), to: Date.parse(served?.firstAt ?? '') }
    })
    .toSorted((a, b) => a.from - b.from)
  expect(spans[1]?.from).toBeGreaterThanOrEqual(spans[0]?.to ?? Number.POSITIVE_INFINITY)
  expect(healed.some((view) => trace(view).some((line) => /^storm hold: .*one start at a time/.test(line)))).toBe(true)

  // A third one hangs right after: stopping it is out of the question until there was calm.
  await on.lab.signalBroker(3, 'SIGSTOP')
  const hung = await on.fire('KafkaBrokerHung', 3)
  const held = await on.stands(hung, (view) =>
    trace(view).some((line) => /^storm hold: .*nothing disruptive/.test(line)),
  )
  expect(ranNothing(held)).toBe(true)
  await on.lab.signalBroker(3, 'SIGCONT')
  await on.lab.waitHealed()
  expect(await on.invocation(3)).toBe(survivor)

  const storms = () =>
    on.lab
      .mails()
      .slice(mailsBefore)
      .filter(({ subject }) => /storm/i.test(subject))
  const [mail] = await waitFor('the mail of the storm', () => (storms().length > 0 ? storms() : undefined), 60_000)
  expect(readMail(mail?.raw ?? '').text).toMatch(/broker 1.*broker 2/s)
  await on.resolveAll()
  expect(storms()).toHaveLength(1)
  const all = await Promise.all((await incidents(on.service)).map(({ id }) => incident(on.service, id)))
  const starts = all.flatMap((view) => view.attempts.flatMap(({ steps }) => steps.map(({ type }) => type)))
  expect(starts).toEqual(['systemd', 'systemd'])
}, 240_000)

it('S-5.9 all three lose power, and with them the quorum: each is started while the others still wait for its majority', async () => {
  // Once nobody leads the quorum, nobody can be asked who is in it.
  const seen = async () => (await on.service.text('/metrics')).includes('kafka_healing_cluster_drift{cluster="orders"}')
  await waitFor('the first look at the cluster', seen, 15_000)
  await Promise.all([1, 2, 3].map((id) => on.lab.signalBroker(id, 'SIGKILL')))
  const opened = []
  for (const id of [1, 2, 3]) opened.push(await on.fire('KafkaBrokerDown', id))
  const healed = await Promise.all(opened.map((id) => on.stands(id, isHealed, 150_000)))
  await on.lab.waitHealed()
  const starts = healed.flatMap(({ attempts }) => attempts.flatMap(({ steps }) => steps))
  expect(starts.map(({ result }) => result?.outcome)).toEqual(['succeeded', 'succeeded', 'succeeded'])
  await on.resolveAll()
}, 240_000)
