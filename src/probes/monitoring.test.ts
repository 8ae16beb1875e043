import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { type RunningServer, startAlertmanager, startPrometheus } from '../../test/support/monitoring.ts'
import { systemClock } from '../clock.ts'
import { firingQuery } from '../guards/firing-facts.ts'
import { openMonitoring } from './monitoring.ts'
import { quoted } from './quoted.ts'

const source = (url: string) => ({ url, timeoutMs: 5_000 })
const NASTY = 'a"b\\c\nd{}=~,é'

describe('a real Prometheus', () => {
  let server: RunningServer
  const ask = (query: string) => {
    const { prometheus } = openMonitoring({ prometheus: source(`${server.url}/`) })
    if (!prometheus) throw new Error('not configured')
    return prometheus(query)
  }
  beforeAll(async () => {
    server = await startPrometheus(`groups:
  - name: test
    rules:
      - { alert: Fires, expr: vector(1), labels: { cluster: ${JSON.stringify(NASTY)} } }
      - { alert: Waits, expr: vector(1), for: 1h }
      - { alert: Sleeps, expr: vector(1) > 2 }
`)
  }, 60_000)
  afterAll(() => server?.close())

  test('a vector, a scalar and values beyond numbers are read', async () => {
    expect(await ask('vector(3)')).toEqual([{ labels: {}, value: 3 }])
    expect(await ask('scalar(vector(4))')).toEqual([{ labels: {}, value: 4 }])
    expect(await ask('vector(1)/0')).toEqual([{ labels: {}, value: Number.POSITIVE_INFINITY }])
    expect((await ask('vector(0)/0'))[0]?.value).toBeNaN()
  })

  test('S-5.3 firing and pending alerts are found by name, sleeping ones are not', async () => {
    await waitFor('the rules are evaluated', async () => (await ask(firingQuery('Waits'))).length === 1)
    expect((await ask(firingQuery('Fires'))).map(({ labels }) => labels['alertstate'])).toEqual(['firing'])
    expect((await ask(firingQuery('Waits'))).map(({ labels }) => labels['alertstate'])).toEqual(['pending'])
    expect(await ask(firingQuery('Sleeps'))).toEqual([])
  })

  test('a quoted label value means itself, whatever it holds', async () => {
    expect(await ask(`ALERTS{cluster=${quoted(NASTY)}}`)).toHaveLength(1)
    expect(await ask(firingQuery('x"} or vector(1) or ALERTS{alertname="y'))).toEqual([])
  })

  test('a query that Prometheus refuses is an error with its words', async () => {
    await expect(ask('this is no query')).rejects.toThrow(/status 400.*parse error/)
  })
})

describe('a real Alertmanager', () => {
  let server: RunningServer
  const labels = { alertname: 'KafkaBrokerDown', instance: NASTY }
  const ask = (wanted: Readonly<Record<string, string>>) => {
    const { alertmanager } = openMonitoring({ alertmanagers: [source(server.url)] })
    if (!alertmanager) throw new Error('not configured')
    return alertmanager(wanted)
  }
  beforeAll(async () => {
    server = await startAlertmanager()
    const response = await fetch(`${server.url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels }, { labels: { alertname: 'Other' } }]),
    })
    expect(response.status).toBe(200)
  }, 60_000)
  afterAll(() => server?.close())

  test('an alert is found by all its labels, with its times and receivers', async () => {
    await waitFor('the alert is there', async () => (await ask(labels)).length === 1)
    const [alert] = await ask(labels)
    expect(alert).toMatchObject({
      labels,
      receivers: ['healing'],
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
    expect(alert?.endsAt).toBeGreaterThan(systemClock.now())
    expect(Math.abs(systemClock.now() - (alert?.updatedAt ?? 0))).toBeLessThan(60_000)
    expect(await ask({ alertname: 'KafkaBrokerDown' })).toHaveLength(1)
    expect(await ask({ ...labels, cluster: 'no such' })).toEqual([])
  })

  test('a silenced alert is shown as suppressed', async () => {
    const silence = {
      matchers: [{ name: 'alertname', value: 'KafkaBrokerDown', isRegex: false, isEqual: true }],
      startsAt: new Date().toISOString(),
      endsAt: new Date(systemClock.now() + 3_600_000).toISOString(),
      createdBy: 'test',
      comment: 'test',
    }
    await fetch(`${server.url}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(silence),
    })
    await waitFor('it is suppressed', async () => (await ask(labels))[0]?.state === 'suppressed')
  })

  test('while one of several does not answer, "there is none" cannot be said', async () => {
    const dead = source('http://127.0.0.1:1')
    const { alertmanager } = openMonitoring({ alertmanagers: [dead, source(server.url)] })
    expect(await alertmanager?.({ alertname: 'Other' })).toHaveLength(1)
    await expect(alertmanager?.({ alertname: 'Absent' })).rejects.toThrow(/127\.0\.0\.1:1/)
  })

  test('one that hangs is given up at the deadline', async () => {
    await server.signal('SIGSTOP')
    try {
      const { alertmanager } = openMonitoring({ alertmanagers: [{ url: server.url, timeoutMs: 200 }] })
      await expect(alertmanager?.({})).rejects.toThrow(/timeout/i)
    } finally {
      await server.signal('SIGCONT')
    }
  })
})

describe('servers that talk nonsense', () => {
  let url: string
  let answer: (response: http.ServerResponse) => void = (response) => response.end('{}')
  let asked: http.IncomingMessage | undefined
  const server = http.createServer((request, response) => {
    asked = request
    answer(response)
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const ask = (headers: Readonly<Record<string, string>> = {}) =>
    openMonitoring({ prometheus: { ...source(url), headers }, largestAnswerBytes: 100_000 }).prometheus?.('up')

  test.each<[string, string, RegExp]>([
    ['HTML', '<html>', /JSON/i],
    ['another shape', '{"status":"success","data":{"resultType":"matrix","result":[]}}', /unexpected answer/],
    ['an error', '{"status":"error"}', /unexpected answer/],
    ['nothing', '', /JSON/i],
    ['too much', `"${'x'.repeat(100_001)}"`, /answer over/],
  ])('an answer that is %s is an error, never an empty answer', async (_, body, message) => {
    answer = (response) => response.end(body)
    await expect(ask()).rejects.toThrow(message)
  })

  test('a redirect is not followed', async () => {
    answer = (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    await expect(ask()).rejects.toThrow(/redirect/)
  })

  test('the path prefix and the headers reach the server', async () => {
    answer = (response) => response.end('{"status":"success","data":{"resultType":"vector","result":[]}}')
    expect(await ask({ authorization: 'Bearer abc' })).toEqual([])
    expect(asked?.url).toBe('/prefix/api/v1/query')
    expect(asked?.headers.authorization).toBe('Bearer abc')
  })

  test('what is not configured is null', () => {
    expect(openMonitoring({})).toEqual({ prometheus: null, alertmanager: null })
  })
})
