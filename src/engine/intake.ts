import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import {
  type DeliveryReceipt,
  type IncomingDelivery,
  type RejectedDelivery,
  type Store,
  StoreUnavailableError,
} from '../store/store.ts'

/** What became of a delivery. `stored` is said only after the commit. */
export type Taken =
  | { readonly kind: 'stored'; readonly receipt: DeliveryReceipt }
  /** It cannot be stored as it is; kept escaped as rejected. */
  | { readonly kind: 'rejected'; readonly problem: string }
  /** Nothing was stored; the sender shall try again. */
  | { readonly kind: 'overloaded' | 'unavailable'; readonly why: string }

export interface IntakeDeps {
  readonly store: Pick<Store, 'storeDeliveries' | 'storeRejected' | 'inboxDepth'>
  readonly clock: Clock
  readonly log: Logger
  /** Wakes the core; called after each commit that changed an alert. */
  readonly onStored: () => void
  readonly onStoreFailure: (error: StoreUnavailableError) => void
  readonly limits?: Partial<IntakeLimits>
}

export interface IntakeLimits {
  /** Changes of alerts that the core has not seen yet. */
  readonly inboxDepth: number
  readonly waitingCount: number
  readonly waitingBytes: number
  /** Deliveries in one commit; keeps a commit short enough for the loops that share the connection. */
  readonly batchCount: number
}

/** A delivery of one alert is about 1.2 kB; 64 MiB of text is what 256 MB of memory digest while parsed. */
const LIMITS: IntakeLimits = {
  inboxDepth: 100_000,
  waitingCount: 20_000,
  waitingBytes: 64 * 1024 * 1024,
  batchCount: 500,
}

/** The real depth of the inbox is read at most this often; in between what is stored is added. */
const DEPTH_EVERY_MS = 250

interface Waiting {
  readonly delivery: IncomingDelivery
  readonly settle: (taken: Taken) => void
}

/**
 * Stores deliveries in groups (design 4.1): what arrives in one turn of the event loop, or while a commit is under way,
 * shares the next commit. Nothing here looks at rules.
 */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #limits: IntakeLimits
  #queue: Waiting[] = []
  #waitingCount = 0
  #waitingBytes = 0
  #running = false
  #depth = 0
  #depthReadAt = Number.NEGATIVE_INFINITY

  constructor(deps: IntakeDeps) {
    this.#deps = deps
    this.#limits = { ...LIMITS, ...deps.limits }
  }

  /** Why nothing more can be taken now, or null. Cheap: asked before a body is read. */
  overload(): string | null {
    if (this.#waitingCount >= this.#limits.waitingCount) return 'too many deliveries wait for the store'
    if (this.#waitingBytes >= this.#limits.waitingBytes) return 'too many bytes wait for the store'
    if (this.#depth <= this.#limits.inboxDepth) return null
    // A full inbox is only believed while fresh: nothing else would ever look again once all are turned away.
    if (this.#deps.clock.monotonic() - this.#depthReadAt >= DEPTH_EVERY_MS) void this.#readDepth()
    return 'too many changes of alerts wait for the core'
  }

  /** Resolves when it is known what became of the delivery. Never rejects. */
  submit(delivery: IncomingDelivery): Promise<Taken> {
    const why = this.overload()
    if (why !== null) return Promise.resolve({ kind: 'overloaded', why })
    return new Promise((settle) => {
      this.#queue.push({ delivery, settle })
      this.#waitingCount += 1
      this.#waitingBytes += delivery.rawBody.length
      if (this.#running) return
      this.#running = true
      setImmediate(() => void this.#drain())
    })
  }

  /** Keeps what could not be parsed. Never rejects: the sender's answer does not depend on it. */
  async reject(rejected: RejectedDelivery): Promise<void> {
    try {
      await this.#deps.store.storeRejected(rejected, this.#deps.clock.now())
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.#deps.onStoreFailure(error)
      this.#deps.log.warn({ err: error, problem: rejected.problem }, 'rejected delivery could not be kept')
    }
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, this.#limits.batchCount)
      this.#queue = this.#queue.slice(this.#limits.batchCount)
      await this.#commit(batch)
      // What arrived meanwhile joins the next commit together with what the sockets hold right now.
      if (this.#queue.length > 0) await new Promise((resolve) => setImmediate(resolve))
    }
    this.#running = false
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const outcomes = await this.#store(batch)
    let changes = 0
    for (const [index, { delivery }] of batch.entries()) {
      this.#waitingCount -= 1
      this.#waitingBytes -= delivery.rawBody.length
      const taken = outcomes[index]
      if (taken?.kind === 'stored') changes += taken.receipt.firing + taken.receipt.resolved
    }
    this.#depth += changes
    if (changes > 0) this.#deps.onStored()
    for (const [index, { settle }] of batch.entries()) {
      settle(outcomes[index] ?? { kind: 'unavailable', why: 'the store gave no receipt' })
    }
    if (changes > 0 && this.#deps.clock.monotonic() - this.#depthReadAt >= DEPTH_EVERY_MS) await this.#readDepth()
  }

  async #store(batch: readonly Waiting[]): Promise<readonly Taken[]> {
    const { store, clock, log } = this.#deps
    try {
      const receipts = await store.storeDeliveries(
        batch.map(({ delivery }) => delivery),
        clock.now(),
      )
      return receipts.map((receipt) => ({ kind: 'stored', receipt }))
    } catch (error) {
      const away = this.#away(error)
      if (away) return batch.map(() => away)
      const [only] = batch
      if (batch.length === 1 && only) return [await this.#poison(only.delivery, error)]
      log.warn({ err: error, deliveries: batch.length }, 'group commit failed, storing one by one')
    }
    const outcomes: Taken[] = []
    for (const one of batch) outcomes.push(...(await this.#store([one])))
    return outcomes
  }

  /** One that fails alone would fail for ever; it is kept escaped, so that its sender hears and a person can see it. */
  async #poison(delivery: IncomingDelivery, error: unknown): Promise<Taken> {
    const { store, clock, log } = this.#deps
    const cause = error instanceof StoreUnavailableError ? error.cause : error
    const problem = `the store refuses it: ${cause instanceof Error ? cause.message : String(cause)}`
    log.error(
      { err: error, credential: delivery.credential, groupKey: delivery.delivery.groupKey },
      'delivery cannot be stored',
    )
    try {
      await store.storeRejected({ problem, rawBody: delivery.rawBody, credential: delivery.credential }, clock.now())
      return { kind: 'rejected', problem }
    } catch (second) {
      return this.#away(second) ?? { kind: 'unavailable', why: 'neither it nor its rejection can be stored' }
    }
  }

  /** The store itself is away (not this delivery's fault): all of the batch shall come again. */
  #away(error: unknown): Taken | null {
    if (!(error instanceof StoreUnavailableError) || error.reason === 'other') return null
    this.#deps.onStoreFailure(error)
    return { kind: 'unavailable', why: error.message }
  }

  async #readDepth(): Promise<void> {
    this.#depthReadAt = this.#deps.clock.monotonic()
    try {
      this.#depth = await this.#deps.store.inboxDepth()
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'inbox depth could not be read')
    }
  }
}
