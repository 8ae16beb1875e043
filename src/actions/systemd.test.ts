import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import type { Sshd } from '../../test/support/sshd.ts'
import { startSshd, targetOn } from '../../test/support/sshd.ts'
import type { UserManager } from '../../test/support/user-manager.ts'
import { startUserManager } from '../../test/support/user-manager.ts'
import { systemClock } from '../clock.ts'
import type { OpenHosts } from '../hosts/hosts.ts'
import { openHosts } from '../hosts/hosts.ts'
import type { UnitSeen } from '../incident/unit.ts'
import { unitLog } from '../probes/unit-log.ts'
import { crashState, readUnit } from '../probes/unit-state.ts'
import type { ActionContext } from './action.ts'
import { systemd } from './systemd.ts'

let manager: UserManager
let sshd: Sshd
let hosts: OpenHosts

beforeAll(async () => {
  manager = await startUserManager()
  sshd = await startSshd({ XDG_RUNTIME_DIR: manager.runtimeDir })
  hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }) })
}, 30_000)
afterAll(async () => {
  await hosts.close()
  await sshd.stop()
  await manager.stop()
}, 30_000)

let serial = 0
/** A unit of its own for a test: what it runs, and more lines of its [Service] section. */
function unit(run: string, ...lines: readonly string[]) {
  const name = `test-${serial++}.service`
  const log = join(manager.dir, `${name}.log`)
  const output = [`StandardOutput=append:${log}`, `StandardError=append:${log}`]
  manager.units({ [name]: ['[Service]', 'Type=exec', `ExecStart=${run}`, ...output, ...lines, ''].join('\n') })
  return targetOn(sshd.connection(), { unit: { name, manager: 'user', sudo: false } })
}

function context(target: ReturnType<typeof unit>, changes: Partial<ActionContext> = {}): ActionContext {
  return {
    target,
    host: hosts.hostOf(target),
    local: hosts.local,
    key: `1.1.${serial}`,
    limitSeconds: 60,
    values: { labels: {}, target: {}, incident: {} },
    clock: systemClock,
    signal: new AbortController().signal,
    ...changes,
  }
}

async function seen(target: ReturnType<typeof unit>): Promise<UnitSeen> {
  const unit = await readUnit(hosts.hostOf(target), target.unit, systemClock)
  if ('problem' in unit) throw new Error(unit.problem)
  return unit
}
const state = async (target: ReturnType<typeof unit>) =>
  crashState(await seen(target), { bootedAt: null, servingAt: null })

describe('systemd over SSH', () => {
  test('starts a crashed unit', async () => {
    const target = unit('/bin/sleep 1000')
    expect(await systemd.run({ verb: 'start' }, context(target))).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
    manager.systemctl('kill', '-s', 'KILL', target.unit.name)
    await waitFor('the unit to be seen as crashed', async () => (await state(target)) === 'crashed')
    const crashed = await seen(target)
    expect(crashed).toMatchObject({ activeState: 'failed', result: 'signal', execMainStatus: 9, queuedJob: null })

    expect(await systemd.run({ verb: 'start' }, context(target))).toMatchObject({ outcome: 'succeeded' })

    const again = await seen(target)
    expect(crashState(again, { bootedAt: null, servingAt: null })).toBe('running')
    expect(again.invocationId).not.toBe(crashed.invocationId)
  })

  test('starting what runs changes nothing and says so', async () => {
    const target = unit('/bin/sleep 1000')
    await systemd.run({ verb: 'start' }, context(target))
    const before = await seen(target)
    const result = await systemd.run({ verb: 'start' }, context(target))
    expect(result).toMatchObject({ outcome: 'succeeded', reason: expect.stringContaining('active before') })
    expect((await seen(target)).invocationId).toBe(before.invocationId)
  })

  test('restarts a unit', async () => {
    const target = unit('/bin/sleep 1000')
    await systemd.run({ verb: 'start' }, context(target))
    const before = await seen(target)
    expect(await systemd.run({ verb: 'restart' }, context(target))).toMatchObject({ outcome: 'succeeded' })
    expect((await seen(target)).invocationId).not.toBe(before.invocationId)
  })

  test.each([10, 200])(
    'S-4.6 return code 0 proves nothing: a unit that dies %d ms after its start has failed',
    async (ms) => {
      const target = unit(`/bin/sh -c "echo last words; sleep ${ms / 1000}; exit 3"`)
      const result = await systemd.run({ verb: 'start' }, context(target))
      expect(result).toMatchObject({ outcome: 'failed', exitCode: 0, output: 'last words' })
      expect(result.reason).toMatch(/Result=exit-code, status 3/)
    },
  )

  test('a unit that ends well right after its start does not run either', async () => {
    const target = unit('/bin/true')
    expect(await systemd.run({ verb: 'start' }, context(target))).toMatchObject({ outcome: 'failed' })
  })

  test('a oneshot unit that ended well has succeeded', async () => {
    const target = unit('/bin/true', 'Type=oneshot')
    expect(await systemd.run({ verb: 'start' }, context(target))).toMatchObject({ outcome: 'succeeded' })
  })

  test('a unit that systemd starts again by itself has failed, and is left to systemd', async () => {
    const target = unit('/bin/false', 'Restart=always', 'RestartSec=60')
    const result = await systemd.run({ verb: 'start' }, context(target))
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('systemd will start it again') })
    expect(await state(target)).toBe('autoRestart')
  })

  test('S-4.6 a step is over when no job is queued for the unit', async () => {
    const gate = join(manager.dir, `gate-${serial}`)
    const target = unit('/bin/sleep 1000', `ExecStartPre=/bin/sh -c "until [ -e ${gate} ]; do sleep 0.05; done"`)
    const step = systemd.run({ verb: 'start' }, context(target))
    await waitFor('the job to be queued', async () => (await seen(target)).queuedJob !== null)
    expect(await state(target)).toBe('starting')
    writeFileSync(gate, '')
    expect(await step).toMatchObject({ outcome: 'succeeded' })
    expect((await seen(target)).queuedJob).toBeNull()
  })

  test("S-4.6 the limit is at least the unit's own time-out, and what is still queued then is unknown", async () => {
    const target = unit(
      '/bin/sleep 1000',
      'ExecStartPre=/bin/sleep 1000',
      'TimeoutStartSec=1500ms',
      'TimeoutStopSec=200ms',
    )
    const result = await systemd.run({ verb: 'start' }, context(target, { limitSeconds: 1 }))
    expect(result.outcome).not.toBe('succeeded')
    expect(result.reason).toContain("limit 2 s, by the unit's own time-outs")
  })

  test('a start that ends by its job being cancelled has failed', async () => {
    const target = unit('/bin/sleep 1000', 'ExecStartPre=/bin/sleep 1000')
    const step = systemd.run({ verb: 'start' }, context(target))
    await waitFor('the job to be queued', async () => (await seen(target)).queuedJob !== null)
    manager.systemctl('stop', target.unit.name)
    expect(await step).toMatchObject({ outcome: 'failed', exitCode: 1 })
  })

  test('S-2.5 reset-failed turns a crash into inactive with Result=success, and is no error when there is nothing to reset', async () => {
    const target = unit('/bin/false')
    await systemd.run({ verb: 'start' }, context(target))
    expect(await state(target)).toBe('crashed')
    expect(await systemd.run({ verb: 'reset-failed' }, context(target))).toMatchObject({ outcome: 'succeeded' })
    expect(await seen(target)).toMatchObject({ activeState: 'inactive', result: 'success' })
    expect(await systemd.run({ verb: 'reset-failed' }, context(target))).toMatchObject({ outcome: 'succeeded' })
  })

  test('a start limit that was hit keeps the unit down, and reset-failed with start heals it', async () => {
    const flag = join(manager.dir, `ok-${serial}`)
    const target = unit(`/bin/sh -c "test -e ${flag} && exec sleep 1000"`, 'Restart=always', 'RestartSec=1ms')
    manager.systemctl('start', target.unit.name)
    await waitFor('the limit to be hit', async () => (await state(target)) === 'crashed')
    writeFileSync(flag, '')
    const refused = await systemd.run({ verb: 'start' }, context(target))
    expect(refused).toMatchObject({ outcome: 'failed', exitCode: 1 })
    expect(await systemd.run({ verb: 'reset-failed' }, context(target))).toMatchObject({ outcome: 'succeeded' })
    expect(await systemd.run({ verb: 'start' }, context(target))).toMatchObject({ outcome: 'succeeded' })
  })

  test('a unit that does not exist, or whose name is none, is not touched', async () => {
    const missing = targetOn(sshd.connection(), { unit: { name: 'nope.service', manager: 'user', sudo: false } })
    expect(await systemd.run({ verb: 'start' }, context(missing))).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('not-found'),
    })
    const evil = targetOn(sshd.connection(), { unit: { name: '--version', manager: 'user', sudo: false } })
    expect(await systemd.run({ verb: 'start' }, context(evil))).toMatchObject({ outcome: 'failed', output: '' })
  })

  test('S-4.7 a host that cannot be reached, or does not let us in, spends no attempt', async () => {
    const at = (changes: Parameters<Sshd['connection']>[0]) =>
      context(targetOn(sshd.connection(changes), { unit: { name: 'a.service', manager: 'user', sudo: false } }))
    expect(await systemd.run({ verb: 'start' }, at({ port: 1 }))).toMatchObject({ notRun: 'unreachable' })
    expect(await systemd.run({ verb: 'start' }, at({ keyFile: sshd.strangerKeyFile }))).toMatchObject({
      notRun: 'permission',
    })
    expect(await systemd.run({ verb: 'start' }, at({ hostKey: 'SHA256:other' }))).toMatchObject({
      notRun: 'permission',
    })
  })

  test('S-4.5 a unit that another run of ours works on is busy, and spends no attempt', async () => {
    const gate = join(manager.dir, `gate-${serial}`)
    const target = unit('/bin/sleep 1000', `ExecStartPre=/bin/sh -c "until [ -e ${gate} ]; do sleep 0.05; done"`)
    const first = systemd.run({ verb: 'start' }, context(target))
    await waitFor('the job to be queued', async () => (await seen(target)).queuedJob !== null)
    expect(await systemd.run({ verb: 'start' }, context(target))).toMatchObject({ outcome: 'failed', notRun: 'busy' })
    writeFileSync(gate, '')
    expect(await first).toMatchObject({ outcome: 'succeeded' })
  })

  test('S-4.4 a connection that is cut while a job runs leaves the outcome unknown', async () => {
    const gate = join(manager.dir, `gate-${serial}`)
    const target = unit('/bin/sleep 1000', `ExecStartPre=/bin/sh -c "until [ -e ${gate} ]; do sleep 0.05; done"`)
    const step = systemd.run({ verb: 'start' }, context(target))
    await waitFor('the job to be queued', async () => (await seen(target)).queuedJob !== null)
    sshd.killSessions()
    expect(await step).toMatchObject({ outcome: 'unknown', exitCode: null })
    writeFileSync(gate, '')
    await waitFor('systemd to end the job all the same', async () => (await state(target)) === 'running')
  })

  test('the last lines of a unit that writes to a file are found there', async () => {
    const target = unit('/bin/sh -c "seq 1 100"')
    await systemd.run({ verb: 'start' }, context(target))
    expect(existsSync(join(manager.dir, `${target.unit.name}.log`))).toBe(true)
    expect(await unitLog(hosts.hostOf(target), target.unit, 2)).toBe('99\n100\n')
  })
})

test.each([
  ['start', 'broker', { disruptive: false, repeatable: true, starts: true, limitSeconds: 60 }],
  ['reset-failed', 'broker', { disruptive: false, repeatable: true, starts: false }],
  ['restart', 'broker', { disruptive: true, repeatable: false, stops: false, starts: true }],
  ['restart', 'controller', { disruptive: true, repeatable: false }],
  ['restart', 'exporter', { disruptive: false, repeatable: true }],
] as const)('S-4.2 traits of %s on %s', (verb, kind, traits) => {
  expect(systemd.traits({ verb }, kind)).toMatchObject(traits)
})
