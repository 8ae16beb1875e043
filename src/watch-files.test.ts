import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { git } from '../test/support/git.ts'
import { type Clock, systemClock } from './clock.ts'
import { formatProblem } from './document/problem.ts'
import { openReload } from './reload.ts'
import { loadConfiguration } from './rules/configuration.ts'
import { type FilesSeen, filesLook } from './rules/files.ts'
import { granted } from './rules/granted.ts'
import { runFilesWatch } from './watch-files.ts'

const home = mkdtempSync(join(tmpdir(), 'kafka-healing-files-'))
afterAll(() => rmSync(home, { recursive: true }))
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const DEBOUNCE_MS = 7

const RULE = (name: string): string => `rules:
  - { name: ${name}, match: ['alertname="A"'], target: { broker: from-labels }, runbook: look, escalation: { to: [oncall] } }
runbooks: { look: { rungs: [[{ systemd: { verb: start } }]], verify: [{ probe: unit, within: 1m }] } }
`
const CONFIG = `smtp: { host: localhost, from: a@example.org, password_file: password, username: a }
receivers: { oncall: [a@example.org] }
`
const INVENTORY = `clusters:
  orders:
    bootstrap: ['localhost:1']
    connection: { driver: local }
    brokers: [{ id: 1, host: localhost, unit: kafka.service, data: [/data] }]
`

type Files = Readonly<Record<string, string>>
const FILES: Files = {
  'config.yml': CONFIG,
  'inventory.yml': INVENTORY,
  password: 'first',
  'rules/kafka.yml': RULE('first'),
}

function write(folder: string, files: Files): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
}

function folderWith(name: string, files: Files = FILES): string {
  const folder = join(home, name)
  write(folder, files)
  return folder
}

/** The watch over real files, a look at a time. */
async function watched(folder: string, how: { look?: () => Promise<FilesSeen> } = {}) {
  const configFile = join(folder, 'config.yml')
  const look = how.look ?? filesLook(configFile, {})
  const stopping = new AbortController()
  const { signal } = stopping
  const logged: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) })
  let debounceMs: number | null = DEBOUNCE_MS
  let monotonic = 0
  let sleeping = Promise.withResolvers<() => void>()
  const clock: Clock = {
    ...systemClock,
    monotonic: () => monotonic,
    sleep: (ms, stop) =>
      new Promise((resolve) => {
        stop?.addEventListener('abort', () => resolve(), { once: true })
        if (stop?.aborted) resolve()
        // The sleep between two looks; any other is a bound that is never reached.
        if (ms === (debounceMs ?? 2_000)) sleeping.resolve(resolve)
      }),
  }
  /** What was taken into force or refused, in order. */
  const reloads: (readonly string[] | string)[] = []
  const { reload, reloadSeen, lastRead } = openReload(
    {
      configFile,
      inForce: {
        read: () => loadConfiguration(configFile, granted, {}),
        take: (loaded) => {
          if ('problems' in loaded) return { ok: false, problems: loaded.problems.map(formatProblem) }
          reloads.push(loaded.ok.rules.map(({ name }) => name))
          return { ok: true, revision: loaded.ok.revision, atNextStart: [] }
        },
      },
      look,
      clock,
      log,
      signal,
      onReloaded: (result) => void (result.ok || reloads.push(result.problems.join('\n'))),
      apply: async () => true,
    },
    how.look ? '' : (await look()).fingerprint,
  )
  const running = runFilesWatch({
    clock,
    log,
    signal,
    debounceMs: () => debounceMs,
    look,
    lastRead,
    reload: reloadSeen,
  })
  stops.push(async () => {
    stopping.abort()
    await running
  })
  return {
    reloads,
    logged,
    reload,
    pass: (ms: number) => void (monotonic += ms),
    debounce: (ms: number | null) => void (debounceMs = ms),
    /** Lets it look, so many times, and do what follows. */
    async look(times = 1): Promise<void> {
      for (let time = 0; time < times; time += 1) {
        const wake = await sleeping.promise
        sleeping = Promise.withResolvers()
        wake()
        await sleeping.promise
      }
    },
  }
}

describe('the watch over files', () => {
  it('is quiet while they say the same, whatever is done to them', async () => {
    const folder = folderWith('quiet')
    const watch = await watched(folder)
    await watch.look(2)
    write(folder, FILES)
    utimesSync(join(folder, 'rules', 'kafka.yml'), 1, 1)
    write(folder, {
      'rules/kafka.test.yml': 'x',
      'rules/notes.txt': 'x',
      'rules/.kafka.yml.swp': 'x',
      'other.yml': 'x',
    })
    await watch.look(3)
    expect(watch.reloads).toEqual([])
  })

  it('takes what an editor has renamed into its place, once', async () => {
    const folder = folderWith('editor')
    const watch = await watched(folder)
    await watch.look(2)
    const file = join(folder, 'rules', 'kafka.yml')
    // As vim does with `backupcopy=no`, and between its two renames it is looked at.
    write(folder, { 'rules/4913': '' })
    renameSync(file, `${file}~`)
    await watch.look()
    writeFileSync(file, RULE('second'))
    rmSync(`${file}~`)
    await watch.look()
    expect(watch.reloads).toEqual([])
    await watch.look(3)
    expect(watch.reloads).toEqual([['second']])
  })

  it('waits for a file that is being written until it stands still', async () => {
    const folder = folderWith('half')
    const watch = await watched(folder)
    await watch.look(2)
    const text = RULE('second')
    for (const share of [0, 0.3, 0.6, 1]) {
      write(folder, { 'rules/kafka.yml': text.slice(0, text.length * share) })
      await watch.look()
    }
    expect(watch.reloads).toEqual([])
    await watch.look(2)
    expect(watch.reloads).toEqual([['second']])
  })

  it('notices files that are new, gone, and of a folder that is named only now', async () => {
    const folder = folderWith('nëw')
    const watch = await watched(folder)
    await watch.look(2)
    write(folder, { 'rules/more.yml': RULE('more').split('\nrunbooks')[0] ?? '' })
    await watch.look(3)
    rmSync(join(folder, 'rules/more.yml'))
    await watch.look(3)
    write(folder, { 'config.yml': `${CONFIG}rules: [öthers, rules/*.yml]\n` })
    await watch.look(3)
    write(folder, { 'öthers/a.yml': RULE('other').split('\nrunbooks')[0] ?? '' })
    await watch.look(3)
    write(folder, { 'öthers/a.yml': 'rules: []\n' })
    await watch.look(3)
    const missing = expect.stringMatching(/öthers:1:1: the file does not exist/) as string
    expect(watch.reloads).toEqual([['first', 'more'], ['first'], missing, ['other', 'first'], ['first']])
  })

  it('says once what is wrong, and takes it when it is mended, also back to what was in force', async () => {
    const folder = folderWith('broken')
    const watch = await watched(folder)
    await watch.look(2)
    write(folder, { 'rules/kafka.yml': 'rules: nonsense\n' })
    await watch.look(5)
    expect(watch.reloads).toEqual([expect.stringMatching(/kafka\.yml:1:8: /)])
    rmSync(join(folder, 'inventory.yml'))
    await watch.look(5)
    expect(watch.reloads[1]).toMatch(/inventory\.yml:1:1: the file does not exist/)
    write(folder, FILES)
    await watch.look(5)
    expect(watch.reloads).toHaveLength(3)
    expect(watch.reloads[2]).toEqual(['first'])
  })

  it('takes a secret that was renewed', async () => {
    const folder = folderWith('secret')
    const watch = await watched(folder)
    await watch.look(2)
    write(folder, { password: 'second' })
    await watch.look(3)
    expect(watch.reloads).toEqual([['first']])
  })

  it('follows the links that Kubernetes swaps', async () => {
    const folder = join(home, 'kubernetes')
    const version = (name: string): void => {
      write(join(folder, name), { ...FILES, 'rules/kafka.yml': RULE(name.replaceAll('.', '')) })
      symlinkSync(name, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    mkdirSync(folder)
    version('..first')
    for (const file of ['config.yml', 'inventory.yml', 'password', 'rules'])
      symlinkSync(join('..data', file), join(folder, file))
    const watch = await watched(folder)
    await watch.look(2)
    version('..second')
    rmSync(join(folder, '..first'), { recursive: true })
    await watch.look(3)
    expect(watch.reloads).toEqual([['second']])
  })

  it('takes a checkout as a whole, and none while git holds its lock', async () => {
    const folder = folderWith('git')
    git(folder, 'init', '--quiet', '--initial-branch=main')
    git(folder, 'add', '.')
    git(folder, 'commit', '--quiet', '--message', 'first')
    git(folder, 'checkout', '--quiet', '-b', 'other')
    write(folder, { 'rules/kafka.yml': RULE('second'), 'inventory.yml': INVENTORY.replace(':1', ':2') })
    git(folder, 'commit', '--quiet', '--all', '--message', 'second')
    git(folder, 'checkout', '--quiet', 'main')
    const watch = await watched(folder)
    await watch.look(2)

    git(folder, 'checkout', '--quiet', 'other')
    await watch.look(3)
    expect(watch.reloads).toEqual([['second']])

    // Half of a checkout that goes back.
    write(folder, { '.git/index.lock': '', 'rules/kafka.yml': RULE('first') })
    await watch.look(5)
    expect(watch.reloads).toHaveLength(1)
    watch.pass(61_000)
    await watch.look(3)
    expect(watch.logged.filter((line) => line.includes('a lock of git'))).toHaveLength(1)
    rmSync(join(folder, '.git', 'index.lock'))
    git(folder, 'checkout', '--quiet', '--force', 'main')
    await watch.look(3)
    expect(watch.reloads).toEqual([['second'], ['first']])

    // Nothing that decides, but another commit.
    git(folder, 'commit', '--quiet', '--allow-empty', '--message', 'third')
    await watch.look(3)
    expect(watch.reloads).toHaveLength(3)
  })

  it('leaves alone what somebody has reloaded already', async () => {
    const folder = folderWith('both')
    const watch = await watched(folder)
    await watch.look(2)
    write(folder, { 'rules/kafka.yml': RULE('second') })
    expect(await watch.reload()).toMatchObject({ ok: true, applied: true })
    await watch.look(3)
    expect(watch.reloads).toEqual([['second']])
  })

  it('does nothing while it is switched off, and begins when it is switched on', async () => {
    const folder = folderWith('off')
    const watch = await watched(folder)
    watch.debounce(null)
    await watch.look(2)
    write(folder, { 'rules/kafka.yml': RULE('second') })
    await watch.look(3)
    expect(watch.reloads).toEqual([])
    watch.debounce(DEBOUNCE_MS)
    await watch.look(4)
    expect(watch.reloads).toEqual([['second']])
  })

  it('ends although a disk never answers', async () => {
    const asked = Promise.withResolvers<void>()
    const watch = await watched(folderWith('hung'), {
      look: () => {
        asked.resolve()
        return new Promise(() => {})
      },
    })
    void watch.look()
    await asked.promise
    // The hook waits for its end.
  })
})
