import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { mutate } from '../../scripts/mutate/run.ts'
import { scoreOf } from '../../scripts/mutate/score.ts'
import { repository } from '../lab/state.ts'
import { cli } from '../support/cli.ts'
import { blocksOf } from '../support/page-blocks.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-rule-tests-'))
afterAll(() => rmSync(folder, { recursive: true }))

const WATCHDOG = 'alerts: [{ labels: { alertname: Watchdog } }]'

const shipped = {
  config: join(repository, 'config.example.yml'),
  inventory: join(repository, 'inventory.example.yml'),
  rules: join(repository, 'rules/kafka.yml'),
  tests: join(repository, 'rules/kafka.test.yml'),
}

describe('the tests of the shipped rules', () => {
  it('pass, and touch every rule, guard and rung', async () => {
    const junit = join(folder, 'reports/junit.xml')

    const { code, stdout, stderr } = await cli(['test', '--coverage-min', '100', '--junit', junit])

    expect(`${stdout}${stderr}`).toMatch(
      /^passed {2}rules\/kafka\.test\.yml: \d+ tests, [\d.]+ s\n\ncovered: rules 100 % \(5 of 5\), guards 100 % \(\d+ of \d+\), rungs 100 % \(8 of 8\)\n\n\d+ tests passed\n$/,
    )
    expect(code).toBe(0)
    expect(readFileSync(junit, 'utf8')).toMatch(
      /<testsuites name="kafka-healing test" tests="\d+" failures="0" errors="0"/,
    )
  }, 180_000)

  it('find nearly every slip of the pen in the rules', async () => {
    const { ok, text, survivors } = scoreOf(await mutate(shipped))

    expect(survivors.map(({ mutant: { line, what } }) => `rules/kafka.yml:${line} ${what}`)).toEqual([])
    expect(text).toMatch(/^(\d+) of \1 mutants found by tests \(100\.0 %\)/)
    expect(ok).toBe(true)
  }, 600_000)
})

describe('docs/testing-rules.md', () => {
  const blocks = blocksOf('docs/testing-rules.md')
  const config = join(repository, 'config.example.yml')

  it('shows tests that pass on the shipped rules, and a world that can be', async () => {
    const page = mkdtempSync(join(folder, 'page-'))
    const shown = blocks.filter(({ file }) => file.endsWith('.test.yml'))
    for (const [index, { text }] of shown.entries()) writeFileSync(join(page, `${index}.test.yml`), text)
    const world = blocks.find(({ file }) => file === 'world')?.text.replaceAll(/^/gm, '      ')
    const test = `  - name: a world\n    world:\n${world}\n    ${WATCHDOG}\n    expect: [{ at: 1m, ran: [] }]`
    writeFileSync(join(page, 'world.test.yml'), `tests:\n${test}\n`)

    const { code, stdout } = await cli(['test', page, '-c', config])

    expect(stdout).toMatch(/\n5 tests passed\n$/)
    expect(shown).toHaveLength(2)
    expect(code).toBe(0)
  })

  it('shows a failure as it looks', async () => {
    const [first] = blocks.filter(({ file }) => file.endsWith('.test.yml'))
    const started = 'ran: [systemd start on orders/broker/2]'
    const wrong = first?.text.replace(started, `ran: [${'systemd start on orders/broker/2, '.repeat(2)}]`) ?? ''
    const named = wrong.replace(/name: .*/, 'name: a broker that crashed is started twice')
    const text = blocks.find(({ language }) => language === 'text')?.text ?? ''
    const file = join(folder, 'twice.test.yml')
    writeFileSync(file, named)

    const { stdout } = await cli(['test', file, '-c', config, '--run', 'twice'])

    expect(stdout.replaceAll(file, 'rules/kafka.test.yml')).toContain(text.trimEnd().split('\n').slice(0, 4).join('\n'))
    for (const line of text.trimEnd().split('\n').slice(4)) expect(stdout).toContain(line.trim())
  })
})

describe('kafka-healing test', () => {
  const inFolder = (name: string, text: string): string => {
    const file = join(folder, name)
    writeFileSync(file, text)
    return file
  }
  const test = (name: string, text: string) =>
    inFolder(name, `config: ${join(repository, 'config.example.yml')}\n${text}`)

  it('fails with what was expected, what came, and how it came to that', async () => {
    const file = test(
      'wrong.test.yml',
      `tests: [{ name: hopes, ${WATCHDOG}, expect: [{ at: 1m, ran: [systemd start on orders/broker/1] }] }]`,
    )

    const { code, stdout } = await cli(['test', file])

    expect(code).toBe(1)
    expect(stdout).toContain(`:2:96: at 1m, what ran is not as expected\n  - systemd start on orders/broker/1\n`)
    expect(stdout).toMatch(/\n1 of 1 test failed\n$/)
  })

  it('tells failures of all files, and those that it cannot load', async () => {
    const files = [
      test('empty.test.yml', 'tests: []'),
      test('fine.test.yml', `tests: [{ name: fine, ${WATCHDOG}, expect: [{ at: 1m, nothing: true }] }]`),
      join(folder, 'nowhere.test.yml'),
    ]

    const { code, stdout } = await cli(['test', ...files, '--json'])

    expect(code).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      tests: 1,
      failed: 0,
      files: [
        { problems: [{ line: 2, message: 'tests: there is no test in this file' }] },
        { tests: [{ name: 'fine', ok: true }] },
        { problems: [{ message: 'the file does not exist' }] },
      ],
    })
  })

  it.each([
    [['--run', 'no such test'], /nothing to test: the name of no test holds no such test\n$/],
    [['--run', '('], /--run "\(" is not an RE2 pattern: /],
    [['--coverage-min', '101'], /expected a whole number from 0 to 100/],
    [['--junit', '/etc/hostname/junit.xml', '--run', 'no rule'], /\/etc\/hostname\/junit\.xml cannot be written: /],
    [[mkdtempSync(join(folder, 'empty-'))], /there is no \*\.test\.\{yml,yaml,json\} in it: nothing to test\n$/],
    [['-c', 'nowhere.yml'], /^nowhere\.yml:1:1: the file does not exist\n$/],
  ])('has nothing to test: %j', async (args, said) => {
    const { code, stderr } = await cli(['test', ...args])

    expect(stderr).toMatch(said)
    expect(code).toBe(2)
  })
})
