import { describe, expect, test } from 'vitest'
import { brokerSeen, clusterView, liveness, partitionSeen } from '../../test/support/cluster-view.ts'
import { brokerTarget, clusterOf } from '../../test/support/look.ts'
import type { ClusterView } from '../kafka/view.ts'
import { findCulprit } from './culprit.ts'

const cluster = clusterOf([1, 2, 3].map((id) => brokerTarget(id)))
const lacking = (...isr: readonly number[]) => partitionSeen({ isr })
const dead = (id: number) => brokerSeen(id, { liveness: liveness('refused'), listed: false, fenced: true })
const find = (change: Partial<ClusterView>) => findCulprit(clusterView(change), cluster)

describe('S-2.7 the culprit', () => {
  test('is the one broker that every short partition lacks, not the leader that complains', () => {
    expect(find({ partitions: [lacking(1, 3), partitionSeen()] })).toEqual({ target: 'orders/broker/2' })
  })

  test('may hang: its own symptom tells', () => {
    const brokers = [brokerSeen(1), brokerSeen(2, { liveness: liveness('no-answer') }), brokerSeen(3)]
    expect(find({ brokers, partitions: [lacking(1, 3)] })).toEqual({ target: 'orders/broker/2' })
  })

  test('is none of several, and they are named', () => {
    expect(find({ partitions: [lacking(1, 3), lacking(1, 2)] })).toEqual({
      problem: 'several brokers lack replicas: brokers 2 and 3',
    })
  })

  test('is the one that is left when the others are dead', () => {
    expect(find({ brokers: [brokerSeen(1), dead(2), brokerSeen(3)], partitions: [lacking(1)] })).toEqual({
      target: 'orders/broker/3',
    })
  })

  test('is not a dead one: another rule starts it', () => {
    expect(find({ brokers: [brokerSeen(1), dead(2), brokerSeen(3)], partitions: [lacking(1, 3)] })).toEqual({
      problem: 'broker 2 is dead: rule broker-down starts it',
    })
    expect(find({ brokers: [brokerSeen(1), dead(2), dead(3)], partitions: [lacking(1)] })).toEqual({
      problem: 'brokers 2 and 3 are dead: rule broker-down starts them',
    })
  })

  test('must be in the inventory', () => {
    const partitions = [partitionSeen({ replicas: [1, 9], isr: [1] })]
    expect(find({ partitions })).toEqual({ problem: 'broker 9 is not in the inventory' })
    const brokers = [brokerSeen(1), brokerSeen(9, { target: null })]
    expect(find({ brokers, partitions })).toEqual({ problem: 'broker 9 is not in the inventory' })
  })

  test('nothing is missing, or nothing could be read', () => {
    expect(find({})).toEqual({ problem: 'no partition lacks a replica' })
    expect(find({ problems: [{ part: 'metadata', reason: 'closed' }] })).toMatchObject({
      problem: expect.stringContaining('closed'),
    })
    const quorum = { kind: 'frozen', reason: 'nobody leads', controllers: [] } as const
    expect(find({ quorum, partitions: [lacking(1, 3)] })).toMatchObject({
      problem: expect.stringContaining('nobody leads'),
    })
  })
})
