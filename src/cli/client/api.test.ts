import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { makeCertificates } from '../../../test/support/certificates.ts'
import type { Source } from '../../probes/exchange.ts'
import { version } from '../../version.ts'
import { askApi } from './api.ts'
import { ClientError } from './error.ts'
import type { Server } from './server.ts'

const open: HttpServer[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listening(server: HttpServer): Promise<number> {
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const serverAt = (url: string, change: Partial<Source> = {}): Server => ({
  source: { url, timeoutMs: 2_000, caFile: null, certFile: null, ...change },
  from: 'config.yml',
  credential: 'the first of api.credentials in config.yml',
  again: [],
})

const Shape = z.object({ state: z.enum(['waiting', 'closed']) })

/** What a person reads who asks a server that answers like this. */
async function told(answer: RequestListener, change: Partial<Source> = {}): Promise<string> {
  const port = await listening(createServer(answer))
  return failure(serverAt(`http://127.0.0.1:${port}`, change))
}

async function failure(server: Server): Promise<string> {
  const error: unknown = await askApi(server, { method: 'GET', path: '/thing' }, Shape).then(
    () => new Error('it was answered'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ClientError)
  expect(error).toMatchObject({ exitCode: 1 })
  return (error as ClientError).message
}

const json =
  (status: number, body: unknown, type = 'application/json'): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body))
const problem = (status: number, title: string, more: object = {}): RequestListener =>
  json(status, { type: 'about:blank', title, status, ...more }, 'application/problem+json')

describe('an answer', () => {
  it('comes with what was said, also what this version does not know', async () => {
    const port = await listening(createServer(json(200, { state: 'waiting', added: 1 })))
    const answered = await askApi(serverAt(`http://127.0.0.1:${port}`), { method: 'GET', path: '/thing' }, Shape)

    expect(answered).toEqual({ value: { state: 'waiting' }, json: { state: 'waiting', added: 1 } })
  })

  it('is asked for with query, body and credential', async () => {
    const seen: unknown[] = []
    const port = await listening(
      createServer((request, response) => {
        let text = ''
        request.on('data', (chunk: Buffer) => (text += chunk.toString()))
        request.on('end', () => {
          seen.push([request.method, request.url, request.headers.authorization, JSON.parse(text)])
          response.setHeader('content-type', 'application/json').end('{"state":"closed"}')
        })
      }),
    )
    const server = serverAt(`http://127.0.0.1:${port}/prefix`, { headers: { authorization: 'Bearer t' } })
    const query = { rule: 'a&b', none: undefined, limit: 3 }
    await askApi(server, { method: 'POST', path: '/thing', query, body: { by: 'ann', comment: undefined } }, Shape)

    expect(seen).toEqual([['POST', '/prefix/thing?rule=a%26b&limit=3', 'Bearer t', { by: 'ann' }]])
  })
})

describe('no answer', () => {
  it('from a closed port asks whether it runs, and says where the address is from', async () => {
    const server = createServer()
    const port = await listening(server)
    await new Promise((resolve) => server.close(resolve))

    const text = await failure(serverAt(`http://127.0.0.1:${port}`))
    expect(text).toContain(`nobody answers at http://127.0.0.1:${port} (connection refused)`)
    expect(text).toContain('Is kafka-healing running?')
    expect(text).toContain('config.yml')
  })

  it('in time says how long it waited, also where only the body hangs', async () => {
    expect(await told(() => undefined, { timeoutMs: 100 })).toContain('has not answered within 100ms')
    const hanging: RequestListener = (_request, response) => void response.writeHead(200).write('{')
    expect(await told(hanging, { timeoutMs: 100 })).toContain('has not answered within 100ms')
  })

  it('where nobody has that name', async () => {
    expect(await failure(serverAt('http://no-such-host.invalid:1'))).toContain('there is no host of that name')
  })

  it('in plain HTTP from a server of TLS, and the other way round', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-api-'))
    const port = await listening(createTlsServer(makeCertificates(folder)))
    rmSync(folder, { recursive: true })
    expect(await failure(serverAt(`http://127.0.0.1:${port}`))).toContain('Does it speak TLS?')
    const plain = await listening(createServer())
    expect(await failure(serverAt(`https://127.0.0.1:${plain}`))).toContain('Does it speak plain HTTP?')
  })
})

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-api-tls-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const ours = makeCertificates(folder)
  const others = makeCertificates(folder, 'others')
  const serving = (): Promise<number> => listening(createTlsServer(ours, json(200, { state: 'closed' })))
  const ask = (server: Server) => askApi(server, { method: 'GET', path: '/' }, Shape)

  it('believes the certificate of the configuration, whatever its name, and no other', async () => {
    const url = `https://127.0.0.1:${await serving()}`
    expect((await ask(serverAt(url, { certFile: ours.certFile }))).value).toEqual({ state: 'closed' })
    expect(await failure(serverAt(url, { certFile: others.certFile }))).toMatch(/certificate/)
    // A file that holds more than our certificate believes none of the others that its authority signed.
    const { caFile } = ours
    expect(await failure(serverAt(url, { certFile: caFile }))).toContain('Was')
  })

  it('believes an authority for the names that it signed', async () => {
    const port = await serving()
    expect((await ask(serverAt(`https://localhost:${port}`, { caFile: ours.caFile }))).value.state).toBe('closed')
    expect(await failure(serverAt(`https://localhost:${port}`))).toContain('--ca-file names the authority')
    const wrong = await failure(serverAt(`https://localhost:${port}`, { caFile: others.caFile }))
    expect(wrong).toContain(`The authorities are those in ${others.caFile}`)
  })
})

describe('a refusal', () => {
  it('of the credential says which one was sent', async () => {
    const text = await told(problem(401, 'Unknown credentials', { detail: 'send one' }))
    expect(text).toContain('does not know the credential that was sent: the first of api.credentials in config.yml')
    expect(text).toContain('--token-file')
  })

  it.each([
    [
      403,
      'Not allowed',
      { detail: 'this credential is for POST /webhook only' },
      'this credential is for POST /webhook only',
    ],
    [404, 'Not found', { detail: 'there is no incident 7' }, 'there is no incident 7'],
    [409, 'It changes nothing', { detail: 'ann has it already' }, 'Nothing was changed: ann has it already'],
    [503, 'The store cannot commit now', {}, 'The store cannot commit now'],
    [
      400,
      'The request is not valid',
      { errors: [{ field: 'scope', problem: 'there is no rule "x"' }] },
      'The request is not valid\nscope: there is no rule "x"',
    ],
    [
      422,
      'The configuration is not valid',
      { errors: [{ field: 'a.yml:1:2', problem: 'a.yml:1:2: unknown key' }] },
      'The configuration is not valid\na.yml:1:2: unknown key',
    ],
  ])('%i %s is told in the words of the service', async (status, title, more, text) => {
    expect(await told(problem(status, title, more))).toBe(text)
  })
})

describe('somebody else', () => {
  const html: RequestListener = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>Log in</html>')

  it.each([
    ['a page', html, 'status 200, text/html'],
    ['a proxy that is out of order', json(502, 'x', 'text/html'), 'status 502, text/html'],
    ['a redirect', (_q, response) => void response.writeHead(302, { location: '/login' }).end(), 'status 302'],
    ['JSON of another program', json(200, { hello: 'world' }), 'status 200, application/json'],
    ['errors of another program', json(404, { error: 'no' }), 'status 404, application/json'],
  ] satisfies readonly (readonly [string, RequestListener, string])[])(
    '%s is not taken for kafka-healing',
    async (_what, answer, why) => {
      const text = await told(answer)
      expect(text).toContain(`answers, but not as kafka-healing does: ${why}`)
      expect(text).toContain('config.yml')
    },
  )

  const beside =
    (about: string, answer: RequestListener): RequestListener =>
    (request, response) =>
      (request.url === '/' ? json(200, { name: 'kafka-healing', version: about }) : answer)(request, response)

  it('of another version is told apart, by its answer and by what it does not have', async () => {
    const newer = await told(beside('99.0.0', json(200, { state: 'resting' })))
    expect(newer).toContain(`kafka-healing 99.0.0 at http://`)
    expect(newer).toContain(`not understood by this kafka-healing ${version}: state: `)
    expect(newer).toContain('Use the command of its version')
    const older = await told(beside('0.0.1', problem(404, 'Not found', { detail: 'there is no GET /thing' })))
    expect(older).toContain('kafka-healing 0.0.1')
    expect(older).toContain('there is no GET /thing')
  })

  it('of the same version is a defect', async () => {
    expect(await told(beside(version, json(200, { state: 1 })))).toContain('please report it')
  })
})
