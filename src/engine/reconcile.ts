import type { Logger } from 'pino'
import type { Delivery } from '../alert/alert.ts'
import type { Clock } from '../clock.ts'
import type { Monitoring, SeenAlert } from '../probes/probe.ts'
import type { IncomingDelivery } from '../store/store.ts'
import { Wake } from './wake.ts'

/** Requests within this many milliseconds share one fetch. */
const GATHER_MS = 1_000

export interface ReconcileDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly monitoring: () => Monitoring
  /** Our name among Alertmanager's receivers. */
  readonly receiver: () => string
  readonly store: (delivery: IncomingDelivery) => Promise<unknown>
}

/**
 * Fetches what a webhook could not bring: one `GET /api/v2/alerts` from the configured Alertmanagers after each body that
 * was too large and each `truncatedAlerts > 0`. It may add alerts, never mark one gone.
 */
export class Reconcile {
  readonly #deps: ReconcileDeps
  readonly #wake = new Wake()
  #wanted: string | null = null

  constructor(deps: ReconcileDeps) {
    this.#deps = deps
  }

  /** Asks for a fetch soon. `why` is for the log. */
  want(why: string): void {
    this.#wanted = why
    this.#wake.wake()
  }

  async run(): Promise<void> {
    const { clock, log, signal } = this.#deps
    while (!signal.aborted) {
      if (this.#wanted === null) {
        await this.#wake.wait(clock, 60_000, signal)
        continue
      }
      await clock.sleep(GATHER_MS, signal)
      const why = this.#wanted
      this.#wanted = null
      try {
        const added = await this.#fetch()
        log.info({ why, alerts: added }, 'fetched alerts from Alertmanager')
      } catch (err) {
        log.warn({ err, why }, 'could not fetch alerts from Alertmanager')
      }
    }
  }

  async #fetch(): Promise<number> {
    const { monitoring, receiver, store } = this.#deps
    const ask = monitoring().alertmanager
    if (!ask) throw new Error('no Alertmanager is configured, so what was cut off cannot be fetched')
    const ours = (await ask({})).filter((alert) => alert.state === 'active' && alert.receivers.includes(receiver()))
    if (ours.length > 0) await store({ delivery: asDelivery(ours, receiver()), rawBody: '', credential: null })
    return ours.length
  }
}

function asDelivery(alerts: readonly SeenAlert[], receiver: string): Delivery {
  return {
    receiver,
    groupKey: 'reconcile',
    status: 'firing',
    externalURL: '',
    truncatedAlerts: 0,
    alerts: alerts.map(({ fingerprint, labels, annotations, startsAt }) => ({
      fingerprint,
      status: 'firing',
      labels,
      annotations,
      startsAt,
      endsAt: null,
      generatorURL: '',
    })),
  }
}
