import pino from 'pino'
import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../clock.ts'
import {
  type DeliveryReceipt,
  type IncomingDelivery,
  type RejectedDelivery,
  StoreUnavailableError,
} from '../store/store.ts'
import { Intake, type IntakeLimits } from './intake.ts'

function incoming(groupKey: string): IncomingDelivery {
  return {
    delivery: { receiver: 'r', groupKey, status: 'firing', externalURL: '', truncatedAlerts: 0, alerts: [] },
    rawBody: `{"groupKey":"${groupKey}"}`,
    credential: null,
  }
}

/** A store that commits what it is not told to refuse. */
class MemoryStore {
  batches: string[][] = []
  rejected: RejectedDelivery[] = []
  depth = 0
  depthReads = 0
  fail: (batch: readonly IncomingDelivery[]) => Error | null = () => null

  async storeDeliveries(batch: readonly IncomingDelivery[]): Promise<readonly DeliveryReceipt[]> {
    const error = this.fail(batch)
    if (error) throw error
    this.batches.push(batch.map(({ delivery }) => delivery.groupKey))
    return batch.map((_, index) => ({ delivery: index, firing: 1, resolved: 0, repeats: 0 }))
  }
  async storeRejected(rejected: RejectedDelivery): Promise<void> {
    this.rejected.push(rejected)
  }
  async inboxDepth(): Promise<number> {
    this.depthReads += 1
    return this.depth
  }
}

function open(limits: Partial<IntakeLimits> = {}) {
  const store = new MemoryStore()
  const failures: string[] = []
  let monotonic = 0
  let wakes = 0
  const intake = new Intake({
    store,
    clock: { ...systemClock, monotonic: () => monotonic },
    log: pino({ level: 'silent' }),
    onStored: () => (wakes += 1),
    onStoreFailure: (error) => failures.push(error.reason),
    limits,
  })
  return {
    store,
    intake,
    failures,
    wakes: () => wakes,
    later: (ms: number) => {
      monotonic += ms
    },
  }
}

const kinds = (taken: readonly { readonly kind: string }[]) => taken.map(({ kind }) => kind)

describe('Intake', () => {
  it('stores what arrives in one turn of the event loop in one commit, and wakes the core once', async () => {
    const { intake, store, wakes } = open()

    const taken = await Promise.all(['a', 'b', 'c'].map((key) => intake.submit(incoming(key))))

    expect(kinds(taken)).toEqual(['stored', 'stored', 'stored'])
    expect(store.batches).toEqual([['a', 'b', 'c']])
    expect(wakes()).toBe(1)
  })

  it('keeps a commit below its largest size', async () => {
    const { intake, store } = open({ batchCount: 2 })

    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => intake.submit(incoming(key))))

    expect(store.batches.map((batch) => batch.length)).toEqual([2, 2, 1])
  })

  it('stores one by one when a group fails, and keeps only the one that fails alone as rejected', async () => {
    const { intake, store } = open()
    store.fail = (batch) =>
      batch.some(({ delivery }) => delivery.groupKey === 'poison') ? new Error('cannot bind') : null

    const taken = await Promise.all(['a', 'poison', 'b'].map((key) => intake.submit(incoming(key))))

    expect(kinds(taken)).toEqual(['stored', 'rejected', 'stored'])
    expect(store.batches.flat().toSorted()).toEqual(['a', 'b'])
    expect(store.rejected).toMatchObject([
      { problem: 'the store refuses it: cannot bind', rawBody: '{"groupKey":"poison"}' },
    ])
  })

  it.each(['busy', 'full', 'io', 'readonly', 'closed'] as const)(
    'says "unavailable" to all while the store is %s, and nothing is rejected',
    async (why) => {
      const { intake, store, failures, wakes } = open()
      store.fail = () => new StoreUnavailableError(why, null)

      const taken = await Promise.all(['a', 'b'].map((key) => intake.submit(incoming(key))))
      expect(kinds(taken)).toEqual(['unavailable', 'unavailable'])
      expect([failures, store.rejected, wakes()]).toEqual([[why], [], 0])

      store.fail = () => null
      expect((await intake.submit(incoming('a'))).kind).toBe('stored')
    },
  )

  it('takes no more than may wait, by count', async () => {
    const { intake } = open({ waitingCount: 2 })

    const taken = await Promise.all(['a', 'b', 'c'].map((key) => intake.submit(incoming(key))))

    expect(kinds(taken)).toEqual(['stored', 'stored', 'overloaded'])
    expect((await intake.submit(incoming('d'))).kind).toBe('stored')
  })

  it('takes no more than may wait, by bytes', async () => {
    const { intake } = open({ waitingBytes: incoming('a').rawBody.length })

    const taken = await Promise.all(['a', 'b'].map((key) => intake.submit(incoming(key))))

    expect(kinds(taken)).toEqual(['stored', 'overloaded'])
  })

  it('takes nothing while the inbox is too deep, looks again only now and then, and goes on when it has drained', async () => {
    const { intake, store, later } = open({ inboxDepth: 10 })
    store.depth = 11
    await intake.submit(incoming('a'))
    await vi.waitFor(() => expect(intake.overload()).not.toBeNull())

    expect(kinds(await Promise.all(['b', 'c'].map((key) => intake.submit(incoming(key)))))).toEqual([
      'overloaded',
      'overloaded',
    ])
    expect(store.depthReads).toBe(1)

    store.depth = 0
    later(1_000)
    await vi.waitFor(() => expect(intake.overload()).toBeNull())
    expect((await intake.submit(incoming('d'))).kind).toBe('stored')
  })

  it('does not fail when what could not be parsed cannot be kept either', async () => {
    const { intake, store, failures } = open()
    store.storeRejected = async () => {
      throw new StoreUnavailableError('full', null)
    }

    await intake.reject({ problem: 'not JSON', rawBody: 'x', credential: null })

    expect(failures).toEqual(['full'])
  })
})
