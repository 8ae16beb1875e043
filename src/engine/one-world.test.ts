import pino from 'pino'
import { expect, test } from 'vitest'
import { brokerTarget, clusterOf, lookContext } from '../../test/support/look.ts'
import { systemClock } from '../clock.ts'
import { alert, fire, fireTimers, MINUTE, plan, T0 } from '../store/conformance/fixtures.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { look } from './looker.ts'
import type { World } from './world.ts'

test('a look sees one world from its beginning to its end, whatever is reloaded meanwhile', async () => {
  const store = await openSqliteStore({ path: ':memory:' })
  const target = brokerTarget(1)
  const cluster = clusterOf([target])
  const { host, local, kafka, monitoring } = lookContext({ target, cluster })
  const world: World = {
    inventory: { clusters: new Map([[cluster.name, cluster]]), targets: new Map([[target.key, target]]) },
    hosts: { hostOf: () => host, hostKeyOf: async () => null, close: async () => {} },
    local,
    kafka,
    monitoring,
  }
  const subject = { kind: 'broker', key: target.key, cluster: cluster.name, target: target.key } as const
  await fire(store, alert('A'), { plan: plan(), subject }, T0)
  await fireTimers(store, T0 + MINUTE)
  const task = await store.claimLook('me', T0 + MINUTE, MINUTE)
  if (task === null) throw new Error('nothing to look at')
  let asked = 0
  await look(task, {
    store,
    clock: { ...systemClock, now: () => T0 + MINUTE },
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    onFailure: () => {},
    world: () => {
      asked += 1
      return world
    },
    onMoved: () => {},
  })
  expect((await store.incidentView(task.incident.id))?.decisions[0]?.results.length).toBeGreaterThan(3)
  expect(asked).toBe(1)
  await store.close()
})
