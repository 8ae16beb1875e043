import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { revisionNamed } from '../test/support/revision.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Reloaded } from './in-force.ts'
import { openReload, type ReloadDeps } from './reload.ts'
import type { FilesSeen } from './rules/files.ts'

const ok = (name: string): Reloaded => ({ ok: true, revision: revisionNamed(name) })

/** A clock that says how long somebody wants to sleep, and sleeps no longer than it is told to. */
function setup(change: Partial<ReloadDeps> = {}) {
  const stopping = new AbortController()
  const logged: string[] = []
  const results: Reloaded[] = []
  let monotonic = 0
  const clock: Clock = {
    ...systemClock,
    monotonic: () => monotonic,
    sleep: async (ms, signal) => {
      if (signal?.aborted !== true) monotonic += ms
    },
  }
  let times = 0
  const reload = openReload(
    {
      inForce: { reload: async () => ok(`r${(times += 1)}`) },
      look: async () => ({ fingerprint: 'a', busy: false }),
      clock,
      log: pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) }),
      signal: stopping.signal,
      onReloaded: (result) => void results.push(result),
      apply: async () => true,
      ...change,
    },
    'loaded',
  )
  return { ...reload, stopping, logged, results, elapsed: () => monotonic }
}

describe('a reload', () => {
  it('is one after another, and shared by all who ask while one goes on', async () => {
    const { reload, results } = setup()
    const answers = await Promise.all([reload(), reload(), reload()])
    expect(new Set(answers)).toHaveLength(1)
    expect(results).toEqual([ok('r1')])

    const first = Promise.withResolvers<FilesSeen>()
    let looks = 0
    const slow = setup({ look: async () => ((looks += 1) === 1 ? first.promise : { fingerprint: 'b', busy: false }) })
    const before = slow.reload()
    await Promise.resolve()
    const [one, other] = [slow.reload(), slow.reload()]
    first.resolve({ fingerprint: 'a', busy: false })
    expect(await before).toMatchObject({ revision: { name: 'r1' } })
    expect(await one).toMatchObject({ revision: { name: 'r2' } })
    expect(await other).toBe(await one)
    expect(slow.lastRead()).toBe('b')
  })

  it('knows what was read last, also where it was refused', async () => {
    const refused: Reloaded = { ok: false, problems: ['config.yml:1:1: nonsense'] }
    const { reload, lastRead, results } = setup({ inForce: { reload: async () => refused } })
    expect(lastRead()).toBe('loaded')
    expect(await reload()).toEqual(refused)
    expect(lastRead()).toBe('a')
    expect(results).toEqual([refused])
  })

  it('waits for git to end, and reads the files all the same when it does not', async () => {
    let looks = 0
    const patient = setup({ look: async () => ({ fingerprint: 'a', busy: (looks += 1) < 5 }) })
    expect(await patient.reload()).toMatchObject({ ok: true })
    expect(patient.elapsed()).toBeGreaterThan(0)
    expect(patient.logged).toEqual([])

    const stale = setup({ look: async () => ({ fingerprint: 'a', busy: true }) })
    expect(await stale.reload()).toMatchObject({ ok: true })
    expect(stale.elapsed()).toBeGreaterThanOrEqual(10_000)
    expect(stale.logged.join('')).toContain('git has not ended')
  })

  it('S-3.6 is in force and says so although the store does not let it be applied to open incidents', async () => {
    const away = setup({ apply: () => new Promise(() => {}) })
    expect(await away.reload()).toMatchObject({ ok: true, applied: false })
    expect(away.results).toEqual([ok('r1')])
    // The next one does not wait for it for ever.
    expect(await away.reload()).toMatchObject({ revision: { name: 'r2' }, applied: false })
  })

  it('takes nothing into force once it stops', async () => {
    const { reload, stopping, results } = setup()
    stopping.abort()
    expect(await reload()).toEqual({ ok: false, problems: ['kafka-healing is shutting down'] })
    expect(results).toEqual([])
  })
})
