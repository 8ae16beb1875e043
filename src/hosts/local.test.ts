import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { injections } from '../../test/support/injections.ts'
import { processesWith } from '../../test/support/processes.ts'
import { systemClock } from '../clock.ts'
import type { Host, RunResult } from './host.ts'
import { localHost } from './local.ts'
import { redactorOf } from './transcript.ts'

const host: Host = localHost({ clock: systemClock, redact: redactorOf(['s3cret-word']), runtimeDir: '/nonexistent' })
const sh = (script: string, limitMs = 10_000, more: { lock?: string; signal?: AbortSignal } = {}) =>
  host.run(['sh', '-c', script], { limitMs, ...more })

/** A sleep that no other test uses, so that its process can be told apart. */
let serial = 0
const uniqueSleep = () => `${300 + process.pid / 1e7}${serial++}`

function exited(result: RunResult): Extract<RunResult, { kind: 'exited' }> {
  if (result.kind !== 'exited') throw new Error(`not exited: ${JSON.stringify(result)}`)
  return result
}

describe('a local command', () => {
  test('gets its arguments as they are, with no shell between', async () => {
    const { stdout } = exited(await host.run(['printf', '%s\\0', ...injections], { limitMs: 5_000 }))
    expect(stdout).toBe(injections.map((value) => `${value}\0`).join(''))
  })

  test('finds a clean environment, no input, and a process group of its own', async () => {
    const { stdout } = exited(
      await host.run(['sh', '-c', 'env; cat; ps -o pgid= -p $$ | tr -d " "'], { limitMs: 5_000, env: { OWN: 'x y' } }),
    )
    const lines = stdout.trim().split('\n')
    const names = lines.slice(0, -1).map((line) => line.replace(/=.*/, ''))
    expect(new Set(names)).toEqual(
      new Set(
        ['PATH', 'LANG', 'XDG_RUNTIME_DIR', 'OWN', 'KAFKA_HEALING_RUN', 'PWD', 'OLDPWD'].filter((n) =>
          names.includes(n),
        ),
      ),
    )
    expect(lines).toContain('OWN=x y')
    const ownGroup = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[2]
    expect(lines.at(-1)).not.toBe(ownGroup)
  })

  test.each([
    [['sh', '-c', 'exit 7'], { exitCode: 7, signal: null, timedOut: false }],
    [['sh', '-c', 'kill -SEGV $$'], { exitCode: null, signal: 'SIGSEGV', timedOut: false }],
    [['no-such-command-here'], { exitCode: 127, timedOut: false }],
    [['/etc/passwd'], { exitCode: 126, timedOut: false }],
    [['sh', '-c', 'exit 124'], { exitCode: 124, timedOut: false }],
    [['sh', '-c', 'exit 75'], { exitCode: 75, timedOut: false }],
  ])('ends with its own status: %j', async (argv, wanted) => {
    const result = exited(await host.run(argv, { limitMs: 5_000 }))
    expect(result).toMatchObject(wanted)
    expect(result.busy).toBeUndefined()
  })

  test.each([
    [['echo', 'a\0b'], /NUL/],
    [[], /no command/],
    [['-c', 'id'], /name of a command/],
    [['A=b', 'id'], /name of a command/],
  ])('is not begun when it cannot be a command: %j', async (argv, reason) => {
    const result = await host.run(argv, { limitMs: 5_000 })
    expect(result).toMatchObject({ kind: 'notSent', cause: 'invalid' })
    expect((result as { reason: string }).reason).toMatch(reason)
  })

  test('may print 50 MB and still ends with its true exit code', async () => {
    const result = exited(await sh('head -c 50000000 /dev/zero | tr "\\0" x; echo last words; exit 3'))
    expect(result.exitCode).toBe(3)
    expect(result.stdout.length).toBeLessThan(140_000)
    expect(result.stdout).toContain('bytes left out')
    expect(result.stdout.endsWith('last words\n')).toBe(true)
  })

  test('does not show a secret', async () => {
    const result = exited(await sh('echo the s3cret-word; echo "s3cret-word!" >&2'))
    expect(result).toMatchObject({ stdout: 'the [redacted]\n', stderr: '[redacted]!\n' })
  })

  test('is ended at its limit, with what it printed', async () => {
    const result = exited(await sh('echo begun; exec sleep 100', 300))
    expect(result).toMatchObject({ exitCode: 124, timedOut: true, stdout: 'begun\n' })
  })

  test('leaves no grandchild behind that ignores SIGTERM and holds the pipe', async () => {
    const time = uniqueSleep()
    const result = exited(await sh(`(trap '' TERM; sleep ${time}) & echo begun; exit 4`))
    expect(result).toMatchObject({ exitCode: 4, timedOut: false, stdout: 'begun\n' })
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
  })

  test('leaves nothing behind that escaped by setsid and holds the pipe', async () => {
    const time = uniqueSleep()
    const result = exited(await sh(`setsid sh -c 'trap "" TERM; sleep ${time}; :' & echo begun`))
    expect(result).toMatchObject({ exitCode: 0, timedOut: false, stdout: 'begun\n' })
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
  })

  test('that ignores SIGTERM is killed after the grace and counts as timed out', { timeout: 20_000 }, async () => {
    const time = uniqueSleep()
    const result = exited(await sh(`trap '' TERM; setsid sleep ${time} & sleep ${time}; sleep ${time}`, 200))
    expect(result.timedOut).toBe(true)
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
  })

  test('is killed when told to give up, and nobody claims to know how it went', async () => {
    const time = uniqueSleep()
    const giveUp = new AbortController()
    const running = sh(`echo begun; sleep ${time}`, 60_000, { signal: giveUp.signal })
    await waitFor('it runs', () => processesWith('sleep', time).length > 0)
    giveUp.abort()
    expect(await running).toMatchObject({ kind: 'lost', stdout: 'begun\n' })
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
    expect(await sh('echo begun', 1_000, { signal: giveUp.signal })).toMatchObject({ kind: 'notSent' })
  })

  test('leaves nothing behind at its limit, not even what let go of the pipes', async () => {
    const time = uniqueSleep()
    const script = `setsid sleep ${time} </dev/null >/dev/null 2>&1 & exec sleep ${time}`
    expect(exited(await sh(script, 300)).timedOut).toBe(true)
    await waitFor('nobody left', () => processesWith('sleep', time).length === 0)
  })

  test('S-4.5 does not begin while another run holds its lock', async () => {
    const lock = `test/${process.pid} $(id)`
    const time = uniqueSleep()
    const giveUp = new AbortController()
    const first = sh(`sleep ${time}`, 60_000, { lock, signal: giveUp.signal })
    await waitFor('the first runs', () => processesWith('sleep', time).length > 0)
    expect(await sh('echo begun', 5_000, { lock })).toMatchObject({
      kind: 'exited',
      exitCode: 75,
      busy: true,
      stdout: '',
    })
    expect(await sh('echo begun', 5_000, { lock: `${lock}2` })).toMatchObject({ exitCode: 0, stdout: 'begun\n' })
    giveUp.abort()
    await first
    expect(await sh('echo begun', 5_000, { lock })).toMatchObject({ exitCode: 0, stdout: 'begun\n' })
  })

  test('S-4.5 that says 75 by itself under a lock is not taken for one that did not run', async () => {
    const result = exited(await sh('echo "lock is held" >&2; exit 75', 5_000, { lock: `own-75-${process.pid}` }))
    expect(result.exitCode).toBe(75)
    expect(result.busy).toBeUndefined()
  })
})
