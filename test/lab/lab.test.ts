import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { loadInventory } from '../../src/inventory/load.ts'
import { type Lab, startLab } from './lab.ts'
import { checkMonitoring } from './monitoring.ts'
import { isAlive } from './processes.ts'
import { waitFor } from './wait.ts'

interface Delivery {
  readonly alerts: readonly { readonly status: string; readonly labels: Readonly<Record<string, string>> }[]
}

const deliveries: Delivery[] = []
let receiver: Server
let lab: Lab

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      deliveries.push(JSON.parse(body) as Delivery)
      response.end()
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const address = receiver.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  lab = await startLab({ sessionTimeoutMs: 3000, webhooks: [`http://127.0.0.1:${address.port}/`] })
}, 600_000)

afterAll(async () => {
  await lab?.down()
  receiver.closeAllConnections()
  receiver.close()
}, 60_000)

describe('the lab', () => {
  test('runs brokers and the exporter as enabled units that started by themselves', async () => {
    for (const name of ['kafka-1.service', 'kafka-2.service', 'kafka-3.service', 'kafka-exporter.service']) {
      expect(await lab.unit(name)).toMatchObject({ ActiveState: 'active', UnitFileState: 'enabled', Result: 'success' })
    }
  })

  test('writes a configuration and an inventory that kafka-healing takes as they are', () => {
    const configuration = loadConfig(join(lab.healingFolder, 'config.yml'))
    expect(configuration.problems).toEqual([])
    const { inventory, problems } = loadInventory(configuration.paths?.inventory ?? '')
    expect(problems).toEqual([])
    expect([...(inventory?.targets.keys() ?? [])]).toContain('orders/broker/2')
    expect([...(inventory?.targets.keys() ?? [])]).toContain('orders/exporter/kafka-exporter')
  })

  test('monitors itself with files that promtool and amtool accept, and nothing but Watchdog fires', async () => {
    await checkMonitoring(lab.state)
    // A machine with too much to do may miss a scrape; what is really wrong goes on firing.
    const firing = async () => {
      const found = await lab.query('ALERTS{alertstate="firing"}')
      return found.map(({ metric }) => metric['alertname'])
    }
    await expect.poll(firing, { timeout: 60_000, interval: 500 }).toEqual(['Watchdog'])
  })

  test('tells of a broker that was killed, and heals when its unit is started over SSH', {
    timeout: 120_000,
  }, async () => {
    await lab.createTopic('orders')
    await lab.signalBroker(2, 'SIGKILL')
    await lab.waitUnit('kafka-2.service', { ActiveState: 'failed', Result: 'signal', ExecMainStatus: '9' })
    const alert = await waitFor('the alert', () => told('firing', 'KafkaBrokerDown'), 30_000)
    expect(alert.labels).toMatchObject({ cluster: 'orders', broker_id: '2', severity: 'critical', host: 'kafka-2' })
    expect(alert.labels['instance']).toBeUndefined()
    expect(await lab.ssh('systemctl', '--user', 'start', 'kafka-2.service')).toMatchObject({ code: 0 })
    await lab.waitHealed()
    await waitFor('the resolved alert', () => told('resolved', 'KafkaBrokerDown'), 30_000)
    expect(
      deliveries.flatMap(({ alerts }) => alerts).some(({ labels }) => labels['alertname'] === 'KafkaExporterDown'),
    ).toBe(false)
  })

  test('breaks a broker so that it does not start, and mends it', { timeout: 120_000 }, async () => {
    lab.breakBroker(3)
    await lab.signalBroker(3, 'SIGKILL')
    await lab.waitUnit('kafka-3.service', { ActiveState: 'failed', Result: 'signal' })
    await lab.systemctl('start', 'kafka-3.service')
    await lab.waitUnit('kafka-3.service', { ActiveState: 'failed', Result: 'exit-code', ExecMainStatus: '1' })
    lab.mendBroker(3)
    await lab.systemctl('start', 'kafka-3.service')
    await lab.waitHealed()
  })

  test('freezes a broker: its unit stays active while the probe no longer gets an answer', {
    timeout: 120_000,
  }, async () => {
    await lab.signalBroker(1, 'SIGSTOP')
    await waitFor(
      'the probe to fail',
      async () => (await lab.query('probe_success{job="kafka-api",broker_id="1"} == 0'))[0],
      30_000,
    )
    expect(await lab.unit('kafka-1.service')).toMatchObject({ ActiveState: 'active' })
    const alert = await waitFor('the alert', () => told('firing', 'KafkaBrokerHung', '1'), 60_000)
    expect(alert.labels).toMatchObject({ cluster: 'orders', broker_id: '1', severity: 'critical', host: 'kafka-1' })
    await lab.signalBroker(1, 'SIGCONT')
    await lab.waitHealed()
    await waitFor('the resolved alert', () => told('resolved', 'KafkaBrokerHung', '1'), 30_000)
    // Silent is not down: two incidents on one broker would wait for each other.
    expect(told('firing', 'KafkaBrokerDown', '1')).toBeUndefined()
  })
})

describe('the small lab', () => {
  let small: Lab

  beforeAll(async () => {
    small = await startLab({ parts: ['ssh', 'mail'] })
  }, 60_000)
  afterAll(() => small?.down(), 30_000)

  test('has units that are cheap to kill and to start again over SSH', async () => {
    const unit = await small.addSmallUnit('tiny', 'serves')
    const answers = async () => (await fetch(`http://127.0.0.1:${unit.port}/metrics`)).ok
    await waitFor('the small unit', answers, 10_000)
    const { inventory, problems } = loadInventory(join(small.healingFolder, 'inventory.yml'))
    expect(problems).toEqual([])
    expect(inventory?.targets.get('orders/exporter/tiny')?.unit).toMatchObject({ name: unit.unit, manager: 'user' })
    for (let round = 0; round < 3; round++) {
      await small.signalUnit(unit.unit, 'SIGKILL')
      await small.waitUnit(unit.unit, { ActiveState: 'failed', Result: 'signal', UnitFileState: 'enabled' })
      expect(await small.ssh('systemctl', '--user', 'start', unit.unit)).toMatchObject({ code: 0 })
      await waitFor('the small unit', answers, 10_000)
    }
  })

  test('cuts SSH connections while their command runs on', async () => {
    const unit = await small.addSmallUnit('asleep')
    const cut = small.ssh('echo', 'begun;', 'sleep', '2;', 'systemctl', '--user', 'stop', unit.unit)
    await waitFor('the session', () => small.cutSsh() > 0, 10_000)
    expect((await cut).code).toBe(255)
    await small.stopSshd()
    expect((await small.ssh('true')).code).toBe(255)
    await small.startSshd()
    expect((await small.ssh('true')).code).toBe(0)
  })

  test('accepts connections and says nothing', async () => {
    const host = await small.startSilentHost()
    await expect(fetch(`http://127.0.0.1:${host.port}/`, { signal: AbortSignal.timeout(300) })).rejects.toThrow(
      'timeout',
    )
    await host.close()
  })

  test('ends every process it started', async () => {
    const other = await startLab({ parts: ['ssh', 'mail'] })
    const processes = Object.values(other.state.processes)
    expect(processes.every(isAlive)).toBe(true)
    await other.down()
    expect(processes.some(isAlive)).toBe(false)
  })
})

function told(status: string, alertname: string, broker?: string) {
  return deliveries
    .flatMap(({ alerts }) => alerts)
    .filter(({ labels }) => broker === undefined || labels['broker_id'] === broker)
    .find((alert) => alert.status === status && alert.labels['alertname'] === alertname)
}
