import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { LoadedConfiguration } from '../rules/configuration.ts'
import { check, report } from './check.ts'

const problem = (line: number, severity: 'error' | 'warning') => ({
  file: 'rules/kafka.yml',
  line,
  column: 3,
  message: 'something',
  severity,
})

describe('check', () => {
  it('prints every problem with its place and fails', () => {
    expect(report({ problems: [problem(1, 'error'), problem(2, 'warning')] })).toEqual({
      text: 'rules/kafka.yml:1:3: something\nrules/kafka.yml:2:3: warning: something\n\n1 error\n',
      exitCode: 1,
    })
  })

  it('S-6.5 prints until first action, until first mail and until exhausted for each rule', () => {
    const plan = (rule: string, mode: 'inform' | 'act') => ({
      rule,
      mode,
      rank: 60,
      afterMs: 30_000,
      attempts: { max: 1, backoff: { initialMs: 0, multiplier: 1, maxMs: 0 }, stableMs: 0 },
      escalation: { tellByMs: 600_000, escalateAfterMs: 900_000, giveUpMs: 7_200_000 },
      runbook: { name: 'start-broker', rungs: [[{ traits: { limitSeconds: 60 } }]], verify: [{ withinMs: 900_000 }] },
    })
    const loaded = {
      ok: {
        config: { alertmanagers: [] },
        inventory: {
          clusters: new Map([['orders', {}]]),
          targets: new Map([
            ['a', {}],
            ['b', {}],
          ]),
        },
        rules: [{ plan: plan('broker-down', 'act') }, { plan: plan('watch', 'inform') }],
        revision: { name: 'abc-dirty', commit: 'abcdef'.repeat(6), dirty: true, differing: ['rules/kafka.yml'] },
      },
      warnings: [problem(2, 'warning')],
    } as unknown as LoadedConfiguration

    const { text, exitCode } = report(loaded)

    expect(exitCode).toBe(0)
    expect(text).toContain('rules/kafka.yml:2:3: warning: something')
    expect(text).toContain('OK: 1 cluster with 2 targets, 2 rules, revision abc-dirty')
    expect(text).toContain('\nnot as in commit abcdefabcdef: rules/kafka.yml\n')
    expect(text).toContain('\nno `alertmanagers`: an alert whose webhook is lost is never known')
    expect(text).toContain(`
broker-down (act, rank 60, runbook start-broker)
  first mail within 10m
  first action within 1m, exhausted within 17m15s
  while it may not act: told within 10m, given up after 2h
`)
    expect(text).toContain(`
watch (inform, rank 60, runbook start-broker)
  first mail within 10m
  in mode act: first action within 1m, exhausted within 17m15s
`)
  })

  it('takes a configuration whose files of secrets are elsewhere only when told so, and says which', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-check-'))
    afterThis.push(() => rmSync(folder, { recursive: true }))
    const root = join(import.meta.dirname, '../..')
    for (const name of ['inventory.example.yml', 'rules'])
      cpSync(join(root, name), join(folder, name), { recursive: true })
    const shipped = readFileSync(join(root, 'config.example.yml'), 'utf8')
    const config = join(folder, 'config.yml')
    writeFileSync(config, `${shipped}\nwebhook: { credentials: [{ token_file: secrets/token }] }\n`)

    const strict = await printed(() => check([config]))
    expect(strict).toMatchObject({ exitCode: 1 })
    expect(strict.text).toMatch(/config\.yml:\d+:\d+: \S+\/secrets\/token does not exist\n/)

    const lenient = await printed(() => check([config], { withoutSecrets: true }))
    expect(lenient).toMatchObject({
      exitCode: 0,
      text: expect.stringContaining('OK: 1 cluster with 4 targets, 5 rules'),
    })
    expect(lenient.text).toMatch(/config\.yml:\d+:\d+: warning: \S+\/secrets\/token does not exist\n/)

    writeFileSync(config, shipped.replace('receiver: kafka-healing', 'reciever: kafka-healing'))
    expect(await printed(() => check([config], { withoutSecrets: true }))).toMatchObject({ exitCode: 1 })
  })
})

const afterThis: (() => void)[] = []
afterEach(() => afterThis.splice(0).forEach((undo) => undo()))

/** What is written to standard output meanwhile, and the exit code that was set. */
async function printed(work: () => Promise<void>): Promise<{ readonly text: string; readonly exitCode: unknown }> {
  const before = process.exitCode
  let text = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
    text += String(part)
    return true
  })
  try {
    await work()
    return { text, exitCode: process.exitCode }
  } finally {
    write.mockRestore()
    process.exitCode = before
  }
}
