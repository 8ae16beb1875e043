import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Cluster } from '../../src/inventory/inventory.ts'
import { loadInventory } from '../../src/inventory/load.ts'
import {
  confirmedBad,
  culprits,
  drift,
  isComplete,
  isOutOfEverything,
  suffering,
  wouldBreakAvailability,
  wouldBreakQuorum,
} from '../../src/kafka/judge-view.ts'
import { openKafkaClients } from '../../src/kafka/open-clients.ts'
import type { ClusterView } from '../../src/kafka/view.ts'
import type { TopicShape } from '../lab/brokers.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'

const kafka = openKafkaClients({ clock: systemClock })
let lab: Lab
let cluster: Cluster

beforeAll(async () => {
  lab = await startLab({ parts: ['kafka'], sessionTimeoutMs: 6000 })
  const { inventory, problems } = loadInventory(`${lab.healingFolder}/inventory.yml`)
  const [found] = inventory?.clusters.values() ?? []
  if (found === undefined) throw new Error(JSON.stringify(problems))
  cluster = found
  // kafkajs gives up on a topic whose partitions are still being made; they are made all the same.
  const created = (topic: string, shape: TopicShape) => lab.createTopic(topic, shape).catch(() => undefined)
  await created('orders', { partitions: 300, replicationFactor: 3, minInsyncReplicas: 2 })
  await created('scratch', { partitions: 3, replicationFactor: 1, minInsyncReplicas: 1 })
  await waitFor(
    'all partitions',
    async () => {
      const { partitions } = await look()
      return (
        partitions.length === 303 &&
        partitions.every(({ leader, isr, replicas }) => leader >= 0 && isr.length === replicas.length)
      )
    },
    60_000,
  )
}, 180_000)

afterAll(() => lab?.down())

const look = async (): Promise<ClusterView> => kafka.view(cluster)
const broker = (view: ClusterView, id: number) => view.brokers.find((one) => one.id === id)

describe('a view of three real brokers', () => {
  test('S-5.5 healthy: complete, in sync, with a leader and three voters caught up', async () => {
    const took: number[] = []
    for (let round = 0; round < 20; round += 1) took.push((await look()).tookMs)
    const view = await look()
    const [fastest, slowest] = [Math.min(...took), Math.max(...took)]
    process.stdout.write(`healthy views of ${view.partitions.length} partitions: ${fastest} to ${slowest} ms\n`)
    expect(view.problems).toEqual([])
    expect(isComplete(view, null)).toEqual({ ok: true })
    expect(view).toMatchObject({ clusterId: lab.state.clusterId, topics: 2, reassignments: [] })
    expect(view.partitions).toHaveLength(303)
    expect(view.brokers.map(({ id, listed, fenced, rack }) => ({ id, listed, fenced, rack }))).toEqual([
      { id: 1, listed: true, fenced: false, rack: 'a' },
      { id: 2, listed: true, fenced: false, rack: 'b' },
      { id: 3, listed: true, fenced: false, rack: 'c' },
    ])
    if (view.quorum.kind !== 'kraft') throw new Error(JSON.stringify(view.quorum))
    expect(view.quorum.voters.map(({ id, caughtUp }) => [id, caughtUp])).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ])
    expect(view.quorum.controllers.map(({ says }) => says).toSorted()).toEqual(['follower', 'follower', 'leader'])
    expect(view.quorum.controllers.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(drift(view, cluster)).toEqual([])
    expect(view.rights).toContain('DESCRIBE')
    expect(wouldBreakQuorum(view, 1).verdict).toBe('keeps')
    // Every broker holds one partition of a topic with a single replica.
    const { breaks, approvable } = wouldBreakAvailability(view, 2, [])
    expect(breaks).toEqual([])
    expect(approvable).toMatchObject([{ topic: 'scratch', minIsr: 1 }])
    expect(wouldBreakAvailability(view, 2, ['scratch'])).toMatchObject({ approvable: [], tolerated: 1 })
    expect(confirmedBad(view)).toEqual({ bad: [], total: 3, reachesNothing: false })
  })

  test('S-5.5 the quorum is read through a broker where the inventory names no controllers', async () => {
    const view = await kafka.view({ ...cluster, controllers: [] })
    expect(view.quorum).toMatchObject({ kind: 'kraft', controllers: [] })
    expect(isComplete(view, null)).toEqual({ ok: true })
  })

  test('S-5.5 one broker hangs: it is seen in under 2.5 s, and everything else is complete', async () => {
    const before = await look()
    const leader = before.quorum.kind === 'kraft' ? before.quorum.leader : 0
    const hung = [1, 2, 3].find((id) => id !== leader) ?? 0
    await lab.signalBroker(hung, 'SIGSTOP')
    try {
      const atOnce = await look()
      process.stdout.write(`view with a broker just stopped: ${atOnce.tookMs} ms\n`)
      expect(atOnce.tookMs).toBeLessThan(2_500)
      expect(broker(atOnce, hung)).toMatchObject({ liveness: { state: 'notServing', why: 'no-answer' } })
      expect(isComplete(atOnce, hung)).toEqual({ ok: true })
      // Metadata still names it in sync, so another one must not be taken away.
      const other = [1, 2, 3].find((id) => id !== hung && id !== leader) ?? 0
      expect(wouldBreakAvailability(atOnce, other, ['scratch']).breaks.length).toBeGreaterThan(0)
      expect(wouldBreakQuorum(atOnce, other).verdict).toBe('breaks')
      expect(wouldBreakQuorum(atOnce, hung).verdict).toBe('keeps')
      expect(confirmedBad(atOnce)).toMatchObject({ bad: [`broker ${hung}`], total: 3 })

      const fenced = await waitFor(
        'it is fenced',
        async () => {
          const view = await look()
          return broker(view, hung)?.fenced === true ? view : null
        },
        30_000,
      )
      process.stdout.write(`view with a fenced broker that hangs: ${fenced.tookMs} ms\n`)
      expect(fenced.tookMs).toBeLessThan(2_500)
      expect(isComplete(fenced, hung)).toEqual({ ok: true })
      expect(broker(fenced, hung)).toMatchObject({ listed: false, fenced: true })
      expect(culprits(fenced)).toEqual([hung])
      // Its partition of `scratch` has no leader, and nobody else can lead it.
      expect(suffering(fenced)).toMatchObject({ offline: 1, underMinIsr: 0 })
      expect(isOutOfEverything(fenced, hung)).toBe(false)
      expect(wouldBreakAvailability(fenced, hung, ['scratch'])).toMatchObject({
        breaks: [],
        approvable: [],
        tolerated: 1,
      })
      const [lost] = fenced.partitions.filter(({ leader }) => leader === -1)
      expect(lost).toMatchObject({ topic: 'scratch', replicas: [hung], elr: [hung] })
    } finally {
      await lab.signalBroker(hung, 'SIGCONT')
    }
    await lab.waitHealed()
  }, 120_000)

  test('S-5.5 the leader of the quorum hangs: a new one is found, and what brokers cannot pass on is asked of it', async () => {
    const before = await look()
    const leader = before.quorum.kind === 'kraft' ? before.quorum.leader : 0
    await lab.signalBroker(leader, 'SIGSTOP')
    try {
      const view = await waitFor(
        'another leader that the third voter has caught up with',
        async () => {
          const seen = await look()
          expect(seen.tookMs).toBeLessThan(2_500)
          // A leader of a moment ago has not heard from its voters yet, which is a refusal.
          return isComplete(seen, leader).ok && wouldBreakQuorum(seen, leader).verdict === 'keeps' ? seen : null
        },
        30_000,
      )
      process.stdout.write(`view with the old leader of the quorum hanging: ${view.tookMs} ms\n`)
      expect(view.quorum).toMatchObject({ kind: 'kraft' })
      expect(view.quorum).not.toMatchObject({ leader })
      expect(view.reassignments).toEqual([])
    } finally {
      await lab.signalBroker(leader, 'SIGCONT')
    }
    await lab.waitHealed()
  }, 120_000)

  test('S-5.7 two of three killed: frozen, although metadata still shows a whole cluster', async () => {
    await Promise.all([lab.signalBroker(1, 'SIGKILL'), lab.signalBroker(2, 'SIGKILL')])
    const view = await waitFor(
      'a frozen quorum',
      async () => {
        const seen = await look()
        expect(seen.tookMs).toBeLessThan(2_500)
        return seen.quorum.kind === 'frozen' ? seen : null
      },
      20_000,
    )
    process.stdout.write(`view with two of three dead: ${view.tookMs} ms: ${JSON.stringify(view.quorum)}\n`)
    expect(view.partitions).toHaveLength(303)
    expect(view.brokers.map(({ listed }) => listed)).toEqual([true, true, true])
    expect(wouldBreakQuorum(view, 3)).toMatchObject({ verdict: 'frozen' })
    expect(isComplete(view, 1)).toMatchObject({ ok: false })
    expect(isOutOfEverything(view, 1)).toBe(false)
    expect(confirmedBad(view)).toEqual({ bad: ['broker 1', 'broker 2'], total: 3, reachesNothing: false })
    // Only the survivor knows itself to be there: no other may be taken for out of sync.
    expect(wouldBreakAvailability(view, 3, []).breaks).toHaveLength(300)
  }, 60_000)
})
