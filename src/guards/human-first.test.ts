import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { compared } from '../../test/support/compared.ts'
import {
  brokerTarget,
  clusterOf,
  intentOf,
  killedUnit,
  lookContext,
  memoryOf,
  runningUnit,
} from '../../test/support/look.ts'
import { alertOf } from '../../test/support/story.ts'
import { startUserManager, type UserManager } from '../../test/support/user-manager.ts'
import { systemClock } from '../clock.ts'
import { localHost } from '../hosts/local.ts'
import { redactorOf } from '../hosts/transcript.ts'
import type { UnitSeen } from '../incident/unit.ts'
import { crashState, readBootEnd, readUnit, timesOfLook, type UnitTimes } from '../probes/unit-state.ts'
import type { Intent } from './guard.ts'
import { type HumanFacts, humanFirst } from './human-first.ts'
import type { Witness } from './witness.ts'

const MINUTE = 60_000
const NOW = 1_800_000_000_000
const ALERT = NOW - MINUTE
const THIS = 'a'.repeat(32)

const alertAt = (startsAt: number): Intent['alerts'][number] => alertOf({ startsAt })

function seeing(unit: UnitSeen): Witness {
  const state = crashState(unit, { bootedAt: null, servingAt: null })
  return { kind: 'read', unit, state, bootedAt: null, servingAt: null, source: 'ssh' }
}

const times: UnitTimes = {
  processAt: ALERT - 5 * MINUTE,
  beganAt: ALERT - 5 * MINUTE,
  endedAt: ALERT,
}
/** Somebody started it five minutes before the alert, and it crashed. */
const facts: HumanFacts = {
  unitName: 'kafka.service',
  witness: seeing(killedUnit()),
  times,
  bootedAt: ALERT - 10_000 * MINUTE,
  memory: { ourInvocations: [] },
}
const judge = (change: Partial<HumanFacts> = {}, intent: Partial<Intent> = {}, wanted = {}) =>
  humanFirst.decide({ ...facts, ...change }, wanted, intentOf({ alerts: [alertAt(ALERT)], ...intent }), NOW)

describe('S-5.12 human-first', () => {
  test('started by somebody within half an hour before the alert: a told hold that names when, and may be approved', () => {
    const result = judge()
    expect(result).toMatchObject({ verdict: 'hold', quiet: false, approvable: true })
    expect(result.reason).toBe(`somebody started kafka.service at ${new Date(times.beganAt ?? 0).toISOString()}`)
  })

  test('S-3.5 the question stays the same from look to look', () => {
    const later = humanFirst.decide(facts, {}, intentOf({ alerts: [alertAt(ALERT)] }), NOW + MINUTE)
    expect(later.reason).toBe(judge().reason)
  })

  test('stopped by somebody: the same', () => {
    const stopped = killedUnit({ activeState: 'inactive', subState: 'dead', result: 'success' })
    const result = judge({ witness: seeing(stopped), times: { ...times, beganAt: ALERT - 90 * MINUTE } })
    expect(result).toMatchObject({ verdict: 'hold', approvable: true, reason: expect.stringContaining('stopped') })
  })

  const passing: [string, Partial<HumanFacts>, Partial<Intent>][] = [
    ['longer ago', { times: { ...times, beganAt: ALERT - 31 * MINUTE } }, {}],
    ['systemd’s own restart', { witness: seeing(killedUnit({ nRestarts: 2 })) }, {}],
    [
      'systemd’s own restart, whose count our reset-failed wiped off',
      {},
      { firstSeenUnit: killedUnit({ nRestarts: 2 }), changedByUs: true },
    ],
    ['our own start, in this incident', {}, { ourInvocations: [THIS], changedByUs: true }],
    ['our own start, in an earlier one', { memory: { ourInvocations: ['b', THIS] } }, {}],
    ['the boot', { bootedAt: ALERT - 5 * MINUTE }, {}],
    ['a boot that is not over', { bootedAt: null }, {}],
    [
      'never since the boot',
      { witness: seeing(killedUnit({ invocationId: '' })), times: { ...times, beganAt: null } },
      {},
    ],
    ['a person asked for the attempt', {}, { byPerson: true }],
  ]
  test.each(passing)('%s is no human’s doing: pass', (_, change, intent) => {
    expect(judge(change, intent).verdict).toBe('pass')
  })

  test('the time counts from the oldest alert that fires, and after it too', () => {
    const alerts = [alertAt(ALERT), alertAt(ALERT - 60 * MINUTE)]
    const at = (beganAt: number) => judge({ times: { ...times, beganAt } }, { alerts }).verdict
    expect([at(ALERT - 89 * MINUTE), at(ALERT - 91 * MINUTE), at(NOW)]).toEqual(['hold', 'pass', 'hold'])
  })

  test('a rule may look back for another time', () => {
    expect(judge({}, {}, { look_back_minutes: 4 }).verdict).toBe('pass')
    expect(judge({}, {}, { look_back_minutes: 6 }).verdict).toBe('hold')
  })

  test('what cannot be read is unknown, and a matter of its cause', () => {
    const problem = { cause: 'authentication', reason: 'no' } as const
    expect(judge({ witness: { kind: 'unreadable', problem, source: 'ssh' } })).toMatchObject({
      verdict: 'unknown',
      escalate: 'permission',
    })
    expect(judge({ bootedAt: { problem: 'gone', cause: 'tool' } }).verdict).toBe('unknown')
    expect(judge({ times: { problem: 'gone', cause: 'lost' } })).toMatchObject({
      verdict: 'unknown',
      escalate: 'unreachable',
    })
  })
})

describe('S-5.12 on a real systemd', () => {
  let manager: UserManager
  beforeAll(async () => {
    manager = await startUserManager()
    manager.units({
      'hand.service': '[Service]\nType=exec\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n',
      'loop.service': '[Service]\nType=exec\nExecStart=/bin/sleep 1000\nRestart=always\nRestartSec=0\n',
    })
    // What nothing wants is unloaded when it stops, and forgets all.
    manager.systemctl('enable', 'hand.service')
  }, 60_000)
  afterAll(() => manager?.stop())

  const contextOf = (name: string, ours: readonly string[] = []) => {
    const target = brokerTarget(1, { unit: { name, manager: 'user', sudo: false }, address: null })
    const host = localHost({ clock: systemClock, redact: redactorOf([]), runtimeDir: manager.runtimeDir })
    return lookContext({ target, cluster: clusterOf([target]), host, memory: memoryOf({ ourInvocations: ours }) })
  }
  const look = async (name: string, ours: readonly string[] = []) => {
    const context = contextOf(name, ours)
    const intent = intentOf({ alerts: [alertAt(systemClock.now())] })
    const read = await humanFirst.facts({}, intent, context)
    // The test's manager has just booted; here it did so long ago.
    const seen = { ...read, bootedAt: 1 }
    return {
      real: humanFirst.decide(read, {}, intent, systemClock.now()),
      old: humanFirst.decide(seen, {}, intent, systemClock.now()),
    }
  }
  const unitOf = async (name: string) => {
    const { host, target, clock } = contextOf(name)
    const unit = await readUnit(host, target.unit, clock)
    if ('problem' in unit) throw new Error(unit.problem)
    return unit
  }

  test('times are read to the second, in UTC wherever the host lies', async () => {
    const before = Math.floor(systemClock.now() / 1000) * 1000
    manager.systemctl('start', 'hand.service')
    const context = contextOf('hand.service')
    const read = await timesOfLook(context)
    if ('problem' in read) throw new Error(read.problem)
    const after = systemClock.now()
    for (const at of [read.processAt, read.beganAt]) {
      expect(at).toBeGreaterThanOrEqual(before)
      expect(at).toBeLessThanOrEqual(after)
    }
    expect(read.endedAt).toBeNull()
    expect(await readBootEnd(context.host, context.target.unit)).toBeLessThanOrEqual(after)
  })

  test('a start by hand is somebody’s, unless it was ours or part of the boot', async () => {
    const { invocationId } = await unitOf('hand.service')
    expect((await look('hand.service')).old).toMatchObject({ verdict: 'hold', approvable: true })
    expect((await look('hand.service', [invocationId])).old.verdict).toBe('pass')
    expect((await look('hand.service')).real.verdict).toBe('pass')
  })

  test('a stop by hand is somebody’s', async () => {
    manager.systemctl('stop', 'hand.service')
    expect((await look('hand.service')).old).toMatchObject({
      verdict: 'hold',
      reason: expect.stringContaining('stopped hand.service'),
    })
  })

  test('a restart by systemd itself is nobody’s', async () => {
    manager.systemctl('start', 'loop.service')
    manager.systemctl('kill', '--signal=KILL', 'loop.service')
    await waitFor('systemd to have restarted it', async () => {
      const unit = await unitOf('loop.service')
      return unit.nRestarts === 1 && unit.activeState === 'active'
    })
    expect((await look('loop.service')).old.verdict).toBe('pass')
    manager.systemctl('restart', 'loop.service')
    expect((await look('loop.service')).old.verdict).toBe('hold')
  })
})

test('a running unit that nobody touched passes', () => {
  const running = { witness: seeing(runningUnit()), times: { ...times, beganAt: ALERT - 10_000 * MINUTE } }
  expect(judge(running).verdict).toBe('pass')
})

describe('S-5.1 each value with what was wanted', () => {
  test.each([
    ['by default', {}, 30],
    ['as the runbook says', { look_back_minutes: 5 }, 5],
  ])('when it was started and stopped, %s', (_, asked, minutes) => {
    const wanted = `by nobody else from ${minutes} min before the alert on`
    expect(compared(judge({}, {}, asked))).toEqual([
      ['last start', new Date(times.beganAt ?? 0).toISOString(), wanted],
      ['last end', new Date(times.endedAt ?? 0).toISOString(), wanted],
    ])
  })
})
