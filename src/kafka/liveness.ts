import type { Duplex } from 'node:stream'
import type tls from 'node:tls'
import type { Clock } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import type { Liveness } from './clients.ts'
import { connect, connectOver } from './connection.ts'

/**
 * ApiVersions version 0 without a client id: length 10, API key 18, version 0, correlation id 500, client id null.
 * It is answered before any login, by brokers and by controllers.
 */
const REQUEST = Buffer.from('0000000a00120000000001f4ffff', 'hex')
const CORRELATION_ID = 500
/** Length, correlation id and error code. */
const ANSWER_HEAD = 10
const LARGEST_ANSWER = 1024 * 1024

/** Live brokers answer in 2 to 12 ms, a stopped process never. */
const LIVENESS_DEADLINE_MS = 2_000

const UNREACHABLE = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENOTFOUND', 'EAI_AGAIN'])

/**
 * Asks one listener whether its Kafka process serves requests, under one deadline for everything. Never throws: what a
 * wrong setting, a certificate or the network can cause is `unknown`, so that it never looks like a dead broker.
 */
export function askLiveness(
  address: HostPort,
  options: {
    readonly clock: Clock
    readonly deadlineMs?: number
    readonly ssl?: tls.ConnectionOptions
    /** A stream that somebody else has opened to the address, e.g. from the host it lies on. Destroyed in the end. */
    readonly over?: Duplex
  },
): Promise<Liveness> {
  const { clock, ssl, over, deadlineMs = LIVENESS_DEADLINE_MS } = options
  const startedAt = clock.monotonic()
  return new Promise((resolve) => {
    // With TLS a process that hangs still lets TCP connect: its kernel does that.
    let connected = over !== undefined
    let secured = ssl === undefined
    let received = Buffer.alloc(0)
    const socket = over ? connectOver(over, address, ssl) : connect(address, ssl)
    const timer = setTimeout(() => {
      // An answer that lies there unread because we ourselves were busy is taken first.
      setImmediate(() => end(connected ? 'no-answer' : 'connect-timeout', `nothing in ${deadlineMs} ms`))
    }, deadlineMs)

    function end(why: Liveness['why'], detail: string | null): void {
      clearTimeout(timer)
      socket.destroy()
      over?.destroy()
      resolve({ state: stateOf(why), why, detail, ms: Math.round(clock.monotonic() - startedAt) })
    }

    function ask(): void {
      secured = true
      socket.write(REQUEST)
    }

    socket.once('connect', () => {
      connected = true
    })
    if (over && !ssl) ask()
    else socket.once(ssl ? 'secureConnect' : 'connect', ask)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end(whyOf(error, !secured), (error.code ?? error.message).trim())
    })
    socket.on('close', () => end('closed', null))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < ANSWER_HEAD) return
      const length = received.readInt32BE(0)
      const kafka = length >= 6 && length <= LARGEST_ANSWER && received.readInt32BE(4) === CORRELATION_ID
      if (kafka && received.readInt16BE(8) === 0) end('ok', null)
      else end('not-kafka', 'the answer is not one of Kafka')
    })
  })
}

function stateOf(why: Liveness['why']): Liveness['state'] {
  if (why === 'ok') return 'serving'
  return why === 'refused' || why === 'no-answer' ? 'notServing' : 'unknown'
}

function whyOf(error: NodeJS.ErrnoException, inTls: boolean): Liveness['why'] {
  const code = error.code ?? ''
  if (code === 'ECONNREFUSED') return 'refused'
  if (code === 'ETIMEDOUT') return 'connect-timeout'
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'closed'
  if (UNREACHABLE.has(code)) return 'unreachable'
  return inTls ? 'tls-error' : 'error'
}
