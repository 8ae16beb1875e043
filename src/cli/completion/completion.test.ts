import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { deliveryOf } from '../../../test/support/broker-delivery.ts'
import { commandLineHere } from '../../../test/support/command-line.ts'
import { type HttpWorld, startHttp } from '../../../test/support/http.ts'
import { commandLine } from '../main.ts'
import { complete } from './candidates.ts'
import { SCRIPTS } from './scripts.ts'

/** There nothing is skipped: what is missing fails. */
const inCi = process.env['CI'] === 'true'

const program = commandLine()
const candidates = (...words: readonly string[]): readonly string[] =>
  complete(program, words).candidates.map(({ value }) => value)

describe('what could follow', () => {
  it.each([
    [['sil'], ['silence']],
    [
      ['silence', ''],
      ['add', 'list', 'expire', 'help'],
    ],
    [['silence', 'add', '--dur'], ['--duration']],
    [
      ['history', '--outcome', ''],
      ['healed', 'cleared', 'informed', 'cancelled', 'unverified'],
    ],
    [['history', '--outcome=he'], ['--outcome=healed']],
    [['history', '--limit', '3', '--outcome', 'he'], ['healed']],
    [['incidents', '--state', 'waiting,esc'], ['waiting,escalated']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['doctor', '--print', ''],
      ['sudoers', 'acls'],
    ],
    [['show', '7', '--ful'], ['--full']],
    // An option is offered once, and nothing after what takes no further argument.
    [['show', '--full', '--ful'], []],
    [['nonsense', ''], []],
    [['history', '--', '--o'], []],
  ] satisfies readonly (readonly [readonly string[], readonly string[]])[])('after %j', (words, found) => {
    expect(candidates(...words)).toEqual(found)
  })

  it('after nothing are the commands that the help shows', () => {
    const found = candidates('')
    expect(found).toContain('serve')
    expect(found).toContain('approve')
    expect(found).not.toContain('complete')
  })

  it.each([
    [['check', ''], true],
    [['serve', '--config', ''], true],
    [['plan', 'al'], true],
    [['show', '--ca-file=/et'], true],
    [['show', ''], false],
    [['history', '--rule', ''], false],
  ] satisfies readonly (readonly [readonly string[], boolean])[])('after %j files: %s', (words, files) => {
    expect(complete(program, words).files).toBe(files)
  })

  it.each([
    [['show', ''], 'incident'],
    [['approve', '--by', 'ann', ''], 'incident'],
    [['silence', 'expire', 'one', ''], 'silence'],
    [['resume', 'cl'], 'scope'],
    [['history', '--rule', 'br'], 'rule'],
    [['history', '--target=or'], 'target'],
    [['incidents', '--cluster', ''], 'cluster'],
    [['show', '7', ''], null],
  ] satisfies readonly (readonly [readonly string[], string | null])[])(
    'after %j is known to the service: %s',
    (words, known) => {
      expect(complete(program, words).known).toBe(known)
    },
  )
})

let on: HttpWorld | null = null
afterEach(async () => {
  await on?.stop()
  on = null
})

/** However busy this machine is. */
const patient = ([command = '', ...rest]: readonly string[]): readonly string[] => [command, '--timeout=30s', ...rest]

describe('what a running service knows', () => {
  const ask = async (...words: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await commandLineHere(['complete', '--', ...patient(words)], {
      env: { KAFKA_HEALING_URL: on?.url },
    })
    return stdout.replace(/\n$/, '').split('\n').slice(1)
  }

  it('is offered: incidents, scopes, silences, rules', async () => {
    on = await startHttp()
    await on.deliver(deliveryOf(['1', '2']))
    await on.settle()
    await on.send('POST', '/pause', { scope: 'cluster:lab', author: 'ann', comment: 'x' })
    const made = await on.send('POST', '/silence', { matchers: ['a="b"'], author: 'ann', comment: 'x', duration: '1h' })
    const { id } = (await made.json()) as { id: string }

    expect(await ask('show', '')).toEqual([
      '2\twaiting: broker-down on lab/broker/2',
      '1\twaiting: broker-down on lab/broker/1',
    ])
    expect(await ask('resume', 'target:')).toEqual(['target:lab/broker/1\t', 'target:lab/broker/2\t'])
    expect(await ask('pause', '')).toContain('all\t')
    expect(await ask('silence', 'expire', '')).toEqual([`${id}\ta="b": x`])
    expect(await ask('history', '--rule=br')).toEqual(['--rule=broker-down\t'])
  })

  it('never becomes more of a command line than one word', async () => {
    on = await startHttp()
    await on.deliver(deliveryOf(['$(reboot)', '2;reboot', '`x`', "'", '--json', '\u001b[2J', '7']))
    await on.settle()

    expect(await ask('history', '--target', 'lab')).toEqual(['lab/broker/7\t', 'lab/broker/--json\t'].toSorted())
    for (const line of await ask('show', '')) expect(line).toMatch(/^\d+\t[^\p{Cc}]*$/u)
  })

  it('is nothing when nobody answers', async () => {
    const { code, stdout, stderr } = await commandLineHere(['complete', '--', 'show', ''], {
      env: { KAFKA_HEALING_URL: 'http://127.0.0.1:1' },
    })
    expect([code, stdout, stderr]).toEqual([0, ':words\n', ''])
  })
})

describe('the scripts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-completion-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'kafka-healing'), `#!/bin/sh\nexec '${process.execPath}' src/main.ts "$@"\n`)
  chmodSync(join(bin, 'kafka-healing'), 0o755)
  const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: folder, TERM: 'dumb' }
  const has = (shell: string): boolean => spawnSync(shell, ['-c', ':'], { env }).status === 0
  const write = (shell: 'bash' | 'zsh' | 'fish'): string => {
    const file = join(folder, `completion.${shell}`)
    writeFileSync(file, SCRIPTS[shell])
    return file
  }

  it('are such that their shells can read them', () => {
    expect(spawnSync('bash', ['-n', write('bash')]).status).toBe(0)
    if (has('zsh') || inCi) expect(spawnSync('zsh', ['-n', write('zsh')]).status).toBe(0)
    if (has('fish') || inCi) expect(spawnSync('fish', ['-n', write('fish')]).status).toBe(0)
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      expect(SCRIPTS[shell]).not.toMatch(/\beval\b/)
    }
  })

  /** Calls the function as bash does, with the words as bash splits them at its COMP_WORDBREAKS. */
  function replies(words: readonly string[], line = `kafka-healing ${words.join('')}`): readonly string[] {
    const cut = ['kafka-healing', ...words.filter((word) => word !== ' ')]
    const last = words.at(-1) === ' ' ? [...cut, ''] : cut
    const script = [
      `source ${write('bash')}`,
      `COMP_LINE=${quoted(line)}`,
      `COMP_POINT=${line.length}`,
      `COMP_WORDS=(${last.map(quoted).join(' ')})`,
      `COMP_CWORD=${last.length - 1}`,
      '_kafka_healing kafka-healing',
      String.raw`printf '%s\n' "\${COMPREPLY[@]}"`.replace('\\$', '$'),
    ].join('\n')
    return execFileSync('bash', ['-c', script], { env, encoding: 'utf8' }).trimEnd().split('\n')
  }

  it.each([
    [['sil'], ['silence']],
    [['silence', ' ', 'ex'], ['expire']],
    [
      ['silence', ' '],
      ['add', 'list', 'expire', 'help'],
    ],
    // bash has cut at the equals sign, and what stands before it stays on the line.
    [['history', ' ', '--outcome', '=', 'he'], ['healed']],
  ] satisfies readonly (readonly [readonly string[], readonly string[]])[])(
    'bash after %j offers %j',
    (words, found) => {
      expect(replies(words)).toEqual(found)
    },
  )

  it.runIf(existsSync('/usr/bin/script') || inCi)('bash completes at a key press, on a terminal', () => {
    const { stdout } = spawnSync('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
      env: { ...env, PS1: '' },
      input: `source ${write('bash')}\nkafka-healing completion ba\t| head -n 1\nexit\n`,
      encoding: 'utf8',
      timeout: 30_000,
    })
    expect(stdout).toMatch(/^# Completion of kafka-healing for bash/m)
  })

  it('bash runs nothing of what is typed', () => {
    const mark = join(folder, 'mark')
    replies(['show', ' ', `$(touch ${mark})`, ' ', '`touch x`', ' '])
    expect(spawnSync('ls', [mark]).status).not.toBe(0)
  })

  it.runIf(has('fish') || inCi)('fish offers what follows, with what it is', () => {
    const offered = execFileSync(
      'fish',
      ['--no-config', '-c', `source ${write('fish')}; complete -C 'kafka-healing silence ex'`],
      { env, encoding: 'utf8' },
    )
    expect(offered).toBe('expire\tEnd silences now\n')
  })
})

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
