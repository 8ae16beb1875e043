import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { configurationOf } from '../../test/support/simulated.ts'
import { startUserManager, type UserManager } from '../../test/support/user-manager.ts'
import { systemClock } from '../clock.ts'
import { readHostFacts } from '../guards/identity-facts.ts'
import type { Host } from '../hosts/host.ts'
import { openHosts } from '../hosts/hosts.ts'
import type { Target, Unit } from '../inventory/inventory.ts'
import type { LookContext } from '../probes/probe.ts'
import { type CrashState, crashState, readBootTime, readUnit, timesOfLook } from '../probes/unit-state.ts'
import { turnsOf } from './apply.ts'
import { simulatedClock } from './clock.ts'
import { UNIT_WORDS, type UnitWord } from './facts.ts'
import { simulatedHost } from './host.ts'
import { healthyModel } from './model.ts'

const { inventory } = configurationOf()
const NOW = Date.parse('2026-01-05T09:00:00Z')
const signal = new AbortController().signal

/** Broker 2 with its host, of which a test says something. */
function simulated(facts: object = {}) {
  const clock = simulatedClock(NOW)
  const world = { orders: { brokers: { 2: facts } } }
  const model = healthyModel(inventory, {}, NOW)
  const change = (facts = {}) => {
    for (const turn of turnsOf(facts, model, clock.now(), 60_000)) turn.apply()
  }
  change(world)
  const target = inventory.targets.get('orders/broker/2')
  if (!target) throw new Error('no broker 2')
  const host = simulatedHost(target, {
    model,
    clock,
    told: () => undefined,
    change,
    transients: new Map(),
    begin: async () => null,
  })
  return { clock, host, target, model }
}

const STATES: Readonly<Record<UnitWord, CrashState>> = {
  running: 'running',
  starting: 'running',
  recovering: 'running',
  hung: 'running',
  crashed: 'crashed',
  'out-of-memory': 'crashed',
  'auto-restart': 'autoRestart',
  stopping: 'stopping',
  stopped: 'stoppedOnPurpose',
  disabled: 'stoppedOnPurpose',
  masked: 'stoppedOnPurpose',
  'never-started': 'neverStarted',
  missing: 'missing',
}

test.each(UNIT_WORDS)('a unit that is %s looks so to the probes', async (word) => {
  const { host, target, clock } = simulated({ unit: word })
  const unit = await readUnit(host, target.unit, clock)
  if ('problem' in unit) throw new Error(unit.problem)
  const bootedAt = await readBootTime(host)
  expect(crashState(unit, { bootedAt, servingAt: NOW - 10 * 60_000 })).toBe(STATES[word])
})

test('finer facts are shown as they are said, and the rest fits them', async () => {
  const seen = async (unit: object) => {
    const { host, target, clock } = simulated({ unit })
    return readUnit(host, target.unit, clock)
  }
  expect(await seen({ active: 'failed', result: 'exit-code', status: 137, restarts: 3 })).toMatchObject({
    activeState: 'failed',
    subState: 'failed',
    result: 'exit-code',
    execMainCode: '1',
    execMainStatus: 137,
    nRestarts: 3,
    unitFileState: 'enabled',
  })
  expect(await seen({ active: 'activating', job: true })).toMatchObject({ subState: 'start', queuedJob: '4711' })
  expect(await seen({ is: 'out-of-memory', file: 'disabled' })).toMatchObject({
    result: 'oom-kill',
    unitFileState: 'disabled',
  })
  expect(await seen({ result: 'core-dump' })).toMatchObject({
    activeState: 'failed',
    execMainCode: '3',
    execMainStatus: 6,
  })
})

test('data directories are read by the real parser', async () => {
  const read = async (facts: object) => {
    const { host, target } = simulated(facts)
    return readHostFacts(host, target.data, signal)
  }
  const directory = {
    mountedAt: '/var/lib/kafka',
    problem: null,
    meta: { 'node.id': '2', 'cluster.id': 'MkU3OEVBNTcwNTJENDM2Qk' },
  }
  expect(await read({})).toMatchObject({ held: false, directories: [directory] })
  expect(await read({ hold: true, meta: { node_id: 3 } })).toMatchObject({
    held: true,
    directories: [{ meta: { 'node.id': '3' } }],
  })
  expect(await read({ meta: 'unreadable', mounted: false, disk: { size: 2000, free: 10 } })).toMatchObject({
    directories: [
      {
        meta: null,
        problem: expect.stringMatching(/Permission denied$/),
        mountedAt: '/',
        sizeBytes: 2000,
        availableBytes: 10,
      },
    ],
  })
})

describe('systemd is as it really is', () => {
  let manager: UserManager
  let real: Host
  let close: () => Promise<void>
  const unit: Unit = { name: 'fidelity.service', manager: 'user', sudo: false }

  beforeAll(async () => {
    manager = await startUserManager()
    const hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }), runtimeDir: manager.runtimeDir })
    real = hosts.local
    close = () => hosts.close()
    manager.units({
      [unit.name]:
        '[Service]\nType=exec\nExecStart=/bin/sleep 1000\nSuccessExitStatus=143\n[Install]\nWantedBy=default.target\n',
    })
    manager.systemctl('enable', unit.name)
  }, 30_000)
  afterAll(async () => {
    await close()
    await manager.stop()
  }, 30_000)

  /** What the probes see of it, without what no two units share. */
  async function seen(host: Host, of: Unit, history: string[]) {
    const clock = systemClock
    const read = await readUnit(host, of, clock)
    if ('problem' in read) throw new Error(read.problem)
    const context = { host, target: { unit: of } as Target, clock, signal } as LookContext
    const times = await timesOfLook(context)
    if ('problem' in times) throw new Error(times.problem)
    const { invocationId, at: _, execMainStatus, ...shown } = read
    // Which of the invocations so far it is.
    if (invocationId !== '' && !history.includes(invocationId)) history.push(invocationId)
    return {
      ...shown,
      // sleep dies of SIGTERM, a JVM ends with 143.
      execMainStatus: shown.activeState === 'inactive' ? null : execMainStatus,
      execMainCode: shown.activeState === 'inactive' ? null : shown.execMainCode,
      invocation: history.indexOf(invocationId),
      times: { process: times.processAt !== null, began: times.beganAt !== null, ended: times.endedAt !== null },
    }
  }

  test('through start, crash, start, reset-failed, restart, and the verbs that change nothing', async () => {
    const { host, target, model, clock } = simulated({ unit: 'crashed' })
    const ours: string[] = []
    const theirs: string[] = []
    const ask = async (...words: string[]) => {
      const options = { limitMs: 10_000 }
      const [one, other] = [
        await host.run(['systemctl', ...words, target.unit.name], options),
        await real.run(['systemctl', '--user', ...words, unit.name], options),
      ]
      if (one.kind !== 'exited' || other.kind !== 'exited') throw new Error('not run')
      expect(one.exitCode, words.join(' ')).toBe(other.exitCode)
    }
    const crash = async () => {
      manager.systemctl('kill', '--signal=KILL', unit.name)
      await waitFor('it is seen as failed', async () => (await seen(real, unit, theirs)).activeState === 'failed')
      for (const turn of turnsOf({ orders: { brokers: { 2: { unit: 'crashed' } } } }, model, clock.now(), 0))
        turn.apply()
    }
    const same = async (what: string) =>
      expect(await seen(host, target.unit, ours), what).toEqual(await seen(real, unit, theirs))

    await ask('start')
    await seen(host, target.unit, ours)
    ours.splice(0)
    await crash()
    await same('crashed')
    await ask('start')
    await same('started again')
    await ask('start')
    await same('started while it ran')
    await ask('restart')
    await same('restarted')
    await crash()
    await ask('reset-failed')
    await same('reset')
    await ask('restart')
    await same('restarted when it was down')
    await ask('reset-failed')
    await same('reset while it ran')
  })

  test('a unit that is not there', async () => {
    const { host, target } = simulated({ unit: 'missing' })
    const nowhere = { ...unit, name: 'nowhere.service' }
    const [ours, theirs] = [await seen(host, target.unit, []), await seen(real, nowhere, [])]
    expect(ours).toEqual(theirs)
    const options = { limitMs: 10_000 }
    expect(await host.run(['systemctl', 'start', target.unit.name], options)).toMatchObject({ exitCode: 5 })
    expect(await real.run(['systemctl', '--user', 'start', nowhere.name], options)).toMatchObject({ exitCode: 5 })
  })
})
