import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServer, startAlertmanager } from '../../test/support/monitoring.ts'
import { systemClock } from '../clock.ts'
import { type Alertmanager, openAlertmanager } from './alertmanager.ts'
import type { SeenAlert } from './probe.ts'

async function list(alertmanager: Alertmanager, receiver: string | null): Promise<readonly SeenAlert[]> {
  const all: SeenAlert[] = []
  await alertmanager.alerts(receiver, (alert) => all.push(alert))
  return all
}
const names = (alerts: readonly SeenAlert[]) => alerts.map(({ labels }) => labels['alertname'] ?? '').toSorted()

describe('a real Alertmanager, asked by itself', () => {
  let server: RunningServer
  let alertmanager: Alertmanager
  const post = async (path: string, body: unknown): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${server.url}/api/v2/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    expect(answer.status).toBe(200)
  }
  const at = (ms: number): string => new Date(systemClock.now() + ms).toISOString()

  beforeAll(async () => {
    server = await startAlertmanager()
    alertmanager = openAlertmanager({ url: `${server.url}/`, timeoutMs: 5_000 })
    const alerts = ['Fires', 'Silenced', 'Watchdog'].map((alertname) => ({
      labels: { alertname },
      startsAt: at(-60_000),
    }))
    await post('alerts', [
      ...alerts.map((alert) => ({ ...alert, endsAt: at(600_000) })),
      { labels: { alertname: 'Over' }, startsAt: at(-60_000), endsAt: at(-1_000) },
    ])
    const matchers = [{ name: 'alertname', value: 'Silenced', isRegex: false, isEqual: true }]
    await post('silences', { matchers, startsAt: at(0), endsAt: at(600_000), createdBy: 'ann', comment: 'x' })
  }, 60_000)
  afterAll(() => server?.close())

  test('alerts in every state are listed, ended ones are not, each with its receivers', async () => {
    const all = await list(alertmanager, 'healing')
    expect(names(all)).toEqual(['Fires', 'Silenced', 'Watchdog'])
    expect(all.find(({ labels }) => labels['alertname'] === 'Silenced')?.state).toBe('suppressed')
    expect(all.map(({ receivers }) => receivers)).toEqual([['healing'], ['healing'], ['healing']])
    expect(names(await list(alertmanager, null))).toEqual(['Fires', 'Silenced', 'Watchdog'])
  })

  test('a receiver is a name, not a pattern', async () => {
    for (const other of ['heal.ng', 'heal', '.*', 'healing|x', 'a(b'])
      expect(await list(alertmanager, other)).toEqual([])
  })

  test('one alert is asked for by its name', async () => {
    expect(names(await alertmanager.named('Watchdog'))).toEqual(['Watchdog'])
    expect(await alertmanager.named('Watch"dog')).toEqual([])
  })

  test('it says when it was started', async () => {
    const age = systemClock.now() - (await alertmanager.startedAt())
    expect(age).toBeGreaterThan(0)
    expect(age).toBeLessThan(120_000)
  })

  test('its address is shown without a login', () => {
    expect(openAlertmanager({ url: 'http://ann:secret@am:9093/prefix/', timeoutMs: 1 }).url).toBe(
      'http://am:9093/prefix',
    )
  })

  test('one that hangs fails at its deadline, and at once when we stop', async () => {
    const impatient = openAlertmanager({ url: server.url, timeoutMs: 100 })
    await server.signal('SIGSTOP')
    try {
      await expect(impatient.startedAt()).rejects.toThrow(/timeout/)
      await expect(list(impatient, 'healing')).rejects.toThrow(/timeout/)
      const stop = AbortSignal.abort()
      await expect(alertmanager.alerts(null, () => {}, stop)).rejects.toThrow(/abort/)
    } finally {
      await server.signal('SIGCONT')
    }
  })
})

test.each([
  ['an alert without its times', '[{"fingerprint":"a","labels":{},"status":{"state":"active"}}]'],
  [
    'a state that no version has',
    '[{"fingerprint":"a","labels":{},"status":{"state":"odd"},"startsAt":"2026-01-01T00:00:00Z"}]',
  ],
  ['an object', '{"data":[]}'],
  ['a page of a proxy', '<html>'],
  ['half an answer', '[{"fingerprint":'],
])('%s is refused, with the address', async (_, body) => {
  const server = http.createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1')
  try {
    await new Promise((resolve) => server.once('listening', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(list(openAlertmanager({ url, timeoutMs: 2_000 }), null)).rejects.toThrow(`${url}/api/v2/alerts: `)
  } finally {
    server.close()
  }
})
