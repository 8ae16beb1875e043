import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

describe('durations', () => {
  it.each([
    ['0s', 0],
    ['0', 0],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1d', 86_400_000],
    ['1w2d', 777_600_000],
  ])('reads %s as Prometheus does', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['', '30', '1.5h', '-5m', '30m1h', '5 m', 's', '1H', '99999999999999999y'])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeNull()
  })

  it('prints what it reads back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms)
      }),
    )
  })

  it('prints the largest units first', () => {
    expect(formatDuration(5_430_250)).toBe('1h30m30s250ms')
    expect(formatDuration(0)).toBe('0s')
  })
})
