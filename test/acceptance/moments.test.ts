import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { waitFor } from '../lab/wait.ts'
import { type ApiView, incidents } from '../support/api.ts'
import { readMail } from '../support/mime.ts'
import type { RuleFile } from '../support/rules.ts'
import { type ShiftedClock, shiftedClock } from '../support/shifted-clock.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

/** Moments at which something else happens: the wall clock steps, an alert resolves, the configuration is narrowed. */

const script = join(import.meta.dirname, 'hostile-step.sh')
const HOUR_S = 3_600

const resolvesIn = ['waiting', 'attempting', 'probation', 'escalated'] as const
const units = [
  'clock',
  'witness-1',
  'witness-2',
  ...resolvesIn.map((state) => `resolve-${state}`),
  'narrowed',
  'removed',
]

let small: SmallLab
let stepLog: string
let clock: ShiftedClock

beforeAll(async () => {
  small = await startSmallLab(units, smallRules())
  stepLog = join(small.lab.state.dir, 'steps.log')
  clock = shiftedClock(small.lab.state.dir)
  await small.service.stop()
  writeFileSync(join(small.lab.healingFolder, 'rules', 'kafka.yml'), stringify(rules('act')))
  small.service = await small.start({ env: clock.env })
}, 120_000)
afterAll(async () => {
  await small?.end()
})
afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(small.service.output().slice(-10_000))
})

function rules(mode: 'act' | 'inform'): RuleFile {
  const [rule = {}] = smallRules().rules
  const runbook = smallRules().runbooks['start-unit'] ?? {}
  const slow = { program: { argv: [script, stepLog, 'slow'], limit: 20, repeatable: true } }
  const start = { systemd: { verb: 'start', limit: 10 } }
  const of = (unit: string, change: object) => ({
    ...rule,
    name: unit,
    match: ['alertname="SmallUnitDown"', `exporter="${unit}"`],
    ...change,
  })
  const patient = { after: '30s' }
  return {
    rules: [
      of('clock', { attempts: { max: 3, backoff: { initial: '4s', multiplier: 1, max: '4s' } }, runbook: 'fails' }),
      of('resolve-waiting', patient),
      of('resolve-attempting', { runbook: 'slowly' }),
      of('resolve-probation', { attempts: { stable: '4s' } }),
      of('resolve-escalated', { attempts: { max: 1 }, runbook: 'fails' }),
      of('narrowed', { mode, runbook: 'slow-and-useless', attempts: { max: 3, backoff: { initial: '1s' } } }),
      of('removed', { runbook: 'slowly' }),
      { ...rule },
    ],
    runbooks: {
      'start-unit': runbook,
      // It exits 0 and heals nothing.
      fails: { ...runbook, rungs: [[{ program: { argv: ['/bin/true'], limit: 5, repeatable: true } }]] },
      slowly: { ...runbook, rungs: [[slow, start]] },
      'slow-and-useless': { ...runbook, rungs: [[slow]] },
    },
  }
}

async function kill(unit: string): Promise<void> {
  await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
}

async function fire(unit: string): Promise<() => Promise<void>> {
  const alert = small.alertOf(unit)
  await small.post([alert])
  return async () => void (await small.post([{ ...alert, status: 'resolved' }]))
}

const begun = (view: ApiView): number => view.attempts.filter((attempt) => attempt.startedAt !== null).length

describe('S-3.7 the wall clock', () => {
  it('S-3.7 one hour back during a back-off starts nothing early; a day forward runs each due thing once', async () => {
    await kill('clock')
    await fire('clock')
    await small.stands('clock', (view) => view.incident.reason === 'backoff' && begun(view) === 1)
    clock.shift(-HOUR_S)
    // What begins now goes its whole way, so the service has looked at what is due; and the back-off has passed twice.
    const began = performance.now()
    await kill('witness-1')
    await fire('witness-1')
    await small.stands('witness-1', (view) => begun(view) === 1 && view.incident.state === 'settled')
    await waitFor('twice the back-off to pass', () => performance.now() - began > 9_000, 15_000)
    expect(begun(await small.stands('clock', () => true))).toBe(1)

    clock.shift(0)
    await small.stands('clock', (view) => view.incident.reason === 'backoff' && begun(view) === 2)
    clock.shift(24 * HOUR_S)
    const exhausted = await small.stands('clock', (view) => view.incident.state === 'escalated')
    expect(exhausted.incident.reason).toBe('exhausted')
    expect(begun(exhausted)).toBe(3)
    await kill('witness-2')
    await fire('witness-2')
    await small.stands('witness-2', (view) => view.incident.state === 'settled')
    const later = await small.stands('clock', () => true)
    expect(begun(later)).toBe(3)
    expect(later.escalations.filter(({ kind }) => kind === 'escalated')).toHaveLength(1)
    clock.shift(0)
  }, 120_000)
})

describe('a resolve', () => {
  it('S-1.5 while it waits starts nothing, and only tells that the symptom is there', async () => {
    await kill('resolve-waiting')
    const resolve = await fire('resolve-waiting')
    await small.stands('resolve-waiting', (view) => view.incident.state === 'waiting')
    await resolve()
    const view = await small.stands('resolve-waiting', (one) => one.incident.reason === 'symptomWithoutAlert')
    expect(begun(view)).toBe(0)
    await small.lab.systemctl('start', 'resolve-waiting.service')
  }, 60_000)

  it('S-4.1 during an attempt is recorded and changes nothing until the rung ends', async () => {
    await kill('resolve-attempting')
    const resolve = await fire('resolve-attempting')
    await small.stands('resolve-attempting', (view) => view.incident.reason === 'running')
    await resolve()
    const view = await small.stands('resolve-attempting', (one) => one.incident.state === 'closed')
    expect(view.incident.outcome).toBe('healed')
    expect(view.attempts.map(({ status, steps }) => [status, steps.length])).toEqual([['succeeded', 2]])
  }, 60_000)

  it('S-3.3 in probation closes only once the probation is over', async () => {
    await kill('resolve-probation')
    const resolve = await fire('resolve-probation')
    await small.stands('resolve-probation', (view) => view.incident.state === 'probation')
    await resolve()
    expect((await small.stands('resolve-probation', () => true)).incident.state).toBe('probation')
    const view = await small.stands('resolve-probation', (one) => one.incident.state === 'closed')
    expect(view.incident.outcome).toBe('healed')
  }, 60_000)

  it('S-6.2 while escalated asks the probes: still broken it goes back, same round, no mail; repaired it closes', async () => {
    await kill('resolve-escalated')
    const resolve = await fire('resolve-escalated')
    const before = await small.stands('resolve-escalated', (view) => view.incident.state === 'escalated')
    await resolve()
    const back = await small.stands(
      'resolve-escalated',
      (view) => view.incident.state === 'escalated' && view.incident.firing.length === 0,
    )
    expect(back.incident.round).toBe(before.incident.round)
    expect(back.escalations).toHaveLength(before.escalations.length)
    await small.lab.systemctl('start', 'resolve-escalated.service')
    const again = await fire('resolve-escalated')
    await again()
    await small.stands('resolve-escalated', (view) => ['probation', 'closed'].includes(view.incident.state))
  }, 90_000)
})

describe('S-3.6 a configuration that is narrowed while an attempt runs', () => {
  it('S-3.6 lowered to inform: the step ends, nothing further is tried, and it is told', async () => {
    await kill('narrowed')
    await fire('narrowed')
    await small.stands('narrowed', (view) => view.incident.reason === 'running')
    writeFileSync(join(small.lab.healingFolder, 'rules', 'kafka.yml'), stringify(rules('inform')))
    expect((await small.service.post('/-/reload', {})).status).toBe(200)
    const view = await small.stands('narrowed', (one) => one.incident.state === 'settled')
    expect(view.incident.outcome).toBe('informed')
    expect(view.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    expect(readFileSync(stepLog, 'utf8')).toContain(`end ${view.incident.id}.1.1`)
    expect(view.escalations.map(({ kind }) => kind)).toContain('told')
  }, 60_000)

  it('S-3.6 its target removed: the attempt runs to its end, the incident closes cancelled with a mail, and the target is free again', async () => {
    const file = join(small.lab.healingFolder, 'inventory.yml')
    const whole = readFileSync(file, 'utf8')
    await kill('removed')
    await fire('removed')
    await small.stands('removed', (view) => view.incident.reason === 'running')
    const inventory = parse(whole) as { clusters: { orders: { exporters: { name: string }[] } } }
    inventory.clusters.orders.exporters = inventory.clusters.orders.exporters.filter(({ name }) => name !== 'removed')
    writeFileSync(file, stringify(inventory))
    expect((await small.service.post('/-/reload', {})).status).toBe(200)
    const view = await small.stands('removed', (one) => one.incident.state === 'closed' && one.mails.length > 0)
    expect(view.incident.outcome).toBe('cancelled')
    expect(view.attempts.map(({ status, steps }) => [status, steps.length])).toEqual([['succeeded', 2]])
    const mail = await small.lab.waitMail(({ raw }) => view.mails.some(({ messageId }) => raw.includes(messageId)))
    expect(readMail(mail.raw).headers.get('subject')).toContain('cancelled')

    writeFileSync(file, whole)
    expect((await small.service.post('/-/reload', {})).status).toBe(200)
    const open = (await incidents(small.service, '?limit=1000')).filter(
      (one) => one.subject.endsWith('/removed') && one.state !== 'closed',
    )
    expect(open.map(({ state }) => state)).not.toContain('attempting')
  }, 60_000)
})
