import { expect, test } from 'vitest'
import { spanMs } from './systemd-span.ts'

test.each([
  ['1min 30s', 90_000],
  ['3min', 180_000],
  ['0', 0],
  ['1.5s', 1_500],
  ['500ms', 500],
  ['1h 2min 3s 4ms', 3_723_004],
  ['2d', 172_800_000],
  ['250us', 0.25],
  ['infinity', 900_000],
  ['', null],
  ['nonsense', null],
  ['5', null],
  ['1min of', null],
])('a time span %j', (text, ms) => {
  expect(spanMs(text, 900_000)).toBe(ms)
})
