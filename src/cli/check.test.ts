import { describe, expect, it } from 'vitest'
import type { LoadedConfiguration } from '../rules/configuration.ts'
import { report } from './check.ts'

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
})
