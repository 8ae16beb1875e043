import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { waitFor } from '../lab/wait.ts'
import { deliveryOf } from '../support/alertmanager.ts'
import { incidents } from '../support/api.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

const root = join(import.meta.dirname, '../..')
let small: SmallLab
let pidFile: string

beforeAll(async () => {
  // The step ignores SIGTERM and goes on for four seconds: a shutdown has to wait for it.
  const argv = ['/bin/bash', join(import.meta.dirname, 'stubborn-step.sh'), '/tmp/kh-stubborn-pid']
  pidFile = argv[2] ?? ''
  const rungs = [[{ program: { argv, where: 'local', limit: 30 } }, { systemd: { verb: 'start', limit: 10 } }]]
  small = await startSmallLab(['tiny', 'other'], smallRules({ runbook: { rungs } }))
}, 120_000)
afterAll(() => small?.end())

function npmStart(): { child: ChildProcess; output: () => string } {
  const args = ['start', '--', '--config', join(small.lab.healingFolder, 'config.yml'), '--listen', '127.0.0.1:0']
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { child, output: () => output }
}

it('a second instance on the same database refuses to start and says who holds it', async () => {
  const second = await small.start().then(
    () => 'it started',
    (error: unknown) => String(error),
  )
  expect(second).toContain(`${small.service.pid}`)
  expect(second).toMatch(/in use|another/i)
}, 60_000)

it('S-4.8 SIGTERM to `npm start` waits for the running step, leaves no orphan, and loses nothing', async () => {
  expect(await small.service.stop()).toBe(0)
  const { child, output } = npmStart()
  const url = await waitFor('the service', () => /listening on (http[^\s"]+)/.exec(output())?.[1], 60_000)
  await small.lab.signalUnit('tiny.service', 'SIGKILL')
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${small.lab.webhookToken}` }
  await fetch(`${url}/webhook`, { method: 'POST', headers, body: JSON.stringify(deliveryOf([small.alertOf('tiny')])) })
  const pid = await waitFor(
    'the step to run',
    () => (existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) || undefined : undefined),
    20_000,
  )

  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
  await waitFor('the service to stop', () => output().includes('"msg":"stopped"'), 30_000).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${output()}`)
  })
  expect(() => process.kill(pid, 0), 'the step lives on').toThrow()
  expect(output()).toContain('"action":"program","outcome":"succeeded"')

  small.service = await small.start()
  const [one] = await incidents(small.service)
  expect(one).toMatchObject({ subject: 'orders/exporter/tiny', attempts: 1 })
}, 120_000)
