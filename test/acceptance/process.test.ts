import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { waitFor } from '../lab/wait.ts'
import { deliveryOf } from '../support/alertmanager.ts'
import { incidents } from '../support/api.ts'
import { writeRules } from '../support/rules.ts'
import { startService } from '../support/service.ts'
import { smallRules } from '../support/small-lab.ts'

const root = join(import.meta.dirname, '../..')
let folder: string
let config: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kh-process-'))
  config = join(folder, 'config.yml')
  const inventory = {
    clusters: {
      orders: {
        bootstrap: ['127.0.0.1:1'],
        connection: { driver: 'local' },
        exporters: [{ name: 'here', host: '127.0.0.1', unit: 'none.service' }],
      },
    },
  }
  writeFileSync(join(folder, 'inventory.yml'), stringify(inventory))
  writeFileSync(
    config,
    stringify({
      listen: '127.0.0.1:0',
      database: 'data/k.db',
      inventory: 'inventory.yml',
      rules: ['rules/*.yml'],
      receivers: { 'kafka-oncall': ['oncall@example.org'] },
    }),
  )
  const program = {
    argv: ['/bin/sh', '-c', `trap '' TERM; echo $$ > ${folder}/pid; exec sleep 4`],
    where: 'local',
    limit: 30,
  }
  writeRules(
    folder,
    smallRules({
      runbook: {
        symptom: undefined,
        rungs: [[{ program }]],
        verify: [{ probe: 'program', argv: ['/bin/true'], where: 'local', within: '5s' }],
      },
    }),
  )
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function npmStart(): { child: ChildProcess; output: () => string } {
  const child = spawn('npm', ['start', '--', '--config', config, '--listen', '127.0.0.1:0'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  return { child, output: () => output }
}

it('S-4.8 SIGTERM to `npm start` waits for the running step, leaves no orphan, and loses nothing', async () => {
  const { child, output } = npmStart()
  const url = await waitFor('the service', () => /listening on (http[^\s"]+)/.exec(output())?.[1], 60_000)
  const alert = { labels: { alertname: 'SmallUnitDown', cluster: 'orders', exporter: 'here' }, startsAt: Date.now() }
  await fetch(`${url}/webhook`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(deliveryOf([alert])),
  })
  const pid = await waitFor(
    'the step to run',
    () => {
      try {
        return (
          execFileSync('cat', [`${folder}/pid`])
            .toString()
            .trim() || undefined
        )
      } catch {
        return undefined
      }
    },
    20_000,
  )

  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const [code, signal] = (await gone) as [number | null, string | null]
  // npm passes the signal on and reports it as its own way out when the shell has been replaced.
  expect(code === 0 || signal === 'SIGTERM', `code ${code} signal ${signal}\n${output()}`).toBe(true)
  await waitFor('the service to stop', () => output().includes('"stopped"'), 30_000)
  expect(() => process.kill(Number(pid), 0)).toThrow()

  const again = await startService({ config })
  const [one] = await incidents(again)
  expect(one).toMatchObject({ attempts: 1 })
  expect(['verifying', 'probation', 'settled', 'closed']).toContain(one?.state)
  await again.stop()
}, 120_000)

it('a second instance on the same database refuses to start and says who holds it', async () => {
  const first = await startService({ config })
  const second = await startService({ config }).catch((error: unknown) => String(error))
  expect(String(second)).toContain(String(first.pid))
  expect(await first.stop()).toBe(0)
}, 60_000)
