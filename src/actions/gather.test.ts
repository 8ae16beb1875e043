import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { program } from '../../test/lab/processes.ts'
import { waitFor } from '../../test/lab/wait.ts'
import type { Sshd } from '../../test/support/sshd.ts'
import { startSshd, targetOn } from '../../test/support/sshd.ts'
import type { UserManager } from '../../test/support/user-manager.ts'
import { startUserManager } from '../../test/support/user-manager.ts'
import { systemClock } from '../clock.ts'
import type { OpenHosts } from '../hosts/hosts.ts'
import { openHosts } from '../hosts/hosts.ts'
import type { Target } from '../inventory/inventory.ts'
import { readUnit } from '../probes/unit-state.ts'
import type { ActionContext } from './action.ts'
import { gather } from './gather.ts'
import { unitLock } from './lock.ts'
import { processSeen } from './process-seen.ts'
import { shortened } from './thread-dump.ts'

let manager: UserManager
let sshd: Sshd
let hosts: OpenHosts
let data: string

beforeAll(async () => {
  manager = await startUserManager()
  sshd = await startSshd({ XDG_RUNTIME_DIR: manager.runtimeDir })
  hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }) })
  data = join(manager.dir, 'data')
  mkdirSync(data)
}, 30_000)
afterAll(async () => {
  await hosts.close()
  await sshd.stop()
  await manager.stop()
}, 30_000)

/** A JVM that runs until it is stopped, and needs nothing but a JRE. */
const JAVA = program('java', 'default-jre-headless')
const jvm = (...options: readonly string[]) =>
  [JAVA, '-Xmx32m', '-XX:TieredStopAtLevel=1', ...options, '-m java.rmi/sun.rmi.registry.RegistryImpl 0'].join(' ')

let serial = 0
/** A running unit of its own for a test. */
async function running(run: string, changes: Partial<Target> = {}, output = 'append'): Promise<Target> {
  const name = `gather-${serial++}.service`
  const log = join(manager.dir, `${name}.log`)
  const lines = output === 'append' ? [`StandardOutput=append:${log}`, `StandardError=append:${log}`] : [output]
  manager.units({ [name]: ['[Service]', 'Type=exec', `ExecStart=${run}`, ...lines, ''].join('\n') })
  expect(manager.systemctl('start', name).stderr).toBe('')
  return targetOn(sshd.connection(), {
    unit: { name, manager: 'user', sudo: false },
    data: [{ path: data, mount: false }],
    ...changes,
  })
}

function context(target: Target, changes: Partial<ActionContext> = {}): ActionContext {
  return {
    target,
    host: hosts.hostOf(target),
    local: hosts.local,
    key: `1.1.${serial}`,
    limitSeconds: 30,
    values: { labels: {}, target: {}, incident: {} },
    clock: systemClock,
    signal: new AbortController().signal,
    ...changes,
  }
}

async function invocation(target: Target): Promise<string> {
  const unit = await readUnit(hosts.hostOf(target), target.unit, systemClock)
  if ('problem' in unit) throw new Error(unit.problem)
  return `${unit.activeState} ${unit.invocationId}`
}

/** Waits until the JVM handles SIGQUIT: before that the signal ends it. */
async function ready(target: Target): Promise<void> {
  const host = hosts.hostOf(target)
  const pid = manager.systemctl('show', target.unit.name, '--property=MainPID', '--value').stdout.trim()
  await waitFor('the JVM to handle signals', async () => {
    const run = await host.run(['cat', `/proc/${pid}/status`], { limitMs: 5_000 })
    const seen = run.kind === 'exited' ? processSeen(run.stdout) : null
    return seen?.name === 'java' && seen.catchesQuit
  })
}

const everything = { threads: true, disk: true } as const

describe('gather over SSH', () => {
  test('takes the threads of a live JVM, which goes on, and all that its host tells', async () => {
    const target = await running(jvm())
    await ready(target)
    const before = await invocation(target)

    const result = await gather.run(everything, context(target))

    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: null })
    expect(result.reason).toMatch(/^gathered threads, /)
    expect(result.output).toContain('Full thread dump OpenJDK')
    expect(result.output).toMatch(/^"main" .*\n\s+java\.lang\.Thread\.State: /m)
    expect(result.output).toMatch(/== unit\n(?:.*\n)*?MainPID=[1-9]/)
    expect(result.output).toMatch(/State:\s+S \(sleeping\)/)
    expect(result.output).toMatch(/MemAvailable:\s+\d+ kB/)
    expect(result.output).toMatch(/== df\nFilesystem .*\n.*\d+%/)
    expect(result.output).toMatch(/== inodes\nFilesystem .*IUse%/)
    expect(await invocation(target)).toBe(before)
  })

  test('takes a dump that was made now, not one that was in the log before', async () => {
    const target = await running(jvm())
    await ready(target)
    const first = await gather.run({ ...everything, log_lines: 0 }, context(target))
    const second = await gather.run({ ...everything, log_lines: 0 }, context(target))
    const lived = (text: string) => Number(/^"Reference Handler".*elapsed=([\d.]+)s/m.exec(text)?.[1])
    expect(second.output.match(/Full thread dump/g)).toHaveLength(1)
    expect(first.output.match(/Full thread dump/g)).toHaveLength(1)
    expect(lived(second.output)).toBeGreaterThan(lived(first.output))
  })

  test('S-5.4 does not ask a JVM that is stopped and cannot answer, and gathers the rest', async () => {
    const target = await running(jvm())
    await ready(target)
    manager.systemctl('kill', '--signal=STOP', target.unit.name)
    try {
      const result = await gather.run(everything, context(target))
      expect(result).toMatchObject({
        outcome: 'succeeded',
        reason: expect.stringContaining('could not read threads (not asked for: the process is T (stopped)'),
      })
      expect(result.output).toContain('State:\tT (stopped)')
      expect(result.output).toContain('MemAvailable')
    } finally {
      manager.systemctl('kill', '--signal=CONT', target.unit.name)
    }
  })

  test('waits a bounded time for a JVM whose answer goes nowhere', async () => {
    const target = await running(jvm(), {}, 'StandardOutput=null')
    await ready(target)
    const result = await gather.run(everything, context(target, { limitSeconds: 8 }))
    expect(result).toMatchObject({ outcome: 'succeeded', reason: expect.stringMatching(/could not read threads \(/) })
    expect(await invocation(target)).toMatch(/^active /)
  })

  test.each([
    ['what is no JVM', '/bin/sleep 1000', {}, 'the main process is sleep, not java'],
    ['a JVM that does not handle it', jvm('-Xrs'), {}, 'does not handle the signal'],
    ['an exporter, whatever it runs', jvm(), { kind: 'exporter' }, 'exporters are no JVMs'],
  ] as const)('sends no signal to %s, which it would end', async (_, run, changes, why) => {
    const target = await running(run, changes)
    await waitFor('the process', async () => {
      const pid = manager.systemctl('show', target.unit.name, '--property=MainPID', '--value').stdout.trim()
      return existsSync(`/proc/${pid}`)
    })
    const before = await invocation(target)
    const result = await gather.run(everything, context(target))
    expect(result).toMatchObject({ outcome: 'succeeded', reason: expect.stringContaining(why) })
    expect(await invocation(target)).toBe(before)
  })

  test('reads the end of the log as it was before the dump', async () => {
    const target = await running('/bin/sh -c "seq 1 500; exec sleep 1000"')
    await waitFor('its words', async () =>
      (await gather.run({ threads: false, disk: false }, context(target))).output.includes('\n500\n'),
    )
    const result = await gather.run({ threads: false, disk: false, log_lines: 3 }, context(target))
    expect(result.output).toContain('== log\n498\n499\n500\n')
    expect(result.output).not.toContain('== df')
  })

  test('says what it could not read, and never ends the rung by it', async () => {
    const missing = targetOn(sshd.connection(), {
      unit: { name: 'nope.service', manager: 'user', sudo: false },
      data: [{ path: join(data, 'not-there'), mount: true }],
    })
    const result = await gather.run(everything, context(missing))
    expect(result.outcome).toBe('succeeded')
    expect(result.reason).toMatch(/could not read threads \(there is no process to ask/)
    expect(result.output).toMatch(/== df\ncould not read: df: .*not-there/)
    expect(result.output).toContain('ActiveState=inactive')
  })

  test('S-4.7 a host that cannot be reached, or does not let us in, spends no attempt', async () => {
    const at = (changes: Parameters<Sshd['connection']>[0]) => context(targetOn(sshd.connection(changes)))
    expect(await gather.run(everything, at({ port: 1 }))).toMatchObject({ outcome: 'failed', notRun: 'unreachable' })
    expect(await gather.run(everything, at({ keyFile: sshd.strangerKeyFile }))).toMatchObject({ notRun: 'permission' })
    expect(await gather.run(everything, at({ hostKey: 'SHA256:other' }))).toMatchObject({ notRun: 'permission' })
  })

  test('S-4.5 asks for no dump while another run of ours works on the unit', async () => {
    const target = await running(jvm())
    await ready(target)
    const gate = join(manager.dir, `gate-${serial}`)
    const taken = join(manager.dir, `taken-${serial}`)
    const script = `touch ${taken}; until [ -e ${gate} ]; do sleep 0.05; done`
    const holder = hosts.hostOf(target).run(['sh', '-c', script], { limitMs: 20_000, lock: unitLock(target) })
    await waitFor('the lock to be held', () => existsSync(taken))
    expect(await gather.run(everything, context(target))).toMatchObject({ outcome: 'failed', notRun: 'busy' })
    writeFileSync(gate, '')
    await holder
  })

  test('a unit whose name is an option is not touched', async () => {
    const evil = targetOn(sshd.connection(), { unit: { name: '--version', manager: 'user', sudo: false } })
    expect(await gather.run(everything, context(evil))).toMatchObject({ outcome: 'failed', output: '' })
  })
})

test('the only command that sudo must allow is the one that asks for the dump', () => {
  const unit = { name: 'kafka.service', manager: 'system', sudo: true } as const
  const target = targetOn(sshd.connection(), { unit })
  const argv = (threads: boolean) =>
    gather.argv?.({ threads, disk: true }, { target, values: { labels: {}, target: {}, incident: {} } })
  expect(argv(true)).toEqual({
    argv: ['sudo', '-n', 'systemctl', 'kill', '--kill-who=main', '--signal=QUIT', 'kafka.service'],
  })
  expect(argv(false)).toMatchObject({ argv: ['systemctl', 'show', 'kafka.service', expect.any(String)] })
})

test.each(['broker', 'exporter'] as const)('S-4.2 gathering on a %s disturbs nothing and can be repeated', (kind) => {
  expect(gather.traits({ threads: true, disk: true }, kind)).toMatchObject({
    disruptive: false,
    repeatable: true,
    stops: false,
    starts: false,
    changes: false,
    limitSeconds: 30,
  })
  expect(gather.traits({ threads: true, disk: true, limit: 60 }, kind).limitSeconds).toBe(60)
})

describe('a thread dump', () => {
  const frames = (count: number) => Array.from({ length: count }, (_, at) => `\tat kafka.A.f${at}(A.java)`)

  test('keeps the innermost frames of each thread and what they wait for', () => {
    const dump = [
      '"request-handler-1" #42 daemon prio=5 os_prio=0 cpu=1.2ms tid=0x00007f nid=0x1a waiting [0x00007f00]',
      '   java.lang.Thread.State: BLOCKED (on object monitor)',
      ...frames(2),
      '\t- waiting to lock <0x1> (a java.lang.Object)',
      ...frames(20),
      '',
      '"main" #1 prio=5',
      ...frames(3),
    ].join('\n')
    const text = shortened(dump)
    expect(text.split('\n')).toEqual([
      '"request-handler-1" #42 daemon prio=5 cpu=1.2ms waiting',
      '   java.lang.Thread.State: BLOCKED (on object monitor)',
      ...frames(2),
      '\t- waiting to lock <0x1> (a java.lang.Object)',
      ...frames(6),
      '"main" #1 prio=5',
      ...frames(3),
    ])
  })
})

test.each([
  [
    'Name:\tjava\nState:\tS (sleeping)\nSigCgt:\t2000000101005ccf\n',
    { name: 'java', state: 'S (sleeping)', catchesQuit: true },
  ],
  [
    'Name:\tjava\nState:\tT (stopped)\nSigCgt:\t2000000101005ccb\n',
    { name: 'java', state: 'T (stopped)', catchesQuit: false },
  ],
  ['', null],
])('a process from its status %j', (status, seen) => {
  expect(processSeen(status)).toEqual(seen)
})
