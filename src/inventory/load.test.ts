import { describe, expect, it } from 'vitest'
import { parseDocument } from '../document/document.ts'
import { formatProblem } from '../document/problem.ts'
import type { Inventory } from './inventory.ts'
import { fromDocument } from './load.ts'

const PIN = `SHA256:${'a'.repeat(43)}`

function load(text: string) {
  const { document, problems } = parseDocument('/etc/kh/inventory.yml', text)
  if (document === null) throw new Error(problems.map(formatProblem).join('\n'))
  const loaded = fromDocument(document)
  return {
    inventory: loaded.inventory,
    problems: loaded.problems.map((problem) => formatProblem(problem).replace('/etc/kh/', '')),
  }
}

function good(text: string): Inventory {
  const { inventory, problems } = load(text)
  if (inventory === null) throw new Error(problems.join('\n'))
  return inventory
}

const ssh = `
clusters:
  orders:
    cluster_id: MkU3OEVBNTcwNTJENDM2Qk
    bootstrap: [kafka-1:9092, kafka-2:9092]
    controllers: [kafka-1:9093]
    connection: { driver: ssh, user: healer, key_file: keys/id_ed25519 }
    min_free: { bytes: 2GiB }
    brokers:
      - { id: 1, host: kafka-1, unit: kafka.service, rack: a, data: [/var/lib/kafka], host_key: "${PIN}", aliases: ["kafka-1:7071"] }
      - { id: 2, host: kafka-2, unit: { name: kafka@2.service, manager: user }, data: [{ path: /data, mount: true }], min_free: { ratio: 0.1 },
          connection: { user: root, port: 2222, host_key: "${PIN}" }, address: 10.0.0.2:9094 }
    exporters: [{ name: kafka-exporter, host: kafka-1, unit: kafka-exporter.service, host_key: "${PIN}", address: 127.0.0.1:9308 }]
    tolerate_unavailable: [scratch-*]
`

describe('the inventory', () => {
  it('gives each target what it says itself, and the rest from its cluster', () => {
    const inventory = good(ssh)

    expect([...inventory.targets.keys()]).toEqual([
      'orders/broker/1',
      'orders/broker/2',
      'orders/exporter/kafka-exporter',
    ])
    expect(inventory.targets.get('orders/broker/1')).toEqual({
      key: 'orders/broker/1',
      kind: 'broker',
      cluster: 'orders',
      name: '1',
      host: 'kafka-1',
      connection: { driver: 'ssh', user: 'healer', port: 22, keyFile: '/etc/kh/keys/id_ed25519', hostKey: PIN },
      unit: { name: 'kafka.service', manager: 'system', sudo: true },
      address: { host: 'kafka-1', port: 9092 },
      aliases: ['kafka-1:7071'],
      data: [{ path: '/var/lib/kafka', mount: false }],
      rack: 'a',
      minFree: { bytes: 2 * 1024 ** 3, ratio: 0.02 },
    })
    expect(inventory.targets.get('orders/broker/2')).toMatchObject({
      connection: { user: 'root', port: 2222 },
      unit: { name: 'kafka@2.service', manager: 'user', sudo: false },
      address: { host: '10.0.0.2', port: 9094 },
      data: [{ path: '/data', mount: true }],
      minFree: { bytes: 2 * 1024 ** 3, ratio: 0.1 },
    })
    expect(inventory.clusters.get('orders')).toMatchObject({
      clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
      tolerateUnavailable: ['scratch-*'],
    })
  })

  it('needs no key and no pin for units on this machine', () => {
    const inventory = good(
      'clusters: { lab: { bootstrap: [127.0.0.1:1], connection: { driver: local }, units: { manager: user }, brokers: [{ id: 0, host: 127.0.0.1, unit: a.service }] } }',
    )

    expect(inventory.targets.get('lab/broker/0')).toMatchObject({
      connection: { driver: 'local' },
      unit: { manager: 'user', sudo: false },
      address: { host: '127.0.0.1', port: 1 },
    })
    expect(inventory.clusters.get('lab')?.clusterId).toBeNull()
  })

  const one = (broker: string, cluster = '', exporters = '') => `
clusters:
  orders:
    bootstrap: [k1:1, k2:1, k3:1, k3:2]
    connection: { driver: ssh, user: healer, key_file: k, host_key: "${PIN}" }
    ${cluster}
    brokers:
      - { id: 1, host: k1, unit: kafka.service }
      - ${broker}
    exporters: [${exporters}]
`

  it.each([
    [
      'an id twice',
      one('{ id: 1, host: k2, unit: kafka.service }'),
      '9:15: broker 1 is already there in cluster orders',
    ],
    [
      'a unit twice on one host',
      one('{ id: 2, host: k1, unit: kafka.service, address: k1:2 }'),
      '9:34: kafka.service on k1 is already the unit of orders/broker/1',
    ],
    [
      'an exporter with the unit of a broker',
      one('{ id: 2, host: k2, unit: kafka.service }', '', '{ name: jmx, host: k2, unit: kafka.service }'),
      "an exporter's unit must never be a broker's",
    ],
    [
      'an exporter twice',
      one(
        '{ id: 2, host: k2, unit: kafka.service }',
        '',
        '{ name: e, host: k1, unit: e.service }, { name: e, host: k2, unit: e.service }',
      ),
      'exporter e is already there',
    ],
    [
      'an alias twice',
      one('{ id: 2, host: k2, unit: kafka.service, aliases: [x, x] }'),
      '9:62: the alias "x" already names orders/broker/2',
    ],
    [
      'an alias that is another broker',
      one('{ id: 2, host: k2, unit: kafka.service, aliases: [k1] }'),
      'the alias "k1" already names orders/broker/1',
    ],
    [
      'an alias that is another listener',
      one('{ id: 2, host: k2, unit: kafka.service, aliases: ["k1:1"] }'),
      'the alias "k1:1" already names orders/broker/1',
    ],
    [
      'an address twice',
      one('{ id: 2, host: k2, unit: kafka.service, address: k1:1 }'),
      'k1:1 is already the address of orders/broker/1',
    ],
    [
      'a broker without a listener of its own',
      one('{ id: 2, host: k9, unit: kafka.service }'),
      '9:24: broker 2 needs `address: host:port`: `bootstrap` has no entry on k9',
    ],
    [
      'a broker with two candidates',
      one('{ id: 2, host: k3, unit: kafka.service }'),
      '`bootstrap` has several entries on k3',
    ],
    [
      'a pin that is no pin',
      one('{ id: 2, host: k2, unit: kafka.service, host_key: "SHA256:abc" }'),
      '9:59: clusters.orders.brokers[1].host_key: expected SHA256: and 43 characters',
    ],
    [
      'a unit that is an option',
      one('{ id: 2, host: k2, unit: --now }'),
      'expected the full name of a systemd service',
    ],
    [
      'a unit without its ending',
      one('{ id: 2, host: k2, unit: kafka }'),
      'expected the full name of a systemd service',
    ],
    [
      'a host that is an option',
      one('{ id: 2, host: "-oProxyCommand=x", unit: kafka.service }'),
      'expected a host name or an IP address',
    ],
    ['an id that is none', one('{ id: two, host: k2, unit: kafka.service }'), 'expected a whole number'],
    [
      'sudo for a user manager',
      one('{ id: 2, host: k2, unit: { name: kafka.service, manager: user, sudo: true } }'),
      'a user manager is never reached through sudo',
    ],
    [
      'a user with driver local',
      one('{ id: 2, host: k2, unit: kafka.service, connection: { driver: local, user: x } }'),
      '`user` means nothing with driver local',
    ],
    [
      'a relative data folder',
      one('{ id: 2, host: k2, unit: kafka.service, data: [data] }'),
      'expected an absolute path',
    ],
    [
      'a misspelt key',
      one('{ id: 2, host: k2, unt: kafka.service }'),
      '9:28: unknown key "unt" (did you mean "unit"?)',
    ],
    [
      'a misspelt key in a unit',
      one('{ id: 2, host: k2, unit: { name: kafka.service, manger: user } }'),
      'unknown key "manger" (did you mean "manager"?)',
    ],
    [
      'a cluster id that is none',
      one('{ id: 2, host: k2, unit: kafka.service }', 'cluster_id: x'),
      'expected the 22 characters',
    ],
    ['a cluster called all', 'clusters: { all: {} }', '"all" cannot be a name'],
  ])('refuses %s', (_, text, expected) => {
    const { inventory, problems } = load(text)

    expect(inventory).toBeNull()
    expect(problems.join('\n')).toContain(expected)
  })

  it('refuses an SSH host that is not pinned, has no user, no key or no driver', () => {
    const bare = (connection: string) =>
      load(
        `clusters: { a: { bootstrap: [k:1], ${connection} brokers: [{ id: 1, host: k, unit: k.service }] } }`,
      ).problems.join('\n')

    expect(bare('connection: { driver: ssh, user: u, key_file: k },')).toContain('k needs a `host_key`')
    expect(bare('connection: { driver: ssh, key_file: k },')).toContain('driver ssh needs a `user`')
    expect(bare('connection: { driver: ssh, user: u },')).toContain('driver ssh needs a `key_file`')
    expect(bare('')).toContain('no `connection` here or on the cluster')
  })

  it('allows one unit name on two hosts, and several brokers on one host', () => {
    expect(good(one('{ id: 2, host: k2, unit: kafka.service }')).targets.size).toBe(2)
    expect(good(one('{ id: 2, host: k1, unit: kafka@2.service, address: k1:2 }')).targets.size).toBe(2)
  })

  it('takes all local targets for units of one machine', () => {
    const text = `clusters: { a: { bootstrap: [h1:1, h2:1], connection: { driver: local }, brokers: [{ id: 1, host: h1, unit: k.service }, { id: 2, host: h2, unit: k.service }] } }`

    expect(load(text).problems.join()).toContain('is already the unit of a/broker/1')
  })
})
