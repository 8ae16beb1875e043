import { createServer } from 'node:net'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { injections } from '../../test/support/injections.ts'
import { processesWith } from '../../test/support/processes.ts'
import type { Sshd } from '../../test/support/sshd.ts'
import { freePort, startSshd, targetOn } from '../../test/support/sshd.ts'
import { systemClock } from '../clock.ts'
import type { RunOptions, RunResult } from './host.ts'
import type { OpenHosts } from './hosts.ts'
import { openHosts } from './hosts.ts'
import type { SshLimits } from './ssh.ts'

let sshd: Sshd
const opened: OpenHosts[] = []

beforeAll(async () => {
  sshd = await startSshd({ FROM_SSHD: 'yes' }, ['MaxStartups 4:100:4'])
})
afterAll(() => sshd.stop())
afterEach(async () => {
  for (const hosts of opened.splice(0)) await hosts.close()
})

/** A host on a connection of its own. */
function host(changes: Parameters<Sshd['connection']>[0] = {}, limits: Partial<SshLimits> = {}) {
  const hosts = openHosts({
    clock: systemClock,
    log: pino({ level: 'silent' }),
    secrets: ['s3cret-word'],
    ssh: { keepaliveIntervalMs: 300, keepaliveCount: 2, ...limits },
  })
  opened.push(hosts)
  return hosts.hostOf(targetOn(sshd.connection(changes)))
}

const sh = (script: string, options: Partial<RunOptions> = {}, on = host()) =>
  on.run(['sh', '-c', script], { limitMs: 10_000, ...options })

function exited(result: RunResult): Extract<RunResult, { kind: 'exited' }> {
  if (result.kind !== 'exited') throw new Error(`not exited: ${JSON.stringify(result)}`)
  return result
}

let serial = 0
const uniqueSleep = () => `${400 + process.pid / 1e7}${serial++}`

describe('a command over SSH', () => {
  test('gets its arguments character by character', async () => {
    const { stdout } = exited(await host().run(['printf', '%s\\0', ...injections], { limitMs: 5_000 }))
    expect(stdout).toBe(injections.map((value) => `${value}\0`).join(''))
  })

  test('gets its arguments character by character under a lock as well', async () => {
    const { stdout } = exited(
      await host().run(['printf', '%s\\0', ...injections], { limitMs: 5_000, lock: `quoting ${process.pid} $(id)` }),
    )
    expect(stdout).toBe(injections.map((value) => `${value}\0`).join(''))
  })

  test('finds the environment of its account and what it was given, no input, and nothing of ours', async () => {
    process.env['KAFKA_HEALING_TEST_LEAK'] = 'leaked'
    const { stdout } = exited(await sh('env; cat', { env: { OWN: '$(id) x' } }))
    expect(stdout).toContain('FROM_SSHD=yes\n')
    expect(stdout).toContain('OWN=$(id) x\n')
    expect(stdout).not.toContain('leaked')
  })

  test.each([
    ['exit 7', { exitCode: 7, timedOut: false }],
    ['exit 124', { exitCode: 124, timedOut: false }],
    ['echo the s3cret-word; echo oops >&2; exit 2', { exitCode: 2, stdout: 'the [redacted]\n', stderr: 'oops\n' }],
  ])('ends with its own status: %s', async (script, wanted) => {
    expect(exited(await sh(script))).toMatchObject(wanted)
  })

  test('is not begun when an argument holds a NUL', async () => {
    expect(await host().run(['echo', 'a\0b'], { limitMs: 1_000 })).toMatchObject({ kind: 'notSent', cause: 'invalid' })
  })

  test('may print 50 MB and still ends with its true exit code', async () => {
    const result = exited(await sh('head -c 50000000 /dev/zero | tr "\\0" x; echo last words; exit 3'))
    expect(result.exitCode).toBe(3)
    expect(result.stdout.length).toBeLessThan(140_000)
    expect(result.stdout.endsWith('last words\n')).toBe(true)
  })

  test('is ended at its limit, on the host', async () => {
    const time = uniqueSleep()
    expect(exited(await sh(`echo begun; exec sleep ${time}`, { limitMs: 300 }))).toMatchObject({
      exitCode: 124,
      timedOut: true,
      stdout: 'begun\n',
    })
    expect(processesWith('sleep', time)).toEqual([])
  })

  test('leaves nothing behind that escaped by setsid and holds the pipe', async () => {
    const time = uniqueSleep()
    const result = exited(await sh(`setsid sh -c 'trap "" TERM HUP; sleep ${time}; :' & echo begun; exit 4`))
    expect(result).toMatchObject({ exitCode: 4, stdout: 'begun\n' })
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
  })

  test('leaves nothing behind at its limit, not even what let go of the pipes', async () => {
    const time = uniqueSleep()
    const script = `setsid sleep ${time} </dev/null >/dev/null 2>&1 & exec sleep ${time}`
    expect(exited(await sh(script, { limitMs: 300 })).timedOut).toBe(true)
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
  })

  test('S-4.5 does not begin while another run holds its lock', async () => {
    const lock = `ssh test ${process.pid}`
    const time = uniqueSleep()
    const giveUp = new AbortController()
    const first = sh(`sleep ${time}`, { lock, limitMs: 60_000, signal: giveUp.signal })
    await waitFor('the first runs', () => processesWith('sleep', time).length > 0)
    expect(await sh('echo begun', { lock })).toMatchObject({ kind: 'exited', exitCode: 75, busy: true, stdout: '' })
    giveUp.abort()
    expect(await first).toMatchObject({ kind: 'lost' })
    await waitFor('the first is gone', () => processesWith('sleep', time).length === 0)
    expect(await sh('echo begun', { lock })).toMatchObject({ exitCode: 0, stdout: 'begun\n' })
  })

  test('is known to have ended although its end arrives together with its beginning', { timeout: 20_000 }, async () => {
    // Patient, for nothing can be answered while the loop stands still.
    const on = host({}, { keepaliveIntervalMs: 5_000 })
    await on.run(['true'], { limitMs: 5_000 })
    // The loop stands still between any two of its turns, so that all that the host sends in between arrives at once.
    const cell = new Int32Array(new SharedArrayBuffer(4))
    const stall = setInterval(() => Atomics.wait(cell, 0, 0, 400), 1)
    try {
      for (let turn = 0; turn < 5; turn++)
        expect(await on.run(['false'], { limitMs: 5_000 })).toMatchObject({ exitCode: 1 })
    } finally {
      clearInterval(stall)
    }
  })

  test('S-4.4 whose connection is cut is lost, and goes on only to its limit', { timeout: 20_000 }, async () => {
    const time = uniqueSleep()
    const on = host()
    const running = sh(`echo begun; sleep ${time}`, { limitMs: 2_000 }, on)
    await waitFor('it runs', () => processesWith('sleep', time).length > 0)
    sshd.killSessions()
    expect(await running).toMatchObject({ kind: 'lost', stdout: 'begun\n' })
    await waitFor('its limit to end it', () => processesWith('sleep', time).length === 0)
    expect(await sh('echo again', {}, on)).toMatchObject({ kind: 'exited', stdout: 'again\n' })
  })

  test('S-4.4 on a host that freezes is lost, with no deadline of its own reached', async () => {
    const time = uniqueSleep()
    const running = sh(`sleep ${time}`, { limitMs: 60_000 })
    await waitFor('it runs', () => processesWith('sleep', time).length > 0)
    sshd.freeze()
    try {
      expect(await running).toMatchObject({ kind: 'lost', reason: expect.stringMatching(/keepalive/i) })
    } finally {
      sshd.thaw()
      for (const pid of processesWith('sleep', time)) process.kill(pid, 'SIGKILL')
    }
  })

  test('runs beside others, four at a time on one connection, and all of them run', { timeout: 60_000 }, async () => {
    const on = host()
    const before = sshd.log().split('Accepted publickey').length
    const results = await Promise.all(Array.from({ length: 40 }, (_, i) => sh(`echo ${i}`, { limitMs: 50_000 }, on)))
    expect(results.map((result) => exited(result).stdout)).toEqual(Array.from({ length: 40 }, (_, i) => `${i}\n`))
    expect(sshd.log().split('Accepted publickey').length - before).toBe(1)
  })

  test('is sent although sshd drops connections above MaxStartups', { timeout: 20_000 }, async () => {
    const results = await Promise.all(Array.from({ length: 12 }, (_, i) => sh(`echo ${i}`)))
    expect(results.map((result) => exited(result).stdout)).toEqual(Array.from({ length: 12 }, (_, i) => `${i}\n`))
  })

  test('a connection that no target uses any more is closed after its last command, and a secret that is new is hidden', async () => {
    const on = host()
    const [hosts] = opened
    const target = targetOn(sshd.connection())
    const connections = () => sshd.log().split('Accepted publickey').length
    const before = connections()
    const running = sh('sleep 0.5; echo s3cret-word n3w-secret', {}, on)
    await sh('true', {}, on)
    hosts?.renew([], ['n3w-secret'])
    await sh('true', {}, on)
    expect(connections()).toBe(before + 1)
    expect(exited(await running).stdout).toBe('[redacted] [redacted]\n')
    await waitFor('another connection to be made', async () => {
      await sh('true', {}, on)
      return connections() > before + 1
    })
    // Another one by the same settings is another connection.
    expect(hosts?.hostOf(target)).not.toBe(on)
    hosts?.renew([target], [])
    expect(hosts?.hostOf(target)).toBe(hosts?.hostOf(target))
  })

  test('an idle connection is closed, and the next command makes a new one', async () => {
    const on = host({}, { idleMs: 100 })
    await sh('true', {}, on)
    const before = sshd.log().split('Disconnected from user').length
    await waitFor('the connection to be closed', () => sshd.log().split('Disconnected from user').length > before)
    expect(await sh('echo again', {}, on)).toMatchObject({ kind: 'exited', stdout: 'again\n' })
  })
})

describe('S-4.7 a command that was never sent says so and why', () => {
  const wrongPin = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

  test('nobody listens', async () => {
    const result = await sh('true', {}, host({ port: await freePort() }))
    expect(result).toMatchObject({
      kind: 'notSent',
      cause: 'unreachable',
      reason: expect.stringMatching(/ECONNREFUSED/),
    })
  })

  test('the host shows another key', async () => {
    const result = await sh('true', {}, host({ hostKey: wrongPin }))
    expect(result).toMatchObject({ kind: 'notSent', cause: 'hostKey', reason: expect.stringContaining(sshd.hostKey) })
  })

  test('the host does not know our key', async () => {
    const result = await sh('true', {}, host({ keyFile: sshd.strangerKeyFile }))
    expect(result).toMatchObject({ kind: 'notSent', cause: 'authentication' })
  })

  test('our key cannot be read, or is no key', async () => {
    expect(await sh('true', {}, host({ keyFile: '/no/such/key' }))).toMatchObject({ cause: 'authentication' })
    expect(await sh('true', {}, host({ keyFile: '/etc/passwd' }))).toMatchObject({ cause: 'authentication' })
  })

  test('the host accepts and says nothing', async () => {
    const sockets: { destroy(): void }[] = []
    const mute = createServer((socket) => sockets.push(socket))
    const port = await freePort()
    await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve))
    try {
      const result = await sh('true', {}, host({ port }, { sendWithinMs: 600 }))
      expect(result).toMatchObject({ kind: 'notSent', cause: 'unreachable' })
    } finally {
      for (const socket of sockets) socket.destroy()
      mute.close()
    }
  })

  test('it was given up before', async () => {
    const result = await sh('true', { signal: AbortSignal.abort() })
    expect(result).toMatchObject({ kind: 'notSent', cause: 'unreachable' })
  })
})

test('the host key that a machine shows can be asked for without trusting it', async () => {
  const hosts = openHosts({ clock: systemClock, log: pino({ level: 'silent' }), ssh: { sendWithinMs: 2_000 } })
  expect(await hosts.hostKeyOf(sshd.connection({ hostKey: 'SHA256:unknown' }), '127.0.0.1')).toBe(sshd.hostKey)
  expect(await hosts.hostKeyOf(sshd.connection({ port: await freePort() }), '127.0.0.1')).toBeNull()
})
