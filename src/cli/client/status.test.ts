import { describe, expect, it } from 'vitest'
import { EVIL, isHarmless, poisoned } from '../../../test/support/hostile.ts'
import { StatusAnswer } from '../../http/shapes.ts'
import { plain } from '../terminal.ts'
import { statusLines } from './status.ts'

const at = '2026-11-21T08:00:00Z'
const screen = { now: Date.parse('2026-11-21T09:00:00Z'), zone: 'Europe/Berlin', columns: 100, paint: plain }
const well = StatusAnswer.parse({
  version: '1.2.3',
  node: 'v24.0.0',
  startedAt: at,
  configuration: {
    loaded: true,
    revision: 'c0ffee1',
    commit: null,
    dirty: null,
    differing: [],
    applied: true,
    atNextStart: [],
    hash: 'h',
    loadedAt: at,
    watched: false,
    lastReloadSuccessful: true,
    problems: [],
  },
  store: {
    commits: true,
    problem: null,
    inboxDepth: 0,
    outboxDepth: 0,
    outboxOldestMs: 0,
    timersLate: 0,
    failedMails: 0,
    incidents: { waiting: 2, escalated: 1, closed: 9 },
  },
  storms: [],
  demotions: [],
  maintenance: { current: [], next: null },
  reconcile: null,
  loops: [{ name: 'core', running: true, lastRunAt: at, lastError: null }],
})
const text = (change: Partial<typeof well>): string =>
  statusLines({ ...well, ...change }, [], 'http://127.0.0.1:9095', screen).join('\n')

describe('status', () => {
  it('of a service that is well is short', () => {
    expect(text({})).toBe(`kafka-healing 1.2.3 at http://127.0.0.1:9095
  started 2026-11-21 09:00:00 +01:00 (1 h ago), Node v24.0.0
  configuration  revision c0ffee1, in force since 2026-11-21 09:00:00 +01:00 (1 h ago)
  incidents      2 waiting, 1 escalated
  store          commits; 0 changes of alerts wait
  mails          0 wait; 0 failed for good
  loops          all 1 run
  alertmanagers  none configured: lost webhooks are never known`)
  })

  it('names everything that is not', () => {
    const told = text({
      configuration: {
        ...well.configuration,
        differing: ['rules/kafka.yml'],
        atNextStart: ['listen'],
        lastReloadSuccessful: false,
        problems: ['rules/kafka.yml:3:5: unknown key "mtach"'],
      },
      store: { ...well.store, outboxDepth: 3, outboxOldestMs: 600_000, timersLate: 2, failedMails: 1 },
      loops: [{ name: 'outbox', running: false, lastRunAt: at, lastError: 'broke' }],
      storms: [
        {
          id: 1,
          cluster: 'orders',
          beganAt: at,
          bad: ['broker 1', 'broker 2'],
          total: 3,
          calmSince: null,
          failedStart: { target: 'orders/broker/1', reason: 'exit code 1' },
        },
      ],
      demotions: [
        { id: 1, rule: 'broker-down', cluster: 'orders', target: null, at, reason: '3 targets failed in 24 h' },
      ],
      reconcile: {
        lastSureAt: null,
        lastPoll: {
          at,
          doubt: 'not all answer',
          adopted: 0,
          gone: 0,
          alertmanagers: [{ url: 'http://am', problem: 'refused', startedAt: null, watchdog: false }],
        },
      },
    })
    for (const line of [
      /not as they are committed: rules\/kafka\.yml/,
      /only the next start changes: listen/,
      /reload +the files there now are not in force\n +rules\/kafka\.yml:3:5: unknown key/,
      /mails +3 wait, the oldest for 10 min; 1 failed for good/,
      /timers +2 are late/,
      /loop outbox +has stopped, its last error: broke/,
      /storm +orders: 2 of 3 are bad: broker 1, broker 2; starts stopped: orders\/broker\/1: exit\s+code 1/,
      /demoted +rule broker-down only informs on orders: 3 targets failed/,
      /alertmanagers +asked 1 h ago; no alert can be called gone: not all answer\n +http:\/\/am: refused/,
    ])
      expect(told).toMatch(line)
  })

  it('of a service whose store is away says so first of all', () => {
    const store = { ...well.store, commits: false, problem: 'the store cannot commit: full', incidents: {} }
    const told = text({ store, storms: null, demotions: null, maintenance: null })
    expect(told).toMatch(/store +does not commit: the store cannot commit: full/)
    expect(told).not.toContain('mails')
  })

  it('shows nothing that a terminal obeys', () => {
    const value = poisoned(well, new Set(['startedAt', 'loadedAt', 'lastRunAt'])) as typeof well
    const told = statusLines(value, [], `http://x/${EVIL}`, screen).join('\n')
    expect(told).toContain('evil')
    expect(isHarmless(told)).toBe(true)
  })
})
