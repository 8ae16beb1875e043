import net from 'node:net'
import type { HostPort } from '../../src/inventory/inventory.ts'
import { type Api, apiVersions } from '../../src/kafka/apis.ts'
import { encode, int16, int32, nullableString, Reader } from '../../src/kafka/codec.ts'

/** How one API is answered; `null` never answers, as a broker that hangs in the middle. */
export interface Answering {
  readonly api: Api<unknown, unknown>
  answer(body: unknown): object | null
}

/** One API with its own types, so that a wrong answer is found by the compiler. */
export function answering<Q, A extends object>(api: Api<Q, A>, answer: (body: Q) => A | null): Answering {
  return { api, answer: (body) => answer(body as Q) }
}

export interface FakeBroker {
  readonly address: HostPort
  /** The names of the APIs that were asked for, in order; ApiVersions aside. */
  readonly asked: readonly string[]
  close(): Promise<void>
}

/** Speaks Kafka's protocol for faults that no real broker shows on demand: two leaders, a stale picture, pages. */
export async function startFakeBroker(known: readonly Answering[]): Promise<FakeBroker> {
  const asked: string[] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE()) {
        const frame = received.subarray(4, 4 + received.readInt32BE())
        received = received.subarray(4 + frame.length)
        const answer = answerTo(frame)
        if (answer !== null) socket.write(answer)
      }
    })
  })

  function answerTo(frame: Buffer): Buffer | null {
    const plain = { version: 0, flexible: false }
    const reader = new Reader(frame)
    const key = int16.read(reader, plain)
    const version = int16.read(reader, plain)
    const id = encode(int32, int32.read(reader, plain), plain)
    if (key === apiVersions.key) {
      const layout = { version, flexible: version >= apiVersions.flexibleFrom }
      const apis = known.map(({ api }) => ({ key: api.key, min: api.min, max: api.max }))
      return framed(id, encode(apiVersions.response, { errorCode: 0, apis, throttleMs: 0 }, layout))
    }
    const one = known.find(({ api }) => api.key === key)
    if (one === undefined) return null
    asked.push(one.api.name)
    const layout = { version, flexible: version >= one.api.flexibleFrom }
    nullableString.read(reader, plain)
    if (layout.flexible) reader.skipTags()
    const answer = one.answer(one.api.request.read(reader, layout))
    if (answer === null) return null
    return framed(id, Buffer.alloc(layout.flexible ? 1 : 0), encode(one.api.response, answer, layout))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    address: { host: '127.0.0.1', port: typeof address === 'object' && address ? address.port : 0 },
    asked,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function framed(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([encode(int32, body.length, { version: 0, flexible: false }), body])
}
