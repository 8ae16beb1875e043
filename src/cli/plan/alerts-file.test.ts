import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDelivery } from '../../alert/payload.ts'
import { alertsIn } from './alerts-file.ts'

const NOW = Date.parse('2026-07-01T10:00:00.000Z')
const payloads = join(import.meta.dirname, '../../../test/fixtures/payloads')

describe('what plan reads', () => {
  test.each(readdirSync(payloads))('is a webhook body as the service reads it: %s', (file) => {
    const text = readFileSync(join(payloads, file), 'utf8')
    const delivery = parseDelivery(JSON.parse(text))
    expect(alertsIn(text, NOW)).toEqual('ok' in delivery ? { ok: delivery.ok.alerts } : delivery)
  })

  test('may be one alert that says only its labels: it fires since now', () => {
    const parsed = alertsIn('{"labels":{"alertname":"A"}}', NOW)
    expect(parsed).toMatchObject({
      ok: [{ status: 'firing', startsAt: NOW, endsAt: null, labels: { alertname: 'A' } }],
    })
  })

  test("may be a list, such as Alertmanager's API answers", () => {
    const listed = [
      {
        labels: { alertname: 'A' },
        status: { state: 'active' },
        startsAt: '2026-07-01T09:00:00Z',
        endsAt: '2026-07-01T10:01:00Z',
        fingerprint: '0123456789abcdef',
      },
      { labels: { alertname: 'B' }, status: 'resolved' },
    ]
    const parsed = alertsIn(JSON.stringify(listed), NOW)
    expect(parsed).toMatchObject({
      ok: [
        { status: 'firing', startsAt: NOW - 3_600_000, endsAt: null, fingerprint: '0123456789abcdef' },
        { status: 'resolved', startsAt: NOW },
      ],
    })
  })

  test.each([
    ['', /not JSON/],
    ['[]', /no alert/],
    ['7', /alerts/],
    ['{"alerts":[]}', /version "4"/],
    ['{"version":"4","status":"firing","alerts":[]}', /no alert/],
    ['{"labels":{"a":1}}', /strings/],
    ['{"labels":{},"startsAt":"yesterday"}', /startsAt/],
  ])('is refused with a sentence when it is no alert: %s', (text, problem) => {
    expect(alertsIn(text, NOW)).toMatchObject({ problem: expect.stringMatching(problem) })
  })
})
