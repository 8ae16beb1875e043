import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refusing } from '../../test/support/http.ts'
import { planOf } from '../../test/support/plan.ts'
import { systemClock } from '../clock.ts'
import type { Check, Plan } from '../incident/plan.ts'
import type { Inventory, Target } from '../inventory/inventory.ts'
import { alert, broker, drain, fire, receive, T0 } from '../store/conformance/fixtures.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { type Moved, type Store, StoreUnavailableError } from '../store/store.ts'
import { type InForce, takesAway } from './restrict.ts'
import { openRestrictions } from './restrictions.ts'

const guard: Check = { type: 'disk-free', params: { ratio: 0.1 } }
const TARGETS = ['orders/broker/1', 'orders/broker/2']

function termsOf(revision: string, change: Partial<Plan> | null = {}, targets: readonly string[] = TARGETS): InForce {
  const plan = change && planOf({ rule: 'broker-down', mode: 'act', revision, ...change })
  const inventory = { targets: new Map(targets.map((key) => [key, {} as Target])) } as unknown as Inventory
  return { plans: new Map(plan === null ? [] : [[plan.rule, plan]]), inventory, revision }
}

const withGuards = (...guards: readonly Check[]): Partial<Plan> => ({ runbook: { ...planOf().runbook, guards } })

describe('S-3.6 what a configuration takes away beside the one before', () => {
  const before = termsOf('a')
  it.each<[string, InForce, boolean]>([
    ['the same', termsOf('b'), false],
    ['another patience', termsOf('b', { afterMs: 1 }), false],
    ['another rule besides', { ...termsOf('b'), plans: new Map([...before.plans, ['more', planOf()]]) }, false],
    ['another target besides', termsOf('b', {}, [...TARGETS, 'orders/broker/3']), false],
    ['no rule any more', termsOf('b', null), true],
    ['a lower mode', termsOf('b', { mode: 'approve' }), true],
    ['a guard more', termsOf('b', withGuards(guard)), true],
    ['a target less', termsOf('b', {}, TARGETS.slice(1)), true],
  ])('%s', (_, after, expected) => {
    expect(takesAway(before, after)).toBe(expected)
  })

  it('a guard less and a mode raised take nothing away, and back again do', () => {
    const strict = termsOf('b', { ...withGuards(guard), mode: 'inform' })
    expect(takesAway(strict, before)).toBe(false)
    expect(takesAway(before, strict)).toBe(true)
    expect(takesAway(strict, termsOf('c', withGuards({ ...guard, params: { ratio: 0.2 } })))).toBe(true)
  })
})

describe('S-3.6 open incidents', () => {
  let store: Store
  beforeEach(async () => {
    store = await openSqliteStore({ path: ':memory:' })
  })
  afterEach(() => store.close())

  function setup(first: InForce, over: Store = store) {
    const stopping = new AbortController()
    const moved: Moved[] = []
    const reads = { open: 0, planned: 0, requeued: 0 }
    let terms = first
    const during: (() => void)[] = []
    const counting = refusing(over, 'openIncidents', () => {
      reads.open += 1
      return null
    })
    const restrictions = openRestrictions({
      store: counting,
      clock: { ...systemClock, now: () => T0, sleep: async () => {} },
      log: pino({ level: 'silent' }),
      signal: stopping.signal,
      onFailure: () => {},
      terms: () => terms,
      planMaintenance: async () => {
        reads.planned += 1
        during.shift()?.()
      },
      onMoved: (one) => void moved.push(one),
      onRequeued: () => void (reads.requeued += 1),
    })
    return { restrictions, stopping, moved, reads, during, take: (next: InForce) => void (terms = next) }
  }

  const openBy = (terms: InForce, id = 1): Promise<Moved> => {
    const plan = terms.plans.get('broker-down') ?? planOf()
    return fire(store, alert('A', { labels: { n: String(id) } }), { plan, subject: broker(id) }, T0)
  }
  const modes = async () => (await store.openIncidents()).map(({ plan }) => plan.mode)

  it('are held to what is in force, at a start and after a reload', async () => {
    const world = setup(termsOf('a', { mode: 'approve' }))
    await openBy(termsOf('0'))
    await world.restrictions.begin()
    expect(await modes()).toEqual(['approve'])
    expect(world.restrictions.areApplied()).toBe(true)

    world.take(termsOf('b', { mode: 'inform' }))
    expect(world.restrictions.areApplied()).toBe(false)
    expect(await world.restrictions.renew()).toBe(true)
    expect(await modes()).toEqual(['inform'])
    expect(world.restrictions.areApplied()).toBe(true)
    expect(world.reads.planned).toBe(2)
    expect(world.moved.map(({ event }) => event.type)).toEqual(['restricted', 'restricted'])
  })

  it('are not read where nothing is taken away, and alerts that nobody holds are matched again', async () => {
    const first = termsOf('a')
    const world = setup(first)
    await world.restrictions.begin()
    await receive(store, [alert('Unknown')], T0)
    await drain(store, [], T0)
    for (const revision of ['b', 'c', 'd']) {
      world.take(termsOf(revision, { afterMs: revision.length }))
      await world.restrictions.renew()
    }
    expect(world.reads.open).toBe(1)
    expect(world.reads.requeued).toBe(1)
    expect(await store.inboxDepth()).toBe(1)
    expect(world.restrictions.areApplied()).toBe(true)
  })

  it('that were admitted by a configuration that is no longer in force are held to the one that is', async () => {
    const [first, next] = [termsOf('a'), termsOf('b', { mode: 'inform' })]
    const world = setup(first)
    await world.restrictions.begin()
    world.take(next)
    await world.restrictions.renew()
    // Matched before the reload, committed after it.
    world.restrictions.moved(await openBy(first))
    // The same once more, by nobody else asked for: a run that is shared ends after the one before.
    await world.restrictions.renew()
    expect(await modes()).toEqual(['inform'])

    const { open } = world.reads
    world.restrictions.moved(await openBy(next, 2))
    await world.restrictions.renew()
    expect(world.reads.open).toBe(open)
  })

  it('wait for a store that is away, and a later configuration with them', async () => {
    let away = 3
    const failing = refusing(store, 'apply', () => ((away -= 1) >= 0 ? new StoreUnavailableError('full', null) : null))
    const world = setup(termsOf('a'), failing)
    await world.restrictions.begin()
    await openBy(termsOf('a'))
    world.take(termsOf('b', { mode: 'inform' }))
    expect(await world.restrictions.renew()).toBe(true)
    expect(away).toBeLessThan(0)
    expect(await modes()).toEqual(['inform'])
  })

  it('are left to the next start when the store does not come back before the shutdown', async () => {
    const world = setup(
      termsOf('a'),
      refusing(store, 'apply', () => new StoreUnavailableError('full', null)),
    )
    await world.restrictions.begin()
    await openBy(termsOf('a'))
    world.take(termsOf('b', { mode: 'inform' }))
    world.stopping.abort()
    expect(await world.restrictions.renew()).toBe(false)
    expect(world.restrictions.areApplied()).toBe(false)
  })

  it('are not narrowed by a configuration that went out of force meanwhile', async () => {
    const world = setup(termsOf('a'))
    await world.restrictions.begin()
    await openBy(termsOf('a'))
    await openBy(termsOf('a'), 2)
    world.take(termsOf('b', { mode: 'inform' }))
    world.during.push(() => world.take(termsOf('c')))
    await world.restrictions.renew()
    expect(world.restrictions.areApplied()).toBe(false)
    await world.restrictions.renew()
    expect(await modes()).toEqual(['act', 'act'])
    expect(world.restrictions.areApplied()).toBe(true)
  })
})
