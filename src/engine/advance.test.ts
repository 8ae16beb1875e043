import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decision, seen } from '../../test/support/incident-world.ts'
import { planOf, subject } from '../../test/support/plan.ts'
import { Simulation } from '../../test/support/simulation.ts'
import { replay } from '../incident/replay.ts'
import { openSqliteStore } from '../store/sqlite.ts'

let sim: Simulation
beforeEach(async () => {
  sim = new Simulation(await openSqliteStore({ path: ':memory:' }))
})
afterEach(() => sim.store.close())

describe('advance', () => {
  it('a broker that dies and is started, from alert to closed, in simulated time', async () => {
    await sim.deliver()
    await sim.run(sim.now + 60_000)
    expect(await sim.incident()).toMatchObject({ state: 'probation', attempts: 1 })
    await sim.deliver({ status: 'resolved', endsAt: sim.now, startsAt: sim.now - 60_000 })
    await sim.run(sim.now + 20 * 60_000)
    expect(await sim.incident()).toMatchObject({ state: 'closed', outcome: 'healed' })
  })

  it('S-3.7 a clock that steps back starts nothing early', async () => {
    await sim.deliver()
    await sim.settle()
    sim.now -= 3_600_000
    await sim.settle()
    expect(await sim.incident()).toMatchObject({ state: 'waiting', reason: 'after', attempts: 0 })
    sim.now += 3_600_000 + 29_999
    await sim.settle()
    expect((await sim.incident()).attempts).toBe(0)
    sim.now += 1
    await sim.settle()
    expect((await sim.incident()).attempts).toBe(1)
  })

  it('S-3.7 a clock that jumps forward runs each due thing once', async () => {
    sim.guards = () => decision({ verdict: 'refuse', guard: 'symptom', reason: 'no' })
    await sim.deliver()
    await sim.settle()
    sim.now += 24 * 3_600_000
    await sim.settle()
    const view = await sim.store.incidentView((await sim.incident()).id)
    const fired = (view?.journal ?? [])
      .filter((row) => row.event.type === 'timerDue')
      .map((row) => (row.event.type === 'timerDue' ? row.event.timer : ''))
    expect(new Set(fired).size).toBe(fired.length)
    expect((view?.escalations ?? []).map((row) => `${row.round} ${row.kind} ${row.level}`)).toEqual([
      ...new Set((view?.escalations ?? []).map((row) => `${row.round} ${row.kind} ${row.level}`)),
    ])
  })

  it('a change that the core breaks on is set aside; those before and after it are taken, in order', async () => {
    sim.openings = ({ fingerprint }) => {
      if (fingerprint === '5') throw new Error('defect')
      const target = `orders/broker/${fingerprint}`
      return [{ plan: planOf(), subject: { kind: 'broker', key: target, cluster: 'orders', target } }]
    }
    for (let n = 0; n < 9; n++) await sim.deliver({ fingerprint: `${n}` })
    await sim.settle()
    expect(sim.moved.map(({ incident }) => incident.firing[0]?.fingerprint)).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '6',
      '7',
      '8',
    ])
    expect(await sim.store.inboxDepth()).toBe(0)
  })

  it('S-1.5 a repeat moves no timer', async () => {
    await sim.deliver()
    const due = await sim.settle()
    sim.now += 10_000
    await sim.deliver({ startsAt: sim.now - 10_000 })
    expect(await sim.settle()).toBe(due)
  })

  it('S-3.1 two rules on one target: the lower rank leads, the other is evaluated when it closes', async () => {
    const leader = planOf({ rule: 'leader', rank: 10 })
    const other = planOf({ rule: 'other', rank: 90 })
    sim.openings = () => [
      { plan: other, subject },
      { plan: leader, subject },
    ]
    sim.guards = () => decision({ verdict: 'refuse', guard: 'symptom', reason: 'no' })
    await sim.deliver()
    await sim.settle()
    const both = (await sim.store.incidents({ limit: 10 })).items
    const led = both.find((one) => one.rule === 'other')
    const leads = both.find((one) => one.rule === 'leader')
    expect(led).toMatchObject({ reason: 'attached', leader: leads?.id })
    expect(leads).toMatchObject({ reason: 'after', leader: null })

    await sim.store.apply(leads?.id ?? 0, { type: 'cancelled', by: 'ann', reason: 'not today' }, sim.now)
    await sim.settle()
    const after = (await sim.store.incidents({ limit: 10 })).items.find((one) => one.rule === 'other')
    expect(after).toMatchObject({ leader: null, reason: 'after' })
  })

  it('S-3.4 a silence stops the clocks, and its end lets the incident start over without a new webhook', async () => {
    await sim.deliver()
    await sim.settle()
    const began = sim.now
    const matcher = { name: 'alertname', value: 'KafkaBrokerDown', isRegex: false, isEqual: true }
    await sim.store.createSilence(
      { matchers: [matcher], startsAt: began, endsAt: began + 3 * 3_600_000, author: 'ann', comment: 'upgrade' },
      began,
    )
    await sim.run(began + 2 * 3_600_000)
    const held = await sim.store.incidentView((await sim.incident()).id)
    expect(held?.incident).toMatchObject({ state: 'waiting', reason: 'held', attempts: 0 })
    expect(held?.escalations).toEqual([])

    await sim.run(began + 3 * 3_600_000 + 60_000)
    expect(await sim.incident()).toMatchObject({ state: 'probation', attempts: 1 })
  })

  it('changes of alerts are admitted in the order they came, however many share a commit', async () => {
    const key = (n: number) => `orders/broker/${n}`
    sim.openings = ({ labels }) => {
      const target = labels['target'] ?? ''
      return [{ plan: planOf(), subject: { kind: 'broker', key: target, cluster: 'orders', target } }]
    }
    for (let n = 0; n < 40; n++) await sim.deliver({ fingerprint: `${n}`, labels: { target: key(n) } })
    await sim.settle()
    const opened = sim.moved.filter(({ before }) => before === null).map(({ incident }) => incident.subject.key)
    expect(opened).toEqual(Array.from({ length: 40 }, (_, n) => key(n)))
    expect(await sim.store.inboxDepth()).toBe(0)
  })

  it('S-3.8 replay of the journal equals the stored incident', async () => {
    sim.probes = () => seen({ verdict: 'broken', symptom: true, conclusive: true })
    await sim.deliver()
    await sim.run(sim.now + 6 * 3_600_000)
    const { id } = await sim.incident()
    const view = await sim.store.incidentView(id)
    const replayed = replay(id, await sim.store.journal(id))
    expect(replayed).toEqual({ ...view?.incident, version: replayed?.version })
    expect(view?.incident).toMatchObject({ state: 'escalated', reason: 'exhausted', attempts: 3 })
  })
})
