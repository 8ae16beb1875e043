import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { injections } from '../../test/support/injections.ts'
import { processesWith } from '../../test/support/processes.ts'
import type { Sshd } from '../../test/support/sshd.ts'
import { startSshd, targetOn } from '../../test/support/sshd.ts'
import type { UserManager } from '../../test/support/user-manager.ts'
import { startUserManager } from '../../test/support/user-manager.ts'
import { systemClock } from '../clock.ts'
import type { OpenHosts } from '../hosts/hosts.ts'
import { openHosts } from '../hosts/hosts.ts'
import type { Target } from '../inventory/inventory.ts'
import type { ActionContext } from './action.ts'
import { program } from './program.ts'

let manager: UserManager
let withSystemd: Sshd
let without: Sshd
let hosts: OpenHosts

beforeAll(async () => {
  manager = await startUserManager()
  withSystemd = await startSshd({ XDG_RUNTIME_DIR: manager.runtimeDir })
  without = await startSshd()
  hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }) })
}, 30_000)
afterAll(async () => {
  await hosts.close()
  await withSystemd.stop()
  await without.stop()
  await manager.stop()
}, 30_000)

let serial = 0
const uniqueSleep = () => `${500 + process.pid / 1e7}${serial++}`

/** Each with a unit name of its own, so that tests share no lock. */
const places: Readonly<Record<string, () => Target>> = {
  'over SSH, in a unit of its own': () => on(withSystemd.connection()),
  'over SSH, where there is no systemd for us': () => on(without.connection()),
  'on this machine': () => on({ driver: 'local' }),
}
const on = (connection: Target['connection']) =>
  targetOn(connection, { unit: { name: `p${process.pid}-${serial++}.service`, manager: 'user', sudo: false } })

function context(target: Target, changes: Partial<ActionContext> = {}): ActionContext {
  return {
    target,
    host: hosts.hostOf(target),
    local: hosts.local,
    key: `1.2.${process.pid}${serial++}`,
    limitSeconds: 20,
    values: { labels: {}, target: { host: target.host }, incident: { id: '1' } },
    clock: systemClock,
    signal: new AbortController().signal,
    ...changes,
  }
}

const unitState = (key: string) =>
  manager.systemctl('show', `kafka-healing-${key}.service`, '-p', 'ActiveState', '--value').stdout.trim()

describe.each(Object.keys(places))('a program %s', (place) => {
  const target = () => places[place]?.() as Target

  test('gets what labels hold character by character', async () => {
    // Values that would be refused are tested with interpolation itself.
    const fit = injections.filter((value) => value !== '' && !value.startsWith('-') && !/\p{Cc}/u.test(value))
    const labels = Object.fromEntries(fit.map((value, i) => [`l${i}`, value]))
    const argv = ['printf', '<%s>\\n', ...fit.map((_, i) => `\${labels.l${i}}`)]
    const at = context(target(), { values: { labels, target: {}, incident: {} } })
    const { output } = await program.run({ argv }, at)
    expect(output.split('\n')).toEqual(fit.map((value) => `<${value}>`))
  })

  test('succeeds with 0 and fails with its own status, output included', async () => {
    const at = target()
    expect(await program.run({ argv: ['sh', '-c', 'echo out; echo err >&2'] }, context(at))).toMatchObject({
      outcome: 'succeeded',
      exitCode: 0,
      output: 'out\nerr',
    })
    const failing = context(at)
    expect(await program.run({ argv: ['sh', '-c', 'echo out; exit 75'] }, failing)).toEqual({
      outcome: 'failed',
      reason: 'sh ended with 75',
      exitCode: 75,
      output: 'out',
    })
    expect(unitState(failing.key)).toBe('inactive')
  })

  test('knows its key and what the runbook gives it', async () => {
    const at = context(target())
    const argv = ['sh', '-c', 'echo "$KAFKA_HEALING_KEY $A"']
    expect(await program.run({ argv, env: { A: '$HOME %n' } }, at)).toMatchObject({ output: `${at.key} $HOME %n` })
  })

  test('is ended at its limit with all that it began, and has failed', { timeout: 20_000 }, async () => {
    const time = uniqueSleep()
    const argv = ['sh', '-c', `setsid sleep ${time} & sleep ${time}`]
    const result = await program.run({ argv }, context(target(), { limitSeconds: 1 }))
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('time limit') })
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
  })

  test('that ended with 0 has succeeded, and what it left behind is killed', { timeout: 20_000 }, async () => {
    const time = uniqueSleep()
    const argv = ['sh', '-c', `trap '' TERM; sleep ${time} & exit 0`]
    expect(await program.run({ argv }, context(target()))).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
    expect(processesWith('sleep', time)).toEqual([])
  })

  test('that ends with 0 because it was told to at its limit has failed', { timeout: 20_000 }, async () => {
    const time = uniqueSleep()
    const argv = ['sh', '-c', `trap 'exit 0' TERM; sleep ${time} & wait`]
    const result = await program.run({ argv }, context(target(), { limitSeconds: 1 }))
    expect(result).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('time limit') })
  })

  test('that does not exist has failed', async () => {
    expect(await program.run({ argv: ['no-such-program'] }, context(target()))).toMatchObject({ outcome: 'failed' })
  })

  test('is not begun when a value is missing or would be an option', async () => {
    const mark = join(manager.dir, `mark-${serial++}`)
    const argv = ['touch', mark, '${labels.x}']
    for (const labels of [{}, { x: '--no-create' }]) {
      const at = context(target(), { values: { labels, target: {}, incident: {} } })
      expect(await program.run({ argv }, at)).toMatchObject({
        outcome: 'failed',
        exitCode: null,
        reason: expect.stringContaining('nothing was run'),
      })
    }
    expect(existsSync(mark)).toBe(false)
  })

  test('S-4.5 is busy while another of ours works on the same unit', async () => {
    const at = target()
    const gate = join(manager.dir, `gate-${serial++}`)
    const first = program.run(
      { argv: ['sh', '-c', `touch ${gate}.begun; until [ -e ${gate} ]; do sleep 0.05; done`] },
      context(at),
    )
    await waitFor('the first to run', () => existsSync(`${gate}.begun`))
    expect(await program.run({ argv: ['true'] }, context(at))).toMatchObject({ outcome: 'failed', notRun: 'busy' })
    writeFileSync(gate, '')
    expect(await first).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('the key of a step', () => {
  test('S-4.4 is started once: while its unit exists, systemd refuses a second start', async () => {
    const target = on(withSystemd.connection())
    const gate = join(manager.dir, `gate-${serial++}`)
    const at = context(target)
    const argv = ['sh', '-c', `echo x >> ${gate}.begun; until [ -e ${gate} ]; do sleep 0.05; done`]
    const first = program.run({ argv }, at)
    await waitFor('the first to run', () => existsSync(`${gate}.begun`))
    // Another lock, as another instance of us that lost the first one would have.
    const other = { ...at, target: { ...target, unit: { ...target.unit, name: 'other.service' } } }
    expect(await program.run({ argv }, other)).toMatchObject({
      outcome: 'unknown',
      reason: expect.stringContaining('not begun again; its unit is active'),
    })
    writeFileSync(gate, '')
    expect(await first).toMatchObject({ outcome: 'succeeded' })
    expect(readFileSync(`${gate}.begun`, 'utf8')).toBe('x\n')
  })

  test('S-4.4 tells what became of a program whose connection was cut: its unit goes on, and stays when it failed', async () => {
    const gate = join(manager.dir, `gate-${serial++}`)
    const at = context(on(withSystemd.connection()))
    const argv = ['sh', '-c', `touch ${gate}.begun; until [ -e ${gate} ]; do sleep 0.05; done; exit 3`]
    const step = program.run({ argv }, at)
    await waitFor('it to run', () => existsSync(`${gate}.begun`))
    withSystemd.killSessions()
    expect(await step).toMatchObject({ outcome: 'unknown' })
    expect(unitState(at.key)).toBe('active')
    writeFileSync(gate, '')
    await waitFor('it to fail', () => unitState(at.key) === 'failed')
    expect(await program.run({ argv }, at)).toMatchObject({
      outcome: 'unknown',
      reason: expect.stringContaining('failed'),
    })
  })
})

test('S-4.7 a host that cannot be reached spends no attempt', async () => {
  expect(await program.run({ argv: ['true'] }, context(on(without.connection({ port: 1 }))))).toMatchObject({
    outcome: 'failed',
    notRun: 'unreachable',
  })
})

test('`where: local` runs beside kafka-healing, whatever the target', async () => {
  const at = context(on(without.connection({ port: 1 })))
  expect(await program.run({ argv: ['echo', '${target.host}'], where: 'local' }, at)).toMatchObject({
    output: '127.0.0.1',
  })
})
