import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { Instant } from '../clock.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { type Api, apiVersions, NO_ERROR, saslAuthenticate, saslHandshake, UNSUPPORTED_VERSION } from './apis.ts'
import { encode, int16, int32, nullableString, Reader } from './codec.ts'
import { authenticate, type Sasl } from './sasl.ts'

/** How a cluster's listeners are secured. Without `ssl` the connection is plain, without `sasl` nobody logs in. */
export interface KafkaSecurity {
  readonly ssl?: tls.ConnectionOptions
  readonly sasl?: Sasl
  /** When the client certificate in `ssl` ends: a listener does not say that this is what it minds. */
  readonly certificateEndsAt?: Instant
}

export interface ConnectionOptions extends KafkaSecurity {
  /** Over connecting, TLS, version negotiation and login together, and then over each request. Milliseconds. */
  readonly deadlineMs: number
}

export type KafkaErrorCode = 'timeout' | 'closed' | 'not-kafka' | 'unsupported-version' | 'refused-by-broker'

/** A request that Kafka did not answer as asked. Socket errors come through as Node states them. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError'
  readonly code: KafkaErrorCode
  /** Kafka's own error number, where the broker stated one. */
  readonly errorCode: number | null

  constructor(code: KafkaErrorCode, message: string, errorCode: number | null = null) {
    super(message)
    this.code = code
    this.errorCode = errorCode
  }
}

const CLIENT_ID = 'kafka-healing'
/** The metadata of 100,000 partitions takes about 10 MB. A plain client on a TLS port reads a frame of 352 MB. */
const LARGEST_FRAME = 64 * 1024 * 1024

interface Waiting {
  resolve(body: Buffer): void
  reject(reason: Error): void
}

/**
 * One connection to exactly one listener. Requests are never retried; a request that misses its deadline destroys the
 * socket, because an answer that comes later is worth nothing and a hung broker would keep it open for ever.
 */
export class KafkaConnection {
  readonly address: HostPort
  readonly #options: ConnectionOptions
  readonly #socket: net.Socket
  readonly #waiting = new Map<number, Waiting>()
  readonly #offered = new Map<number, { readonly min: number; readonly max: number }>()
  #received: Buffer[] = []
  #receivedBytes = 0
  #nextId = 0

  private constructor(address: HostPort, options: ConnectionOptions) {
    this.address = address
    this.#options = options
    this.#socket = connect(address, options.ssl)
    this.#socket.setNoDelay(true)
    this.#socket.on('data', (chunk) => this.#receive(chunk))
    this.#socket.on('error', (error) => this.close(error))
    this.#socket.on('close', () => this.close())
  }

  /** Connects, learns which versions the broker speaks, and logs in. Rejects, leaving nothing open, when that fails. */
  static async open(address: HostPort, options: ConnectionOptions): Promise<KafkaConnection> {
    const connection = new KafkaConnection(address, options)
    try {
      await connection.#within(connection.#start(), 'connecting', options.deadlineMs)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** The highest version that both sides speak; null where there is none. */
  versionOf({ key, min, max }: Pick<Api<never, unknown>, 'key' | 'min' | 'max'>): number | null {
    const offered = this.#offered.get(key)
    const version = Math.min(max, offered?.max ?? -1)
    return offered && version >= Math.max(min, offered.min) ? version : null
  }

  /** Sends one request in the highest version that both sides speak. */
  async request<Q, A>(api: Api<Q, A>, body: Q, deadlineMs: number = this.#options.deadlineMs): Promise<A> {
    const version = this.versionOf(api)
    if (version === null) {
      const offered = this.#offered.get(api.key)
      const range = offered ? `${offered.min} to ${offered.max}` : 'none'
      throw new KafkaError(
        'unsupported-version',
        `${this.#name} offers ${api.name} versions ${range}, we speak ${api.min} to ${api.max}`,
      )
    }
    return this.#within(this.#send(api, version, body), api.name, deadlineMs)
  }

  close(reason: Error = new KafkaError('closed', `${this.#name} closed the connection`)): void {
    this.#socket.destroy()
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const one of waiting) one.reject(reason)
  }

  get #name(): string {
    return `${this.address.host}:${this.address.port}`
  }

  async #start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once(this.#options.ssl ? 'secureConnect' : 'connect', () => resolve())
      this.#socket.once('error', reject)
      this.#socket.once('close', () => reject(new KafkaError('closed', `${this.#name} closed the connection`)))
    })
    const software = { softwareName: CLIENT_ID, softwareVersion: '1' }
    let answer = await this.#send(apiVersions, apiVersions.max, software)
    if (answer.errorCode === UNSUPPORTED_VERSION) answer = await this.#send(apiVersions, apiVersions.min, software)
    refuse(answer.errorCode, apiVersions.name, null)
    for (const { key, min, max } of answer.apis) this.#offered.set(key, { min, max })
    if (this.#options.sasl) await this.#login(this.#options.sasl)
  }

  async #login(sasl: Sasl): Promise<void> {
    const handshake = await this.#send(saslHandshake, saslHandshake.max, { mechanism: sasl.mechanism })
    refuse(handshake.errorCode, `SASL ${sasl.mechanism}`, `the broker has ${handshake.mechanisms.join(', ')}`)
    await authenticate(sasl, async (token) => {
      const answer = await this.#send(saslAuthenticate, saslAuthenticate.max, { token: Buffer.from(token) })
      refuse(answer.errorCode, `SASL ${sasl.mechanism}`, answer.errorMessage)
      return answer.token.toString()
    })
  }

  async #send<Q, A>(api: Api<Q, A>, version: number, body: Q): Promise<A> {
    const flexible = version >= api.flexibleFrom
    const layout = { version, flexible }
    const plain = { version, flexible: false }
    const id = this.#nextId
    this.#nextId += 1
    const frame = Buffer.concat([
      encode(int16, api.key, plain),
      encode(int16, version, plain),
      encode(int32, id, plain),
      // The client id stays a plain string in every header; flexible headers end with an empty list of tags.
      encode(nullableString, CLIENT_ID, plain),
      Buffer.alloc(flexible ? 1 : 0),
      encode(api.request, body, layout),
    ])
    const answer = await new Promise<Buffer>((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new KafkaError('closed', `${this.#name} is closed`))
      this.#waiting.set(id, { resolve, reject })
      this.#socket.write(Buffer.concat([encode(int32, frame.length, plain), frame]))
    })
    const reader = new Reader(answer)
    if (api.key === apiVersions.key) {
      // Its response header never has tags, and a broker that does not know the version answers in version 0.
      if (answer.length >= 2 && answer.readInt16BE() === UNSUPPORTED_VERSION) {
        return api.response.read(reader, { version: 0, flexible: false })
      }
    } else if (flexible) reader.skipTags()
    return api.response.read(reader, layout)
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#receivedBytes += chunk.length
    while (this.#receivedBytes >= 4) {
      // Joined only when a whole frame is there: a large answer comes in thousands of chunks.
      const first = this.#received[0]
      if (!first || first.length < 4) this.#received = [Buffer.concat(this.#received)]
      const length = this.#received[0]?.readInt32BE() ?? 0
      if (length < 4 || length > LARGEST_FRAME) {
        return this.close(new KafkaError('not-kafka', `${this.#name} does not speak Kafka: a frame of ${length} bytes`))
      }
      if (this.#receivedBytes < 4 + length) return
      const all = Buffer.concat(this.#received)
      const rest = all.subarray(4 + length)
      this.#received = rest.length > 0 ? [rest] : []
      this.#receivedBytes = rest.length
      const id = all.readInt32BE(4)
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      waiting?.resolve(all.subarray(8, 4 + length))
    }
  }

  async #within<T>(work: Promise<T>, what: string, deadlineMs: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new KafkaError('timeout', `${what}: no answer from ${this.#name} in ${deadlineMs} ms`)
        reject(error)
        this.close(error)
      }, deadlineMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

function refuse(errorCode: number, what: string, detail: string | null): void {
  if (errorCode === NO_ERROR) return
  throw new KafkaError('refused-by-broker', `${what}: error ${errorCode}${detail ? `, ${detail}` : ''}`, errorCode)
}

/** TLS over a stream that somebody else has opened to the address; without `ssl` the stream itself. */
export function connectOver(stream: Duplex, { host }: HostPort, ssl?: tls.ConnectionOptions): Duplex {
  if (!ssl) return stream
  return tls.connect({ socket: stream, ...(net.isIP(host) ? {} : { servername: host }), ...ssl })
}

/** TLS verifies the name that was asked for; an IP address is no server name. */
export function connect(address: HostPort, ssl?: tls.ConnectionOptions): net.Socket {
  const { host, port } = address
  if (!ssl) return net.connect({ host, port })
  return tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl })
}
