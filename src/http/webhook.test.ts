import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { deliveryOf } from '../../test/support/broker-delivery.ts'
import { type HttpOptions, type HttpWorld, refusing, startHttp } from '../../test/support/http.ts'
import { Secret } from '../secret.ts'
import { StoreUnavailableError } from '../store/store.ts'

let world: HttpWorld | null = null
async function start(options: HttpOptions = {}): Promise<HttpWorld> {
  world = await startHttp(options)
  return world
}
afterEach(async () => {
  await world?.stop()
  world = null
})

const metric = async (on: HttpWorld, line: string) => {
  const found = (await (await on.get('/metrics')).text()).split('\n').find((text) => text.startsWith(`${line} `))
  return found === undefined ? 0 : Number(found.slice(line.length + 1))
}
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

/** All at once, from an event loop of their own: one that also serves would never have two requests in one turn. */
async function postedByAnotherThread(url: string, bodies: readonly string[]): Promise<readonly number[]> {
  const code = `
    const { parentPort, workerData: { url, bodies } } = require('node:worker_threads')
    const post = (body) => fetch(url, { method: 'POST', body }).then((answer) => answer.status)
    Promise.all(bodies.map(post)).then((statuses) => parentPort.postMessage(statuses))`
  const worker = new Worker(code, { eval: true, workerData: { url, bodies } })
  const [statuses] = (await once(worker, 'message')) as [readonly number[]]
  await worker.terminate()
  return statuses
}

describe('POST /webhook', () => {
  it('answers 200 after the alerts are stored, counts them, and wakes the core', async () => {
    const on = await start()

    const answer = await on.deliver(deliveryOf([1, 2]))

    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ firing: 2, resolved: 0, repeats: 0 })
    expect((await on.store.alerts({ firingOnly: true })).length).toBe(2)
    expect(on.seen.wakes).toBe(1)
    expect(await metric(on, 'kafka_healing_deliveries_total{result="stored"}')).toBe(1)
    expect(await metric(on, 'kafka_healing_alerts_total{change="firing"}')).toBe(2)
  })

  it('stores every payload that real Alertmanagers sent', async () => {
    const on = await start()
    const folder = new URL('../../test/fixtures/payloads/', import.meta.url)

    for (const file of readdirSync(folder)) {
      expect((await on.deliver(readFileSync(new URL(file, folder), 'utf8'))).status, file).toBe(200)
    }
  })

  it('a delivery that comes twice changes nothing the second time', async () => {
    const on = await start()
    await on.deliver(deliveryOf([1]))
    const depth = await on.store.inboxDepth()

    expect(await (await on.deliver(deliveryOf([1]))).json()).toMatchObject({ firing: 0, repeats: 1 })
    expect(await on.store.inboxDepth()).toBe(depth)
  })

  it.each(['application/json', 'text/plain', 'application/json; charset=utf-8', 'nonsense'])(
    'takes content type %s',
    async (type) => {
      const on = await start()

      expect((await on.deliver(deliveryOf([1]), { 'content-type': type })).status).toBe(200)
    },
  )

  it('takes /webhook/ as well, and never redirects', async () => {
    const on = await start()

    const answer = await on.send('POST', '/webhook/', JSON.parse(deliveryOf([1])))
    expect(answer.status).toBe(200)
    expect((await on.get('/webhook')).status).toBe(404)
  })

  it('lets only its own credentials in, compared whole', async () => {
    const on = await start({
      deps: {
        webhookCredentials: [
          { kind: 'bearer', token: new Secret('hook') },
          { kind: 'basic', username: 'am', password: new Secret('pw') },
        ],
        apiCredentials: [{ kind: 'bearer', token: new Secret('api') }],
      },
    })
    const table: readonly (readonly [string | null, number])[] = [
      ['Bearer hook', 200],
      [basic('am:pw'), 200],
      ['Bearer hoo', 401],
      ['Bearer hookk', 401],
      ['Bearer api', 401],
      [basic('am:'), 401],
      [basic('am:hook'), 401],
      ['hook', 401],
      [null, 401],
    ]

    for (const [authorization, status] of table) {
      const answer = await on.deliver(deliveryOf([1]), authorization === null ? {} : { authorization })
      expect([authorization, answer.status]).toEqual([authorization, status])
      const text = await answer.text()
      expect(text.length).toBeLessThan(120)
      expect(text).not.toMatch(/hook|pw/)
    }
    expect(await metric(on, 'kafka_healing_deliveries_total{result="unauthorized"}')).toBe(7)
  })

  it('remembers which credential spoke', async () => {
    const on = await start({
      deps: { webhookCredentials: [{ kind: 'basic', username: 'am-eu', password: new Secret('pw') }] },
    })

    await on.deliver(deliveryOf([1]), { authorization: basic('am-eu:pw') })

    expect((await on.store.nextInboxRow())?.credential).toBe('am-eu')
  })

  it.each(['with a length', 'in chunks'])(
    'answers 413 above the cap %s, counts it, and has the alerts fetched',
    async (how) => {
      const on = await start({ deps: { bodyBytes: 10_000 } })
      const body = deliveryOf(Array.from({ length: 100 }, (_, index) => index))
      const chunked = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(body))
          controller.close()
        },
      })

      const answer = await fetch(`${on.url}/webhook`, {
        method: 'POST',
        body: how === 'in chunks' ? chunked : body,
        duplex: 'half',
      })

      expect(answer.status).toBe(413)
      expect(on.seen.truncations).toBe(1)
      expect(await metric(on, 'kafka_healing_deliveries_total{result="tooLarge"}')).toBe(1)
      expect((await on.deliver(deliveryOf([1]))).status).toBe(200)
    },
  )

  it('does not read a body without end to its end', async () => {
    const on = await start({ deps: { bodyBytes: 1_000 } })

    const received = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(on.url).port), '127.0.0.1')
      let text = ''
      const chunk = `400\r\n${'x'.repeat(0x400)}\r\n`
      const push = () => {
        while (socket.writable && socket.write(chunk));
      }
      socket.on('connect', () => {
        socket.write('POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        push()
      })
      socket.on('drain', push)
      socket.on('data', (data) => (text += data.toString()))
      socket.on('error', () => resolve(text))
      socket.on('close', () => resolve(text))
      socket.setTimeout(20_000, () => reject(new Error('still open')))
    })

    expect(received).toMatch(/^HTTP\/1\.1 413 |^$/)
    expect(await metric(on, 'kafka_healing_deliveries_total{result="tooLarge"}')).toBe(1)
  })

  it('counts alerts that Alertmanager cut off and has them fetched', async () => {
    const on = await start()

    expect((await on.deliver(deliveryOf([1], { truncatedAlerts: 7 }))).status).toBe(200)
    expect(on.seen.truncations).toBe(1)
    expect(await metric(on, 'kafka_healing_truncated_alerts_total')).toBe(7)
  })

  it('answers 400 in a short text to what can never parse, and logs it once a minute', async () => {
    const on = await start()

    for (const body of ['', 'not json', '{}', '[]', '{"version":"3"}', 'not json', '{"version":"4","alerts":[{}]}']) {
      const answer = await on.deliver(body)
      expect([body, answer.status]).toEqual([body, 400])
      expect((await answer.text()).length).toBeLessThan(300)
    }
    expect(on.seen.logs.filter((line) => line.includes('webhook delivery refused'))).toHaveLength(1)
    expect(await metric(on, 'kafka_healing_deliveries_total{result="invalid"}')).toBe(7)
  })

  it('answers every junk body with 200, 400 or 413, and stays well', async () => {
    const on = await start({ deps: { bodyBytes: 4_000 } })
    const nearly = fc
      .record({
        version: fc.constant('4'),
        status: fc.constantFrom('firing', 'resolved', 'x'),
        receiver: fc.string(),
        alerts: fc.anything(),
      })
      .map((value) => JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner)))
    const bodies = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6_000 }),
      fc.json(),
      nearly,
      fc.uint8Array({ maxLength: 5_000 }),
    )

    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const answer = await fetch(`${on.url}/webhook`, {
          method: 'POST',
          body: typeof body === 'string' ? body : Buffer.from(body),
          redirect: 'manual',
        })
        expect([200, 400, 413]).toContain(answer.status)
      }),
      { numRuns: 300 },
    )
    expect((await on.deliver(deliveryOf([1]))).status).toBe(200)
  })

  it('keeps text that no database can hold', async () => {
    const on = await start()
    const body = deliveryOf([1]).replace('broker 1 is down', 'nul \\u0000 and lone \\ud800')

    expect((await on.deliver(body)).status).toBe(200)
    expect((await on.store.alerts({ firingOnly: true }))[0]?.annotations['summary']).toBe(
      'nul \\u0000 and lone \\ud800',
    )
  })

  it('lets 1,000 deliveries at once share commits, and every one that is answered 200 is stored', async () => {
    let commits = 0
    const on = await start({
      wrap: (store) =>
        refusing(store, 'storeDeliveries', () => {
          commits += 1
          return null
        }),
    })

    const bodies = Array.from({ length: 1_000 }, (_, index) => deliveryOf([index]))
    const statuses = await postedByAnotherThread(`${on.url}/webhook`, bodies)

    expect(new Set(statuses)).toEqual(new Set([200]))
    expect((await on.store.alerts({ firingOnly: true })).length).toBe(1_000)
    expect(commits).toBeLessThan(900)
  })

  it('answers 503 while the inbox is too deep, and takes deliveries again when the core has drained it', async () => {
    const on = await start({ limits: { inboxDepth: 3 } })
    await on.deliver(deliveryOf([1, 2, 3, 4, 5]))

    await expect.poll(async () => (await on.deliver(deliveryOf([6]))).status, { timeout: 5_000 }).toBe(503)
    expect(await metric(on, 'kafka_healing_deliveries_total{result="overloaded"}')).toBeGreaterThan(0)

    await on.settle()
    await expect.poll(async () => (await on.deliver(deliveryOf([7]))).status, { timeout: 5_000 }).toBe(200)
  })

  it('answers 503 while the store cannot commit, and nothing of it is stored', async () => {
    let away = true
    const on = await start({
      wrap: (store) =>
        refusing(store, 'storeDeliveries', () => (away ? new StoreUnavailableError('full', null) : null)),
    })

    const answer = await on.deliver(deliveryOf([1]))
    expect([answer.status, await answer.text()]).toEqual([503, 'the store cannot commit: full, try again\n'])
    expect(await metric(on, 'kafka_healing_store_failures_total{why="full"}')).toBe(1)

    away = false
    expect((await on.deliver(deliveryOf([1]))).status).toBe(200)
  })

  it('keeps idle connections longer than Alertmanager does, and never answers 408', async () => {
    const on = await start()
    const answer = await on.get('/-/healthy')
    expect(answer.headers.get('keep-alive')).toBe('timeout=310')

    const garbage = await new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(on.url).port), '127.0.0.1', () =>
        socket.write('\x16\x03\x01 nonsense\r\n\r\n'),
      )
      let text = ''
      socket.on('data', (data) => (text += data.toString()))
      socket.on('close', () => resolve(text))
    })
    expect(garbage).toMatch(/^HTTP\/1\.1 400 /)
  })
})
