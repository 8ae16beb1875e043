import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { deliver, deliveryOf, type TestAlert } from '../support/alertmanager.ts'
import { type ApiView, history, incident, incidents } from '../support/api.ts'
import { readMail } from '../support/mime.ts'
import { quickRules, writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'

const HOLD_FILE = '/etc/kafka-healing.hold'

let lab: Lab
let service: Service
let pristine: string

beforeAll(async () => {
  lab = await startLab({ parts: ['kafka', 'ssh', 'mail'], sessionTimeoutMs: 3_000 })
  // Refusals are told soon, so that the test can read the mail.
  const escalation = { to: ['kafka-oncall'], repeat: '4h', tell_by: '2s', escalate_after: '2s' }
  writeRules(lab.healingFolder, quickRules({ firing: { source: 'webhook', max_age: '1h' }, escalation }))
  pristine = readFileSync(inventoryFile(), 'utf8')
  service = await startService({
    config: join(lab.healingFolder, 'config.yml'),
    listen: `127.0.0.1:${lab.state.ports.healing}`,
  })
}, 180_000)

afterAll(async () => {
  rmSync(HOLD_FILE, { force: true })
  await service?.stop()
  await lab?.down()
})

afterEach(async (context) => {
  if (context.task.result?.state === 'fail') console.error(service.output().slice(-10_000))
  rmSync(HOLD_FILE, { force: true })
  await withInventory(() => {})
})

function inventoryFile(): string {
  return join(lab.healingFolder, 'inventory.yml')
}

interface BrokerEntry {
  id: number
  data: (string | { path: string; mount: boolean })[]
}
interface ClusterEntry {
  cluster_id: string
  brokers: BrokerEntry[]
}

/** Takes a changed inventory into force by a reload. */
async function withInventory(change: (cluster: ClusterEntry) => void): Promise<void> {
  const inventory = parse(pristine) as { clusters: { orders: ClusterEntry } }
  change(inventory.clusters.orders)
  writeFileSync(inventoryFile(), stringify(inventory))
  expect((await service.post('/-/reload', {})).status).toBe(200)
}

function brokerOf(cluster: ClusterEntry, id: number): BrokerEntry {
  const broker = cluster.brokers.find((one) => one.id === id)
  if (!broker) throw new Error(`no broker ${id}`)
  return broker
}

let serial = 0
let fired: TestAlert

/** Fires an alert with the labels and waits until its incident satisfies the condition. */
async function fire(labels: Readonly<Record<string, string>>, accept: (view: ApiView) => boolean): Promise<ApiView> {
  const last = Math.max(0, ...(await incidents(service, '?limit=1000')).map((one) => one.id))
  fired = { labels: { alertname: 'KafkaBrokerDown', try: String(++serial), ...labels }, startsAt: Date.now() }
  await deliver(() => service, deliveryOf([fired]), lab.webhookToken)
  const id = await waitFor(
    'the incident',
    async () => (await incidents(service, '?limit=1000')).find((one) => one.id > last)?.id,
    10_000,
  )
  return stands(id, accept)
}

function stands(id: number, accept: (view: ApiView) => boolean): Promise<ApiView> {
  let seen: ApiView | null = null
  return waitFor(
    `incident ${id}`,
    async () => {
      seen = await incident(service, id)
      return accept(seen) ? seen : undefined
    },
    45_000,
    100,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(seen?.incident)}`)
  })
}

/** The reason stands in the incident's trace, and in the mail that a person gets; nothing was run. */
async function isTold(view: ApiView, reason: RegExp): Promise<void> {
  const told = await stands(
    view.incident.id,
    (one) =>
      one.mails.some((mail) => mail.state === 'sent') &&
      (one.decisions.some((decision) => reason.test(decision.reason)) || reason.test(one.incident.detail)),
  )
  const ids = told.mails.map((mail) => mail.messageId)
  const text = await waitFor(
    'the mail',
    () =>
      lab
        .mails()
        .filter((mail) => ids.some((id) => mail.raw.includes(id)))
        .map((mail) => readMail(mail.raw).text)
        .join('\n') || undefined,
    10_000,
  )
  expect(text).toMatch(reason)
  expect(told.attempts.filter((attempt) => attempt.steps.length > 0)).toEqual([])
}

/** The broker is started by hand where it is down, the alert resolves and the incident ends: the next case finds a whole cluster. */
async function end(view: ApiView, id?: number): Promise<void> {
  if (id !== undefined) await lab.systemctl('start', lab.broker(id).unit)
  await lab.waitHealed()
  await deliver(() => service, deliveryOf([{ ...fired, status: 'resolved' }]), lab.webhookToken)
  await stands(view.incident.id, (one) => one.incident.state === 'closed')
}

const refused = (view: ApiView): boolean =>
  ['refused', 'onHold', 'evidenceMissing', 'approval'].includes(view.incident.reason) ||
  view.incident.state === 'escalated'

describe('refused, each with its reason in the trace and in the mail', () => {
  it('S-2.5 a unit stopped on purpose: it asks; a person’s retry starts it', async () => {
    await lab.systemctl('stop', lab.broker(1).unit)
    const view = await fire({ cluster: 'orders', broker_id: '1' }, refused)
    await isTold(view, /stopped on purpose/)
    expect((await lab.unit(lab.broker(1).unit))['ActiveState']).toBe('inactive')

    expect((await service.post(`/incidents/${view.incident.id}/retry`, { by: 'ann' })).status).toBe(200)
    await stands(view.incident.id, (one) => ['probation', 'settled', 'closed'].includes(one.incident.state))
    await end(view)
  }, 90_000)

  it('S-2.4 a held host, without our service being asked; it acts by itself once the file is gone', async () => {
    writeFileSync(HOLD_FILE, 'hardware change\n')
    await lab.signalBroker(2, 'SIGKILL')
    const view = await fire({ cluster: 'orders', broker_id: '2' }, refused)
    await isTold(view, /hold/)
    rmSync(HOLD_FILE)
    const healed = await stands(view.incident.id, (one) =>
      ['probation', 'settled', 'closed'].includes(one.incident.state),
    )
    expect(healed.attempts.map((attempt) => attempt.status)).toEqual(['succeeded'])
    await end(view)
  }, 120_000)

  it('S-2.3 a wrong cluster id', async () => {
    await withInventory((cluster) => {
      cluster.cluster_id = 'MkU3OEVBNTcwNTJENDM2Qk'
    })
    await lab.signalBroker(3, 'SIGKILL')
    const view = await fire({ cluster: 'orders', broker_id: '3' }, (one) => one.incident.state === 'escalated')
    expect(view.incident.reason).toBe('identity')
    await isTold(view, /cluster.id|MkU3OEVBNTcwNTJENDM2Qk/i)
    await end(view, 3)
  }, 90_000)

  it('S-2.3 data that is not mounted', async () => {
    await withInventory((cluster) => {
      const broker = brokerOf(cluster, 3)
      broker.data = broker.data.map((place) => (typeof place === 'string' ? { path: place, mount: true } : place))
    })
    await lab.signalBroker(3, 'SIGKILL')
    const view = await fire({ cluster: 'orders', broker_id: '3' }, (one) => one.incident.state === 'escalated')
    expect(view.incident.reason).toBe('identity')
    await isTold(view, /mount/)
    await end(view, 3)
  }, 90_000)

  it('S-2.3 data that cannot be read', async () => {
    await withInventory((cluster) => {
      brokerOf(cluster, 1).data = ['/nonexistent/kafka']
    })
    await lab.signalBroker(1, 'SIGKILL')
    const view = await fire({ cluster: 'orders', broker_id: '1' }, (one) => one.incident.state === 'escalated')
    expect(view.incident.reason).toBe('identity')
    await isTold(view, /nonexistent/)
    await end(view, 1)
  }, 90_000)

  it.each([
    ['an unknown broker', { cluster: 'orders', broker_id: '99' }, /99/],
    ['an ambiguous host', { cluster: 'orders', host: '127.0.0.1' }, /could be any of/],
    ['all', { cluster: 'orders', broker_id: 'all' }, /all/],
    ['no label at all', {}, /label|names no/],
  ])('S-2.1 %s', async (_name, labels, reason) => {
    const view = await fire(labels, (one) => one.incident.state === 'escalated')
    expect(view.incident.reason).toBe('unresolvable')
    await isTold(view, reason)
  })

  it('nothing but what a person asked for or the world allowed was ever run', async () => {
    const ran = (await history(service, '?limit=100')).filter((item) => item.status === 'succeeded')
    expect(ran.map((item) => item.target).toSorted()).toEqual(['orders/broker/1', 'orders/broker/2'])
    expect(existsSync(HOLD_FILE)).toBe(false)
  })
})
