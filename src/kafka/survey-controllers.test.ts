import { describe, expect, test } from 'vitest'
import { controllersIn, type VotersRead } from './survey-controllers.ts'

const said = (settings: Readonly<Record<string, string | null>>) => new Map(Object.entries(settings))
const NAMES = { 'controller.listener.names': 'CONTROLLER' }

type Listeners = VotersRead['listeners'] extends ReadonlyMap<number, infer L> ? L : never

function quorum(listeners: Readonly<Record<number, Listeners>>): VotersRead {
  const nodes = Object.entries(listeners).map(([id, list]) => [Number(id), list] as const)
  return { voters: nodes.map(([id]) => id), listeners: new Map(nodes) }
}

describe('controllers', () => {
  test('are what the quorum says, by the listener that brokers use first', () => {
    const read = quorum({
      1: [
        { name: 'OTHER', host: 'c1', port: 1 },
        { name: 'controller', host: 'c1', port: 9093 },
      ],
      2: [{ name: 'ELSE', host: 'fd00::2', port: 9093 }],
    })
    const settings = said({ ...NAMES, 'controller.quorum.voters': '1@old:1,2@old:2' })
    expect(controllersIn([settings], [read])).toEqual({
      kind: 'kraft',
      listeners: [
        { host: 'c1', port: 9093 },
        { host: 'fd00::2', port: 9093 },
      ],
      missing: [],
      protocol: null,
    })
  })

  test('are what settings say where the quorum tells no listeners (before Kafka 3.9), as far as they do', () => {
    const settings = said({ ...NAMES, 'controller.quorum.voters': '1@c1:9093, 2@[::1]:9094' })
    expect(controllersIn([settings], [quorum({ 1: [], 2: [], 3: [] })])).toMatchObject({
      listeners: [
        { host: 'c1', port: 9093 },
        { host: '::1', port: 9094 },
      ],
      missing: [3],
    })
    // One broker may not tell its settings.
    expect(controllersIn([said({}), settings], [])).toMatchObject({ listeners: [{ host: 'c1' }, {}], missing: [] })
  })

  test('are looked for where the cluster begins to, when nothing else says where they are', () => {
    const settings = said({ ...NAMES, 'controller.quorum.bootstrap.servers': 'c1:9093,c2:9093' })
    expect(controllersIn([settings], [quorum({ 7: [] })])).toMatchObject({
      listeners: [{ host: 'c1' }, { host: 'c2' }],
      missing: [7],
    })
  })

  test.each([
    ['CONTROLLER:SASL_SSL,PLAINTEXT:PLAINTEXT', 'SASL_SSL'],
    [' plaintext:PLAINTEXT , controller:ssl', 'SSL'],
    ['CONTROLLER:KERBEROS', null],
    ['', null],
  ])('speak what %j maps their listener to', (map, protocol) => {
    const settings = said({ ...NAMES, 'controller.quorum.voters': '1@c:1', 'listener.security.protocol.map': map })
    expect(controllersIn([settings], [])).toMatchObject({ protocol })
  })

  test.each([
    ['zk1:2181,zk2:2182', ['zk1:2181', 'zk2:2182']],
    ['zk1,zk2:2182/kafka/orders', ['zk1:2181', 'zk2:2182']],
    ['[::1],[::2]:2182', ['::1:2181', '::2:2182']],
  ])('of ZooKeeper’s time are the servers of %j', (connect, servers) => {
    const seen = controllersIn([said({ 'zookeeper.connect': connect, 'controller.quorum.voters': '' })], [])
    expect(seen).toMatchObject({ kind: 'zookeeper' })
    expect('servers' in seen && seen.servers.map(({ host, port }) => `${host}:${port}`)).toEqual(servers)
  })

  test.each([[{}], [{ 'zookeeper.connect': '' }], [{ 'controller.quorum.voters': 'x@y, 1@:9' }]])(
    'are unknown where settings say %j',
    (settings) => {
      expect(controllersIn([said(settings)], [])).toEqual({ kind: 'unknown' })
    },
  )
})
