import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { waitFor } from '../lab/wait.ts'
import type { TestAlert } from '../support/alertmanager.ts'
import type { ApiView } from '../support/api.ts'
import { readMail } from '../support/mime.ts'
import type { RuleFile } from '../support/rules.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'

/** Every clock of telling would have run out long before a hold ends. */
const quickTelling = { to: ['kafka-oncall'], repeat: '4h', tell_by: '2s', escalate_after: '2s', approval: '3s' }
const AFTER_MS = 500
const HOLD_MS = 8_000
/** As far as incidents of one cluster are spread when a hold ends. */
const SPREAD_MS = 10_000

let small: SmallLab

afterEach((context) => {
  if (context.task.result?.state === 'fail') console.error(small.service.output().slice(-12_000))
})

function rules(): RuleFile {
  const quick = { after: `${AFTER_MS}ms`, escalation: quickTelling }
  const {
    rules: [acting = {}],
    runbooks,
  } = smallRules({ rule: quick })
  const asking = { ...acting, name: 'small-unit-asks', match: ['alertname="AskFirst"'], mode: 'approve' }
  return { rules: [acting, asking], runbooks }
}

async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
  const answer = await small.service.post(path, body)
  const text = await answer.text()
  expect([200, 201], text).toContain(answer.status)
  return JSON.parse(text) as Record<string, unknown>
}

/** Rewrites config.yml and takes it into force. */
async function configure(change: Readonly<Record<string, unknown>>): Promise<void> {
  const file = join(small.lab.healingFolder, 'config.yml')
  const config = parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  writeFileSync(file, stringify({ ...config, ...change }))
  await post('/-/reload', {})
}

const window = (over: Readonly<Record<string, unknown>> = {}) => ({
  name: 'patch-night',
  starts: new Date().toISOString(),
  duration: `${HOLD_MS}ms`,
  clusters: ['orders'],
  comment: 'kernel',
  ...over,
})

/** Lets the units crash; each is a systemd unit that a signal killed. */
async function crash(units: readonly string[]): Promise<void> {
  for (const unit of units) await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
}

const held = (view: ApiView): boolean => view.incident.reason === 'held'
const well = (view: ApiView): boolean => ['probation', 'settled', 'closed'].includes(view.incident.state)
const startOf = (view: ApiView): number => Date.parse(view.attempts[0]?.startedAt ?? '')
const eventsOf = (view: ApiView, type: string) => view.journal.filter((row) => row.event.type === type)

async function isActive(unit: string): Promise<boolean> {
  return (await small.lab.unit(`${unit}.service`))['ActiveState'] === 'active'
}

function subjects(): readonly string[] {
  return small.lab.mails().map(({ subject }) => subject)
}

/** What tests before told of may still be under way. */
async function allMailed(): Promise<void> {
  await waitFor('the outbox to be empty', async () => {
    const { store } = (await small.service.get('/status')) as { readonly store: { readonly outboxOldestMs: number } }
    return store.outboxOldestMs === 0
  })
}

async function resolve(alerts: readonly TestAlert[]): Promise<void> {
  await small.post(alerts.map((alert) => ({ ...alert, status: 'resolved' as const })))
}

describe('a hold of our own ends while the alert still fires', () => {
  beforeAll(async () => {
    const units = ['s1', 's2', 'p1', 'p2', 'w1', 'w2', 'both', 'reload', 'running', 'late']
    small = await startSmallLab(units, rules())
  }, 120_000)
  afterAll(() => small?.end())

  it.each([
    [
      'silence',
      's',
      async () => {
        const made = await post('/silence', {
          matchers: ['cluster="orders"'],
          author: 'ann',
          comment: 'disk swap',
          duration: `${HOLD_MS}ms`,
        })
        return Date.parse(String(made['endsAt']))
      },
    ],
    [
      'pause',
      'p',
      async () => {
        const made = await post('/pause', {
          scope: 'cluster:orders',
          author: 'ann',
          comment: 'disk swap',
          duration: `${HOLD_MS}ms`,
        })
        return Date.parse(String(made['endsAt']))
      },
    ],
    [
      'maintenance window',
      'w',
      async () => {
        const planned = window()
        await configure({ maintenance: [planned] })
        const { items } = (await small.service.get('/maintenance')) as { items: readonly object[] }
        expect(items).toMatchObject([{ name: 'patch-night', state: 'active', clusters: ['orders'] }])
        expect(await small.service.get('/status')).toMatchObject({ maintenance: { current: items, next: null } })
        return Date.parse(planned.starts) + HOLD_MS
      },
    ],
  ])(
    'S-3.4 %s: nothing is run or mailed while it lasts; then it acts, spread, without a new webhook',
    async (kind, prefix, begin) => {
      const units = [`${prefix}1`, `${prefix}2`]
      await allMailed()
      const mailsBefore = small.lab.mails().length
      const ends = await begin()
      await crash(units)
      const alerts = units.map((unit) => small.alertOf(unit))
      await small.post(alerts)
      for (const unit of units) await small.stands(unit, held)

      const seen = await Promise.all(units.map((unit) => small.stands(unit, well, 60_000)))
      for (const view of seen) {
        expect(eventsOf(view, 'held')).toHaveLength(1)
        expect(eventsOf(view, 'released')).toHaveLength(1)
        expect(view.attempts.map(({ status }) => status)).toEqual(['succeeded'])
        expect(startOf(view)).toBeGreaterThanOrEqual(ends + AFTER_MS)
        // Nothing was asked while it lasted, so nothing could be refused, told or given up.
        const before = view.escalations.filter(({ createdAt }) => Date.parse(createdAt) < ends)
        expect(before).toEqual([])
        const spread = eventsOf(view, 'released')[0]?.event.jitterMs ?? -1
        expect(spread).toBeGreaterThanOrEqual(0)
        expect(spread).toBeLessThanOrEqual(SPREAD_MS)
        expect(startOf(view)).toBeGreaterThanOrEqual(ends + AFTER_MS + spread)
      }
      const [one, other] = seen.map((view) => eventsOf(view, 'released')[0]?.event.jitterMs)
      expect(one).not.toBe(other)
      // Whatever arrived while it lasted is the pause's own.
      const arrived = small.lab.mails().slice(mailsBefore)
      const told = arrived.filter(({ receivedAt }) => Date.parse(receivedAt) < ends).map(({ subject }) => subject)
      expect(told).toEqual(kind === 'pause' ? ['[cluster:orders] paused for 8 s by ann'] : [])
      await resolve(alerts)
      for (const unit of units) await small.stands(unit, (view) => view.incident.state === 'closed')
    },
    90_000,
  )

  it('S-3.5 a pause is mailed when set and when its time is over', async () => {
    const wanted = ['[cluster:orders] paused for 8 s by ann', '[cluster:orders] the pause is over']
    await waitFor('both mails', () => wanted.every((subject) => subjects().includes(subject)), 20_000)
    const set = small.lab.mails().find(({ subject }) => subject === wanted[0])
    expect(readMail(set?.raw ?? '').text).toContain('disk swap')
    expect(readMail(set?.raw ?? '').text).toContain('POST /resume')
  })

  it('S-3.4 S-3.5 a silence ends within a pause: held until a person ends that, which is mailed', async () => {
    await post('/silence', { matchers: ['exporter="both"'], author: 'ann', comment: 'swap', duration: '2s' })
    await post('/pause', { scope: 'target:orders/exporter/both', author: 'ann', comment: 'swap' })
    await crash(['both'])
    const alert = small.alertOf('both')
    await small.post([alert])
    await small.stands('both', held)
    await waitFor('the silence to be over', async () => {
      const { items } = (await small.service.get('/silence?state=active')) as { items: readonly unknown[] }
      return items.length === 0
    })
    const resumed = Date.now()
    await post('/resume', { scope: 'target:orders/exporter/both', by: 'jim' })
    const healed = await small.stands('both', well)
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    const [released, ...others] = eventsOf(healed, 'released')
    expect(others).toEqual([])
    expect(Date.parse(released?.at ?? '')).toBeGreaterThanOrEqual(resumed)
    await waitFor('the mail', () => subjects().includes('[target:orders/exporter/both] the pause was ended by jim'))
    await resolve([alert])
  }, 60_000)

  it('S-3.4 a window that a reload takes away ends at once', async () => {
    await configure({
      maintenance: [window({ duration: '2h', clusters: undefined, targets: ['orders/exporter/reload'] })],
    })
    await crash(['reload'])
    const alert = small.alertOf('reload')
    await small.post([alert])
    await small.stands('reload', held)
    await configure({ maintenance: [] })
    const healed = await small.stands('reload', well, 30_000)
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    expect(await small.service.get('/maintenance')).toEqual({ items: [] })
    await resolve([alert])
  }, 60_000)

  it('S-3.4 a pause stops no attempt that has begun', async () => {
    const file = join(small.lab.state.dir, 'xdg/systemd/user/running.service')
    const slow = readFileSync(file, 'utf8').replace('ExecStart=', 'ExecStartPre=/bin/sleep 3\nExecStart=')
    writeFileSync(file, slow)
    await small.lab.systemctl('daemon-reload')
    await crash(['running'])
    const alert = small.alertOf('running')
    await small.post([alert])
    await small.stands('running', (view) => view.attempts.some(({ steps }) => steps.length > 0))
    await post('/pause', { scope: 'all', author: 'ann', comment: 'wait a moment', duration: '5m' })
    const healed = await small.stands('running', well)
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    expect(eventsOf(healed, 'held')).toHaveLength(1)
    expect(await isActive('running')).toBe(true)
    await post('/resume', { scope: 'all', by: 'ann' })
    await resolve([alert])
  }, 60_000)

  it('S-3.5 an approval given late does not act; one in time does', async () => {
    await crash(['late'])
    const alert = small.alertOf('late', {
      labels: { alertname: 'AskFirst', cluster: 'orders', exporter: 'late' },
    })
    await small.post([alert])
    const asked = await small.stands('late', (view) => view.incident.reason === 'approval')
    const { id, approval } = asked.incident
    const request = approval?.request ?? 0
    const link = await waitFor('the mail that asks', () =>
      small.lab
        .mails()
        .map(({ raw }) => /Approve:\n\s+(\S+\/link\/\S+)/.exec(readMail(raw).text)?.[1])
        .find((found) => found !== undefined),
    )
    await waitFor('it to lapse', () => Date.now() > Date.parse(approval?.expiresAt ?? ''))
    const late = await small.service.post(`/incidents/${id}/approve`, { by: 'ann', request })
    expect(late.status).toBe(409)
    expect(await late.text()).toMatch(/lapsed|now asks with request/)
    // The button in the mail is no other: spent, gone or about a question that is not asked any more.
    const pressed = await fetch(link, { method: 'POST', body: new URLSearchParams({ by: 'ann' }) })
    expect([409, 410]).toContain(pressed.status)

    const again = await small.stands('late', (view) => (view.incident.approval?.request ?? 0) > request)
    expect(again.attempts).toEqual([])
    expect(await isActive('late')).toBe(false)
    // To the question that lapsed there is no answer any more, though the same is asked again.
    expect((await small.service.post(`/incidents/${id}/approve`, { by: 'ann', request })).status).toBe(409)
    // Each question stands for three seconds only, so it is answered as soon as it is read.
    await waitFor('an answer in time', async () => {
      const view = await small.stands('late', ({ incident }) => incident.approval?.by === null)
      const wish = { by: 'ann', request: view.incident.approval?.request ?? 0 }
      return (await small.service.post(`/incidents/${id}/approve`, wish)).status === 200
    })
    const healed = await small.stands('late', well)
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    expect(await isActive('late')).toBe(true)
  }, 60_000)
})

describe('what Alertmanager mutes', () => {
  beforeAll(async () => {
    small = await startSmallLab(['muted', 'inhibited'], rules(), ['monitoring'])
  }, 120_000)
  afterAll(() => small?.end())

  const alertmanager = (path: string, body?: unknown, method = 'POST') =>
    fetch(`${small.lab.url.alertmanager}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })

  /** As Prometheus posts: it fires for a while without being sent again. */
  async function fires(labels: Readonly<Record<string, string>>, forMs = 600_000): Promise<void> {
    const [startsAt, endsAt] = [0, forMs].map((ms) => new Date(Date.now() + ms).toISOString())
    expect((await alertmanager('/api/v2/alerts', [{ labels, startsAt, endsAt }])).status).toBe(200)
  }

  // Not routed to kafka-healing, so that Alertmanager tells it nothing by itself, not even when a silence ends.
  const labelsOf = (unit: string) => ({ alertname: 'SmallUnitDown', cluster: 'orders', exporter: unit })

  it('S-3.4 a silence there holds it; when it ends it acts without a new webhook', async () => {
    const silence = await alertmanager('/api/v2/silences', {
      matchers: [{ name: 'exporter', value: 'muted', isRegex: false, isEqual: true }],
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 3_600_000).toISOString(),
      createdBy: 'ann',
      comment: 'swap',
    })
    const { silenceID } = (await silence.json()) as { silenceID: string }
    await crash(['muted'])
    await fires(labelsOf('muted'))
    await small.post([small.alertOf('muted')])
    const view = await small.stands('muted', held)
    expect(view.incident.detail).toContain('Alertmanager')
    expect(view.escalations).toEqual([])
    const heard = await lastHeard('muted')
    const ended = Date.now()
    expect((await alertmanager(`/api/v2/silence/${silenceID}`, undefined, 'DELETE')).status).toBe(200)
    const healed = await small.stands('muted', well, 120_000)
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
    expect(healed.escalations.filter(({ createdAt }) => Date.parse(createdAt) < ended)).toEqual([])
    expect(await lastHeard('muted')).toBe(heard)
  }, 150_000)

  it('S-3.4 an inhibition holds it; when what inhibits is over it acts without a new webhook', async () => {
    const file = join(small.lab.state.dir, 'monitoring/alertmanager.yml')
    const config = parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    const inhibition = {
      source_matchers: ['alertname="DatacentreDown"'],
      target_matchers: ['exporter="inhibited"'],
      equal: ['cluster'],
    }
    writeFileSync(file, stringify({ ...config, inhibit_rules: [inhibition] }))
    expect((await alertmanager('/-/reload')).status).toBe(200)
    await fires({ alertname: 'DatacentreDown', cluster: 'orders' }, 5_000)
    await crash(['inhibited'])
    await fires(labelsOf('inhibited'))
    await small.post([small.alertOf('inhibited')])
    const view = await small.stands('inhibited', held)
    expect(view.escalations).toEqual([])
    const healed = await small.stands('inhibited', well, 120_000)
    expect(healed.attempts.map(({ status }) => status)).toEqual(['succeeded'])
  }, 150_000)

  /** When a webhook last said that the unit's alert fires. */
  async function lastHeard(unit: string): Promise<number> {
    const { items } = (await small.service.get('/alerts')) as {
      items: readonly { labels: Record<string, string>; seenAt: string }[]
    }
    return Date.parse(items.find((alert) => alert.labels['exporter'] === unit)?.seenAt ?? '')
  }
})
