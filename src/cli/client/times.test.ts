import { describe, expect, it } from 'vitest'
import { ago, moment, span, stamp } from './times.ts'

const now = Date.parse('2026-11-21T08:00:00.000Z')

describe('times', () => {
  it.each([
    ['Europe/Berlin', '2026-11-21 08:59:40 +01:00'],
    ['America/St_Johns', '2026-11-21 04:29:40 -03:30'],
    ['Asia/Kathmandu', '2026-11-21 13:44:40 +05:45'],
    ['UTC', '2026-11-21 07:59:40 +00:00'],
  ])('are shown in the zone %s with its offset', (zone, text) => {
    expect(stamp('2026-11-21T07:59:40.123Z', { zone })).toBe(text)
  })

  it('keep their offset of then, not of now', () => {
    expect(stamp('2026-07-01T12:00:00Z', { zone: 'Europe/Berlin' })).toBe('2026-07-01 14:00:00 +02:00')
  })

  it.each([
    ['2026-11-21T07:59:40Z', '20 s ago'],
    ['2026-11-21T07:59:59.500Z', 'now'],
    ['2026-11-20T06:00:00Z', '1 d 2 h ago'],
    ['2026-11-21T08:03:20Z', 'in 3 min 20 s'],
    ['nonsense', ''],
  ])('say how far away %s is', (time, text) => {
    expect(ago(time, { now })).toBe(text)
  })

  it('that are none stay text without harm', () => {
    expect(moment('so\u001b[2Jon', { now })).toBe('soon')
    expect(span('a', 'b')).toBe('')
    expect(span('2026-11-21T07:59:40Z', '2026-11-21T08:00:00Z')).toBe('20 s')
  })
})
