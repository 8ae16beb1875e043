import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { deliveryOf } from '../../test/support/broker-delivery.ts'
import { makeCertificates } from '../../test/support/certificates.ts'
import { cli } from '../../test/support/cli.ts'
import { commandLineHere } from '../../test/support/command-line.ts'
import { unpainted } from '../../test/support/hostile.ts'
import { type HttpWorld, startHttp } from '../../test/support/http.ts'
import { planOf } from '../../test/support/plan.ts'
import { systemClock } from '../clock.ts'
import { PASSED } from '../incident/summary.ts'
import { Secret } from '../secret.ts'

/** There nothing is skipped: what is missing fails. */
const inCi = process.env['CI'] === 'true'

let on: HttpWorld | null = null
afterEach(async () => {
  await on?.stop()
  on = null
})

describe('the command line', () => {
  it('names what was probably meant', async () => {
    const unknown = await cli(['shwo', '7'])
    expect(unknown).toMatchObject({ code: 2, stdout: '' })
    expect(unknown.stderr).toBe(
      `error: unknown command 'shwo' (did you mean "show"?)\n(add --help for what there is)\n`,
    )
    expect(await commandLineHere(['show', '7', '--jsno'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('(Did you mean --json?)'),
    })
  })

  it('ends quietly when whoever reads along has seen enough', async () => {
    const child = spawn(process.execPath, ['src/main.ts', 'completion', 'bash'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    await once(child, 'close')
    expect([child.exitCode, stderr]).toEqual([0, ''])
  })

  it.runIf(existsSync('/dev/full') || inCi).each([
    ['completion', 'bash'],
    ['check', '--without-secrets'],
  ])('says that standard output cannot be written: %s', async (...args) => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, ['src/main.ts', ...args], { stdio: ['ignore', full, 'pipe'] })
    let stderr = ''
    child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    await once(child, 'close')
    closeSync(full)
    expect(child.exitCode).toBe(1)
    expect(stderr).toMatch(/^standard output cannot be written: ENOSPC.*\n$/)
  })
})

it('a service of the configuration is asked over TLS, with its own credential and certificate', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-main-'))
  const { cert, key, certFile } = makeCertificates(folder, 'kafka-healing.example.org')
  const apiCredentials = [{ kind: 'basic', username: 'ann', password: new Secret('pw') }] as const
  on = await startHttp({ deps: { tls: { cert, key }, apiCredentials } })
  const config = join(folder, 'config.yml')
  writeFileSync(join(folder, 'pw'), 'pw\n')
  writeFileSync(
    config,
    `listen: 127.0.0.1:${new URL(on.url).port}
tls: { cert_file: ${certFile}, key_file: /nowhere/key.pem }
api: { credentials: [{ username: ann, password_file: pw }] }
`,
  )

  const { code, stdout, stderr } = await commandLineHere(['status', '--config', config])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain(`kafka-healing test at https://127.0.0.1:`)
  const { stderr: disbelieved } = await commandLineHere(['status', '--url', on.url])
  expect(disbelieved).toContain('is not believed')
  rmSync(folder, { recursive: true })
})

describe.runIf(existsSync('/usr/bin/script') || inCi)('S-3.5 approve on a terminal', () => {
  it('asks, and does nothing without a yes', async () => {
    const world = await startHttp()
    on = world
    await world.deliver(deliveryOf(['1']))
    await world.settle(planOf({ afterMs: 0, mode: 'approve' }))
    const now = systemClock.now()
    const look = await world.store.claimLook('test', now, 60_000)
    if (look === null) throw new Error('no look')
    await world.store.guardsEvaluated(look, PASSED, [], null, now)
    const line = `${process.execPath} src/main.ts approve 1 --by ann --url ${world.url}`
    const by = async () => {
      const { incident } = (await (await world.get('/incidents/1')).json()) as {
        incident: { approval: { by: unknown } }
      }
      return incident.approval.by
    }

    const no = await answered(line, 'n\n')
    expect(no.text).toContain('Approve it? [y/N]')
    expect(no).toMatchObject({ code: 1, text: expect.stringContaining('Nothing was changed.') })
    expect(await by()).toBeNull()
    const yes = await answered(line, 'y\n')
    expect(yes).toMatchObject({ code: 0, text: expect.stringContaining('Approved; the guards run again') })
    expect(await by()).toBe('ann')
  })
})

/** What stood on a terminal of its own, where the question was answered. */
async function answered(
  command: string,
  answer: string,
): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const before = text
    text += chunk.toString()
    if (!before.includes('[y/N]') && text.includes('[y/N]')) child.stdin.write(answer)
  })
  await once(child, 'close')
  return { code: child.exitCode, text: unpainted(text) }
}
