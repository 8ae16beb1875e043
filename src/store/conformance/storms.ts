import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CALM_MS, storm as stormGuard } from '../../guards/storm.ts'
import { decisionOf } from '../../incident/summary.ts'
import type { Decide } from '../claims.ts'
import type { ClusterSeen, NewMail, Opening, Store } from '../store.ts'
import {
  alert,
  broker,
  claim,
  fire,
  fireTimers,
  HOUR,
  incident,
  look,
  MINUTE,
  passGuards,
  plan,
  SECOND,
  schedule,
  see,
  seeOf,
  stopStep,
  succeed,
  T0,
} from './fixtures.ts'

/** Whole clusters: storms (S-5.9), and mails that belong to no single incident. */
export function stormConformance(fresh: () => Promise<Store>): void {
  const total = 5
  const calm: ClusterSeen = { bad: [], total, reachesNothing: false, voters: null, leaderless: null }
  const three: ClusterSeen = { ...calm, bad: ['broker 1', 'broker 2', 'broker 3'] }
  const blind: ClusterSeen = { ...calm, reachesNothing: true }
  const opening = (id: number, over: Partial<Opening['plan']> = {}): Opening => ({
    plan: plan(over),
    subject: broker(id),
  })
  const subjects = async (store: Store, now: number) =>
    (await store.dueNotices(now, 10)).map(({ kind, document }) => `${kind}: ${document.subject}`)
  const mail = (n: number): NewMail => ({
    receiver: 'kafka-oncall',
    recipient: 'ops@example.net',
    thread: 'notice-x',
    messageId: `<${n}@kafka-healing>`,
    references: [],
    subject: `mail ${n}`,
    text: 'text',
    html: null,
  })
  const factsOf = (store: Store, id: number, of: number, now: number) =>
    store.ownFacts(id, `orders/broker/${of}`, 'orders', now)
  const decideStorm: Decide = (facts, intent, now) => {
    const results = [stormGuard.decide(facts, intent, now)]
    return { decision: decisionOf(results), results }
  }

  /** Runs the claimed attempt's only step, which succeeds, and answers the probe. */
  async function startAndSee(store: Store, seen: Parameters<typeof look>[0], now: number): Promise<void> {
    const attempt = await claim(store, now)
    await succeed(store, attempt, now)
    await seeOf(store, attempt.incident.id, look(seen), now + SECOND)
  }
  const dead = { verdict: 'broken', conclusive: true, symptom: true, reason: 'the unit has failed' } as const

  describe('storms', () => {
    test('S-5.9 S-6.1 one that lasts is mailed again every four hours with how its incidents stand, once however often it is seen', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      for (const at of [T0 + 4 * HOUR - 1, T0 + 4 * HOUR, T0 + 4 * HOUR + MINUTE, T0 + 8 * HOUR])
        await store.clusterSeen('orders', three, at)
      expect(await subjects(store, T0 + 9 * HOUR)).toEqual([
        expect.stringContaining('storm: 3 of 5'),
        expect.stringContaining('storm goes on: 3 of 5'),
        expect.stringContaining('storm goes on: 3 of 5'),
      ])
    })

    test('S-5.9 one begins with three bad, has one mail, and is over after ten minutes of calm', async () => {
      const store = await fresh()
      expect(await store.clusterSeen('orders', calm, T0)).toBe('none')
      expect(await store.clusterSeen('orders', three, T0 + 1)).toBe('began')
      expect(await store.clusterSeen('orders', three, T0 + 2)).toBe('goesOn')
      expect(await store.storms()).toMatchObject([
        { cluster: 'orders', beganAt: T0 + 1, bad: three.bad, total, calmSince: null, failedStart: null },
      ])
      expect(await subjects(store, T0 + 2)).toEqual(['storm: [orders] storm: 3 of 5 brokers and controllers are down'])
      expect(await store.clusterSeen('orders', calm, T0 + MINUTE)).toBe('goesOn')
      expect(await store.clusterSeen('orders', calm, T0 + MINUTE + CALM_MS - 1)).toBe('goesOn')
      expect(await store.clusterSeen('orders', calm, T0 + MINUTE + CALM_MS)).toBe('ended')
      expect(await store.storms()).toEqual([])
      expect(await subjects(store, T0 + HOUR)).toEqual([
        expect.stringMatching(/^storm: /),
        'stormOver: [orders] storm is over, no incident open',
      ])
      const threads = new Set((await store.dueNotices(T0 + HOUR, 10)).map(({ thread }) => thread))
      expect(threads.size).toBe(1)
    })

    test('S-5.9 two of five are none; what is calm for a moment only, or cannot be seen, is not over', async () => {
      const store = await fresh()
      expect(await store.clusterSeen('orders', { ...calm, bad: ['broker 1', 'broker 2'] }, T0)).toBe('none')
      await store.clusterSeen('orders', three, T0)
      await store.clusterSeen('orders', calm, T0 + MINUTE)
      await store.clusterSeen('orders', three, T0 + 5 * MINUTE)
      expect(await store.clusterSeen('orders', calm, T0 + 12 * MINUTE)).toBe('goesOn')
      await store.clusterSeen('orders', blind, T0 + 15 * MINUTE)
      expect(await store.clusterSeen('orders', calm, T0 + 23 * MINUTE)).toBe('goesOn')
      expect(await store.clusterSeen('orders', calm, T0 + 33 * MINUTE)).toBe('ended')
      expect((await store.dueNotices(T0 + HOUR, 10)).map(({ kind }) => kind)).toEqual(['storm', 'stormOver'])
    })

    test('S-5.9 whatever is seen, mails of a cluster are a storm and its end in turn, and it ends only after calm', async () => {
      const looks = fc.array(
        fc.record({ gap: fc.integer({ min: 1, max: 15 }), bad: fc.nat(5), reachesNothing: fc.boolean() }),
        { maxLength: 25 },
      )
      const store = await fresh()
      let runs = 0
      await fc.assert(
        fc.asyncProperty(looks, async (seen) => {
          const cluster = `cluster-${++runs}`
          let now = T0
          let lastBad = Number.NEGATIVE_INFINITY
          for (const { gap, bad, reachesNothing } of seen) {
            now += gap * MINUTE
            const names = reachesNothing ? [] : Array.from({ length: bad }, (_, id) => `broker ${id}`)
            if (names.length >= 3 || reachesNothing) lastBad = now
            const change = await store.clusterSeen(cluster, { ...calm, bad: names, reachesNothing }, now)
            if (change === 'ended') expect(now - lastBad).toBeGreaterThanOrEqual(CALM_MS)
          }
          const told = (await store.dueNotices(now, 100)).filter((one) =>
            one.document.subject.startsWith(`[${cluster}] `),
          )
          told.forEach(({ kind }, index) => expect(kind).toBe(index % 2 === 0 ? 'storm' : 'stormOver'))
          const goesOn = told.length % 2 === 1
          expect((await store.storms()).some((storm) => storm.cluster === cluster)).toBe(goesOn)
          expect((await store.gauges(now)).storms.includes(cluster)).toBe(goesOn)
          for (const { id } of told) await store.enqueueNotice(id, [], now)
        }),
        { numRuns: 15 },
      )
    })

    test('S-5.9 each cluster has its own; an incident elsewhere is in calm', async () => {
      const store = await fresh()
      const here = (await fire(store, alert('A'), opening(1), T0)).incident.id
      await store.clusterSeen('logs', three, T0)
      expect(await factsOf(store, here, 1, T0)).toMatchObject({ storm: null, blindAt: null })
      await store.clusterSeen('orders', three, T0)
      expect((await factsOf(store, here, 1, T0)).storm).toMatchObject({ since: T0, bad: three.bad, total })
    })

    test('S-5.9 a prober that reaches nothing is known without a storm, until something answers', async () => {
      const store = await fresh()
      const id = (await fire(store, alert('A'), opening(1), T0)).incident.id
      await store.clusterSeen('orders', blind, T0)
      expect(await factsOf(store, id, 1, T0)).toMatchObject({ storm: null, blindAt: T0 })
      await store.clusterSeen('orders', calm, T0 + 1)
      expect((await factsOf(store, id, 1, T0)).blindAt).toBeNull()
    })

    test('S-5.9 members of the quorum go first, as long as theirs can start', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', { ...calm, voters: ['orders/broker/1', 'orders/broker/2'] }, T0 - MINUTE)
      await store.clusterSeen('orders', three, T0)
      const voter = (await fire(store, alert('A', { labels: { id: '1' } }), opening(1), T0)).incident.id
      const other = (await fire(store, alert('A', { labels: { id: '3' } }), opening(3), T0)).incident.id
      expect((await factsOf(store, other, 3, T0)).storm).toMatchObject({
        isVoter: false,
        votersFirst: ['orders/broker/1'],
      })
      expect((await factsOf(store, voter, 1, T0)).storm).toMatchObject({ isVoter: true, votersFirst: [] })
      await store.apply(voter, { type: 'takenOver', by: 'jane' }, T0)
      expect((await factsOf(store, other, 3, T0)).storm?.votersFirst).toEqual([])
    })

    test('S-5.9 members of a quorum without majority follow each other as soon as each runs, until they can elect', async () => {
      const store = await fresh()
      const keys = [1, 2, 3].map((id) => `orders/broker/${id}`)
      await store.clusterSeen('orders', { ...calm, voters: keys }, T0 - MINUTE)
      const leaderless = { silent: keys, of: 3 }
      await store.clusterSeen('orders', { ...three, leaderless }, T0)
      for (const id of [1, 2, 3]) await schedule(store, opening(id), T0, `A${id}`)
      const lacks = async (id: number) => (await factsOf(store, id, id, T0 + MINUTE)).storm?.lacksMajority
      const begin = async () => {
        const attempt = await claim(store, T0 + MINUTE)
        await succeed(store, attempt, T0 + MINUTE)
        return attempt.incident.id
      }
      const waits = () => store.claimAttempt('me', T0 + MINUTE, MINUTE, decideStorm)
      const starting = look({ verdict: 'progressing', starting: true, process: 'starting', mark: 'a' })

      const first = await begin()
      expect(await lacks(2)).toBe(true)
      await see(store, starting, T0 + MINUTE)
      const second = await begin()
      expect([first, second]).toEqual([1, 2])
      await see(store, starting, T0 + MINUTE)
      // Two of three run: they elect, and serve.
      expect(await lacks(3)).toBe(false)
      expect(await waits()).toMatchObject({ refused: { incident: { state: 'waiting', reason: 'onHold' } } })
      // Half a minute later they have not: one of them is of no use.
      await store.clusterSeen('orders', { ...three, leaderless }, T0 + MINUTE + 30 * SECOND)
      expect(await lacks(3)).toBe(true)
    })

    test('S-5.9 whoever waits for its turn asks again when the start before it has come further', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      await schedule(store, opening(1), T0, 'A')
      await schedule(store, opening(2), T0, 'B')
      const attempt = await claim(store, T0 + MINUTE)
      await store.claimAttempt('me', T0 + MINUTE, MINUTE, decideStorm)
      expect(await incident(store, 2)).toMatchObject({ state: 'waiting', reason: 'onHold' })
      await succeed(store, attempt, T0 + MINUTE)
      expect((await fireTimers(store, T0 + MINUTE)).map((moved) => moved.incident.id)).not.toContain(2)
      await see(store, look({ verdict: 'progressing', process: 'serving' }), T0 + MINUTE)
      expect((await fireTimers(store, T0 + MINUTE)).map((moved) => moved.incident.id)).toContain(2)
      expect(await incident(store, 2)).toMatchObject({ state: 'checking' })
    })

    test('S-5.9 one that serves is verified for the next, though its replicas are not in sync; what stays unknown of it fails nothing', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      await schedule(store, opening(1), T0, 'A')
      await schedule(store, opening(2), T0, 'B')
      const alone = look({
        verdict: 'unknown',
        process: 'serving',
        reason: 'nobody else to ask',
        withinMs: 10 * MINUTE,
      })
      await startAndSee(store, alone, T0 + MINUTE)
      expect(await incident(store, 1)).toMatchObject({ state: 'verifying', verifying: { process: 'serving' } })
      expect((await claim(store, T0 + MINUTE)).targetKey).toBe('orders/broker/2')
      for (let at = T0 + MINUTE; (await incident(store, 1))?.state === 'verifying'; at += MINUTE) {
        await fireTimers(store, at)
        await seeOf(store, 1, alone, at)
      }
      expect(await incident(store, 1)).toMatchObject({ state: 'escalated', reason: 'verificationUnknown' })
      expect((await factsOf(store, 2, 2, T0 + HOUR)).storm).toMatchObject({ failedStart: null })
    })

    test('S-5.9 one that served and then died is a failed start, though its symptom cannot be looked at', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      const runbook = { ...plan().runbook, symptom: { type: 'symptom-broker', params: {} } }
      await schedule(store, opening(1, { runbook }), T0, 'A')
      const serving = look({ verdict: 'unknown', process: 'serving', withinMs: 15 * MINUTE })
      await startAndSee(store, serving, T0 + MINUTE)
      await fireTimers(store, T0 + 2 * MINUTE)
      const dead = look({ verdict: 'broken', conclusive: true, symptom: null, withinMs: MINUTE, reason: 'it is dead' })
      await seeOf(store, 1, dead, T0 + 2 * MINUTE)
      expect(await incident(store, 1)).toMatchObject({ state: 'escalated', reason: 'verificationUnknown' })
      expect(await store.storms()).toMatchObject([{ failedStart: { target: 'orders/broker/1' } }])
    })

    test('S-5.9 one that only waits for its turn in the storm is waited for, one that is refused is not', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', { ...three, voters: ['orders/broker/1'] }, T0)
      const voter = await schedule(store, opening(1), T0)
      const other = (await fire(store, alert('A', { labels: { id: '3' } }), opening(3), T0)).incident.id
      const says = async (guard: string, verdict: 'hold' | 'refuse') => {
        const decide: Decide = () => {
          const results = [{ guard, verdict, reason: 'not now', evidence: [] }]
          return { decision: decisionOf(results), results }
        }
        expect(await store.claimAttempt('me', T0 + MINUTE, MINUTE, decide)).toHaveProperty('refused')
      }
      await says('storm', 'hold')
      expect(await incident(store, voter)).toMatchObject({ state: 'waiting', reason: 'onHold' })
      expect((await factsOf(store, other, 3, T0)).storm?.votersFirst).toEqual(['orders/broker/1'])

      const elsewhere = await fresh()
      await elsewhere.clusterSeen('orders', { ...three, voters: ['orders/broker/1'] }, T0)
      await schedule(elsewhere, opening(1), T0)
      const id = (await fire(elsewhere, alert('A', { labels: { id: '3' } }), opening(3), T0)).incident.id
      const decide: Decide = () => {
        const results = [{ guard: 'human-first', verdict: 'hold' as const, reason: 'not now', evidence: [] }]
        return { decision: decisionOf(results), results }
      }
      await elsewhere.claimAttempt('me', T0 + MINUTE, MINUTE, decide)
      expect((await factsOf(elsewhere, id, 3, T0)).storm?.votersFirst).toEqual([])
    })

    test('S-5.9 one whose next rung is disruptive has no turn in the storm, so nobody waits for it', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', { ...three, voters: ['orders/broker/1'] }, T0)
      const voter = await schedule(store, opening(1, { rungs: [[stopStep]] } as never), T0)
      const other = (await fire(store, alert('A', { labels: { id: '3' } }), opening(3), T0)).incident.id
      expect((await factsOf(store, other, 3, T0)).storm?.votersFirst).toEqual([])
      await store.claimAttempt('me', T0 + MINUTE, MINUTE, decideStorm)
      expect(await incident(store, voter)).toMatchObject({ state: 'waiting', reason: 'onHold' })
      expect((await factsOf(store, other, 3, T0)).storm?.votersFirst).toEqual([])
    })

    test('S-4.2 in a storm starts take turns, and the next one waits until the last is verified', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      await schedule(store, opening(1), T0, 'A')
      await schedule(store, opening(2), T0, 'B')
      const attempt = await claim(store, T0 + MINUTE)
      expect(attempt.targetKey).toBe('orders/broker/1')
      // The database enforces it, whatever the guards say.
      expect(
        await store.claimAttempt('me', T0 + MINUTE, MINUTE, () => ({ decision: decisionOf([]), results: [] })),
      ).toMatchObject({
        refused: { incident: { detail: 'another attempt holds start:orders' } },
      })
      const second = (await store.openIncidents())[1]?.id ?? 0
      const waiting = () => factsOf(store, second, 2, T0 + MINUTE)
      expect((await waiting()).atWork).toMatchObject([{ targetKey: 'orders/broker/1', attempt: 1 }])
      await succeed(store, attempt, T0 + MINUTE)
      expect((await waiting()).atWork).toHaveLength(1)
      await see(store, look(), T0 + 2 * MINUTE)
      expect((await waiting()).atWork).toEqual([])
    })

    test('S-4.2 in calm starts do not wait for each other, and a start waits for nothing disruptive', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0, 'A')
      await schedule(store, opening(2), T0, 'B')
      await claim(store, T0 + MINUTE)
      expect((await claim(store, T0 + MINUTE)).targetKey).toBe('orders/broker/2')
    })

    test('S-5.9 nothing disruptive is claimed in a storm', async () => {
      const store = await fresh()
      await schedule(store, opening(1, { rungs: [[stopStep]] } as never), T0)
      await store.clusterSeen('orders', three, T0)
      expect(await store.claimAttempt('me', T0 + MINUTE, MINUTE, decideStorm)).toMatchObject({
        refused: { incident: { state: 'waiting', reason: 'onHold' } },
      })
    })

    test('S-5.9 the first start that fails stops the others, with a mail, until a person resumes the cluster', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      const first = await schedule(store, opening(1), T0, 'A')
      await startAndSee(store, dead, T0 + MINUTE)
      expect(await incident(store, first)).toMatchObject({ state: 'waiting', reason: 'backoff' })
      const second = await schedule(store, opening(2), T0, 'B')
      const failedStart = { target: 'orders/broker/1', reason: 'the unit has failed' }
      expect((await factsOf(store, second, 2, T0)).storm?.failedStart).toEqual(failedStart)
      expect(await store.claimAttempt('me', T0 + 2 * MINUTE, MINUTE, decideStorm)).toMatchObject({
        refused: { incident: { id: second, reason: 'onHold' } },
      })
      expect((await subjects(store, T0 + HOUR))[1]).toBe(
        'stormStopped: [orders] storm: a start failed, no other one follows',
      )
      expect(await store.resumeScope('cluster:logs', 'jane', T0 + HOUR)).toEqual({ demotions: [], starts: false })
      expect(await store.resumeScope('cluster:orders', 'jane', T0 + HOUR)).toEqual({ demotions: [], starts: true })
      expect(await store.resumeScope('cluster:orders', 'jane', T0 + HOUR)).toEqual({ demotions: [], starts: false })
      expect((await factsOf(store, second, 2, T0)).storm?.failedStart).toBeNull()
      expect(await store.dueNotices(T0 + HOUR, 10)).toHaveLength(2)
    })

    test('S-5.9 a start that failed stops the others although its own alert was silenced meanwhile', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      const first = await schedule(store, opening(1), T0, 'A')
      const attempt = await claim(store, T0 + MINUTE)
      await succeed(store, attempt, T0 + MINUTE)
      await store.apply(first, { type: 'held', by: 'silenced' }, T0 + MINUTE)
      await seeOf(store, first, look(dead), T0 + MINUTE)
      expect(await incident(store, first)).toMatchObject({ state: 'waiting', reason: 'held' })
      expect(await store.storms()).toMatchObject([{ failedStart: { target: 'orders/broker/1' } }])
    })

    test('S-5.9 a start that heals stops nothing, and neither does one that fails in calm', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0, 'A')
      await startAndSee(store, dead, T0 + MINUTE)
      await store.clusterSeen('orders', three, T0 + 2 * MINUTE)
      await schedule(store, opening(2), T0 + 2 * MINUTE, 'B')
      await startAndSee(store, {}, T0 + 4 * MINUTE)
      expect(await store.storms()).toMatchObject([{ failedStart: null }])
    })

    test('S-5.9 rows are marked with the storm over their cluster, and those left to its mails stand in the last one', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1), T0, 'A')
      const untouched = (await fire(store, alert('B'), { plan: plan(), subject: broker(2, 'logs') }, T0)).incident.id
      await store.clusterSeen('orders', three, T0)
      await fireTimers(store, T0 + HOUR)
      const due = await store.dueEscalations(T0 + HOUR, 10)
      const [storm] = await store.storms()
      const of = (one: number) => due.filter(({ incident: number }) => number === one)
      expect(of(id).map((row) => row.storm)).toEqual(of(id).map(() => storm?.id))
      expect(of(id).length).toBeGreaterThan(0)
      expect(of(untouched).map((row) => row.storm)).toEqual(of(untouched).map(() => null))
      await store.toldByStorm(
        of(id).map((row) => row.id),
        storm?.id ?? 0,
        T0 + HOUR,
      )
      expect((await store.dueEscalations(T0 + HOUR, 10)).filter((row) => row.incident === id)).toEqual([])
      await store.clusterSeen('orders', calm, T0 + HOUR)
      await store.clusterSeen('orders', calm, T0 + 2 * HOUR)
      const over = (await store.dueNotices(T0 + 2 * HOUR, 10)).find(({ kind }) => kind === 'stormOver')
      const said = JSON.stringify(over?.document)
      expect(said).toContain(`#${id} broker-down on orders/broker/1: `)
      expect(said).not.toContain(`#${untouched} `)
      expect(said).toContain(`${of(id).length} message`)
    })

    test('S-6.3 a row that is left to a storm which has just ended goes out as a mail of its own', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1), T0, 'A')
      await store.clusterSeen('orders', three, T0)
      await fireTimers(store, T0 + HOUR)
      const rows = (await store.dueEscalations(T0 + HOUR, 10)).map((row) => row.id)
      const storm = (await store.storms())[0]?.id ?? 0
      await store.clusterSeen('orders', calm, T0 + HOUR)
      await store.clusterSeen('orders', calm, T0 + 2 * HOUR)
      await store.toldByStorm(rows, storm, T0 + 2 * HOUR)
      const due = await store.dueEscalations(T0 + 2 * HOUR, 10)
      expect(due.filter((row) => row.incident === id).map((row) => row.id)).toEqual(rows)
      expect(rows.length).toBeGreaterThan(0)
    })
  })

  describe('budget', () => {
    test('S-5.10 the first start of a crashed target is remembered as such, a later one and a restart are not', async () => {
      const store = await fresh()
      const id = await schedule(store, opening(1), T0, 'A')
      await startAndSee(store, dead, T0 + MINUTE)
      const recent = async () => (await factsOf(store, id, 1, T0 + HOUR)).recent.map(({ firstStart }) => firstStart)
      expect(await recent()).toEqual([true])
      await store.apply(id, { type: 'timerDue', timer: 'act' }, T0 + 10 * MINUTE)
      await passGuards(store, T0 + 10 * MINUTE)
      await startAndSee(store, dead, T0 + 10 * MINUTE)
      await schedule(store, opening(2, { rungs: [[stopStep]] } as never), T0 + 20 * MINUTE, 'B')
      const restart = await claim(store, T0 + 21 * MINUTE)
      await store.startStep(restart, 1, T0 + 21 * MINUTE)
      expect(await recent()).toEqual([true, false, false])
    })

    test('S-5.10 who is at work in the rack counts until it is verified', async () => {
      const store = await fresh()
      await schedule(store, opening(1), T0, 'A')
      const { incident: other } = await fire(store, alert('B'), opening(2), T0)
      const { incident: elsewhere } = await fire(store, alert('C'), { plan: plan(), subject: broker(1, 'logs') }, T0)
      const atWork = async (of: number, key: string, cluster: string) =>
        (await store.ownFacts(of, key, cluster, T0 + MINUTE)).atWork.map(({ targetKey, firstStart }) => [
          targetKey,
          firstStart,
        ])
      expect(await atWork(other.id, 'orders/broker/2', 'orders')).toEqual([])
      await claim(store, T0 + MINUTE)
      expect(await atWork(other.id, 'orders/broker/2', 'orders')).toEqual([['orders/broker/1', true]])
      expect(await atWork(elsewhere.id, 'logs/broker/1', 'logs')).toEqual([])
    })
  })

  describe('notices', () => {
    test('S-6.3 one is told once, with its mails, and its age shows until then', async () => {
      const store = await fresh()
      await store.clusterSeen('orders', three, T0)
      expect(await store.dueNotices(T0 - 1, 10)).toEqual([])
      const [notice] = await store.dueNotices(T0, 10)
      expect(await store.gauges(T0 + MINUTE)).toMatchObject({ outboxOldestMs: MINUTE })
      await store.enqueueNotice(notice?.id ?? 0, [mail(1)], T0)
      await store.enqueueNotice(notice?.id ?? 0, [mail(2)], T0)
      expect(await store.dueNotices(T0, 10)).toEqual([])
      expect(await store.claimMails('me', T0, MINUTE, 10)).toMatchObject([{ subject: 'mail 1', thread: 'notice-x' }])
    })

    test('what is told, over and lifted is forgotten with time; what is not stays', async () => {
      const store = await fresh()
      await store.clusterSeen('logs', three, T0)
      await store.clusterSeen('orders', three, T0)
      await store.clusterSeen('orders', calm, T0 + MINUTE)
      await store.clusterSeen('orders', calm, T0 + HOUR)
      const due = await store.dueNotices(T0 + HOUR, 10)
      for (const { id } of due.slice(1)) await store.enqueueNotice(id, [], T0 + HOUR)
      while ((await store.prune(T0 + 2 * HOUR, null, 100)) > 0);
      expect(await store.dueNotices(T0 + HOUR, 10)).toEqual(due.slice(0, 1))
      expect(await store.storms()).toMatchObject([{ cluster: 'logs' }])
    })
  })
}
