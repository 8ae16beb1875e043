import { afterEach, describe, expect, test } from 'vitest'
import { type HttpWorld, startHttp } from '../../test/support/http.ts'
import { systemClock } from '../clock.ts'

const HOUR = 3_600_000
let world: HttpWorld | null = null
afterEach(async () => {
  await world?.stop()
  world = null
})

describe('maintenance', () => {
  test('shows the windows that last and those to come, and in /status the next one', async () => {
    world = await startHttp()
    const now = systemClock.now()
    const matchers = [{ name: 'alertname', value: 'Kafka.*', isRegex: true, isEqual: true }]
    await world.store.planWindows(
      [
        { name: 'later', covers: { matchers }, startsAt: now + 2 * HOUR, endsAt: now + 3 * HOUR, comment: 'c' },
        { name: 'night', covers: { clusters: ['orders'] }, startsAt: now - HOUR, endsAt: now + HOUR, comment: 'a' },
        {
          name: 'soon',
          covers: { targets: ['o/broker/1'] },
          startsAt: now + HOUR,
          endsAt: now + 9 * HOUR,
          comment: 'b',
        },
      ],
      now,
    )
    const night = {
      name: 'night',
      state: 'active',
      startsAt: new Date(now - HOUR).toISOString(),
      endsAt: new Date(now + HOUR).toISOString(),
      clusters: ['orders'],
      targets: [],
      matchers: [],
      comment: 'a',
    }
    const { items } = (await (await world.get('/maintenance')).json()) as { items: readonly unknown[] }
    expect(items).toMatchObject([
      night,
      { name: 'soon', state: 'pending', targets: ['o/broker/1'] },
      { name: 'later', state: 'pending', matchers: ['alertname=~"Kafka.*"'] },
    ])
    const status = (await (await world.get('/status')).json()) as { maintenance: unknown }
    expect(status.maintenance).toMatchObject({ current: [night], next: { name: 'soon' } })
  })
})
