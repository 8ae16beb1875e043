import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { revisionNamed } from '../test/support/revision.ts'
import { type Clock, systemClock } from './clock.ts'
import { problemIn } from './document/document.ts'
import { formatProblem } from './document/problem.ts'
import type { Reloaded } from './in-force.ts'
import { openReload, type ReloadDeps } from './reload.ts'
import type { LoadedConfiguration } from './rules/configuration.ts'
import type { FilesSeen } from './rules/files.ts'

const ok = (name: string): Reloaded => ({ ok: true, revision: revisionNamed(name), atNextStart: [] })
const loadedAs = (name: string) =>
  ({ ok: { revision: revisionNamed(name) }, warnings: [] }) as unknown as LoadedConfiguration
const take = (loaded: LoadedConfiguration): Reloaded =>
  'problems' in loaded
    ? { ok: false, problems: loaded.problems.map(formatProblem) }
    : { ok: true, revision: loaded.ok.revision, atNextStart: [] }

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
      configFile: 'config.yml',
      inForce: { read: () => loadedAs(`r${(times += 1)}`), take },
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
    const look = () => ((looks += 1) === 1 ? first.promise : Promise.resolve({ fingerprint: 'a', busy: false }))
    const slow = setup({ look })
    const before = slow.reload()
    await Promise.resolve()
    const [one, other] = [slow.reload(), slow.reload()]
    first.resolve({ fingerprint: 'a', busy: false })
    expect(await before).toMatchObject({ revision: { name: 'r1' } })
    expect(await one).toMatchObject({ revision: { name: 'r2' } })
    expect(await other).toBe(await one)
    expect(slow.lastRead()).toBe('a')
  })

  it('knows what was read last, also where it was refused', async () => {
    const refused: Reloaded = { ok: false, problems: ['config.yml:1:1: nonsense'] }
    const read = () => ({ problems: [problemIn('config.yml', { line: 1, column: 1 }, 'nonsense')] })
    const { reload, lastRead, results } = setup({ inForce: { read, take } })
    expect(lastRead()).toBe('loaded')
    expect(await reload()).toEqual(refused)
    expect(lastRead()).toBe('a')
    expect(results).toEqual([refused])
  })

  it('reads again what changed while it was read, and refuses what never stands still', async () => {
    const looks = ['a', 'b', 'b', 'b']
    const patient = setup({ look: async () => ({ fingerprint: looks.shift() ?? 'b', busy: false }) })
    expect(await patient.reload()).toMatchObject({ revision: { name: 'r2' } })
    expect(patient.lastRead()).toBe('b')

    let times = 0
    const restless = setup({ look: async () => ({ fingerprint: String((times += 1)), busy: false }) })
    expect(await restless.reload()).toEqual({
      ok: false,
      problems: [expect.stringContaining('config.yml:1:1: the files kept changing')],
    })
    expect(restless.results).toHaveLength(1)
  })

  it('for the watch takes only what it has seen, unless somebody else asks as well', async () => {
    const { reload, reloadSeen, results, lastRead } = setup()
    expect(await reloadSeen('another')).toMatchObject({ ok: false })
    expect(results).toEqual([])
    expect(lastRead()).toBe('loaded')
    expect(await reloadSeen('a')).toMatchObject({ ok: true })

    const both = await Promise.all([reload(), reloadSeen('another')])
    expect(both).toMatchObject([{ ok: true }, { ok: true }])
    const alone = await reloadSeen('another')
    expect(alone).toMatchObject({ ok: false })
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
