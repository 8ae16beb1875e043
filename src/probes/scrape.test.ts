import http from 'node:http'
import net from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { brokerTarget, local, lookContext } from '../../test/support/look.ts'
import type { HostPort } from '../inventory/inventory.ts'
import { httpScrape, readScrape, scrape } from './scrape.ts'

const servers: net.Server[] = []
const sockets = new Set<net.Socket>()
async function serve(server: net.Server): Promise<HostPort> {
  servers.push(server)
  server.on('connection', (socket: net.Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (!address || typeof address === 'string') throw new Error('no port')
  return { host: '127.0.0.1', port: address.port }
}
afterAll(() => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers) server.close()
})
const ask = (address: HostPort, path = '/metrics', limitMs = 5_000) => scrape(local, address, path, limitMs)

describe('a scrape from the exporter’s own host', () => {
  test('the path is asked for and the status told', async () => {
    const paths: string[] = []
    const address = await serve(
      http.createServer((request, response) => {
        paths.push(request.url ?? '')
        response.writeHead(request.url === '/metrics' ? 200 : 404).end('up 1\n')
      }),
    )
    expect(await ask(address)).toEqual({ kind: 'answered', status: 200 })
    expect(await ask(address, '/other')).toEqual({ kind: 'answered', status: 404 })
    expect(paths).toEqual(['/metrics', '/other'])
  })

  test('a closed port, a server that hangs up, a mute one and one of another protocol: unanswered', async () => {
    const gone = net.createServer()
    const closed = await serve(gone)
    await new Promise((resolve) => gone.close(resolve))
    expect(await ask(closed)).toMatchObject({ kind: 'unanswered', why: expect.stringContaining('refused') })
    expect(await ask(await serve(net.createServer((socket) => socket.end())))).toMatchObject({ kind: 'unanswered' })
    const smtp = net.createServer((socket) => socket.end('220 mail\r\n'))
    expect(await ask(await serve(smtp))).toEqual({ kind: 'unanswered', why: 'the answer is not HTTP' })
    const mute = await ask(await serve(net.createServer(() => undefined)), '/metrics', 300)
    expect(mute).toEqual({ kind: 'unanswered', why: 'no answer in 300 ms' })
  })

  test('an address cannot become a command', async () => {
    const seen = await ask({ host: '$(touch /tmp/kafka-healing-pwned)', port: 1 })
    expect(seen.kind).toBe('unanswered')
  })

  test('a question that was not sent, lost, or without bash is unknown', () => {
    const notSent = { kind: 'notSent', cause: 'unreachable', reason: 'no route' } as const
    expect(readScrape(notSent, 1)).toMatchObject({ kind: 'unknown', cause: 'unreachable' })
    expect(readScrape({ kind: 'lost', reason: 'gone', stdout: '', stderr: '' }, 1)).toMatchObject({ kind: 'unknown' })
    const exited = {
      kind: 'exited',
      exitCode: 127,
      signal: null,
      timedOut: false,
      stdout: '',
      stderr: 'bash: not found',
    } as const
    expect(readScrape(exited, 1)).toMatchObject({ kind: 'unknown', cause: 'tool' })
  })
})

test('the probe: 200 is healed, another status or no answer broken, no address unknown', async () => {
  let status = 200
  const address = await serve(http.createServer((_, response) => response.writeHead(status).end()))
  const look = (change: Partial<Parameters<typeof brokerTarget>[1]> = {}) => {
    const target = brokerTarget(1, { kind: 'exporter', address, ...change })
    return httpScrape.look(httpScrape.params.parse({}), lookContext({ target }))
  }
  expect((await look()).verdict).toBe('healed')
  status = 500
  expect((await look()).verdict).toBe('broken')
  expect((await look({ address: { host: '127.0.0.1', port: 1 } })).verdict).toBe('broken')
  expect((await look({ address: null })).verdict).toBe('unknown')
})
