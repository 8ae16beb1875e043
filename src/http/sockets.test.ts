import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { answerClientError, TIMEOUTS } from './sockets.ts'

/** What a client hears when its connection fails with this code. */
async function heard(code: string): Promise<string> {
  const server = createServer((socket) => answerClientError(Object.assign(new Error(code), { code }), socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  client.on('data', (data) => (text += data.toString()))
  await once(client, 'close')
  server.close()
  return text
}

describe('a connection that never became a request', () => {
  it.each([
    ['ERR_HTTP_REQUEST_TIMEOUT', 'HTTP/1.1 503 '],
    ['HPE_HEADER_OVERFLOW', 'HTTP/1.1 431 '],
    ['HPE_INVALID_METHOD', 'HTTP/1.1 400 '],
  ])('with %s hears %s, never 408', async (code, status) => {
    const text = await heard(code)

    expect(text.startsWith(status)).toBe(true)
    expect(text).toContain('Connection: close')
  })
})

describe('time-outs', () => {
  it("lie above the 5 minutes that Alertmanager keeps idle connections, in Node's order", () => {
    const { keepAliveTimeout, headersTimeout, requestTimeout } = TIMEOUTS.server

    expect(keepAliveTimeout).toBeGreaterThan(300_000)
    expect(headersTimeout).toBeGreaterThan(keepAliveTimeout)
    expect(requestTimeout).toBeGreaterThan(headersTimeout)
  })
})
