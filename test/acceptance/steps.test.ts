import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import type { SilentHost } from '../lab/silent-host.ts'
import { waitFor } from '../lab/wait.ts'
import type { ApiStep, ApiView } from '../support/api.ts'
import { type RuleFile } from '../support/rules.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'
import { processesOfStep } from '../support/step-processes.ts'

const script = join(import.meta.dirname, 'hostile-step.sh')
/** Each case has its own unit and rule: budgets and cooldowns count per target. */
const cases = {
  cut: { mode: 'slow', where: 'target', limit: 5 },
  'cut-repeatable': { mode: 'slow', where: 'target', limit: 5, repeatable: true },
  'grandchild-local': { mode: 'grandchild', where: 'local', limit: 5 },
  'grandchild-target': { mode: 'grandchild', where: 'target', limit: 5 },
  'setsid-local': { mode: 'setsid', where: 'local', limit: 2 },
  'setsid-target': { mode: 'setsid', where: 'target', limit: 2 },
  'flood-local': { mode: 'flood', where: 'local', limit: 30 },
  'flood-target': { mode: 'flood', where: 'target', limit: 30 },
} as const
type Case = keyof typeof cases
/** What `limit` is not: the kill grace, the sweep of what is left, and a busy machine. Milliseconds. */
const AND_THEN_MS = 12_000
/** S-4.4: kill grace and margin after the limit, before anything is judged or repeated. Milliseconds. */
const SURELY_OVER_MS = 15_000

let small: SmallLab
let silent: SilentHost
let stepLog: string

beforeAll(async () => {
  small = await startSmallLab([...Object.keys(cases), 'silent'], smallRules())
  stepLog = join(small.lab.state.dir, 'steps.log')
  silent = await small.lab.startSilentHost()
  sendTo('silent', silent.port)
  writeFileSync(join(small.lab.healingFolder, 'rules', 'kafka.yml'), stringify(rules()))
  expect((await small.service.post('/-/reload', {})).status).toBe(200)
}, 120_000)
afterAll(async () => {
  await silent?.close()
  await small?.end()
})
afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(small.service.output().slice(-20_000))
})

function rules(): RuleFile {
  const [rule = {}] = smallRules().rules
  const runbook = smallRules().runbooks['start-unit'] ?? {}
  const of = (name: string) => ({
    ...rule,
    name,
    match: ['alertname="SmallUnitDown"', `case="${name}"`],
    runbook: name,
  })
  return {
    rules: [...Object.keys(cases), 'silent'].map(of),
    runbooks: {
      silent: runbook,
      ...Object.fromEntries(
        Object.entries(cases).map(([name, { mode, ...params }]) => [
          name,
          {
            ...runbook,
            rungs: [[{ program: { argv: [script, stepLog, mode], env: { STEP_LOG: stepLog }, ...params } }]],
          },
        ]),
      ),
    },
  }
}

interface InventoryFile {
  clusters: { orders: { connection: Record<string, unknown>; exporters: Record<string, unknown>[] } }
}

/** Gives an exporter a connection of its own. */
function sendTo(unit: string, port: number): void {
  const file = join(small.lab.healingFolder, 'inventory.yml')
  const inventory = parse(readFileSync(file, 'utf8')) as InventoryFile
  const { connection, exporters } = inventory.clusters.orders
  for (const exporter of exporters) if (exporter['name'] === unit) exporter['connection'] = { ...connection, port }
  writeFileSync(file, stringify(inventory))
}

async function fire(unit: string): Promise<void> {
  await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
  const labels = { alertname: 'SmallUnitDown', cluster: 'orders', exporter: unit, case: unit }
  await small.post([small.alertOf(unit, { labels })])
}

/** The lines that the program itself wrote, by what they say: the target's own account. */
function written(key: string): { readonly begun: number; readonly ended: number } {
  const lines = existsSync(stepLog) ? readFileSync(stepLog, 'utf8').split('\n') : []
  const count = (line: string) => lines.filter((one) => one === line).length
  return { begun: count(`begin ${key}`), ended: count(`end ${key}`) }
}

const leftOf = (key: string) => processesOfStep(key, `STEP_LOG=${stepLog}`)

async function begun(unit: Case): Promise<{ key: string; startedAt: number }> {
  const view = await small.stands(unit, (one) => {
    const key = one.attempts[0]?.steps[0]?.key
    return key !== undefined && written(key).begun > 0
  })
  return { key: firstStep(view).key, startedAt: Date.parse(firstStep(view).startedAt) }
}

function firstStep(view: ApiView): ApiStep {
  const step = view.attempts.find((attempt) => attempt.attempt === 1)?.steps[0]
  if (step === undefined) throw new Error(`no step of ${view.incident.id} began`)
  return step
}

/** What the first step came to; bounded by its limit, run once, and nothing of it left. */
async function outcomeOf(unit: Case): Promise<NonNullable<ApiStep['result']>> {
  const view = await small.stands(unit, (one) => Boolean(one.attempts[0]?.steps[0]?.result))
  const { key, startedAt, finishedAt, result } = firstStep(view)
  expect(Date.parse(finishedAt ?? '') - Date.parse(startedAt)).toBeLessThan(cases[unit].limit * 1_000 + AND_THEN_MS)
  expect(written(key).begun).toBe(1)
  expect(leftOf(key)).toEqual([])
  if (result === null) throw new Error('no result')
  return result
}

describe('a step that does not behave is bounded, judged right and run at most once', () => {
  it('S-4.7 a host that accepts and says nothing spends no attempt', async () => {
    await fire('silent')
    const view = await small.stands('silent', (one) => one.incident.reason === 'evidenceMissing', 30_000)
    expect(view.incident).toMatchObject({ attempts: 0, state: 'waiting' })
    expect(view.incident.detail).toMatch(/no connection|Timed out|unreachable|handshake/i)
    expect(silent.connections()).toBeLessThanOrEqual(4)
  })

  it('S-4.4 an SSH connection cut in the middle of a step that must not repeat: unknown, and after its bound a person’s turn', async () => {
    await fire('cut')
    const { key, startedAt } = await begun('cut')
    expect(small.lab.cutSsh()).toBeGreaterThan(0)
    const lost = await small.stands('cut', (view) => Boolean(firstStep(view).result))
    expect(firstStep(lost).result).toMatchObject({ outcome: 'unknown', reason: expect.stringContaining('lost') })
    expect(lost.incident.state).toBe('verifying')

    const view = await small.stands('cut', (one) => one.incident.state === 'escalated')
    const escalatedAt = Date.parse(view.journal.find((row) => row.state === 'escalated')?.at ?? '')
    expect(escalatedAt - startedAt).toBeGreaterThanOrEqual(5_000 + SURELY_OVER_MS)
    expect(view.incident.reason).toBe('unknownNotRepeatable')
    expect(view.attempts).toHaveLength(1)
    // What had begun on the host went on to its end: a lost connection is no failure.
    expect(written(key)).toEqual({ begun: 1, ended: 1 })
    expect(leftOf(key)).toEqual([])
  })

  it('S-4.4 a step that may repeat does so under a new key, and not before its bound', async () => {
    await fire('cut-repeatable')
    const { key, startedAt } = await begun('cut-repeatable')
    expect(small.lab.cutSsh()).toBeGreaterThan(0)
    const view = await small.stands('cut-repeatable', (one) => one.attempts.length === 2 && one.incident.attempts === 2)
    const second = view.attempts.find((attempt) => attempt.attempt === 2)
    expect(Date.parse(second?.startedAt ?? '') - startedAt).toBeGreaterThanOrEqual(5_000 + SURELY_OVER_MS)
    expect(written(key)).toEqual({ begun: 1, ended: 1 })
    expect(view.attempts).toHaveLength(2)
  })

  it.each(['grandchild-local', 'grandchild-target'] as const)(
    'S-4.1 a grandchild that ignores SIGTERM and holds the pipe (%s)',
    async (unit) => {
      await fire(unit)
      // The program itself ended with 0, whatever became of what it left behind.
      expect(await outcomeOf(unit)).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
    },
  )

  it.each(['setsid-local', 'setsid-target'] as const)(
    'S-4.1 a program that does setsid and outlives its limit (%s)',
    async (unit) => {
      await fire(unit)
      expect(await outcomeOf(unit)).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('time limit') })
    },
  )

  it.each(['flood-local', 'flood-target'] as const)('a program that prints 50 MB (%s)', async (unit) => {
    await fire(unit)
    const { outcome, reason, output } = await outcomeOf(unit)
    expect({ outcome, reason }).toEqual({ outcome: 'failed', reason: expect.stringMatching(/ended with 7/) })
    expect(output.length).toBeLessThan(200_000)
    expect(output).toContain('the last words')
    expect(output).toMatch(/bytes left out/)
  })

  it('S-4.7 the silent host is a person’s turn after two minutes, still without an attempt', async () => {
    const view = await small.stands('silent', (one) => one.incident.state === 'escalated', 180_000)
    expect(view.incident).toMatchObject({ reason: 'unreachable', attempts: 0 })
    expect(view.attempts.flatMap((attempt) => attempt.steps)).toEqual([])
    await waitFor('the mail', () => small.lab.mails().some((mail) => mail.subject.includes('silent')), 20_000)
  }, 200_000)

  it('whatever became of it, no step ran twice and nothing of any is left', () => {
    const keys = readFileSync(stepLog, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('begin '))
      .map((line) => line.slice(6))
    expect(keys).toHaveLength(new Set(keys).size)
    expect(keys.flatMap(leftOf)).toEqual([])
  })
})
