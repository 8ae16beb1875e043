import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'

const repository = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-lint-'))
afterAll(() => rmSync(folder, { recursive: true }))
for (const path of ['oxlint.config.ts', 'lint', 'package.json', 'tsconfig.json'])
  cpSync(join(repository, path), join(folder, path), { recursive: true })
symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))

/** The rules that `text` breaks when it stands at `path`. */
function broken(path: string, text: string): readonly string[] {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  const { stdout } = spawnSync(join(repository, 'node_modules/.bin/oxlint'), ['-f', 'json', path], {
    cwd: folder,
    encoding: 'utf8',
  })
  rmSync(file)
  return (JSON.parse(stdout) as { diagnostics: { code: string }[] }).diagnostics.map(({ code }) => code)
}

const closed = ['eslint(no-restricted-imports)']

it.each([
  ['src/incident/a.ts', "import { a } from '../store/store.ts'"],
  ['src/incident/a.ts', "import type { a } from '../store/store.ts'"],
  ['src/incident/a.ts', "export type { A } from '../hosts/host.ts'"],
  ['src/incident/a.ts', "export const a = await import('../config.ts')"],
  ['src/incident/a.ts', "import { readFileSync } from 'node:fs'"],
  ['src/alert/a.ts', "import { createHash } from 'node:crypto'"],
  ['src/store/conformance-of-another/a.ts', "import { a } from '../../engine/core.ts'"],
  ['src/config.ts', "import { a } from './rules/load.ts'"],
  ['src/http/a.ts', "import { a } from '../in-force.ts'"],
  ['src/kafka/a.ts', "import { a } from '../hosts/host.ts'"],
  ['src/probes/a.ts', "import { a } from '../notify/email.ts'"],
  ['src/actions/a.ts', "import { execa } from 'execa'"],
  ['src/cli/a.ts', "import { spawn } from 'node:child_process'"],
  ['src/engine/a.ts', "import { Kafka } from 'kafkajs'"],
  ['src/guards/a.ts', "import { connect } from 'node:net'"],
  ['src/a-new-folder/a.ts', "import { a } from '../clock.ts'"],
])('%s may not hold: %s', (path, text) => {
  expect(broken(path, `${text}\n`).filter((code) => closed.includes(code))).toEqual(closed)
})

it.each([
  ['src/store/a.ts', "export type { A } from '../guards/guard.ts'"],
  ['src/guards/a.ts', "export type { A } from '../probes/probe.ts'"],
  ['src/notify/a.ts', "export { a } from './document.ts'"],
  ['src/hosts/a.ts', "export { execa } from 'execa'"],
  ['src/incident/a.test.ts', "export { a } from '../../test/support/plan.ts'"],
])('%s may hold: %s', (path, text) => {
  expect(broken(path, `${text}\n`)).toEqual([])
})

it.each([
  ['Date.now()', 'eslint(no-restricted-properties)'],
  ['performance.now()', 'eslint(no-restricted-properties)'],
  ['new Date()', 'house(no-current-date)'],
  ['Math.random()', 'eslint(no-restricted-properties)'],
  ['{ shell: true }', 'house(no-shell)'],
  ["{ 'shell': '/bin/sh' }", 'house(no-shell)'],
])('no file reads the clock, chance or a shell: %s', (expression, rule) => {
  expect(broken('src/engine/a.ts', `export const a = ${expression}\n`)).toEqual([rule])
})
