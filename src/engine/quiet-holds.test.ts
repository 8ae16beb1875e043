import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decision, seen } from '../../test/support/incident-world.ts'
import { planOf, subject } from '../../test/support/plan.ts'
import { Simulation } from '../../test/support/simulation.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { decideOwn } from './looker.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const AFTER = planOf().afterMs
/** As far as incidents of one cluster are spread when a hold ends. */
const SPREAD = 10_000

let sim: Simulation
beforeEach(async () => {
  sim = new Simulation(await openSqliteStore({ path: ':memory:' }))
})
afterEach(() => sim.store.close())

const dead = () => seen({ verdict: 'broken', symptom: true, conclusive: true })

type Kind = 'silence' | 'pause' | 'maintenance window'
const KINDS: readonly Kind[] = ['silence', 'pause', 'maintenance window']

/** Holds everything of the cluster from now on. */
async function hold(kind: Kind, endsAt: number): Promise<void> {
  const { store, now } = sim
  const who = { author: 'ann', comment: 'disk swap' }
  if (kind === 'silence') {
    const matchers = [{ name: 'cluster', value: 'lab', isRegex: false, isEqual: true }]
    await store.createSilence({ matchers, startsAt: now, endsAt, ...who }, now)
  } else if (kind === 'pause') await store.createPause({ scope: 'cluster:lab', endsAt, ...who }, now)
  else {
    const covers = { clusters: ['lab'] }
    await store.planWindows([{ name: 'night', covers, startsAt: now, endsAt, comment: 'disk swap' }], now)
  }
}

async function brokers(count: number): Promise<void> {
  sim.openings = ({ labels }) => {
    const target = `lab/broker/${labels['broker_id']}`
    return [{ plan: planOf(), subject: { kind: 'broker', key: target, cluster: 'lab', target } }]
  }
  for (let id = 1; id <= count; id++) {
    const labels = { alertname: 'KafkaBrokerDown', cluster: 'lab', broker_id: String(id) }
    await sim.deliver({ fingerprint: `${id}`.padStart(16, '0'), labels })
  }
}

async function trace() {
  const view = await sim.store.incidentView((await sim.incident()).id)
  if (!view) throw new Error('no incident')
  return view
}

describe.each(KINDS)('a %s', (kind) => {
  test('S-3.4 stops every clock; when it ends each incident starts over at `after`, spread, without a new webhook', async () => {
    await brokers(5)
    await sim.settle()
    const ends = sim.now + 3 * HOUR
    await hold(kind, ends)
    await sim.run(ends - 1)
    for (const one of (await sim.store.incidents({ limit: 10 })).items) {
      expect(one).toMatchObject({ state: 'waiting', reason: 'held', attempts: 0 })
      const view = await sim.store.incidentView(one.id)
      expect(view?.escalations).toEqual([])
      expect(view?.timers).toEqual([])
    }

    await sim.run(ends)
    const waits: number[] = []
    for (const one of (await sim.store.incidents({ limit: 10 })).items) {
      expect(one).toMatchObject({ state: 'waiting', reason: 'after', attempts: 0 })
      const view = await sim.store.incidentView(one.id)
      waits.push((view?.timers.find((timer) => timer.kind === 'act')?.dueAt ?? 0) - ends - AFTER)
    }
    expect(new Set(waits).size).toBe(5)
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(0)
    for (const wait of waits) expect(wait).toBeLessThanOrEqual(SPREAD)

    await sim.run(ends + AFTER + SPREAD)
    for (const one of (await sim.store.incidents({ limit: 10 })).items) expect(one.attempts).toBe(1)
  })

  test('S-3.4 that was known before the alert escalates nothing, however long it lasts', async () => {
    sim.guards = () => decision({ verdict: 'refuse', guard: 'symptom', reason: 'no' })
    await hold(kind, sim.now + 24 * HOUR)
    await brokers(1)
    await sim.run(sim.now + 24 * HOUR - 1)
    expect(await trace()).toMatchObject({ incident: { reason: 'held' }, escalations: [], decisions: [] })
  })

  test('S-3.4 asks anew when it ends: what was asked before it is not an answer any more', async () => {
    await brokers(1)
    await sim.settle()
    sim.now += AFTER
    let asked = 0
    sim.guards = () => {
      asked += 1
      return decision()
    }
    const { store } = sim
    await store.fireDue(sim.now, () => 0, 10)
    const early = await store.claimLook('sim', sim.now, 30_000)
    if (!early) throw new Error('no look')
    await hold(kind, sim.now + HOUR)
    await store.fireDue(sim.now, () => 0, 10)
    expect(await store.guardsEvaluated(early, decision(), [], null, sim.now)).toBeNull()
    expect(await sim.incident()).toMatchObject({ reason: 'held', attempts: 0 })
    await sim.run(sim.now + HOUR + AFTER + SPREAD)
    expect(asked).toBe(1)
    expect((await sim.incident()).attempts).toBe(1)
  })

  test('S-3.4 keeps the count of attempts and the back-off', async () => {
    sim.probes = dead
    await brokers(1)
    await sim.run(sim.now + AFTER)
    expect(await sim.incident()).toMatchObject({ state: 'waiting', reason: 'backoff', attempts: 1 })
    await hold(kind, sim.now + HOUR)
    await sim.run(sim.now + HOUR)
    expect(await sim.incident()).toMatchObject({ state: 'waiting', reason: 'after', attempts: 1 })
    await sim.run(sim.now + AFTER + SPREAD)
    expect((await sim.incident()).attempts).toBe(2)
    await sim.run(sim.now + HOUR)
    expect(await trace()).toMatchObject({ incident: { state: 'escalated', reason: 'exhausted', attempts: 3 } })
  })

  test('S-3.4 leaves verifying, probation and escalated as they are', async () => {
    sim.probes = () => seen({ verdict: 'progressing', starting: true })
    await brokers(1)
    await sim.run(sim.now + AFTER)
    expect(await sim.incident()).toMatchObject({ state: 'verifying', attempts: 1 })
    await hold(kind, sim.now + 10 * MINUTE)
    await sim.run(sim.now + MINUTE)
    expect(await sim.incident()).toMatchObject({ state: 'verifying' })
    sim.probes = () => seen()
    await sim.run(sim.now + MINUTE)
    const healed = await trace()
    expect(healed.incident).toMatchObject({ state: 'probation' })
    await sim.run(sim.now + 9 * MINUTE)
    expect(await trace()).toMatchObject({
      incident: { state: 'probation', held: null, probationEndsAt: healed.incident.probationEndsAt },
    })
  })

  test('S-3.4 that ends leaves an escalated incident to the person whose turn it is', async () => {
    sim.probes = dead
    await brokers(1)
    await sim.run(sim.now + HOUR)
    expect(await sim.incident()).toMatchObject({ state: 'escalated', reason: 'exhausted' })
    await hold(kind, sim.now + HOUR)
    await sim.run(sim.now + 3 * HOUR)
    const { incident, escalations } = await trace()
    expect(incident).toMatchObject({ state: 'escalated', reason: 'exhausted', attempts: 3, held: null })
    expect(escalations.filter(({ kind: told, round }) => told === 'escalated' && round > 1)).toEqual([])
  })

  test('S-3.4 stops an attempt that is scheduled and not begun', async () => {
    await brokers(1)
    await sim.settle()
    sim.now += AFTER
    const { store } = sim
    await store.fireDue(sim.now, () => 0, 10)
    const look = await store.claimLook('sim', sim.now, 30_000)
    if (!look) throw new Error('no look')
    await store.guardsEvaluated(look, decision(), [], null, sim.now)
    expect(await sim.incident()).toMatchObject({ state: 'attempting', reason: 'scheduled' })
    await hold(kind, sim.now + HOUR)
    const claimed = await store.claimAttempt('sim', sim.now, 60_000, decideOwn)
    expect(claimed && 'refused' in claimed).toBe(true)
    expect(await sim.incident()).toMatchObject({ state: 'waiting', reason: 'held', attempts: 0 })
    await sim.run(sim.now + HOUR + AFTER + SPREAD)
    expect((await sim.incident()).attempts).toBe(1)
  })

  test.each(KINDS.filter((other) => other !== kind))('S-3.4 that ends within a %s holds on', async (other) => {
    await brokers(1)
    await sim.settle()
    await hold(kind, sim.now + HOUR)
    sim.now += MINUTE
    await hold(other, sim.now + 2 * HOUR)
    await sim.run(sim.now + HOUR + 30 * MINUTE)
    expect(await sim.incident()).toMatchObject({ reason: 'held', attempts: 0 })
    await sim.run(sim.now + 30 * MINUTE + AFTER + SPREAD)
    expect((await sim.incident()).attempts).toBe(1)
  })
})

describe('planned', () => {
  test.each([
    ['what resolves while it lasts closes by the probes, and nobody was told', true],
    ['what is found broken when it ends is told by the normal clocks, counted from its end', false],
  ])('S-3.4 S-1.3 %s', async (_what, well) => {
    sim.guards = () => decision({ verdict: 'refuse', guard: 'symptom', reason: 'no' })
    sim.probes = well ? () => seen() : dead
    await hold('maintenance window', sim.now + 3 * HOUR)
    await brokers(1)
    await sim.run(sim.now + 3 * HOUR)
    const ended = sim.now
    if (well) {
      const labels = { alertname: 'KafkaBrokerDown', cluster: 'lab', broker_id: '1' }
      const fingerprint = '1'.padStart(16, '0')
      await sim.deliver({ fingerprint, labels, status: 'resolved', endsAt: ended, startsAt: ended - 3 * HOUR })
      await sim.run(ended + MINUTE)
      expect(await trace()).toMatchObject({ incident: { state: 'closed', outcome: 'cleared' }, escalations: [] })
    } else {
      await sim.run(ended + planOf().escalation.tellByMs)
      const { escalations } = await trace()
      expect(escalations.map(({ kind, createdAt }) => [kind, createdAt - ended])).toEqual([
        ['told', planOf().escalation.tellByMs],
      ])
    }
  })

  test('S-3.1 S-3.4 one that is attached is held too, and goes on when the hold ends', async () => {
    const rules = [planOf({ rule: 'leader', rank: 10 }), planOf({ rule: 'other', rank: 90 })]
    sim.openings = () => rules.map((plan) => ({ plan, subject }))
    await sim.deliver({ labels: { alertname: 'KafkaBrokerDown', cluster: 'lab' } })
    await sim.settle()
    await hold('pause', sim.now + HOUR)
    await sim.run(sim.now + HOUR + AFTER + SPREAD)
    const items = (await sim.store.incidents({ limit: 10 })).items
    expect(items.map(({ rule, attempts }) => `${rule} ${attempts}`).toSorted()).toEqual(['leader 1', 'other 0'])
  })
})
