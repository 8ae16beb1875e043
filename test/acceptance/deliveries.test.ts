import { afterAll, beforeAll, expect, it } from 'vitest'
import { waitFor } from '../lab/wait.ts'
import { deliveryOf } from '../support/alertmanager.ts'
import { history, incidents } from '../support/api.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

const ten = Array.from({ length: 10 }, (_, index) => `unit-${index + 1}`)
let small: SmallLab

beforeAll(async () => {
  small = await startSmallLab([...ten, 'twice'], smallRules())
}, 120_000)
afterAll(() => small?.end())

it('S-1.2 of a group of ten alerts one resolves: only its incident moves', async () => {
  // The units live, so the guards refuse and all ten incidents stay open.
  const alerts = ten.map((unit) => small.alertOf(unit))
  await small.post(alerts)
  const before = await waitFor(
    'ten incidents that wait',
    async () => {
      const all = await incidents(small.service, '?limit=100')
      return all.length === 10 && all.every((one) => one.reason === 'refused') ? all : undefined
    },
    30_000,
  )

  await small.post(alerts.map((alert, index) => (index === 4 ? { ...alert, status: 'resolved' as const } : alert)))
  const closed = await small.stands('unit-5', (view) => view.incident.state === 'closed')
  expect(closed.incident.outcome).toBe('cleared')
  const after = await incidents(small.service, '?limit=100')
  for (const one of after.filter((each) => each.id !== closed.incident.id)) {
    expect(one).toMatchObject({
      state: expect.stringMatching(/waiting|checking/),
      openedAt: before.find((each) => each.id === one.id)?.openedAt,
    })
  }
  expect(await history(small.service)).toEqual([])
})

it('S-1.1 the same delivery from two clustered Alertmanagers: one incident, one attempt', async () => {
  await small.lab.signalUnit('twice.service', 'SIGKILL')
  const alert = small.alertOf('twice')
  const bodies = ['http://am-1:9093', 'http://am-2:9093'].map((externalURL) => deliveryOf([alert], { externalURL }))
  const answers = await Promise.all(
    bodies.map((body) => small.service.post('/webhook', body, { authorization: `Bearer ${small.lab.webhookToken}` })),
  )
  expect(answers.map((answer) => answer.status)).toEqual([200, 200])

  await small.stands('twice', (view) => view.incident.state === 'settled' || view.incident.state === 'probation')
  expect((await incidents(small.service, '?limit=100')).filter((one) => one.subject.endsWith('/twice'))).toHaveLength(1)
  expect(await history(small.service, '?target=orders/exporter/twice')).toHaveLength(1)
})
