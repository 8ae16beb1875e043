import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Matcher } from '../../alert/matcher.ts'
import { matching, SLICE } from './matching.ts'

it('matches thousands of alerts a slice at a time, and lets others run in between', async () => {
  const alerts = Array.from({ length: 5 * SLICE + 1 }, (_, n) => ({ labels: { n: String(n) } }))
  const inTurn: number[] = []
  let turn = 0
  const done = new AbortController()
  const turning = (async () => {
    for (; !done.signal.aborted; turn += 1) await setImmediate()
  })()
  const even: Matcher = {
    name: 'n',
    operator: '=~',
    value: '.*[02468]',
    test: (value) => {
      inTurn[turn] = (inTurn[turn] ?? 0) + 1
      return Number(value) % 2 === 0
    },
  }
  const found = await matching(alerts, [even])
  done.abort()
  await turning
  expect(found).toEqual(alerts.filter((_, n) => n % 2 === 0))
  expect(inTurn).toEqual([SLICE, SLICE, SLICE, SLICE, SLICE, 1])
})
