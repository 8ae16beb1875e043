import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { loadInventory } from '../../src/inventory/load.ts'
import { askLiveness } from '../../src/kafka/liveness.ts'
import { openKafkaClients } from '../../src/kafka/open-clients.ts'
import { type Lab, startLab } from './lab.ts'
import { waitFor } from './wait.ts'

/** A controller of its own, so that brokers can be lost without the quorum; proxies before all of them. */
let lab: Lab

beforeAll(async () => {
  lab = await startLab({ parts: ['kafka', 'ssh'], controllers: 1, proxied: true, sessionTimeoutMs: 3000 })
}, 600_000)

afterAll(() => lab?.down(), 60_000)

function cluster() {
  const { inventory, problems } = loadInventory(`${lab.healingFolder}/inventory.yml`)
  expect(problems).toEqual([])
  const orders = inventory?.clusters.get('orders')
  if (orders === undefined) throw new Error('no cluster')
  return orders
}

async function seen(id: number): Promise<string> {
  const address = cluster().brokers.find(({ name }) => name === String(id))?.address
  if (!address) throw new Error(`no address of broker ${id}`)
  const { why } = await askLiveness(address, { clock: systemClock, deadlineMs: 500 })
  return why
}

/** How many bytes the broker's own host gets for an answer to ApiVersions. */
async function seenInside(id: number): Promise<string> {
  const question = '\\x00\\x00\\x00\\x0a\\x00\\x12\\x00\\x00\\x00\\x00\\x01\\xf4\\xff\\xff'
  const script = `exec 3<>/dev/tcp/127.0.1.${id}/${lab.broker(id).port}; printf "${question}" >&3; head -c 10 <&3 | wc -c`
  return (await lab.ssh(`timeout 5 bash -c '${script}'`)).stdout.trim()
}

describe('the lab', () => {
  test('has controllers of their own, and says which one leads', async () => {
    const [controller] = lab.state.controllers
    expect(await lab.activeController()).toBe(controller?.id)
    expect(cluster().controllers).toEqual([{ host: `127.0.1.${controller?.id}`, port: controller?.controllerPort }])
  })

  test('places a topic, and says which partitions have lost their leader', { timeout: 120_000 }, async () => {
    await lab.createTopic('solo', { assignment: [[2], [1]], minInsyncReplicas: 1 })
    expect(await lab.offlinePartitions()).toEqual([])
    await lab.signalBroker(2, 'SIGKILL')
    await waitFor('the partition to be offline', async () => (await lab.offlinePartitions())[0] === 'solo-0', 30_000)
    expect(await lab.activeController()).not.toBeNull()
    await lab.systemctl('start', lab.broker(2).unit)
    await lab.waitHealed()
  })

  test('cuts kafka-healing off one listener and nobody else', async () => {
    expect(await seen(3)).toBe('ok')
    await lab.cut(3, 'refuse')
    expect(await seen(3)).toBe('refused')
    expect(await seen(1)).toBe('ok')
    await lab.cut(3, 'drop')
    expect(await seen(3)).toBe('no-answer')
    expect(await seenInside(3)).toBe('10')
    await lab.cut(3, 'freeze')
    expect(await seen(3)).toBe('no-answer')
    expect(await seenInside(3)).toBe('10')
    await lab.cut(3, 'pass')
    expect(await seen(3)).toBe('ok')
    await lab.cut(4, 'refuse', 'controller')
    const clients = openKafkaClients({ clock: systemClock })
    expect((await clients.metadata(cluster())).brokers.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([1, 2, 3])
    await lab.cut(4, 'pass', 'controller')
    await lab.waitHealed()
  })

  test('keeps a broker busy with its logs for as long as wanted', { timeout: 180_000 }, async () => {
    await lab.preloadSegments('segments')
    const release = await lab.slowRecovery(1)
    const before = await waitFor('its agent to say how much', async () => (await lab.remainingLogs(1)) || null, 60_000)
    const began = performance.now()
    const left = await waitFor(
      'two logs to be done with',
      async () => {
        const now = await lab.remainingLogs(1)
        return now !== null && now <= before - 2 ? now : undefined
      },
      120_000,
      2_000,
    )
    // At this pace all of them take a multiple of what any test waits for.
    expect(((performance.now() - began) / (before - left)) * before).toBeGreaterThan(20_000)
    release()
    await lab.waitHealed()
    expect(await lab.remainingLogs(1)).toBe(0)
  })
})
