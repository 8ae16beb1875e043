import { afterEach, beforeEach, expect, it } from 'vitest'
import { seen } from '../../test/support/incident-world.ts'
import { planOf } from '../../test/support/plan.ts'
import { Simulation } from '../../test/support/simulation.ts'
import type { Mode } from '../incident/plan.ts'
import { type Report, reportOf } from '../rules/report.ts'
import { suggest } from '../rules/suggest.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { tally } from './tally.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const rule = 'broker-down'

let store: Store
beforeEach(async () => {
  store = await openSqliteStore({ path: ':memory:' })
})
afterEach(() => store.close())

/** A cluster in which brokers break one after another. */
class Cluster extends Simulation {
  mode: Mode = 'act'
  /** What the runbook is worth. */
  heals = true
  readonly #began = this.now

  /** The broker breaks; an hour later somebody mends what is still broken, and at last nothing of it is left. */
  async breaks(broker: number, approvedBy?: string): Promise<void> {
    const key = `lab/broker/${broker}`
    this.openings = () => [
      { plan: planOf({ mode: this.mode }), subject: { kind: 'broker', key, cluster: 'lab', target: key } },
    ]
    this.probes = () => (this.heals ? seen() : seen({ verdict: 'broken', conclusive: true, symptom: true }))
    const alert = { fingerprint: String(broker).padStart(16, '0'), startsAt: this.now }
    await this.deliver(alert)
    await this.run(this.now + MINUTE)
    const { id } = await this.incident()
    if (approvedBy !== undefined) await this.store.apply(id, { type: 'approved', by: approvedBy, request: 1 }, this.now)
    await this.run(this.now + HOUR)
    this.probes = () => seen()
    await this.deliver({ ...alert, status: 'resolved', endsAt: this.now })
    await this.run(this.now + 2 * HOUR)
    expect((await this.incident()).state).toBe('closed')
  }

  async report(): Promise<Report> {
    return reportOf(await tally(this.store, this.#began, rule))
  }
}

it('S-5.11 a rule that mostly fails within a week only informs, says what it would do, and acts again once resumed', async () => {
  const lab = new Cluster(store)
  await lab.breaks(1)
  lab.heals = false
  for (const broker of [2, 3, 4]) {
    await lab.run(lab.now + DAY)
    expect(await store.demotions()).toEqual([])
    await lab.breaks(broker)
  }
  expect(await store.demotions()).toMatchObject([{ target: null, reason: '3 of 4 incidents failed in 7 d' }])
  expect(await lab.report()).toMatchObject({ incidents: 4, acted: 4, healed: 1, failed: 3 })
  expect(suggest('act', await lab.report())).toEqual({
    next: 'approve',
    ready: true,
    reasons: ['failed in 3 of 4 that it tried'],
  })

  await lab.breaks(5)
  const [digest] = (await store.dueEscalations(lab.now + DAY, 100)).filter(({ kind }) => kind === 'digest')
  expect(digest?.summary).toBe('would have run start-broker: all guards passed')
  expect(await lab.report()).toMatchObject({ incidents: 5, acted: 4, inform: { wouldAct: 1 } })

  await store.resumeScope(`rule:${rule}`, 'ann', lab.now)
  lab.heals = true
  await lab.breaks(6)
  expect(await lab.report()).toMatchObject({ incidents: 6, acted: 5, healed: 2 })
})

it('what several slices say of a rule in a cluster is counted together', async () => {
  const lab = new Cluster(store)
  await lab.breaks(1)
  const { groups, heals } = await store.trackRecords({ since: 0, rule: null, before: null, limit: 1 })
  const [group] = groups
  if (!group) throw new Error('nothing was counted')
  const slices: Pick<Store, 'trackRecords'> = {
    trackRecords: async ({ before }) => ({
      groups: [
        { ...group, incidents: 2, alerts: 3, oldestAt: before ?? 9 },
        { ...group, cluster: null, incidents: 1 },
      ],
      heals,
      next: before === null ? 7 : null,
    }),
  }
  expect(await tally(slices, 0, null)).toMatchObject([
    { cluster: null, groups: [{ incidents: 2 }] },
    { cluster: 'lab', groups: [{ incidents: 4, alerts: 6, oldestAt: 7 }], fromAttemptMs: [0, 0] },
  ])
})

it('a rule earns its modes one after the other', async () => {
  const lab = new Cluster(store)
  lab.mode = 'inform'
  for (const broker of [1, 2, 3, 4]) await lab.breaks(broker)
  expect(suggest('inform', await lab.report())).toEqual({
    next: 'approve',
    ready: false,
    reasons: ['not enough seen yet: 4 of 5 incidents in which its guards were asked'],
  })
  await lab.breaks(5)
  expect(suggest('inform', await lab.report())).toMatchObject({ next: 'approve', ready: true })

  lab.mode = 'approve'
  for (const broker of [6, 7, 8, 9, 10]) await lab.breaks(broker, 'ann')
  const earned = await lab.report()
  expect(earned).toMatchObject({
    incidents: 10,
    approvals: { asked: 5, given: 5, lapsed: 0, healed: 5 },
    timeToHeal: { fromOpening: { count: 5 }, fromAttempt: { count: 5, medianMs: 0 } },
  })
  expect(suggest('approve', earned)).toMatchObject({ next: 'act', ready: true })
})
