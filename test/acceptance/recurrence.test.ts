import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { waitFor } from '../lab/wait.ts'
import type { ApiView } from '../support/api.ts'
import { readMail } from '../support/mime.ts'
import type { RuleFile } from '../support/rules.ts'
import { type ShiftedClock, shiftedClock } from '../support/shifted-clock.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

/** Between two deaths so much time passes for the service: longer than any cooldown (S-3.2). Seconds. */
const FEW_MINUTES_S = 10 * 60
const failing = ['fails-1', 'fails-2', 'fails-3'] as const

let small: SmallLab
let clock: ShiftedClock

beforeAll(async () => {
  small = await startSmallLab(['flaps', ...failing, 'fails-4'], smallRules())
  clock = shiftedClock(small.lab.state.dir)
  await small.service.stop()
  writeFileSync(join(small.lab.healingFolder, 'rules', 'kafka.yml'), stringify(rules()))
  small.service = await small.start({ env: clock.env })
}, 120_000)
afterAll(async () => {
  await small?.end()
})
afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(small.service.output().slice(-10_000))
})

function rules(): RuleFile {
  const [rule = {}] = smallRules().rules
  const runbook = smallRules().runbooks['start-unit'] ?? {}
  const firing = { source: 'webhook', max_age: '24h' }
  return {
    rules: [
      { ...rule, name: 'flaps', match: ['exporter="flaps"'], firing },
      { ...rule, name: 'useless', match: ['exporter=~"fails-.*"'], firing, attempts: { max: 1 }, runbook: 'useless' },
    ],
    runbooks: {
      'start-unit': runbook,
      // It exits 0 and heals nothing.
      useless: { ...runbook, rungs: [[{ program: { argv: ['/bin/true'], limit: 5, repeatable: true } }]] },
    },
  }
}

async function dies(unit: string, accept: (view: ApiView) => boolean): Promise<ApiView> {
  const before = await small
    .stands(unit, () => true, 500)
    .then(
      (view) => view.incident.id,
      () => 0,
    )
  await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
  const alert = small.alertOf(unit)
  await small.post([alert])
  const view = await small.stands(unit, (one) => one.incident.id > before && accept(one))
  await small.post([{ ...alert, status: 'resolved' }])
  return view
}

describe('a target that heals and does not stay', () => {
  it('S-4.10 three heals within a day are told as recurrence; after that it asks before it acts, until a person resumes it', async () => {
    for (let heal = 1; heal <= 2; heal++) {
      await dies('flaps', (view) => view.incident.state === 'probation')
      // The probation is twice as long after each heal.
      await small.stands('flaps', (view) => view.incident.state === 'closed')
      clock.shift(heal * FEW_MINUTES_S)
    }
    const third = await dies('flaps', (view) => view.incident.state === 'probation')
    const recurring = await small.stands('flaps', (view) => view.incident.reason === 'recurrence')
    expect(recurring.incident.id).toBe(third.incident.id)
    const mail = await small.lab.waitMail(({ raw }) => /does not stay/.test(readMail(raw).headers.get('subject') ?? ''))
    expect(readMail(mail.raw).text).toContain('3 heals in 24 h')
    await small.stands('flaps', (view) => ['probation', 'closed', 'settled'].includes(view.incident.state))

    clock.shift(3 * FEW_MINUTES_S + 3_600)
    await small.lab.signalUnit('flaps.service', 'SIGKILL')
    await small.post([small.alertOf('flaps')])
    const asking = await small.stands('flaps', (view) => view.incident.reason === 'approval')
    expect(asking.incident.detail).toContain('suspended until a person resumes the target')
    expect((await small.lab.unit('flaps.service'))['ActiveState']).toBe('failed')
    const before = asking.attempts.length
    expect((await small.service.post('/resume', { scope: 'target:orders/exporter/flaps', by: 'ann' })).status).toBe(200)
    await small.stands('flaps', (view) => view.attempts.length === before + 1 && view.incident.state === 'probation')
  }, 180_000)
})

describe('a rule that fails', () => {
  it('S-5.11 on three targets of one cluster is demoted there, with one mail; the fourth is only informed about', async () => {
    for (const unit of failing) await dies(unit, (view) => view.incident.reason === 'exhausted')
    const about = ({ raw }: { readonly raw: string }) =>
      /demoted|inform/.test(readMail(raw).headers.get('subject') ?? '')
    await small.lab.waitMail(about)
    const fourth = await dies('fails-4', (view) => view.incident.state === 'settled')
    expect(fourth.incident.outcome).toBe('informed')
    expect(fourth.attempts).toEqual([])
    expect((await small.lab.unit('fails-4.service'))['ActiveState']).toBe('failed')
    expect(small.lab.mails().filter(about)).toHaveLength(1)
    await waitFor('the outbox to be empty', async () =>
      /kafka_healing_outbox_depth 0/.test(await small.service.text('/metrics')),
    )
  }, 120_000)
})
