import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Lab, startLab } from '../lab/lab.ts'
import { waitFor } from '../lab/wait.ts'
import { deliveryOf } from '../support/alertmanager.ts'
import { quickRules, writeRules } from '../support/rules.ts'
import { type Service, startService } from '../support/service.ts'

let lab: Lab
let service: Service

beforeAll(async () => {
  lab = await startLab({ parts: ['ssh', 'mail', 'monitoring'] })
  writeRules(lab.healingFolder, quickRules({ mode: 'inform' }))
}, 120_000)
afterAll(async () => {
  await service?.stop()
  await lab?.down()
})

async function post(names: readonly string[]): Promise<void> {
  // As Prometheus posts: it fires for a while without being sent again.
  const alerts = names.map((name) => ({
    labels: { alertname: name, cluster: 'elsewhere' },
    endsAt: new Date(Date.now() + 600_000).toISOString(),
  }))
  const answer = await fetch(`${lab.url.alertmanager}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
  })
  expect(answer.status).toBe(200)
}

async function known(): Promise<readonly string[]> {
  const { items } = (await service.get('/alerts')) as { items: readonly { labels: Record<string, string> }[] }
  return items.map((alert) => alert.labels['alertname'] ?? '').toSorted()
}

it('what Alertmanager cut off (`truncatedAlerts`) is fetched from the real Alertmanager; nothing is marked gone by it', async () => {
  // The service is away while they fire: only the fetch can bring them.
  await post(['KafkaCutOff1', 'KafkaCutOff2', 'KafkaCutOff3'])
  service = await startService({ config: `${lab.healingFolder}/config.yml` })
  expect(await known()).toEqual([])

  const shown = { labels: { alertname: 'Shown', cluster: 'elsewhere' }, startsAt: Date.now() }
  const headers = { authorization: `Bearer ${lab.webhookToken}` }
  expect((await service.post('/webhook', deliveryOf([shown], { truncatedAlerts: 3 }), headers)).status).toBe(200)
  // `Shown` is not in Alertmanager at all: a fetch adds, it never marks gone.
  const all = await waitFor(
    'the rest',
    async () => {
      const names = await known()
      return ['KafkaCutOff1', 'KafkaCutOff2', 'KafkaCutOff3', 'Shown'].every((name) => names.includes(name))
        ? names
        : undefined
    },
    20_000,
  )
  expect(all).toContain('Shown')
  expect(await service.text('/metrics')).toContain('kafka_healing_truncated_alerts_total 3')
}, 90_000)

it('a body over the cap is answered 413, and its alerts are fetched', async () => {
  await post(['KafkaTooLarge'])
  const huge = {
    labels: { alertname: 'Huge', cluster: 'elsewhere' },
    startsAt: Date.now(),
    annotations: { text: 'x'.repeat(17 * 1024 * 1024) },
  }
  const answer = await service.post('/webhook', deliveryOf([huge]), { authorization: `Bearer ${lab.webhookToken}` })
  expect(answer.status).toBe(413)
  await waitFor('the fetch', async () => (await known()).includes('KafkaTooLarge'), 20_000)
}, 60_000)
