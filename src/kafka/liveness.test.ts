import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Certificates, makeCertificates } from '../../test/support/certificates.ts'
import { systemClock } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { askLiveness } from './liveness.ts'

const ANSWER = Buffer.from('00000006000001f40000', 'hex')
let home: string
let certificates: Certificates
const servers: net.Server[] = []

beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), 'kh-liveness-'))
  certificates = makeCertificates(home)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(server: net.Server): Promise<HostPort> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { host: 'localhost', port: address.port }
}

/** Answers ApiVersions as a Kafka process does. */
function answering(socket: net.Socket): void {
  socket.once('data', () => socket.end(ANSWER))
  socket.on('error', () => {})
}
const secure = () =>
  listen(tls.createServer({ key: certificates.key, cert: certificates.cert }, answering).on('tlsClientError', () => {}))
/** Connects as TCP does for a process that is stopped, and says nothing. */
const mute = () => listen(net.createServer((socket) => void socket.on('error', () => {})))
const ssl = () => ({ ca: readFileSync(certificates.caFile) })

async function tunnelTo({ host, port }: HostPort): Promise<net.Socket> {
  const socket = net.connect({ host, port })
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return socket
}
const ask = (address: HostPort, options: Partial<Parameters<typeof askLiveness>[1]> = {}) =>
  askLiveness(address, { clock: systemClock, deadlineMs: 300, ...options })

describe('S-5.4 a listener with TLS', () => {
  test('that serves', async () => {
    expect(await ask(await secure(), { ssl: ssl(), deadlineMs: 2_000 })).toMatchObject({ state: 'serving', why: 'ok' })
  })

  test('whose process hangs takes the connection and no more: that is no answer, not an unreachable host', async () => {
    expect(await ask(await mute(), { ssl: ssl() })).toMatchObject({ state: 'notServing', why: 'no-answer' })
  })

  test('that shows a certificate of somebody else is unknown', async () => {
    expect(await ask(await secure(), { ssl: {}, deadlineMs: 2_000 })).toMatchObject({
      state: 'unknown',
      why: 'tls-error',
    })
  })
})

describe('S-5.4 asked over a stream that somebody else has opened', () => {
  test('plain or with TLS, a process that serves answers, and the stream is over', async () => {
    const plain = await listen(net.createServer(answering))
    const over = await tunnelTo(plain)
    expect(await ask(plain, { over, deadlineMs: 2_000 })).toMatchObject({ state: 'serving', why: 'ok' })
    expect(over.destroyed).toBe(true)
    const guarded = await secure()
    const tunnel = await tunnelTo(guarded)
    expect(await ask(guarded, { over: tunnel, ssl: ssl(), deadlineMs: 2_000 })).toMatchObject({
      state: 'serving',
      why: 'ok',
    })
    expect(tunnel.destroyed).toBe(true)
  })

  test.each([
    ['plain', () => ({})],
    ['TLS', () => ({ ssl: ssl() })],
  ])('one that is mute (%s) does not answer within its deadline', async (_, options) => {
    const address = await mute()
    const over = await tunnelTo(address)
    expect(await ask(address, { over, ...options() })).toMatchObject({ state: 'notServing', why: 'no-answer' })
    expect(over.destroyed).toBe(true)
  })

  test('a stream that ends says nothing of the process', async () => {
    const address = await listen(net.createServer((socket) => void socket.destroy()))
    expect(await ask(address, { over: await tunnelTo(address) })).toMatchObject({ state: 'unknown', why: 'closed' })
  })

  test('a name that the certificate does not hold is unknown', async () => {
    const address = await secure()
    const over = await tunnelTo(address)
    const asked = { host: 'kafka-1', port: address.port }
    expect(await ask(asked, { over, ssl: ssl(), deadlineMs: 2_000 })).toMatchObject({
      state: 'unknown',
      why: 'tls-error',
    })
  })
})
