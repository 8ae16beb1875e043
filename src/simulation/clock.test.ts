import { expect, test } from 'vitest'
import { simulatedClock } from './clock.ts'

test('what is planned is done in the order of time, and of planning within a moment', () => {
  const clock = simulatedClock(1_000)
  const done: string[] = []
  for (const [at, name] of [
    [3_000, 'c'],
    [2_000, 'a'],
    [3_000, 'd'],
    [2_000, 'b'],
    [9_000, 'late'],
  ] as const)
    clock.plan(at, () => done.push(`${name} at ${clock.now()}`))
  clock.plan(2_000, () => clock.plan(2_000, () => done.push('planned on the way')))
  expect(clock.fire()).toBe(false)
  expect(clock.nextAt()).toBe(2_000)
  clock.moveTo(2_000)
  expect(clock.fire()).toBe(true)
  clock.moveTo(5_000)
  clock.fire()
  expect(done).toEqual(['a at 2000', 'b at 2000', 'planned on the way', 'c at 5000', 'd at 5000'])
  expect([clock.now(), clock.monotonic(), clock.nextAt()]).toEqual([5_000, 4_000, 9_000])
})

test('time never goes back, and what is taken back is not done', () => {
  const clock = simulatedClock(1_000)
  const takeBack = clock.plan(2_000, () => expect.unreachable())
  takeBack()
  takeBack()
  clock.moveTo(3_000)
  clock.moveTo(2_500)
  expect([clock.fire(), clock.now()]).toEqual([false, 3_000])
})

test('sleepers wake at their time, or when they are told to', async () => {
  const clock = simulatedClock(0)
  const woken: string[] = []
  const stop = new AbortController()
  const sleeps = [
    clock.sleep(10.2).then(() => woken.push(`slept until ${clock.now()}`)),
    clock.sleep(1_000, stop.signal).then(() => woken.push('told to')),
    clock.sleep(1_000, AbortSignal.abort()).then(() => woken.push('at once')),
  ]
  stop.abort()
  clock.moveTo(11)
  clock.fire()
  await Promise.all(sleeps)
  expect(woken.toSorted()).toEqual(['at once', 'slept until 11', 'told to'])
  expect(clock.nextAt()).toBeNull()
})
