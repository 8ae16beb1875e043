import { afterEach, expect, it } from 'vitest'
import { deliveryOf } from '../../test/support/broker-delivery.ts'
import { type HttpWorld, startHttp } from '../../test/support/http.ts'
import { planOf } from '../../test/support/plan.ts'
import { systemClock } from '../clock.ts'
import type { Decision } from '../incident/event.ts'
import type { Plan } from '../incident/plan.ts'
import { PASSED } from '../incident/summary.ts'

let world: HttpWorld | null = null
afterEach(async () => {
  await world?.stop()
  world = null
})

const plans: Readonly<Record<string, Plan>> = {
  'broker-down': planOf({ mode: 'inform', rank: 20 }),
  'broker-hung': planOf({ rule: 'broker-hung', mode: 'act' }),
}

async function start(mode: Plan['mode'] = 'inform'): Promise<HttpWorld> {
  const inForce = { ...plans, 'broker-down': planOf({ mode, rank: 20 }) }
  world = await startHttp({
    deps: {
      planOf: (rule) => inForce[rule as keyof typeof inForce] ?? null,
      known: () => ({ clusters: ['lab'], targets: [], rules: Object.keys(inForce) }),
    },
  })
  return world
}

// oxlint-disable-next-line typescript/no-explicit-any
async function body(answer: Promise<Response>): Promise<any> {
  return JSON.parse(await (await answer).text())
}

/** One incident for each broker, judged at once. */
async function judged(on: HttpWorld, brokers: readonly number[], decision: Decision): Promise<void> {
  await on.deliver(deliveryOf(brokers))
  for (const { incident } of await on.settle(planOf({ mode: 'inform' })))
    await on.store.apply(incident.id, { type: 'timerDue', timer: 'act' }, systemClock.now())
  await answer(on, decision)
}

/** All guards that are asked now say this. */
async function answer(on: HttpWorld, decision: Decision): Promise<void> {
  for (;;) {
    const task = await on.store.claimLook('me', systemClock.now(), 1_000)
    if (!task) return
    await on.store.guardsEvaluated(task, decision, [], null, systemClock.now())
  }
}

it('rules are listed in their order, with what they did and what they have earned', async () => {
  const on = await start()
  await judged(on, [1, 2, 3, 4], PASSED)
  await judged(on, [5], { ...PASSED, verdict: 'refuse', guard: 'quorum', reason: 'no leader' })

  const { since, until, items } = await body(on.get('/rules'))
  expect(Date.parse(until) - Date.parse(since)).toBe(30 * 86_400_000)
  expect(items).toMatchObject([
    {
      name: 'broker-down',
      order: 1,
      mode: 'inform',
      effectiveMode: 'inform',
      rank: 20,
      runbook: 'start-broker',
      revision: 'test',
      demotions: [],
      report: {
        incidents: 5,
        alerts: 5,
        inform: { wouldAct: 4, wouldRefuse: 1 },
        refusedBy: [{ guard: 'quorum', incidents: 1 }],
        timeToHeal: { fromOpening: null },
      },
      clusters: [{ cluster: 'lab', effectiveMode: 'inform', report: { incidents: 5 } }],
      suggestion: { next: 'approve', ready: true },
    },
    {
      name: 'broker-hung',
      order: 2,
      mode: 'act',
      report: { incidents: 0, oldestAt: null },
      clusters: [],
      suggestion: {
        next: null,
        ready: false,
        reasons: ['nothing speaks against act; it has tried nothing in 0 incidents'],
      },
    },
  ])
  expect(Date.parse(items[0].report.oldestAt)).toBeGreaterThan(Date.parse(since))
})

it('one rule is shown by its name, over the time that is asked for', async () => {
  const on = await start()
  await judged(on, [1], PASSED)

  expect(await body(on.get('/rules/broker-down?since=1h'))).toMatchObject({
    name: 'broker-down',
    report: { incidents: 1 },
  })
  expect(await body(on.get('/rules/broker-down?since=2999-01-01T00:00:00Z'))).toMatchObject({
    status: 400,
    errors: [{ field: 'since', problem: 'lies ahead' }],
  })
  const missing = await on.get('/rules/broker-dwon')
  expect([missing.status, (await body(Promise.resolve(missing))).detail]).toEqual([
    404,
    'there is no rule broker-dwon in force; `kafka-healing rules` (GET /rules) lists them',
  ])
  expect((await on.get('/rules?since=soon')).status).toBe(400)
  expect((await on.get('/rules?window=30d')).status).toBe(400)
})

it('S-5.11 a rule that is demoted on one target may still act on others', async () => {
  const on = await start('act')
  for (let round = 0; round < 3; round++) {
    const [incident = 0] = await failing(on, [1])
    await on.store.apply(incident, { type: 'cancelled', by: 'ann', reason: 'done', frees: true }, systemClock.now())
    await on.store.requeueOrphans(systemClock.now())
  }
  expect(await body(on.get('/rules/broker-down'))).toMatchObject({
    effectiveMode: 'act',
    demotions: [{ target: 'lab/broker/1' }],
    clusters: [{ cluster: 'lab', effectiveMode: 'act' }],
    suggestion: { reasons: ['demoted to inform on lab/broker/1; find out why it failed, then resume it'] },
  })
})

/** Incidents whose attempts are spent before they begin. */
async function failing(on: HttpWorld, brokers: readonly number[]): Promise<readonly number[]> {
  const none = planOf({ attempts: { ...planOf().attempts, max: 0 } })
  await on.deliver(deliveryOf(brokers))
  const opened = (await on.settle(none)).map(({ incident }) => incident.id)
  for (const id of opened) await on.store.apply(id, { type: 'timerDue', timer: 'act' }, systemClock.now())
  await answer(on, PASSED)
  return opened
}

it('S-5.11 a demoted rule shows where it only informs, and resuming it gives it back', async () => {
  const on = await start('act')
  await failing(on, [1, 2, 3])

  const demoted = await body(on.get('/rules/broker-down'))
  expect(demoted).toMatchObject({
    mode: 'act',
    effectiveMode: 'inform',
    demotions: [{ cluster: 'lab', target: null, reason: '3 targets failed in 24 h' }],
    clusters: [{ cluster: 'lab', effectiveMode: 'inform' }],
    report: { failed: 3, escalated: [{ cause: 'exhausted', incidents: 3 }] },
  })
  expect(demoted.suggestion).toMatchObject({
    next: null,
    reasons: ['demoted to inform on cluster lab; find out why it failed, then resume it'],
  })
  await on.send('POST', '/resume', { scope: 'rule:broker-down', by: 'ann' })
  expect(await body(on.get('/rules/broker-down'))).toMatchObject({ effectiveMode: 'act', demotions: [] })
})
