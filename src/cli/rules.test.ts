import { afterAll, beforeAll, expect, it } from 'vitest'
import { deliveryOf } from '../../test/support/broker-delivery.ts'
import { cli } from '../../test/support/cli.ts'
import { type HttpWorld, startHttp } from '../../test/support/http.ts'
import { planOf } from '../../test/support/plan.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await startHttp({ deps: { planOf: () => planOf({ mode: 'inform' }) } })
  await world.deliver(deliveryOf([1]))
  await world.settle(planOf({ mode: 'inform' }))
})
afterAll(() => world.stop())

it('prints the rules of a running service, and as JSON what the API answers', async () => {
  const [told, json] = await Promise.all([
    cli(['rules', '--url', world.url]),
    cli(['rules', 'broker-down', '--since', '1h', '--json', '--url', world.url]),
  ])
  expect([told.code, told.stderr]).toEqual([0, ''])
  expect(told.stdout).toMatch(/^1 +broker-down +inform +1 /m)
  expect(told.stdout).toContain('broker-down: not ready for mode approve\n  · not enough seen yet: 0 of 5')
  expect(json.code).toBe(0)
  expect(JSON.parse(json.stdout)).toMatchObject({ name: 'broker-down', report: { incidents: 1, open: 1 } })
})

it('says on standard error what it cannot show', async () => {
  const [missing, wrong] = await Promise.all([
    cli(['rules', 'broker-dwon', '--url', world.url]),
    cli(['rules', '--since', 'soon', '--url', world.url]),
  ])
  expect([missing.code, missing.stdout, wrong.code]).toEqual([1, '', 2])
  expect(missing.stderr).toContain(
    'there is no rule broker-dwon in force; `kafka-healing rules` (GET /rules) lists them',
  )
  expect(wrong.stderr).toContain('Expected a time such as 2026-11-21T08:49:33Z, or how long ago, such as 24h.')
})
