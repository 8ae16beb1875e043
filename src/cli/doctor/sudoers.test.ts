import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planOf, startStep } from '../../../test/support/plan.ts'
import { targetOn } from '../../../test/support/sshd.ts'
import type { Connection, Inventory, Target } from '../../inventory/inventory.ts'
import { loadConfiguration } from '../../rules/configuration.ts'
import { granted } from '../../rules/granted.ts'
import type { Rule } from '../../rules/match.ts'
import { sudoersText } from './sudoers.ts'

const ssh: Connection = { driver: 'ssh', user: 'healer', port: 22, keyFile: '/k', hostKey: 'SHA256:x' }

const rule: Rule = {
  name: 'broker-down',
  matchers: [],
  selector: { kind: 'broker', from: 'labels' },
  continue: false,
  plan: planOf({ runbook: { ...planOf().runbook, rungs: [[startStep]] } }),
}

function inventoryOf(...targets: readonly Target[]): Inventory {
  return { clusters: new Map(), targets: new Map(targets.map((target) => [target.key, target])) }
}

function targetWith(unit: string, id: string, connection = ssh): Target {
  return targetOn(connection, {
    key: `orders/broker/${id}`,
    name: id,
    unit: { name: unit, manager: 'system', sudo: true },
  })
}

function visudo(text: string): { readonly status: number | null; readonly said: string } {
  expect(existsSync('/usr/sbin/visudo'), 'sudo must be installed').toBe(true)
  const dir = mkdtempSync(join(tmpdir(), 'kh-sudoers-'))
  const file = join(dir, 'kafka-healing')
  writeFileSync(file, text, { mode: 0o440 })
  const { status, stdout, stderr } = spawnSync('/usr/sbin/visudo', ['-cf', file], { encoding: 'utf8' })
  rmSync(dir, { recursive: true })
  return { status, said: stdout + stderr }
}

describe('the sudoers lines', () => {
  test('of the shipped rules and example are valid and name each command word for word', () => {
    const loaded = loadConfiguration('config.example.yml', granted, {})
    if (!('ok' in loaded)) throw new Error(JSON.stringify(loaded.problems))
    const text = sudoersText(loaded.ok.inventory, loaded.ok.rules)
    expect(visudo(text)).toMatchObject({ status: 0 })
    expect(new Set(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')))).toEqual(
      new Set(
        [
          'start kafka.service',
          'reset-failed kafka.service',
          'restart kafka.service',
          String.raw`kill --kill-who\=main --signal\=QUIT kafka.service`,
          'restart kafka-exporter.service',
          'reset-failed kafka-exporter.service',
        ].map((command) => `healer ALL=(root) NOPASSWD: /usr/bin/systemctl ${command}`),
      ),
    )
  })

  test('are valid for every name that systemd takes', () => {
    const names = ['kafka@1.service', 'a:b.service', String.raw`dev-sda\x2d1.service`, '_x.y-z.service']
    const text = sudoersText(inventoryOf(...names.map((name, id) => targetWith(name, String(id)))), [rule])
    expect(visudo(text)).toMatchObject({ status: 0 })
    expect(text).toContain(String.raw`start a\:b.service`)
    // sudo takes two of them off, fnmatch(3) one: tried with sudo 1.9.13.
    expect(text).toContain(String.raw`start dev-sda\\\\x2d1.service`)
  })

  test('stand under the host that they are for', () => {
    const far = { ...targetWith('kafka.service', '2'), host: 'kafka-2' }
    const blocks = sudoersText(inventoryOf(targetWith('one.service', '1'), far), [rule]).split('\n\n')
    expect(blocks[1]).toMatch(/^# on 127\.0\.0\.1\n[^]*start one\.service/)
    expect(blocks[2]).toMatch(/^# on kafka-2\n[^]*start kafka\.service/)
  })

  test('are none where no sudo is needed', () => {
    const root = targetOn({ ...ssh, user: 'root' })
    const text = sudoersText(inventoryOf(root), [rule])
    expect(text).toContain('No unit of this inventory is reached through sudo')
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
  })
})
