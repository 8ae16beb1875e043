import type { Alert } from '../../src/alert/alert.ts'
import { advance } from '../../src/engine/advance.ts'
import type { Decision, Look } from '../../src/incident/event.ts'
import type { Moved, Opening, Store } from '../../src/store/store.ts'
import { decision, seen } from './incident-world.ts'
import { planOf, subject } from './plan.ts'

/** A simulation: the real store in memory, the real core, and a world that answers what it is told to. */
export class Simulation {
  now = Date.UTC(2026, 10, 21, 12)
  readonly store: Store
  readonly moved: Moved[] = []
  openings: (alert: Alert) => readonly Opening[] = () => [{ plan: planOf(), subject }]
  guards: () => Decision = () => decision()
  probes: () => Look = () => seen()

  constructor(store: Store) {
    this.store = store
  }

  async deliver(alert: Partial<Alert> = {}): Promise<void> {
    const whole: Alert = {
      fingerprint: '00000000000000aa',
      status: 'firing',
      labels: { alertname: 'KafkaBrokerDown' },
      annotations: {},
      startsAt: this.now,
      endsAt: null,
      generatorURL: '',
      ...alert,
    }
    const delivery = {
      receiver: 'kafka-healing',
      groupKey: 'g',
      status: whole.status,
      externalURL: '',
      truncatedAlerts: 0,
      alerts: [whole],
    }
    await this.store.storeDeliveries([{ delivery, rawBody: '{}', credential: null }], this.now)
  }

  /** Everything that is due now, with the answers of the world; returns the next due time. */
  async settle(): Promise<number | null> {
    for (;;) {
      const next = await advance(this.store, this.now, {
        openings: ({ alert }) => this.openings(alert),
        onMoved: (one) => this.moved.push(one),
      })
      if (!(await this.#answer())) return next
    }
  }

  async #answer(): Promise<boolean> {
    const task = await this.store.claimLook('sim', this.now, 30_000)
    if (task) {
      if (task.kind === 'guards') await this.store.guardsEvaluated(task, this.guards(), [], null, this.now)
      else await this.store.looked(task, this.probes(), [], [], this.now)
      return true
    }
    const claimed = await this.store.claimAttempt('sim', this.now, 60_000, () => ({
      decision: decision(),
      results: [],
    }))
    if (!claimed) return false
    if ('refused' in claimed) return true
    for (const [index] of claimed.steps.entries()) {
      await this.store.startStep(claimed, index + 1, this.now)
      await this.store.finishStep(
        claimed,
        index + 1,
        { outcome: 'succeeded', reason: 'done', exitCode: 0, output: '' },
        this.now,
      )
    }
    await this.store.finishAttempt(claimed, { outcome: 'succeeded', reason: 'done', changed: true }, this.now)
    return true
  }

  /** Jumps from due time to due time until `until`. */
  async run(until: number): Promise<void> {
    for (let next = await this.settle(); next !== null && next <= until; next = await this.settle())
      this.now = Math.max(this.now, next)
    this.now = until
    await this.settle()
  }

  async incident() {
    const [first] = (await this.store.incidents({ limit: 10 })).items
    if (!first) throw new Error('no incident')
    return first
  }
}
