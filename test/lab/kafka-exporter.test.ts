import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ClusterLook, exposition, type GroupLook, type PartitionLook } from './kafka-exposition.ts'

const fixtures = join(import.meta.dirname, '../fixtures/kafka_exporter')

/** The samples of a recording of the real kafka_exporter, without those about itself and the scrape's duration. */
function recorded(name: string): string[] {
  const lines = readFileSync(join(fixtures, `${name}.prom`), 'utf8').split('\n')
  return lines.filter((line) => line.startsWith('kafka_') && !line.startsWith('kafka_exporter_build_info')).toSorted()
}

function standIn(look: ClusterLook): string[] {
  return exposition(look)
    .split('\n')
    .filter((line) => line.startsWith('kafka_'))
    .toSorted()
}

const address = (id: number) => ({ id, address: `127.0.0.1:1909${id}` })
const orders = (partition: number, leader: number, isr: readonly number[], newest: number): PartitionLook => {
  const replicas =
    [
      [1, 2, 3],
      [2, 3, 1],
      [3, 1, 2],
    ][partition] ?? []
  return { topic: 'orders', partition, leader, replicas, isr, newest, oldest: 0 }
}
const committed = (offsets: readonly number[]) =>
  offsets.map((offset, partition) => ({ topic: 'orders', partition, offset }))
const groups: readonly GroupLook[] = [
  { group: 'classic-dead', members: 0, committed: committed([-1, 200, -1]) },
  { group: 'classic-live', members: 1, committed: committed([101, 300, 99]) },
  { group: 'kip848', members: 0, committed: committed([101, 300, 99]) },
]
const healthy: ClusterLook = {
  brokers: [1, 2, 3].map(address),
  groups,
  partitions: [
    orders(0, 1, [1, 2, 3], 101),
    orders(1, 2, [1, 2, 3], 300),
    orders(2, 3, [1, 2, 3], 99),
    { topic: 'solo', partition: 0, leader: 2, replicas: [2], isr: [2], newest: 1, oldest: 0 },
  ],
}
const brokerTwoDead: ClusterLook = {
  brokers: [1, 3].map(address),
  groups,
  partitions: [
    orders(0, 1, [1, 3], 101),
    orders(1, 3, [1, 3], 300),
    orders(2, 3, [1, 3], 99),
    { topic: 'solo', partition: 0, leader: null, replicas: [2], isr: [], newest: null, oldest: null },
  ],
}

describe('the stand-in for kafka_exporter', () => {
  test('says of a healthy cluster what the real one was recorded to say', () => {
    // The real one left this one series out of that scrape and had it in the next; it is there in all later recordings.
    const missedOnce = 'kafka_consumergroup_lag_sum{consumergroup="kip848",topic="orders"} 0'
    expect(standIn(healthy).filter((line) => line !== missedOnce)).toEqual(recorded('healthy'))
  })

  test.each(['dead-after-12', 'dead-after-40'])(
    'says the same of a dead broker as %s, leaderless series left out',
    (name) => {
      expect(standIn(brokerTwoDead)).toEqual(recorded(name))
    },
  )

  test('keeps brokers and leaders from its cache while the partitions already show the loss, as dead-after-5', () => {
    const stale = brokerTwoDead.partitions.map((at) => (at.topic === 'solo' ? { ...at, leader: 2, replicas: [2] } : at))
    const look = { ...brokerTwoDead, brokers: healthy.brokers, partitions: [healthyZero(), ...stale.slice(1)] }
    expect(standIn(look)).toEqual(recorded('dead-after-5'))
  })

  test('leaves a group out whose coordinator does not answer', () => {
    expect(standIn({ ...healthy, groups: [] }).some((line) => line.startsWith('kafka_consumergroup'))).toBe(false)
  })

  test('uses no metric name the real one does not have', () => {
    const names = new Set(recorded('healthy').map((line) => line.split(/[{ ]/)[0]))
    expect(standIn(healthy).filter((line) => !names.has(line.split(/[{ ]/)[0]))).toEqual([])
  })
})

function healthyZero(): PartitionLook {
  return orders(0, 1, [1, 2, 3], 101)
}
