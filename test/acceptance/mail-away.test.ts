import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { waitFor } from '../lab/wait.ts'
import type { TestAlert } from '../support/alertmanager.ts'
import { type ApiView, incident, incidents, metric } from '../support/api.ts'
import { readMail } from '../support/mime.ts'
import { type SmallLab, smallRules, startSmallLab } from '../support/small-lab.ts'
import { toldIn } from '../support/tellings.ts'

const lone = ['lone-1', 'lone-2']
const together = ['storm-1', 'storm-2', 'storm-3', 'storm-4', 'storm-5', 'storm-6', 'storm-7']
let small: SmallLab
let earlier = ''

beforeAll(async () => {
  // The rung's only step fails and there is no second attempt: exhausted, a person's turn.
  const rungs = [[{ program: { argv: ['/bin/false'], where: 'local', limit: 5 } }]]
  const attempts = { max: 1, backoff: { initial: '1s', multiplier: 2, max: '2s' }, stable: '1s' }
  const { rules, runbooks } = smallRules({ rule: { attempts }, runbook: { rungs } })
  const [rule] = rules
  // A rule for each that fails: one that fails on three targets would be demoted (S-5.11).
  const own = [...lone, 'mended'].map((unit) => ({ ...rule, name: unit, match: [`exporter="${unit}"`] }))
  small = await startSmallLab([...lone, 'mended'], { rules: [...own, ...rules], runbooks })
}, 120_000)
afterAll(() => small?.end())
afterEach((context) => {
  if (context.task.result?.state === 'fail')
    console.error(earlier.slice(-10_000), small.service.output().slice(-10_000))
})

async function fails(unit: string): Promise<TestAlert> {
  await small.lab.signalUnit(`${unit}.service`, 'SIGKILL')
  const alert = small.alertOf(unit)
  await small.post([alert])
  await small.stands(unit, (view) => view.incident.state === 'escalated')
  return alert
}

async function everything(): Promise<readonly ApiView[]> {
  const all = await incidents(small.service, '?limit=100')
  return Promise.all(all.map((one) => incident(small.service, one.id)))
}

/** So many mails wait. */
async function depthIs(depth: number, deadlineMs = 10_000): Promise<void> {
  const look = async () => {
    const seen = await metric(small.service, 'kafka_healing_outbox_depth')
    return seen === depth || Promise.reject(new Error(`${seen} wait`))
  }
  await waitFor(`${depth} mails to wait`, look, deadlineMs, 100)
}

it('S-6.3 with the mail server away through all of it and a kill between, every escalation is told exactly once', async () => {
  await small.lab.stopSmtp()
  // Its first mail is tried in vain while the others fail, so that it is due after the second one.
  const mended = await fails('mended')
  for (const unit of lone) await fails(unit)
  await depthIs(1 + lone.length)

  // More than five at once, and the end comes before mails are made of them.
  const labels = { alertname: 'SmallUnitDown', cluster: 'orders' }
  const unknown = together.map((exporter) => ({ labels: { ...labels, exporter }, startsAt: Date.now() }))
  await small.post(unknown)
  const escalated = async () =>
    (await incidents(small.service, '?limit=100')).filter((one) => one.state === 'escalated')
  const broken = 1 + lone.length + together.length
  await waitFor('all to escalate', async () => (await escalated()).length === broken, 20_000, 10)
  await small.service.kill()
  earlier = small.service.output()
  small.service = await small.start()
  await depthIs(1 + lone.length + 1)
  // Five, ten, twenty seconds between its tries: now it is the last of all to be due.
  await small.stands('mended', (view) => view.mails.some((mail) => mail.tries >= 3))

  // One recovers meanwhile: both its mails wait, in one thread.
  await small.lab.systemctl('start', 'mended.service')
  await small.post([{ ...mended, status: 'resolved' }])
  await small.stands('mended', (view) => view.incident.state === 'closed')
  await depthIs(1 + lone.length + 1 + 1)
  expect(small.lab.mails()).toEqual([])

  await small.lab.startSmtp()
  await waitFor(
    'the outbox',
    async () => (await metric(small.service, 'kafka_healing_outbox_depth')) === 0,
    90_000,
    250,
  )

  const views = await everything()
  const rows = views.flatMap((view) => view.escalations.map((row) => `${view.incident.id} ${row.kind}`))
  expect(rows).toHaveLength(lone.length + 2 + together.length)
  expect(views.flatMap((view) => view.escalations).filter((row) => row.toldAt === null)).toEqual([])

  const received = small.lab.mails().map((mail) => ({ ...readMail(mail.raw), ...toldIn(mail.raw) }))
  const ids = received.map((mail) => mail.headers.get('message-id') ?? '')
  expect(ids).toHaveLength(new Set(ids).size)
  const told = received.flatMap((mail) => mail.told.map(({ incident: id, kind }) => `${id} ${kind}`))
  expect(told.toSorted()).toEqual(rows.toSorted())
  const sent = views.flatMap((view) => view.mails)
  expect(sent.every((mail) => mail.state === 'sent')).toBe(true)
  expect([...new Set(sent.map((mail) => mail.messageId))].toSorted()).toEqual(ids.toSorted())

  const digests = received.filter((mail) => mail.digest)
  expect(digests).toHaveLength(1)
  expect(digests[0]?.told).toHaveLength(together.length)

  const thread = (await incidents(small.service, '?limit=100')).find((one) => one.subject.endsWith('/mended'))
  const mine = received.filter((mail) => !mail.digest && mail.told[0]?.incident === thread?.id)
  expect(mine.map((mail) => mail.told[0]?.kind)).toEqual(['escalated', 'recovered'])
  expect(mine[1]?.headers.get('references')).toBe(mine[0]?.headers.get('references'))
}, 180_000)
