import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { commandLineHere } from '../../test/support/command-line.ts'
import { checkedBy } from './check-paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-check-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)
mkdirSync(at('rules'))
mkdirSync(at('empty'))
const config = at('config.yml')
writeFileSync(config, 'inventory: inventory.yml\nrules: [rules/*.yml]\n')
writeFileSync(at('inventory.yml'), 'clusters: {}\n')
writeFileSync(at('rules/a.yml'), 'rules: [{ name: one }, { name: two }]\n')
writeFileSync(at('rules/b.yml'), 'runbooks: {}\nrules: [{ name: three }]\n')
writeFileSync(at('rules/a.test.yml'), 'tests: []\n')
writeFileSync(at('stray.yml'), 'rules: [{ name: four }]\n')

describe('what check was given', () => {
  it.each([
    [[config], undefined, null],
    [[folder], undefined, null],
    [[], config, null],
    [[at('inventory.yml')], config, null],
    [[at('rules/a.yml')], config, ['one', 'two']],
    [[at('rules')], config, ['one', 'two', 'three']],
    [[config, at('rules/b.yml')], undefined, ['three']],
    [[at('rules/a.test.yml'), at('rules/b.yml')], config, ['three']],
  ] satisfies readonly (readonly [readonly string[], string | undefined, readonly string[] | null])[])(
    '%j of %s is the configuration, and worst cases of %j',
    (paths, named, only) => {
      expect(checkedBy(paths, named)).toEqual({ config, only: only === null ? null : new Set(only) })
    },
  )

  it.each([
    [[at('stray.yml')], config, /stray\.yml is none of the files of .*config\.yml/],
    [[at('rules/a.test.yml')], config, /kafka-healing test .*a\.test\.yml/],
    [[at('empty')], config, /neither config\.yml nor rules/],
    [[config], config, /only one configuration/],
  ] satisfies readonly (readonly [readonly string[], string, RegExp])[])(
    '%j of %s is not checked, and it says why',
    (paths, named, why) => {
      expect(checkedBy(paths, named)).toEqual({ problem: expect.stringMatching(why) })
    },
  )
})

describe('check', () => {
  it('prints the worst cases of some rules only, for people and for programs', async () => {
    const rules = ['rules/kafka.yml', '--config', 'config.example.yml']
    const { code, stdout } = await commandLineHere(['check', ...rules])
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^broker-down \(inform, /m)])
    const told = JSON.parse((await commandLineHere(['check', ...rules, '--json'])).stdout) as {
      ok: boolean
      rules: { rule: string; firstMailMs: number }[]
    }
    expect(told).toMatchObject({ ok: true, problems: expect.any(Array), clusters: 1 })
    expect(told.rules).toContainEqual(expect.objectContaining({ rule: 'broker-down', firstMailMs: 600_000 }))
  })

  it('fails with every problem and its place, for programs too', async () => {
    const { code, stdout } = await commandLineHere(['check', config, '--json'])
    expect(code).toBe(1)
    const { ok, problems } = JSON.parse(stdout) as { ok: boolean; problems: { file: string; line: number }[] }
    expect(ok).toBe(false)
    expect(problems[0]).toMatchObject({ file: expect.stringContaining('.yml'), line: expect.any(Number) })
    expect(await commandLineHere(['check', at('stray.yml'), '--config', config])).toMatchObject({ code: 2, stdout: '' })
  })
})
