import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { lookContext, memoryOf } from '../../test/support/look.ts'
import { targetOn } from '../../test/support/sshd.ts'
import type { UserManager } from '../../test/support/user-manager.ts'
import { startUserManager } from '../../test/support/user-manager.ts'
import { systemClock } from '../clock.ts'
import type { OpenHosts } from '../hosts/hosts.ts'
import { openHosts } from '../hosts/hosts.ts'
import type { LookContext, Memory } from './probe.ts'
import { programProbe } from './program.ts'
import { unit } from './unit.ts'
import { readBootTime } from './unit-state.ts'

let manager: UserManager
let hosts: OpenHosts

beforeAll(async () => {
  manager = await startUserManager()
  hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }), runtimeDir: manager.runtimeDir })
  manager.units({
    'sleep.service': '[Service]\nType=exec\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n',
    'fresh.service': '[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n',
    'slow.service': '[Service]\nType=exec\nExecStartPre=/bin/sleep 1000\nExecStart=/bin/sleep 1000\n',
    'loop.service': '[Service]\nType=exec\nExecStart=/bin/false\nRestart=always\nRestartSec=1000\n',
  })
}, 30_000)
afterAll(async () => {
  await hosts.close()
  await manager.stop()
}, 30_000)

function context(name: string, memory: Memory = memoryOf()): LookContext {
  const target = targetOn({ driver: 'local' }, { unit: { name, manager: 'user', sudo: false } })
  return lookContext({ target, memory, host: hosts.hostOf(target), local: hosts.local })
}
const look = (name: string, memory?: Memory) => unit.look({}, context(name, memory))

describe('the probe of a unit', () => {
  test('is healed while it runs, broken once it crashed, and quotes what systemd shows', async () => {
    manager.systemctl('enable', '--now', 'sleep.service')
    expect(await look('sleep.service')).toMatchObject({ probe: 'unit', verdict: 'healed' })
    manager.systemctl('kill', '-s', 'KILL', 'sleep.service')
    await waitFor('the crash to be seen', async () => (await look('sleep.service')).verdict === 'broken')
    const crashed = await look('sleep.service')
    expect(crashed.reason).toBe('the unit crashed: failed (failed), Result=signal, status 9')
    const values = Object.fromEntries(crashed.evidence.map(({ name, value }) => [name, value]))
    expect(values).toMatchObject({ unit: 'crashed', result: 'signal', exitStatus: 9, restarts: 0, queuedJob: null })
    expect(values['invocation']).toMatch(/^[0-9a-f]{32}$/)
    manager.systemctl('reset-failed', 'sleep.service')
  })

  test('S-2.5 tells a unit that was never started since boot from one that was stopped', async () => {
    const bootedAt = await readBootTime(hosts.local)
    expect(bootedAt).toBeGreaterThan(1_600_000_000_000)
    manager.systemctl('enable', 'fresh.service')
    const at = (servingAt: number) => look('fresh.service', memoryOf({ servingAt }))
    expect(await at((bootedAt ?? 0) - 1)).toMatchObject({
      verdict: 'broken',
      reason: expect.stringContaining('not started since'),
    })
    expect(await at((bootedAt ?? 0) + 1)).toMatchObject({
      verdict: 'broken',
      reason: expect.stringContaining('nothing proves'),
    })
  })

  test('S-4.9 is progressing while a job is queued, and while systemd itself is about to start it again', async () => {
    manager.systemctl('start', '--no-block', 'slow.service')
    await waitFor('its job to run', async () => (await look('slow.service')).verdict === 'progressing')
    expect(await look('slow.service')).toMatchObject({ starting: true })
    manager.systemctl('start', 'loop.service')
    await waitFor('it to be between two starts', async () =>
      (await look('loop.service')).reason.includes('auto-restart'),
    )
    expect(await look('loop.service')).toMatchObject({ verdict: 'progressing', starting: false })
  })

  test('is broken where there is no such unit, and unknown where systemd cannot be asked', async () => {
    expect(await look('nope.service')).toMatchObject({
      verdict: 'broken',
      reason: expect.stringContaining('does not exist'),
    })
    const deaf = openHosts({ clock: systemClock, log: pino({ level: 'silent' }), runtimeDir: '/nonexistent' })
    const asked = await unit.look({}, { ...context('sleep.service'), host: deaf.local })
    expect(asked).toMatchObject({ verdict: 'unknown', reason: expect.stringContaining('cannot be read') })
  })
})

describe('the probe by a program', () => {
  const ask = (script: string, limit = 10) =>
    programProbe.look({ argv: ['sh', '-c', script], where: 'local', limit }, context('sleep.service'))

  test.each([
    ['echo fine', 'healed'],
    ['exit 1', 'broken'],
    ['echo 3 missing; exit 2', 'progressing'],
    ['exit 3', 'unknown'],
    ['exit 127', 'unknown'],
    ['kill -9 $$', 'unknown'],
  ])('%s is %s', async (script, verdict) => {
    expect(await ask(script)).toMatchObject({ probe: 'program', verdict })
  })

  test('what it prints while progressing marks how far it is', async () => {
    expect(await ask('echo 3 missing; exit 2')).toMatchObject({ mark: '3 missing' })
  })

  test('that does not end in time is unknown', async () => {
    expect(await ask('sleep 100', 1)).toMatchObject({
      verdict: 'unknown',
      reason: expect.stringContaining('time limit'),
    })
  })

  test('knows its target and nothing of labels', async () => {
    const argv = (reference: string) => ({ argv: ['test', reference, '=', 'sleep.service'] })
    expect(await programProbe.look(argv('${target.unit}'), context('sleep.service'))).toMatchObject({
      verdict: 'healed',
    })
    expect(await programProbe.look(argv('${labels.x}'), context('sleep.service'))).toMatchObject({ verdict: 'unknown' })
  })
})
