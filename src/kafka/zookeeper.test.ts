import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { clusterView } from '../../test/support/cluster-view.ts'
import { clusterOf } from '../../test/support/look.ts'
import { startZookeepers, type Zookeepers } from '../../test/support/zookeeper.ts'
import { systemClock } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { wouldBreakQuorum } from './judge-view.ts'
import { openKafkaClients } from './open-clients.ts'
import { askZookeepers } from './zookeeper.ts'

const ask = (addresses: readonly HostPort[], deadlineMs = 1_000) =>
  askZookeepers(addresses, { clock: systemClock, deadlineMs })

describe('three real ZooKeeper servers', () => {
  let zookeepers: Zookeepers
  const modes = async () => (await ask(zookeepers.addresses)).members.map(({ mode }) => mode)

  beforeAll(async () => {
    zookeepers = await startZookeepers(3)
    await waitFor('an ensemble', async () => !(await modes()).includes(null), 60_000)
  })
  afterAll(() => zookeepers?.close())

  test('S-5.7 one leads and two follow', async () => {
    expect((await modes()).map(String).toSorted()).toEqual(['follower', 'follower', 'leader'])
  })

  test('S-5.5 a view of a cluster that names them has their quorum, and asks no controllers', async () => {
    const cluster = clusterOf([], { zookeepers: zookeepers.addresses })
    const { quorum } = await openKafkaClients({ clock: systemClock }).view(cluster)
    expect(quorum).toMatchObject({ kind: 'zookeeper', members: [{ reason: 'serves' }, {}, {}] })
    expect(wouldBreakQuorum(clusterView({ quorum }), 1)).toEqual({
      verdict: 'keeps',
      reason: '3 of 3 ZooKeeper servers serve',
    })
  })

  test('S-5.7 one that hangs is noticed within the deadline; without a majority the last one serves nobody', async () => {
    const follower = (await modes()).indexOf('follower')
    zookeepers.signal(follower, 'SIGSTOP')
    // The signal reaches the threads of a JVM one after the other.
    const hung = await waitFor('it to hang', async () => {
      const seen = await ask(zookeepers.addresses, 300)
      return seen.members[follower]?.mode === null ? seen : null
    })
    expect(hung.members[follower]).toMatchObject({ mode: null, reason: 'no answer in 300 ms' })
    expect(wouldBreakQuorum(clusterView({ quorum: hung }), null).verdict).toBe('keeps')

    const leader = (await modes()).indexOf('leader')
    zookeepers.signal(leader, 'SIGKILL')
    const alone = await waitFor(
      'the last one to notice',
      async () => {
        const seen = await ask(zookeepers.addresses, 300)
        const said = seen.members.map(({ reason }) => reason)
        return said.includes('This ZooKeeper instance is not currently serving requests') ? seen : null
      },
      30_000,
    )
    expect(wouldBreakQuorum(clusterView({ quorum: alone }), null)).toEqual({
      verdict: 'frozen',
      reason: '0 of 3 ZooKeeper servers serve',
    })
  })
})

test('one server alone is standalone, and says so whatever four-letter words it is told to allow', async () => {
  const zookeepers = await startZookeepers(1, 'ruok')
  try {
    const mode = await waitFor('it serves', async () => (await ask(zookeepers.addresses)).members[0]?.mode, 60_000)
    expect(mode).toBe('standalone')
  } finally {
    await zookeepers.close()
  }
}, 90_000)

test('what floods us, hangs up or is not there is no answer', async () => {
  const flood = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write('x'.repeat(1024 * 1024))
  })
  const rude = net.createServer((socket) => socket.destroy())
  const listen = (server: net.Server): Promise<HostPort> =>
    new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve({ host: '127.0.0.1', port: typeof address === 'object' && address ? address.port : 0 })
      })
    })
  const addresses = [await listen(flood), await listen(rude)]
  const { members } = await ask(addresses)
  expect(members.map(({ mode }) => mode)).toEqual([null, null])
  expect(members[0]?.reason).toBe('the answer is not one of ZooKeeper')
  flood.close()
  rude.close()
  expect((await ask(addresses)).members[0]?.reason).toContain('ECONNREFUSED')
})
