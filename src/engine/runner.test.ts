import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { brokerTarget, clusterOf, lookContext } from '../../test/support/look.ts'
import { systemClock } from '../clock.ts'
import type { Host, RunResult } from '../hosts/host.ts'
import type { Step } from '../incident/plan.ts'
import { broker, incident, MINUTE, plan, schedule } from '../store/conformance/fixtures.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { type Store, StoreUnavailableError } from '../store/store.ts'
import { runRunner } from './runner.ts'
import { Wake } from './wake.ts'
import type { World } from './world.ts'

const exited: RunResult = { kind: 'exited', exitCode: 0, signal: null, timedOut: false, stdout: '', stderr: '' }
const denied: RunResult = { kind: 'notSent', cause: 'authentication', reason: 'key refused' }

function step(name: string, traits: Partial<Step['traits']> = {}): Step {
  const none = { disruptive: false, repeatable: true, stops: false, starts: false, changes: true, limitSeconds: 5 }
  return { type: 'program', params: { argv: [name] }, traits: { ...none, ...traits } }
}

let store: Store
beforeEach(async () => {
  store = await openSqliteStore({ path: ':memory:' })
})
afterEach(() => store.close())

/** Runs what is scheduled on broker 1 of `orders` until it is no longer running, on a host that answers as told. */
async function runUntilOver(
  id: number,
  over: Partial<Store>,
  answer: (program: string) => RunResult,
): Promise<string[]> {
  const asked: string[] = []
  const host: Host = {
    name: 'fake',
    connect: async () => ({ kind: 'here' }),
    run: async (argv) => {
      asked.push(argv[0] ?? '')
      return answer(argv[0] ?? '')
    },
  }
  const target = brokerTarget(1)
  const { kafka, monitoring } = lookContext()
  const world: World = {
    inventory: {
      clusters: new Map([['orders', clusterOf([target])]]),
      targets: new Map([[target.key, target]]),
    },
    hosts: { hostOf: () => host, hostKeyOf: async () => null, close: async () => {} },
    local: host,
    kafka,
    monitoring,
  }
  const stop = new AbortController()
  const proxied: Store = new Proxy(store, {
    get: (all, name) => {
      const value: unknown = Reflect.get(over, name) ?? Reflect.get(all, name)
      return typeof value === 'function' ? value.bind(all) : value
    },
  })
  const running = runRunner({
    store: proxied,
    world: () => world,
    owner: 'me',
    running: new Set(),
    clock: systemClock,
    log: pino({ level: 'silent' }),
    wake: new Wake(),
    graceMs: 5_000,
    signal: stop.signal,
    onFailure: () => {},
    onMoved: () => {},
    onStep: () => {},
    onAttempt: () => {},
  })
  const deadline = Date.now() + 5_000
  for (let i = await incident(store, id); Date.now() < deadline; i = await incident(store, id)) {
    if (i.state !== 'attempting') break
    await systemClock.sleep(20)
  }
  stop.abort()
  await running
  return asked
}

describe('a rung', () => {
  it('S-4.1 starts what it stopped although a step in between is not permitted, and tells at once', async () => {
    const rung = [step('stop', { stops: true }), step('between'), step('start', { starts: true })]
    const id = await schedule(store, { plan: plan({ rungs: [rung] }), subject: broker(1) }, Date.now() - MINUTE / 2)
    const asked = await runUntilOver(id, {}, (program) => (program === 'between' ? denied : exited))
    expect(asked.filter((name) => ['stop', 'between', 'start'].includes(name))).toEqual(['stop', 'between', 'start'])
    expect(await incident(store, id)).toMatchObject({ state: 'escalated', reason: 'permission' })
  })

  it.each([
    ['only read', false, { state: 'waiting', targetAttempts: 0, changed: false }],
    ['changed something', true, { state: 'verifying', targetAttempts: 1, changed: true }],
  ] as const)(
    'S-4.3 S-5.2 is stopped by a guard before its disruptive step; after one that %s it spends an attempt only then',
    async (_, changes, after) => {
      const rung = [step('first', { changes }), step('restart', { disruptive: true })]
      const id = await schedule(store, { plan: plan({ rungs: [rung] }), subject: broker(1) }, Date.now() - MINUTE / 2)
      // No data directory can be read on this host, so the guard `identity` does not pass.
      const asked = await runUntilOver(id, {}, () => exited)
      expect(asked.filter((name) => name === 'first' || name === 'restart')).toEqual(['first'])
      expect(await incident(store, id)).toMatchObject(after)
    },
  )

  it('S-4.3 asks the guards again before a disruptive step although it is the first', async () => {
    const rung = [step('restart', { disruptive: true })]
    const id = await schedule(store, { plan: plan({ rungs: [rung] }), subject: broker(1) }, Date.now() - MINUTE / 2)
    expect(await runUntilOver(id, {}, () => exited)).not.toContain('restart')
    expect(await incident(store, id)).toMatchObject({ state: 'waiting', targetAttempts: 0, changed: false })
  })

  it('S-5.9 S-4.3 a storm that begins during its first steps is seen before the disruptive one', async () => {
    const rung = [step('first', { changes: false }), step('restart', { disruptive: true })]
    const id = await schedule(store, { plan: plan({ rungs: [rung] }), subject: broker(1) }, Date.now() - MINUTE / 2)
    const startStep: Store['startStep'] = async (...of) => {
      const bad = ['broker 1', 'broker 2', 'broker 3']
      await store.clusterSeen(
        'orders',
        { bad, total: 3, reachesNothing: false, voters: null, leaderless: null },
        Date.now(),
      )
      return store.startStep(...of)
    }
    const asked = await runUntilOver(id, { startStep }, () => exited)
    expect(asked).not.toContain('restart')
    const decisions = (await store.incidentView(id))?.decisions ?? []
    expect(decisions.flatMap(({ results }) => results)).toContainEqual(
      expect.objectContaining({ guard: 'storm', verdict: 'hold' }),
    )
  })

  it('S-3.8 is not left running for ever when the store is away before its first step', async () => {
    // Scheduled long ago: the guards over the world are evaluated again before the first step.
    const id = await schedule(
      store,
      { plan: plan({ rungs: [[step('start')]] }), subject: broker(1) },
      Date.now() - 60 * MINUTE,
    )
    let failures = 0
    const memory: Store['memory'] = (...of) => {
      if (failures++ === 0) return Promise.reject(new StoreUnavailableError('busy', null))
      return store.memory(...of)
    }
    await runUntilOver(id, { memory }, () => exited)
    expect(failures).toBeGreaterThan(0)
    expect((await incident(store, id)).state).not.toBe('attempting')
  })
})
