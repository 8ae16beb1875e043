import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { makeCertificates } from '../../test/support/certificates.ts'
import { type HttpOptions, type HttpWorld, refusing, startHttp } from '../../test/support/http.ts'
import { Secret } from '../secret.ts'
import { StoreUnavailableError } from '../store/store.ts'
import { metricNames } from '../telemetry.ts'

let world: HttpWorld | null = null
async function start(options: HttpOptions = {}): Promise<HttpWorld> {
  world = await startHttp(options)
  return world
}
afterEach(async () => {
  await world?.stop()
  world = null
})

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const credentials: HttpOptions = {
  deps: {
    webhookCredentials: [{ kind: 'bearer', token: new Secret('hook') }],
    apiCredentials: [
      { kind: 'bearer', token: new Secret('api') },
      { kind: 'basic', username: 'ann', password: new Secret('pw') },
    ],
  },
}

interface Operation {
  readonly summary?: string
  readonly security?: unknown
  readonly responses?: Readonly<Record<string, unknown>>
}
interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
const openapi = async (on: HttpWorld) => (await (await on.get('/openapi.json')).json()) as OpenApi

describe('access', () => {
  it('every operation but health, metrics, links and the descriptions needs an API credential', async () => {
    const on = await start(credentials)
    const open = new Set(['/', '/-/healthy', '/-/ready', '/metrics', '/docs', '/openapi.json', '/link/{token}'])
    const document = await openapi(on)
    let guarded = 0

    for (const [path, item] of Object.entries(document.paths)) {
      if (open.has(path) || path.startsWith('/webhook')) continue
      for (const [method, operation] of Object.entries(item)) {
        guarded += 1
        const url = path.replace(/\{\w+\}/, '1')
        const what = `${method} ${path}`
        const without = await on.send(method.toUpperCase(), url)
        expect([what, without.status]).toEqual([what, 401])
        expect(without.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
        expect((await on.send(method.toUpperCase(), url, undefined, bearer('wrong'))).status, what).toBe(401)
        expect((await on.send(method.toUpperCase(), url, undefined, bearer('hook'))).status, what).toBe(403)
        expect([401, 403]).not.toContain((await on.send(method.toUpperCase(), url, undefined, bearer('api'))).status)
        expect(operation.security, what).toBeDefined()
      }
    }
    expect(guarded).toBeGreaterThan(15)
    for (const path of ['/', '/-/healthy', '/-/ready', '/metrics', '/docs', '/openapi.json']) {
      expect([path, (await on.get(path)).status]).toEqual([path, 200])
    }
  })

  it('takes basic credentials, too', async () => {
    const on = await start(credentials)
    const authorization = `Basic ${Buffer.from('ann:pw').toString('base64')}`

    expect((await on.get('/incidents', { authorization })).status).toBe(200)
  })

  it("refuses writes that another site's page makes a browser send", async () => {
    const on = await start()

    expect((await on.send('POST', '/-/reload', undefined, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await on.send('POST', '/-/reload', undefined, { 'sec-fetch-site': 'same-origin' })).status).toBe(200)
  })
})

describe('description', () => {
  it('lists every route of the server, with a summary and its answers', async () => {
    const on = await start()
    const document = await openapi(on)
    expect(document.openapi).toMatch(/^3\.1\./)

    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
    )
    for (const { name, operation } of operations) {
      expect([name, typeof operation.summary]).toEqual([name, 'string'])
      expect(Object.keys(operation.responses ?? {}).length, name).toBeGreaterThan(0)
    }
    const listed = operations.map(({ name }) => name).toSorted()
    expect(listed).toEqual(
      [
        'DELETE /silence',
        'DELETE /silence/{id}',
        'GET /',
        'GET /-/healthy',
        'GET /-/ready',
        'GET /alerts',
        'GET /alerts/{fingerprint}/explain',
        'GET /docs',
        'GET /history',
        'GET /incidents',
        'GET /incidents/{id}',
        'GET /incidents/{id}/explain',
        'GET /link/{token}',
        'GET /maintenance',
        'GET /metrics',
        'GET /openapi.json',
        'GET /pause',
        'GET /rules',
        'GET /rules/{name}',
        'GET /silence',
        'GET /silence/{id}',
        'GET /status',
        'POST /-/reload',
        'POST /explain',
        'POST /incidents/{id}/approve',
        'POST /incidents/{id}/cancel',
        'POST /incidents/{id}/retry',
        'POST /incidents/{id}/take-over',
        'POST /link/{token}',
        'POST /pause',
        'POST /resume',
        'POST /silence',
        'POST /webhook',
        'POST /webhook/',
      ].toSorted(),
    )
  })

  it('is a page without scripts that shows each operation', async () => {
    const on = await start()
    const answer = await on.get('/docs')
    const page = await answer.text()

    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page).not.toMatch(/<script|src=|@import/)
    expect(page).toContain('POST /silence')
  })

  it('says where things are, as JSON and as a page', async () => {
    const on = await start()

    const listed = (await (await on.get('/')).json()) as { places: { path: string }[] }
    for (const { path } of listed.places) expect([path, (await on.get(path)).status]).toEqual([path, 200])
    expect(await (await on.get('/', { accept: 'text/html' })).text()).toContain('<a href="/incidents">')
  })
})

describe('operation', () => {
  it('is ready only with a configuration in force and a store that commits', async () => {
    let away = true
    const on = await start({
      wrap: (store) => refusing(store, 'ping', () => (away ? new StoreUnavailableError('readonly', null) : null)),
    })
    on.status.loaded = false
    expect(await (await on.get('/-/ready')).text()).toBe('not ready: no configuration is loaded\n')
    on.status.loaded = true
    expect((await on.get('/-/ready')).status).toBe(503)
    expect((await on.get('/-/healthy')).status).toBe(200)
    expect(await (await on.get('/status')).json()).toMatchObject({
      store: { commits: false, problem: 'the store cannot commit: readonly' },
    })

    away = false
    await expect.poll(async () => (await on.get('/-/ready')).status, { timeout: 5_000 }).toBe(200)
  })

  it('shows revision, store and loops', async () => {
    const on = await start()

    expect(await (await on.get('/status')).json()).toMatchObject({
      version: 'test',
      configuration: {
        loaded: true,
        revision: 'r1',
        commit: null,
        dirty: null,
        loadedAt: '1970-01-01T00:00:00.001Z',
        applied: true,
        watched: false,
        problems: [],
      },
      store: { commits: true, inboxDepth: 0, incidents: { escalated: 0 } },
      loops: [{ name: 'core', running: true }],
    })
  })

  it('says which revision a reload took into force, and what of it waits', async () => {
    const revision = { name: 'c0ffee-abc-dirty', commit: 'c0ffee', dirty: true, differing: ['rules.yml'], hash: 'abc' }
    const on = await start({
      deps: { reload: async () => ({ ok: true, revision, applied: false, atNextStart: ['listen'] }) },
    })

    const answer = await on.send('POST', '/-/reload')
    const { name, ...rest } = revision
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { revision: name, ...rest, applied: false, atNextStart: ['listen'] },
    ])
  })

  it('says every problem of a configuration that a reload refuses', async () => {
    const problems = ['rules/kafka.yml:3:5: unknown key "mtach"', 'inventory.yml: cluster lab has no cluster_id']
    const on = await start({ deps: { reload: async () => ({ ok: false, problems }) } })

    const answer = await on.send('POST', '/-/reload')
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      {
        errors: [
          { field: 'rules/kafka.yml:3:5', problem: problems[0] },
          { field: 'configuration', problem: problems[1] },
        ],
      },
    ])
  })

  it('exposes exactly the metrics it names', async () => {
    const on = await start()
    const answer = await on.get('/metrics')

    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const names = [...(await answer.text()).matchAll(/^# TYPE (kafka_healing_\S+)/gm)].map((match) => match[1])
    expect(new Set(names)).toEqual(new Set(metricNames))
  })
})

describe('problem details', () => {
  it('answer what is not there, what cannot be read and what is too large', async () => {
    const on = await start()
    const table = [
      [await on.get('/nothing'), 404],
      [await on.get('/incidents/99'), 404],
      [await on.get('/incidents/x'), 400],
      [await on.get('/history?limit=0'), 400],
      [await on.get('/history?nonsense=1'), 400],
      [await on.send('POST', '/silence', undefined, { 'content-type': 'application/json' }), 400],
      [
        await fetch(`${on.url}/silence`, {
          method: 'POST',
          body: '{',
          headers: { 'content-type': 'application/json' },
        }),
        400,
      ],
      [await fetch(`${on.url}/silence`, { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } }), 415],
      [await on.send('POST', '/silence', { comment: 'x'.repeat(300_000) }), 413],
    ] as const

    for (const [answer, status] of table) {
      const problem = (await answer.json()) as { status: number; title: string }
      expect([answer.url, answer.status]).toEqual([answer.url, status])
      expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
      expect(problem).toMatchObject({ type: 'about:blank', status })
      expect(problem.title.length).toBeGreaterThan(3)
    }
  })

  it('tell a client nothing about what went wrong inside, and the log everything', async () => {
    const on = await start({ deps: { reload: () => Promise.reject(new Error('secret thing')) } })

    const answer = await on.send('POST', '/-/reload')
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('secret')
    expect(on.seen.logs.join('')).toContain('secret thing')
  })

  it('say 503 while the store is away', async () => {
    const on = await start({
      wrap: (store) => refusing(store, 'silences', () => new StoreUnavailableError('io', null)),
    })

    expect((await on.get('/silence')).status).toBe(503)
  })
})

describe('TLS', () => {
  it('serves HTTPS with the certificate it is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-healing-tls-'))
    const { cert, key, caFile } = makeCertificates(folder)
    const on = await start({ deps: { tls: { cert, key } } })
    const { readFileSync } = await import('node:fs')

    const status = await new Promise<number | undefined>((resolve, reject) => {
      const port = Number(new URL(on.url).port)
      request(
        { host: '127.0.0.1', servername: 'localhost', port, path: '/-/healthy', ca: readFileSync(caFile) },
        (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        },
      )
        .on('error', reject)
        .end()
    })
    expect(status).toBe(200)
    await expect(fetch(on.url.replace('https', 'http'))).rejects.toThrow()
    rmSync(folder, { recursive: true })
  })
})
