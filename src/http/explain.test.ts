import { afterEach, describe, expect, it } from 'vitest'
import { type HttpWorld, startHttp } from '../../test/support/http.ts'
import { brokerTarget, clusterOf } from '../../test/support/look.ts'
import { planOf } from '../../test/support/plan.ts'
import { fingerprintOf } from '../alert/fingerprint.ts'
import { parseMatcher } from '../alert/matcher-syntax.ts'
import type { Inventory } from '../inventory/inventory.ts'
import { explainMatch } from '../rules/explain-match.ts'
import type { Rule } from '../rules/match.ts'
import { openingsOf } from '../rules/openings.ts'
import {
  alert,
  delivery,
  drain,
  fireTimers,
  MINUTE,
  refuse,
  resolved,
  SECOND,
  T0,
} from '../store/conformance/fixtures.ts'

function rule(name: string, match: readonly string[]): Rule {
  const matchers = match.map((text) => {
    const parsed = parseMatcher(text)
    if ('problem' in parsed) throw new Error(parsed.problem)
    return parsed.ok
  })
  const plan = planOf({ rule: name, revision: 'c0ffee1' })
  return { name, matchers, selector: { kind: 'broker', from: 'labels' }, continue: false, plan }
}

const rules = [rule('broker-hung', ['alertname="Hung"']), rule('broker-down', ['alertname="Down"', 'severity!="info"'])]
const brokers = [brokerTarget(1), brokerTarget(2)]
const inventory: Inventory = {
  clusters: new Map([['orders', clusterOf(brokers)]]),
  targets: new Map(brokers.map((target) => [target.key, target])),
}
const speakers = new Map([['audit-only', ['audit']]])
const speakerOf = (name: string | null) => {
  const clusters = speakers.get(name ?? '')
  return name === null || clusters === undefined ? null : { name, clusters }
}

let world: HttpWorld | null = null
async function start(): Promise<HttpWorld> {
  world = await startHttp({
    clock: { now: () => T0 + 2 * MINUTE, monotonic: () => 0, sleep: async () => undefined },
    deps: {
      match: (asked, credential) => ({
        revision: 'c0ffee2',
        rules: explainMatch(asked, { rules, inventory }, speakerOf(credential)),
      }),
    },
  })
  return world
}
afterEach(async () => {
  await world?.stop()
  world = null
})

const labels = { alertname: 'Down', cluster: 'orders', broker_id: '2' }
const down = alert('Down', { labels, fingerprint: fingerprintOf(labels) })

async function arrive(on: HttpWorld, one = down, credential = 'main'): Promise<void> {
  await on.store.storeDeliveries([{ ...delivery([one]), credential }], T0)
  await drain(on.store, openingsOf(one, { rules, inventory }, speakerOf(credential)), T0)
}

async function refused(on: HttpWorld): Promise<void> {
  const now = T0 + MINUTE
  await fireTimers(on.store, now)
  const task = await on.store.claimLook('me', now, SECOND)
  if (!task) throw new Error('no guards to evaluate')
  const evidence = [{ name: 'orders-0', value: 1, wanted: 'at least 2', source: 'cluster', at: now }]
  const result = { guard: 'availability', verdict: 'refuse' as const, reason: 'ISR is short', evidence }
  await on.store.guardsEvaluated(task, refuse, [result], null, now)
}

// oxlint-disable-next-line typescript/no-explicit-any
const ask = async (answer: Promise<Response>): Promise<any> => {
  const response = await answer
  return { status: response.status, body: JSON.parse(await response.text()) as unknown }
}

describe('an incident', () => {
  it('is told as one sentence, a story, its decisions with what was wanted, and what comes next', async () => {
    const on = await start()
    await arrive(on)
    await refused(on)
    const { status, body } = await ask(on.get('/incidents/1/explain'))

    expect(status).toBe(200)
    expect(body.summary).toMatch(
      /^It did not act because availability refuses: ISR is short; it will act when availability passes; the guards are evaluated again now; it gives up in 1 h 5\d min/,
    )
    expect(body.incident).toMatchObject({ id: 1, state: 'waiting', reason: 'refused', revision: 'c0ffee1' })
    expect(body.story.map(({ kind }: { kind: string }) => kind)).toEqual(['alert', 'incident', 'guards'])
    expect(body.decisions).toMatchObject([
      {
        trace: 1,
        id: body.story[2].decision,
        intent: { attempt: 1, rung: 1, target: 'orders/broker/2', revision: 'c0ffee1' },
        results: [{ guard: 'availability', evidence: [{ value: 1, wanted: 'at least 2' }] }],
        followed: { state: 'waiting', reason: 'refused' },
      },
    ])
    expect(body.next[0]).toMatchObject({ kind: 'guard', says: 'The guards are evaluated again now.' })
    expect(body.alerts).toMatchObject([
      {
        fingerprint: down.fingerprint,
        credential: 'main',
        revision: 'c0ffee2',
        rules: [
          {
            rule: 'broker-hung',
            result: 'fails',
            failing: [{ matcher: 'alertname="Hung"', value: 'Down' }],
            opens: null,
          },
          {
            rule: 'broker-down',
            result: 'matches',
            opens: { how: 'cluster="orders" and broker_id="2" name orders/broker/2' },
          },
        ],
      },
    ])
  })

  it('that is not there', async () => {
    const on = await start()
    expect(await ask(on.get('/incidents/7/explain'))).toMatchObject({
      status: 404,
      body: { detail: 'there is no incident 7' },
    })
  })

  it('answers with the trace in /incidents/:id as well', async () => {
    const on = await start()
    await arrive(on)
    await refused(on)
    const whole = await ask(on.get('/incidents/1'))
    expect(whole.body.decisions).toEqual((await ask(on.get('/incidents/1/explain'))).body.decisions)
  })
})

describe('an alert', () => {
  it('with the incidents that it is or was in', async () => {
    const on = await start()
    await arrive(on)
    await refused(on)
    const { status, body } = await ask(on.get(`/alerts/${down.fingerprint}/explain`))
    expect(status).toBe(200)
    expect(body).toMatchObject({ alert: { status: 'firing' }, labels, incidents: [{ incident: { id: 1 } }] })
    expect(body.summary).toBe(`Incident 1: ${body.incidents[0].summary}`)
    expect(body.incidents[0].decisions).toHaveLength(1)
  })

  it('S-2.2 by a credential that may not speak for its cluster', async () => {
    const on = await start()
    await arrive(on, down, 'audit-only')
    const { body } = await ask(on.get(`/alerts/${down.fingerprint}/explain`))
    expect(body.credential).toBe('audit-only')
    expect(body.rules[1].opens.how).toBe('the credential audit-only may not speak for cluster orders')
  })

  it('that matches no rule', async () => {
    const on = await start()
    const other = alert('Down', { labels: { severity: 'info' } })
    await arrive(on, other)
    const { body } = await ask(on.get(`/alerts/${other.fingerprint}/explain`))
    expect(body.summary).toBe('It did not act because no rule matches (2 tried)')
    expect(body.rules[1].failing).toEqual([{ matcher: 'severity!="info"', label: 'severity', value: 'info' }])
  })

  it('that is not known', async () => {
    const on = await start()
    expect(await ask(on.get('/alerts/f00d/explain'))).toMatchObject({ status: 404 })
  })
})

describe('labels and matchers', () => {
  it('labels of an alert that never came; nothing is stored', async () => {
    const on = await start()
    const { body } = await ask(on.send('POST', '/explain', { labels }))
    expect(body).toMatchObject({
      items: [
        {
          summary: 'It would run start-broker on orders/broker/2 (rule broker-down, mode act), if its guards pass then',
          fingerprint: down.fingerprint,
          alert: null,
          incidents: [],
        },
      ],
      more: 0,
    })
    expect(await on.store.alerts({ firingOnly: false })).toEqual([])
  })

  it('labels of one that is known', async () => {
    const on = await start()
    await arrive(on)
    const { body } = await ask(on.send('POST', '/explain', { labels }))
    expect(body.items).toMatchObject([{ alert: { status: 'firing' }, incidents: [{ incident: { id: 1 } }] }])
  })

  it('matchers find known alerts, firing ones first, at most ten', async () => {
    const on = await start()
    for (let n = 0; n < 12; n++) await arrive(on, alert('Noise', { labels: { n: String(n) } }))
    await arrive(on, resolved(alert('Noise', { labels: { n: '0' } })))
    await arrive(on)
    const noise = await ask(on.send('POST', '/explain', { matchers: 'alertname=Noise' }))
    expect(noise.body).toMatchObject({ more: 2 })
    const seen = noise.body.items.map((one: { alert: { status: string } }) => one.alert.status)
    expect(seen).toEqual(Array.from({ length: 10 }, () => 'firing'))
    const two = await ask(on.send('POST', '/explain', { matchers: ['broker_id="2"', 'cluster=~"ord.*"'] }))
    expect(two.body.items).toMatchObject([{ fingerprint: down.fingerprint }])
  })

  it('matchers that no alert meets are labels where they spell them out, else find nothing', async () => {
    const on = await start()
    const spelt = await ask(
      on.send('POST', '/explain', { matchers: '{alertname="Hung",cluster="orders",broker_id="1"}' }),
    )
    expect(spelt.body.items).toMatchObject([{ alert: null, rules: [{ rule: 'broker-hung', result: 'matches' }, {}] }])
    const open = await ask(on.send('POST', '/explain', { matchers: 'alertname=~"Hu.*"' }))
    expect(open.body).toEqual({ items: [], more: 0 })
  })

  it.each([
    [{ matchers: 'alertname=~"("' }, 'pattern'],
    [{ matchers: [] }, 'at least one'],
    [
      { matchers: Array.from({ length: 11 }, (_, n) => `l${n}=~"a.*"`) },
      'there are 11 patterns (=~ and !~), at most 10',
    ],
    [{ matchers: Array.from({ length: 101 }, (_, n) => `l${n}=a`).join(',') }, 'there are 101 matchers, at most 100'],
    [{ labels: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`l${n}`, ''])) }, 'labels'],
    [{ labels: { a: 'x'.repeat(5_000) } }, ''],
    [{ labels, matchers: 'a=b' }, ''],
    [{}, ''],
  ])('refuses %o', async (body, says) => {
    const on = await start()
    const { status, body: problem } = await ask(on.send('POST', '/explain', body))
    expect(status).toBe(400)
    expect(JSON.stringify(problem)).toContain(says)
  })
})
