import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repository } from '../lab/state.ts'
import { waitFor } from '../lab/wait.ts'

const { bin, version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  bin: Readonly<Record<string, string>>
  version: string
}
const command = join(repository, bin['kafka-healing'] ?? '')

/** Makes the Node that runs the command take itself for an old one; the Node that it hands over to is not told so. */
const OLD = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.0.0"}})`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-healing-bin-'))
  for (const name of ['config.example.yml', 'inventory.example.yml', 'rules'])
    cpSync(join(repository, name), join(folder, name), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function start(node: readonly string[], args: readonly string[]): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [...node, command, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { child, output: () => output }
}

describe.each([
  ['a new Node', []],
  ['an old Node', ['--import', OLD]],
] as const)('bin/kafka-healing.js on %s', (_, node) => {
  test('runs the command with its arguments and ends with its exit code', async () => {
    const well = start(node, ['--version'])
    await once(well.child, 'close')
    expect([well.child.exitCode, well.output().trim()]).toEqual([0, version])
    const bad = start(node, ['check', 'no-such-file.yml'])
    await once(bad.child, 'close')
    expect([bad.child.exitCode, bad.output()]).toEqual([1, expect.stringContaining('no-such-file.yml')])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('passes %s on, and waits for the service to end', async (signal) => {
    const { child, output } = start(node, ['serve', '--config', 'config.example.yml', '--listen', '127.0.0.1:0'])
    await waitFor('kafka-healing to listen', () => output().includes('is listening on'), 30_000)
    const lock = join(folder, 'data/kafka-healing.db.pid')
    expect(existsSync(lock)).toBe(true)
    child.kill(signal)
    await once(child, 'close')
    expect([child.exitCode, output()]).toEqual([0, expect.stringContaining('"stopped"')])
    expect(existsSync(lock)).toBe(false)
  })
})
