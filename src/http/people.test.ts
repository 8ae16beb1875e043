import { afterEach, describe, expect, it } from 'vitest'
import { attempted } from '../../test/support/attempts.ts'
import { deliveryOf } from '../../test/support/broker-delivery.ts'
import { type HttpWorld, startHttp } from '../../test/support/http.ts'
import { planOf } from '../../test/support/plan.ts'
import { systemClock } from '../clock.ts'
import { PASSED } from '../incident/summary.ts'
import type { TokenAction } from '../store/store.ts'

let world: HttpWorld | null = null
async function start(): Promise<HttpWorld> {
  world = await startHttp()
  return world
}
afterEach(async () => {
  await world?.stop()
  world = null
})

interface Answer {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}
const ask = async (answer: Promise<Response>): Promise<Answer> => {
  const response = await answer
  return { status: response.status, body: JSON.parse(await response.text()) as unknown }
}

describe('silences', () => {
  const good = {
    matchers: ['alertname="KafkaBrokerDown"', 'cluster=~"lab|dev"'],
    author: 'ann',
    comment: 'disk swap',
    duration: '2h',
  }

  it('are created, shown, listed by state and ended', async () => {
    const on = await start()

    const made = await ask(on.send('POST', '/silence', good))
    expect(made).toMatchObject({
      status: 201,
      body: { state: 'active', matchers: good.matchers, author: 'ann', comment: 'disk swap' },
    })
    expect(Date.parse(made.body.endsAt) - Date.parse(made.body.startsAt)).toBe(7_200_000)
    const { id } = made.body
    expect((await ask(on.get(`/silence/${id}`))).body).toEqual(made.body)
    expect(on.seen.wakes).toBe(1)

    const pending = await ask(
      on.send('POST', '/silence', {
        ...good,
        duration: undefined,
        start: '2999-01-01T00:00:00Z',
        end: '2999-01-02T00:00:00Z',
      }),
    )
    expect(pending.body.state).toBe('pending')
    expect((await ask(on.get('/silence?state=active'))).body.items).toHaveLength(1)
    expect((await ask(on.get('/silence?state=active,pending'))).body.items).toHaveLength(2)

    expect(await ask(on.send('DELETE', `/silence/${id}`))).toMatchObject({ status: 200, body: { state: 'expired' } })
    expect(await ask(on.send('DELETE', `/silence?id=${id}`))).toMatchObject({ status: 200, body: { state: 'expired' } })
    expect((await ask(on.get('/silence?state=active'))).body.items).toHaveLength(0)
    expect((await on.send('DELETE', '/silence/nothing')).status).toBe(404)
  })

  it('take all matchers in one text', async () => {
    const on = await start()

    const made = await ask(
      on.send('POST', '/silence', { ...good, matchers: '{alertname="KafkaBrokerDown", cluster=~"lab|dev"}' }),
    )
    expect(made.body.matchers).toEqual(good.matchers)
  })

  it.each([
    [{ matchers: [] }, 'matchers'],
    [{ matchers: ['a="x"', 'b='.repeat(2)] }, ''],
    [{ matchers: ['nonsense'] }, 'matchers[0]'],
    [{ matchers: ['a=~"("'] }, 'matchers[0]'],
    [{ matchers: ['alertname=~".+"'] }, 'matchers'],
    [{ matchers: ['nolabel!="x"'] }, 'matchers'],
    [{ author: '' }, 'author'],
    [{ author: undefined }, 'author'],
    [{ comment: ' ' }, 'comment'],
    [{ duration: '0' }, 'duration'],
    [{ duration: 'soon' }, 'duration'],
    [{ duration: undefined }, 'duration'],
    [{ end: '2999-01-01T00:00:00Z' }, 'duration'],
    [{ duration: undefined, end: '2001-01-01T00:00:00Z' }, 'end'],
    [{ start: 'tomorrow' }, 'start'],
    [{ matcher: 'typo' }, 'body'],
  ] as const)('are refused with the field named: %j', async (change, field) => {
    const on = await start()

    const { status, body } = await ask(on.send('POST', '/silence', { ...good, ...change }))
    if (field === '') return expect([201, 400]).toContain(status)
    expect([status, body.errors?.[0]?.field]).toEqual([400, field])
    return expect(body.errors[0].problem.length).toBeGreaterThan(5)
  })

  it('that cover everything must say so on purpose', async () => {
    const on = await start()

    expect((await on.send('POST', '/silence', { ...good, matchers: ['alertname=~".+"'], all: true })).status).toBe(201)
  })

  it('S-3.4 hold the incidents they cover, without a new webhook', async () => {
    const on = await start()
    await on.deliver(deliveryOf([1]))
    await on.settle()
    await on.send('POST', '/silence', good)
    await on.settle()

    expect((await ask(on.get('/incidents'))).body.items[0]).toMatchObject({ state: 'waiting', reason: 'held' })
  })
})

describe('incidents', () => {
  it('are listed newest first, in pages, and shown with their whole trace', async () => {
    const on = await start()
    await on.deliver(deliveryOf([1, 2, 3]))
    await on.settle()

    const first = await ask(on.get('/incidents?limit=2&state=waiting,checking'))
    expect(first.body.items.map(({ subject }: { subject: string }) => subject)).toEqual([
      'lab/broker/3',
      'lab/broker/2',
    ])
    const second = await ask(on.get(`/incidents?limit=2&cursor=${first.body.next}`))
    expect(second.body).toMatchObject({ items: [{ subject: 'lab/broker/1' }], next: null })
    expect((await on.get('/incidents?cursor=nonsense')).status).toBe(400)

    const { id } = second.body.items[0]
    const trace = await ask(on.get(`/incidents/${id}`))
    expect(trace.body).toMatchObject({
      incident: { id, state: 'waiting', plan: { rule: 'broker-down', revision: 'test' } },
      alerts: [{ labels: { broker_id: '1' }, startsAt: '2026-11-21T03:54:52.808Z', endsAt: null }],
      journal: [{ event: { type: 'opened' } }],
    })
    expect(trace.body.incident.openedAt).toMatch(/^\d{4}-.*Z$/)
    expect(trace.body.timers.map(({ kind }: { kind: string }) => kind)).toContain('act')
  })

  it('S-6.2 are taken over, tried again and cancelled by a person, and say why where that changes nothing', async () => {
    const on = await start()
    await on.deliver(deliveryOf([1]))
    await on.settle()

    expect(await ask(on.send('POST', '/incidents/1/take-over', { by: 'ann', comment: 'mine' }))).toMatchObject({
      status: 200,
      body: { state: 'escalated', reason: 'takenOver', owner: 'ann' },
    })
    expect(await ask(on.send('POST', '/incidents/1/take-over', { by: 'ann' }))).toMatchObject({
      status: 409,
      body: { detail: 'ann has taken over incident 1 already' },
    })
    expect(await ask(on.send('POST', '/incidents/1/retry', { by: 'ann' }))).toMatchObject({
      status: 200,
      body: { state: 'checking' },
    })
    expect(await ask(on.send('POST', '/incidents/1/retry', { by: 'ann' }))).toMatchObject({
      status: 409,
      body: { detail: /granted already/ },
    })
    expect((await on.send('POST', '/incidents/1/cancel')).status).toBe(200)
    expect(await ask(on.send('POST', '/incidents/1/cancel', { by: 'ann' }))).toMatchObject({ status: 409 })
    expect((await on.send('POST', '/incidents/99/cancel', { by: 'ann' })).status).toBe(404)
    expect((await on.send('POST', '/incidents/1/cancel', { by: 'ann', typo: 1 })).status).toBe(400)
    expect(on.seen.wakes).toBe(4)
  })

  it('of a rule that only informs cannot be tried again, and say so', async () => {
    const on = await start()
    await on.deliver(deliveryOf([1]))
    await on.settle(planOf({ mode: 'inform' }))

    expect((await ask(on.send('POST', '/incidents/1/retry', { by: 'ann' }))).body.detail).toContain('mode inform')
  })
})

describe('pauses', () => {
  it('S-3.5 have an end, hold what they cover, and are ended by resume', async () => {
    const on = await start()
    await on.deliver(deliveryOf([1]))
    await on.settle()

    const made = await ask(on.send('POST', '/pause', { scope: 'cluster:lab', author: 'ann', comment: 'upgrade' }))
    expect([made.status, Date.parse(made.body.endsAt) - Date.parse(made.body.startsAt)]).toEqual([201, 4 * 3_600_000])
    await on.settle()
    expect((await ask(on.get('/incidents/1'))).body.incident.held).not.toBeNull()
    expect((await ask(on.get('/pause'))).body.items).toHaveLength(1)

    expect(await ask(on.send('POST', '/resume', { scope: 'cluster:lab', by: 'ann' }))).toMatchObject({
      status: 200,
      body: { ended: [{ id: made.body.id }] },
    })
    await on.settle()
    expect((await ask(on.get('/incidents/1'))).body.incident.held).toBeNull()
    expect((await on.send('POST', '/resume', { scope: 'cluster:lab', by: 'ann' })).status).toBe(409)
  })

  it('S-5.9, S-5.11 what failed too often is shown, and acts again after resume', async () => {
    const on = await start()
    const now = systemClock.now()
    const seen = { total: 3, reachesNothing: false, voters: null, leaderless: null }
    await on.store.clusterSeen('lab', { ...seen, bad: ['broker 1', 'broker 2'] }, now)
    const status = (await ask(on.get('/status'))).body
    expect(status.storms).toMatchObject([{ cluster: 'lab', bad: ['broker 1', 'broker 2'], failedStart: null }])
    expect(status.demotions).toEqual([])

    await on.deliver(deliveryOf([1, 2, 3]))
    const { attempts } = planOf()
    await on.settle(planOf({ afterMs: 0, attempts: { ...attempts, max: 0 } }))
    for (const _ of [1, 2, 3]) {
      const look = await on.store.claimLook('test', systemClock.now(), 60_000)
      if (look) await on.store.guardsEvaluated(look, PASSED, [], null, systemClock.now())
    }
    const shown = (await ask(on.get('/status'))).body.demotions
    expect(shown).toMatchObject([{ cluster: 'lab', target: null, reason: '3 targets failed in 24 h' }])

    expect((await on.send('POST', '/resume', { scope: 'target:lab/broker/1', by: 'ann' })).status).toBe(409)
    expect(await ask(on.send('POST', '/resume', { scope: `rule:${shown[0].rule}`, by: 'ann' }))).toMatchObject({
      status: 200,
      body: { ended: [], resumed: false, demotions: shown, starts: false },
    })
    expect((await ask(on.get('/status'))).body.demotions).toEqual([])
  })

  it.each([
    [{ duration: '8d' }, 'duration'],
    [{ scope: 'cluster:lba' }, 'scope'],
    [{ scope: 'target:lab/broker/9' }, 'scope'],
    [{ scope: 'everything' }, 'scope'],
    [{ author: undefined }, 'author'],
  ])('are refused with the field named: %j', async (change, field) => {
    const on = await start()

    const { status, body } = await ask(
      on.send('POST', '/pause', { scope: 'all', author: 'ann', comment: 'x', ...change }),
    )
    expect([status, body.errors[0].field]).toEqual([400, field])
  })
})

describe('history', () => {
  async function tried(brokers: readonly string[]): Promise<HttpWorld> {
    const on = await start()
    await attempted(on, brokers, '=cmd()', '=cmd(), "exit 1"')
    return on
  }
  const brokers = ['1', '2', '3', '4', '5']

  it('gives each attempt once over all its pages, newest first', async () => {
    const on = await tried(brokers)
    const targets: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const page: Answer = await ask(on.get(`/history?limit=2${next === '' ? '' : `&cursor=${next}`}`))
      targets.push(...page.body.items.map(({ target }: { target: string }) => target))
      next = page.body.next
    }

    expect(targets).toEqual(['5', '4', '3', '2', '1'].map((broker) => `lab/broker/${broker}`))
  })

  it('filters by target, rule, cluster and time, and shows the steps in the trace', async () => {
    const on = await tried(['1', '2'])
    const count = async (query: string) => (await ask(on.get(`/history?${query}`))).body.items.length as number

    expect(await count('target=lab/broker/1')).toBe(1)
    expect(await count('rule=broker-down&cluster=lab&since=1h')).toBe(2)
    expect(await count('rule=other')).toBe(0)
    expect(await count('until=1h')).toBe(0)
    const [item] = (await ask(on.get('/history?target=lab/broker/1'))).body.items
    expect(item).toMatchObject({ status: 'failed', attempt: 1, rung: 1, outcome: null })
    expect(item.startedAt).toMatch(/Z$/)
    const trace = await ask(on.get(`/incidents/${item.incident}`))
    expect(trace.body.attempts[0].steps[0]).toMatchObject({
      key: `${item.incident}.1.1`,
      result: { exitCode: 1, output: '=cmd()' },
    })
  })

  it('is CSV when asked for, safe to open in a spreadsheet, with the next page in a header', async () => {
    const on = await tried(['1', '2'])
    const asked = [
      await on.get('/history?format=csv&limit=1'),
      await on.get('/history?limit=1', { accept: 'text/csv' }),
    ]

    for (const answer of asked) {
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      const [header, row] = (await answer.text()).split('\r\n')
      expect(header).toMatch(/^id,incident,attempt,rule,revision,cluster,target,rung,status,reason,.*outcome$/)
      expect(row).toContain(`"'=cmd(), ""exit 1"""`)
      const next = /^<(\S+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1] ?? ''
      const second = await on.get(next, { accept: 'text/csv' })
      expect((await second.text()).split('\r\n')[1]).toContain('lab/broker/1')
      expect(second.headers.get('link')).toBeNull()
    }
  })

  it('is refused with the field named when a filter cannot be read', async () => {
    const on = await start()
    for (const [query, field] of [
      ['since=yesterday', 'since'],
      ['outcome=great', 'outcome'],
      ['limit=1001', 'limit'],
      ['cursor=1', 'cursor'],
      ['since=1h&until=2h', 'since'],
      ['format=xml', 'format'],
    ]) {
      const { status, body } = await ask(on.get(`/history?${query}`))
      expect([query, status, body.errors[0].field]).toEqual([query, 400, field])
    }
    expect(
      (await ask(on.get('/history?since=24h&until=2999-01-01T00:00:00Z&cluster=lab&outcome=healed'))).body,
    ).toEqual({ items: [], next: null })
  })
})

describe('links in mails', () => {
  async function linked(action: TokenAction): Promise<{ readonly on: HttpWorld; readonly path: string }> {
    const on = await start()
    await on.deliver(deliveryOf(['1<b>']))
    await on.settle()
    const now = systemClock.now()
    return { on, path: `/link/${await on.store.issueToken(1, action, now + 60_000, now)}` }
  }
  const post = (on: HttpWorld, path: string, form: Record<string, string> = {}) =>
    fetch(on.url + path, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' })

  it('change nothing when they are opened, as mail scanners do, however often', async () => {
    const { on, path } = await linked('takeOver')
    const before = JSON.stringify((await ask(on.get('/incidents/1'))).body)

    for (const method of ['GET', 'HEAD', 'GET']) expect((await on.send(method, path)).status).toBe(200)
    const answer = await on.get(path)
    const page = await answer.text()
    expect(page).toMatch(/<form method="post">[\s\S]*<button type="submit">Take over</)
    expect(page).toContain('1&lt;b&gt;')
    expect(page).not.toMatch(/<script|<b>/)
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(JSON.stringify((await ask(on.get('/incidents/1'))).body)).toBe(before)
  })

  it('S-6.2 do once what the button says', async () => {
    const { on, path } = await linked('takeOver')

    expect((await post(on, path, { by: 'ann' })).status).toBe(200)
    expect((await ask(on.get('/incidents/1'))).body.incident).toMatchObject({ state: 'escalated', owner: 'ann' })
    expect((await post(on, path, { by: 'bob' })).status).toBe(410)
    expect((await on.get(path)).status).toBe(410)
    expect((await ask(on.get('/incidents/1'))).body.incident.owner).toBe('ann')
  })

  it('grant one more attempt', async () => {
    const { on, path } = await linked('retry')

    expect((await post(on, path)).status).toBe(200)
    expect((await ask(on.get('/incidents/1'))).body.incident).toMatchObject({ state: 'checking', grants: 1 })
  })

  it('S-3.5 approve what is asked for, while it is asked; another question or a late yes changes nothing', async () => {
    const on = await start()
    await on.deliver(deliveryOf(['1']))
    await on.settle(planOf({ afterMs: 0, mode: 'approve' }))
    const asked = async (): Promise<number> => {
      const now = systemClock.now()
      const look = await on.store.claimLook('test', now, 60_000)
      if (look === null) throw new Error('no look')
      await on.store.guardsEvaluated(look, PASSED, [], null, now)
      return (await ask(on.get('/incidents/1'))).body.incident.approval.request
    }
    const request = await asked()
    const wrong = await ask(on.send('POST', '/incidents/1/approve', { by: 'ann', request: request + 1 }))
    expect([wrong.status, wrong.body.detail]).toEqual([409, expect.stringContaining(`request ${request}`)])
    const now = systemClock.now()
    const late = await on.store.issueToken(1, 'approve', now - 1, now - 2, request)
    expect((await post(on, `/link/${late}`, { by: 'ann' })).status).toBe(410)
    const path = `/link/${await on.store.issueToken(1, 'approve', now + 60_000, now, request)}`
    expect(await (await on.get(path)).text()).toContain('is in mode approve')
    expect((await post(on, path, { by: 'ann' })).status).toBe(200)
    expect((await ask(on.get('/incidents/1'))).body.incident).toMatchObject({
      state: 'checking',
      approval: { request, by: 'ann' },
    })
    expect((await post(on, path, { by: 'bob' })).status).toBe(410)
  })

  it('that came too early changes nothing and can be pressed again', async () => {
    const { on, path } = await linked('retry')
    // A further attempt is granted already: a second one would change nothing.
    await on.send('POST', '/incidents/1/retry', { by: 'bob' })

    expect((await post(on, path)).status).toBe(409)
    expect((await on.get(path)).status).toBe(200)
  })

  it('silence the alerts of the incident for as long as was chosen', async () => {
    const { on, path } = await linked('silence')

    expect((await post(on, path, { by: 'ann', duration: '1h' })).status).toBe(200)
    const [silence] = (await ask(on.get('/silence'))).body.items
    expect(silence.matchers.toSorted()).toEqual(['alertname="KafkaBrokerDown"', 'broker_id="1<b>"', 'cluster="lab"'])
    expect(Date.parse(silence.endsAt) - Date.parse(silence.startsAt)).toBe(3_600_000)
    expect(silence.author).toBe('ann')
  })

  it('that nobody issued, or that are too old, do nothing', async () => {
    const on = await start()
    const now = systemClock.now()
    const old = await on.store.issueToken(1, 'retry', now - 1, now - 2).catch(() => 'gone')

    expect((await post(on, '/link/nonsense')).status).toBe(410)
    expect((await post(on, `/link/${old}`)).status).toBe(410)
    expect((await post(on, '/link/x', { by: 'x'.repeat(5_000) })).status).toBe(413)
  })
})
