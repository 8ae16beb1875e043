import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDocument } from '../document/document.ts'
import type { Inventory, Subject } from './inventory.ts'
import { fromDocument } from './load.ts'
import { resolveSubject, type Selector } from './resolve.ts'

function inventoryOf(text: string): Inventory {
  const { document } = parseDocument('inventory.yml', text)
  const inventory = document === null ? null : fromDocument(document).inventory
  if (inventory === null) throw new Error('the inventory of this test is broken')
  return inventory
}

const inventory = inventoryOf(`
clusters:
  orders:
    bootstrap: [k1:9092, k2:9092]
    connection: { driver: local }
    brokers:
      - { id: 1, host: k1, unit: a.service, aliases: ["k1:7071", one] }
      - { id: 12, host: k2, unit: b.service }
    exporters:
      - { name: kafka-exporter, host: k1, unit: e.service, address: k1:9308 }
      - { name: other, host: k1, unit: o.service }
  audit:
    bootstrap: ["127.0.0.1:1", "127.0.0.1:2"]
    connection: { driver: local }
    brokers:
      - { id: 1, host: 127.0.0.1, unit: x.service, address: 127.0.0.1:1, aliases: [node1] }
      - { id: 2, host: 127.0.0.1, unit: y.service, address: 127.0.0.1:2, aliases: [node2] }
`)

const broker: Selector = { kind: 'broker', from: 'labels' }
const exporter: Selector = { kind: 'exporter', from: 'labels' }
const cluster: Selector = { kind: 'cluster', from: 'labels' }
const resolve = (selector: Selector, labels: Record<string, string>): Subject =>
  resolveSubject(selector, labels, 'f00d', inventory)

describe('S-2.1 labels choose among what the inventory names', () => {
  it.each([
    ['cluster and id', broker, { cluster: 'orders', broker_id: '12' }, 'orders/broker/12'],
    [
      'cluster and id, whatever the prober is called',
      broker,
      { cluster: 'orders', broker_id: '1', instance: 'k2' },
      'orders/broker/1',
    ],
    ['host', broker, { instance: 'k2' }, 'orders/broker/12'],
    ['listener', broker, { instance: 'k2:9092' }, 'orders/broker/12'],
    ['alias', broker, { cluster: 'orders', instance: 'k1:7071' }, 'orders/broker/1'],
    ['host label, where instance is unknown', broker, { instance: 'prober:9115', host: 'k2' }, 'orders/broker/12'],
    ['instance, where the host is shared', broker, { instance: '127.0.0.1:2', host: '127.0.0.1' }, 'audit/broker/2'],
    ['host and id, without a cluster', broker, { broker_id: '12', host: 'k2' }, 'orders/broker/12'],
    ['exporter by name', exporter, { cluster: 'orders', exporter: 'other' }, 'orders/exporter/other'],
    [
      'exporter by scrape address',
      exporter,
      { cluster: 'orders', instance: 'k1:9308' },
      'orders/exporter/kafka-exporter',
    ],
    ['cluster', cluster, { cluster: 'audit', instance: 'x' }, 'audit/cluster/audit'],
  ])('by %s', (_, selector, labels, key) => {
    const subject = resolve(selector, labels)

    expect(subject).toMatchObject({ key, target: key, cluster: key.split('/')[0] })
  })

  it.each([
    ['nothing', broker, {}, 'the alert names no broker'],
    ['an empty cluster and id', broker, { cluster: '', broker_id: '' }, 'the alert names no broker'],
    ['an unknown cluster', broker, { cluster: 'prod', broker_id: '1' }, 'no cluster "prod"'],
    ['the wrong case', broker, { cluster: 'Orders', broker_id: '1' }, 'no cluster "Orders"'],
    ['an unknown id', broker, { cluster: 'orders', broker_id: '3' }, 'cluster "orders" has no broker "3"'],
    ['an id with a leading zero', broker, { cluster: 'orders', broker_id: '01' }, 'is not a broker id'],
    ['an id with space', broker, { cluster: 'orders', broker_id: '1 ' }, 'is not a broker id'],
    ['an id in other digits', broker, { cluster: 'orders', broker_id: '１' }, 'is not a broker id'],
    ['a shell', broker, { cluster: 'orders', broker_id: '$(id)' }, 'is not a broker id'],
    ['an id alone, although only one cluster has it', broker, { broker_id: '12' }, 'the alert names no broker'],
    ['all brokers', broker, { cluster: 'orders', broker_id: 'all' }, 'names everything'],
    ['any broker', broker, { cluster: 'orders', broker_id: '*' }, 'names everything'],
    ['all clusters', broker, { cluster: 'ALL', broker_id: '1' }, 'names everything'],
    ['all instances', broker, { cluster: 'orders', instance: '*' }, 'names everything'],
    ['a prefix of a host', broker, { instance: 'k' }, 'no broker in the inventory'],
    ['a host with another port', broker, { instance: 'k1:9999' }, 'no broker in the inventory'],
    [
      'a host that several brokers share',
      broker,
      { host: '127.0.0.1' },
      'could be any of audit/broker/1, audit/broker/2',
    ],
    ['two different brokers', broker, { instance: 'k1', host: 'k2' }, 'contradict each other'],
    ['an id that is not that of the host', broker, { broker_id: '1', host: 'k2' }, 'contradict each other'],
    ['a host of another cluster', broker, { cluster: 'audit', instance: 'k1' }, 'no broker in the inventory'],
    ['a host with two exporters', exporter, { cluster: 'orders', host: 'k1' }, 'could be any of'],
    ['an unknown exporter', exporter, { cluster: 'orders', exporter: 'x' }, 'has no exporter "x"'],
    ['no cluster', cluster, { instance: 'k1' }, 'no label "cluster"'],
    ['a property of every object', broker, { cluster: 'constructor', broker_id: '1' }, 'no cluster "constructor"'],
  ])('and refuse %s', (_, selector, labels, words) => {
    const subject = resolve(selector, labels)

    expect(subject).toMatchObject({ kind: 'unresolved', key: 'unresolved:f00d' })
    expect('problem' in subject && subject.problem).toContain(words)
  })

  it('no label value ever yields a target outside of the inventory', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        'orders',
        'audit',
        '1',
        '2',
        '12',
        'k1',
        'k2:9092',
        'one',
        'all',
        '*',
        '',
        '../audit',
        'orders/broker/1',
        '__proto__',
        '1\n',
      ),
    )
    const name = fc.constantFrom('cluster', 'broker_id', 'exporter', 'instance', 'host', 'toString')
    fc.assert(
      fc.property(fc.dictionary(name, word), fc.constantFrom(broker, exporter), (labels, selector) => {
        const subject = resolve(selector, labels)

        if (subject.kind === 'unresolved') expect(subject.problem).not.toBe('')
        else {
          const target = inventory.targets.get(subject.target)
          expect(target).toMatchObject({ key: subject.key, kind: selector.kind, cluster: subject.cluster })
          if (labels['cluster']) expect(target?.cluster).toBe(labels['cluster'])
          if (selector.kind === 'broker' && labels['broker_id']) expect(target?.name).toBe(labels['broker_id'])
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
