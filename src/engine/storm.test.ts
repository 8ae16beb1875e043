import { afterEach, beforeEach, expect, test } from 'vitest'
import { planOf } from '../../test/support/plan.ts'
import { alertOf, T0 } from '../../test/support/story.ts'
import { CALM_MS } from '../guards/storm.ts'
import { lookOf, PASSED } from '../incident/summary.ts'
import type { Subject } from '../inventory/inventory.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { ClaimedAttempt, ClusterSeen, NewMail, Store } from '../store/store.ts'
import { advance } from './advance.ts'
import { decideOwn } from './looker.ts'
import { type MailMaking, makeMails } from './make-mails.ts'
import { makeNotices, type NoticeMaking } from './make-notices.ts'

const MINUTE = 60_000
const SECOND = 1_000

let store: Store
let now = T0
beforeEach(async () => {
  now = T0
  store = await openSqliteStore({ path: ':memory:', rackOf: (key) => (key.endsWith('/3') ? 'b' : 'a') })
})
afterEach(() => store.close())

const plan = planOf({ afterMs: 0 })
const voters = ['orders/broker/2']
const power: ClusterSeen = {
  bad: ['broker 1', 'broker 2', 'broker 3'],
  total: 3,
  reachesNothing: false,
  voters,
  leaderless: null,
}
const calm: ClusterSeen = { ...power, bad: [] }
const key = (id: number) => `orders/broker/${id}`

const making: MailMaking & NoticeMaking = {
  receivers: new Map(planOf().escalation.to.map((name) => [name, ['a@x.org']])),
  noticesTo: planOf().escalation.to,
  domain: 'x.org',
  revision: 'c0ffee1',
  externalUrl: null,
  digestAbove: 100,
  linkMs: 1_000,
  onMade: () => undefined,
}

async function fire(...brokers: readonly number[]): Promise<void> {
  const alerts = brokers.map((id) =>
    alertOf({ fingerprint: `f${id}`, labels: { alertname: 'Down', broker_id: String(id) } }),
  )
  const delivery = {
    receiver: 'r',
    groupKey: 'g',
    status: 'firing',
    externalURL: '',
    truncatedAlerts: 0,
    alerts,
  } as const
  await store.storeDeliveries([{ delivery, rawBody: '', credential: null }], now)
  await core()
}

/** Everything that is due; the guards over the world pass, those over our own rows decide. */
async function core(): Promise<void> {
  const openings = ({ alert }: { alert: { labels: Readonly<Record<string, string>> } }) => {
    const target = key(Number(alert.labels['broker_id']))
    return [{ plan, subject: { kind: 'broker', key: target, cluster: 'orders', target } satisfies Subject }]
  }
  await advance(store, now, { openings, onMoved: () => undefined })
  for (let task = await store.claimLook('me', now, SECOND); task; task = await store.claimLook('me', now, SECOND)) {
    if (task.kind === 'guards') await store.guardsEvaluated(task, PASSED, [], null, now)
  }
}

/** The attempts that may begin now; the others go back to wait. */
async function claimed(): Promise<readonly ClaimedAttempt[]> {
  await core()
  const begun: ClaimedAttempt[] = []
  for (;;) {
    const one = await store.claimAttempt('me', now, MINUTE, decideOwn)
    if (one === null) return begun
    if (!('refused' in one)) begun.push(one)
  }
}

async function run(attempt: ClaimedAttempt, healed: boolean): Promise<void> {
  const [step] = attempt.steps
  if (!step) throw new Error('an attempt without a step')
  await store.startStep(attempt, 1, now)
  await store.finishStep(attempt, 1, { outcome: 'succeeded', reason: 'ok', exitCode: 0, output: '' }, now)
  await store.finishAttempt(attempt, { outcome: 'succeeded', reason: 'ok', changed: true }, now)
  const { id } = attempt.incident
  for (let task = await store.claimLook('me', now, SECOND); task; task = await store.claimLook('me', now, SECOND)) {
    if (task.kind !== 'probe') continue
    const result = { probe: 'kafka-api', reason: 'asked', evidence: [] }
    const seen = lookOf(
      plan,
      healed || task.incident.id !== id
        ? [{ ...result, verdict: 'healed' }]
        : [{ ...result, verdict: 'broken', conclusive: true }],
      true,
      null,
    )
    await store.looked(task, seen, [], [], now)
  }
}

async function mailed(): Promise<readonly string[]> {
  await makeNotices(store, making, now)
  await makeMails(store, making, now)
  const sent: NewMail[] = []
  for (;;) {
    const mails = await store.claimMails('me', now, MINUTE, 100)
    if (mails.length === 0) return sent.map(({ subject }) => subject)
    for (const mail of mails) await store.mailSent(mail.id, 'me', 'ok', now)
    sent.push(...mails)
  }
}

test('S-5.9 after a power failure brokers are started one by one, the quorum first, with one mail until all is over', async () => {
  await store.clusterSeen('orders', power, now)
  await fire(1, 2, 3)
  const order: string[] = []
  for (let round = 0; round < 10 && order.length < 3; round++) {
    const begun = await claimed()
    expect(begun.length).toBeLessThanOrEqual(1)
    for (const attempt of begun) {
      order.push(attempt.targetKey)
      // While it is not verified, nobody else's turn comes.
      now += MINUTE
      expect(await claimed()).toEqual([])
      await run(attempt, true)
    }
    now += MINUTE
  }
  expect(order).toEqual([key(2), key(1), key(3)])
  expect(await mailed()).toEqual(['[orders] storm: 3 of 3 brokers and controllers are down'])
  await store.clusterSeen('orders', calm, now)
  now += CALM_MS
  await store.clusterSeen('orders', calm, now)
  expect(await mailed()).toEqual(['[orders] storm is over, 3 incidents open'])
})

test('S-5.9 a start that fails stops the others until a person resumes the cluster', async () => {
  await store.clusterSeen('orders', power, now)
  await fire(1, 2, 3)
  const [first] = await claimed()
  if (!first) throw new Error('nothing was claimed')
  await run(first, false)
  for (let minutes = 0; minutes < 30; minutes++) {
    now += MINUTE
    for (const attempt of await claimed()) expect(attempt.targetKey).toBe(first.targetKey)
  }
  expect(await mailed()).toEqual([
    '[orders] storm: 3 of 3 brokers and controllers are down',
    '[orders] storm: a start failed, no other one follows',
  ])
  await store.resumeScope('cluster:orders', 'ann', now)
  now += 2 * MINUTE
  const begun = await claimed()
  expect(begun.map(({ targetKey }) => targetKey)).not.toContain(first.targetKey)
})

test('S-5.10 an outage of a whole cluster is not stopped by budgets for first starts', async () => {
  for (let id = 1; id <= 12; id++) {
    await fire(id)
    const [attempt] = await claimed()
    if (!attempt) throw new Error(`broker ${id} was not started`)
    await run(attempt, true)
    now += SECOND
  }
})
