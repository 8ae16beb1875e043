import { readdirSync, readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from './fingerprint.ts'
import { parseDelivery, parseTimestamp } from './payload.ts'

const folder = new URL('../../test/fixtures/payloads/', import.meta.url)

const alert = {
  status: 'firing',
  labels: { alertname: 'KafkaBrokerDown', broker_id: '2' },
  annotations: {},
  startsAt: '2026-11-21T06:42:17.451Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: '',
  fingerprint: '658f27ca3a1898af',
}
const body = {
  version: '4',
  receiver: 'r',
  status: 'firing',
  groupKey: '{}:{}',
  externalURL: '',
  truncatedAlerts: 0,
  alerts: [alert],
}

function deliveryOf(value: unknown) {
  const parsed = parseDelivery(value)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed.ok
}

function firstAlert(change: object) {
  const [first] = deliveryOf({ ...body, alerts: [{ ...alert, ...change }] }).alerts
  if (first === undefined) throw new Error('no alert')
  return first
}

function problemOf(value: unknown): string {
  const parsed = parseDelivery(value)
  return 'problem' in parsed ? parsed.problem : ''
}

describe('parseDelivery', () => {
  it.each(readdirSync(folder))('reads the recorded %s', (file) => {
    const wire = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))

    const delivery = deliveryOf(wire)

    expect(delivery.alerts.map(({ fingerprint, status, labels }) => ({ fingerprint, status, labels }))).toEqual(
      wire.alerts.map(({ fingerprint, status, labels }: typeof alert) => ({ fingerprint, status, labels })),
    )
    for (const { status, endsAt } of delivery.alerts) expect(endsAt === null).toBe(status === 'firing')
  })

  it('names `payload:` when the version is missing', () => {
    expect(problemOf({ text: 'a custom payload' })).toContain('`payload:`')
    expect(problemOf({ ...body, version: '5' })).toContain('version "4"')
  })

  it.each([
    ['an array', [], 'JSON object'],
    ['null', null, 'JSON object'],
    ['alerts missing', { ...body, alerts: undefined }, 'alerts'],
    ['an unknown status', { ...body, alerts: [{ ...alert, status: 'pending' }] }, 'alerts[0].status'],
    ['a label that is a number', { ...body, alerts: [alert, { ...alert, labels: { a: 1 } }] }, 'alerts[1].labels'],
    ['labels that are an array', { ...body, alerts: [{ ...alert, labels: ['a'] }] }, 'alerts[0].labels'],
    ['a start that is no time', { ...body, alerts: [{ ...alert, startsAt: 'yesterday' }] }, 'alerts[0].startsAt'],
    [
      'an end that is no time',
      { ...body, alerts: [{ ...alert, status: 'resolved', endsAt: 'x' }] },
      'alerts[0].endsAt',
    ],
  ])('says where it cannot read %s', (_, value, where) => {
    expect(problemOf(value)).toContain(where)
  })

  it('takes unknown fields, absent optional fields and null label sets', () => {
    const sparse = { status: 'firing', labels: null, startsAt: alert.startsAt, notification_reason: 'new' }

    const delivery = deliveryOf({ version: '4', status: 'firing', alerts: [sparse], routeLabels: {} })

    expect(delivery).toMatchObject({ receiver: '', groupKey: '', truncatedAlerts: 0 })
    expect(delivery.alerts[0]).toMatchObject({
      labels: {},
      annotations: {},
      fingerprint: 'cbf29ce484222325',
      endsAt: null,
    })
  })

  it('drops the backslashes that Alertmanager puts into receiver names', () => {
    expect(deliveryOf({ ...body, receiver: 'ok\\.recv-1\\(a\\)\\\\b' }).receiver).toBe('ok.recv-1(a)\\b')
  })

  it('computes a fingerprint that is missing or malformed and keeps a well-formed one', () => {
    expect(firstAlert({ fingerprint: undefined }).fingerprint).toBe(fingerprintOf(alert.labels))
    expect(firstAlert({ fingerprint: 'XYZ' }).fingerprint).toBe(fingerprintOf(alert.labels))
    expect(firstAlert({ fingerprint: 'AAAAAAAAAAAAAAAA' }).fingerprint).toBe(fingerprintOf(alert.labels))
    expect(firstAlert({ fingerprint: 'aaaaaaaaaaaaaaaa' }).fingerprint).toBe('aaaaaaaaaaaaaaaa')
  })

  it('escapes NUL and lone surrogates everywhere, and leaves emoji alone', () => {
    const { labels, annotations } = firstAlert({
      labels: { 'a\0': 'b\ud800c' },
      annotations: { note: '\u{1f600}\udc00' },
    })

    expect(labels).toEqual({ 'a\\u0000': 'b\\ud800c' })
    expect(annotations).toEqual({ note: '\u{1f600}\\udc00' })
  })

  it('keeps a label called __proto__ as a label', () => {
    const labels = JSON.parse('{"__proto__":"x","constructor":"y"}')

    const parsed = firstAlert({ labels }).labels

    expect(Object.entries(parsed)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype)
  })

  it('reads an end only from a resolved alert', () => {
    expect(firstAlert({ endsAt: '2026-11-21T07:00:00Z' }).endsAt).toBeNull()
    expect(firstAlert({ status: 'resolved', endsAt: '2026-11-21T07:00:00Z' }).endsAt).toBe(
      Date.parse('2026-11-21T07:00:00Z'),
    )
    expect(firstAlert({ status: 'resolved', endsAt: '0001-01-01T00:00:00Z' }).endsAt).toBeNull()
  })

  it('never throws, whatever JSON comes in', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(() => parseDelivery(value)).not.toThrow()
        expect(() => parseDelivery({ ...body, alerts: [value] })).not.toThrow()
        expect(() => parseDelivery({ ...body, alerts: [{ ...alert, labels: value }] })).not.toThrow()
      }),
      { numRuns: 300 },
    )
  })

  it('yields only strings that any database can hold', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(fc.dictionary(text, text), text, (labels, receiver) => {
        const delivery = deliveryOf({ ...body, receiver, alerts: [{ ...alert, labels }] })

        const strings = [delivery.receiver, ...Object.entries(delivery.alerts[0]?.labels ?? {}).flat()]
        for (const value of strings) expect(value.isWellFormed() && !value.includes('\0')).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe('parseTimestamp', () => {
  it.each([
    ['2026-11-21T03:54:52.808130655Z', '2026-11-21T03:54:52.808Z'],
    ['2026-11-21T03:54:52.999999999Z', '2026-11-21T03:54:52.999Z'],
    ['2026-11-21T03:54:52Z', '2026-11-21T03:54:52.000Z'],
    ['2026-11-21T03:54:52.8+02:00', '2026-11-21T01:54:52.800Z'],
  ])('cuts %s to %s', (text, expected) => {
    expect(parseTimestamp(text)).toBe(Date.parse(expected))
  })

  it.each(['', '2026-11-21', '2026-13-41T00:00:00Z', '2026-11-21T03:54:52', 'now', '1700000000'])(
    'refuses %j',
    (text) => {
      expect(parseTimestamp(text)).toBeNull()
    },
  )
})
