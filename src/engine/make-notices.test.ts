import { expect, test } from 'vitest'
import { MailStore } from '../../test/support/mail-store.ts'
import { rowOf, T0 } from '../../test/support/story.ts'
import { demotionNotice } from '../notify/demotion.ts'
import type { Notice } from '../notify/notice.ts'
import { stoppedNotice, stormNotice, stormOverNotice } from '../notify/storm.ts'
import { type MailMaking, makeMails } from './make-mails.ts'
import { makeNotices, type NoticeMaking } from './make-notices.ts'

const NOW = T0 + 500_000
const storm = { id: 3, cluster: 'orders', beganAt: T0, bad: ['broker 1', 'controller 3'], total: 4 }

function setup(change: Partial<NoticeMaking> = {}) {
  const making: MailMaking & NoticeMaking = {
    receivers: new Map([
      ['oncall', ['a@example.org', 'b@example.org']],
      ['leads', ['lead@example.org', 'a@example.org']],
      ['vendor', ['vendor@example.net']],
    ]),
    noticesTo: ['oncall', 'leads'],
    domain: 'example.org',
    revision: 'c0ffee1',
    externalUrl: null,
    digestAbove: 5,
    linkMs: 1_000,
    onMade: () => undefined,
    ...change,
  }
  const store = new MailStore()
  const notify = (notice: Notice) => store.notify({ ...notice, id: store.notices.length + 1, createdAt: T0 })
  return { store, making, notify, run: () => makeNotices(store, making, NOW) }
}

test('S-6.3 a notice is one mail for each recipient of its receivers, with a Message-ID that never changes', async () => {
  const { store, notify, run } = setup()
  notify(stormNotice(storm))
  expect(await run()).toBe(1)
  expect(store.mails.map((one) => [one.recipient, one.receiver])).toEqual([
    ['a@example.org', 'oncall'],
    ['b@example.org', 'oncall'],
    ['lead@example.org', 'leads'],
  ])
  expect(await run()).toBe(0)
  const again = setup()
  again.notify(stormNotice(storm))
  await again.run()
  expect(again.store.mails.map((one) => one.messageId)).toEqual(store.mails.map((one) => one.messageId))
  expect(new Set(store.mails.map((one) => one.messageId)).size).toBe(3)
})

test('S-5.9 all mails of a storm are one thread; another storm, also of a new database, is another one', async () => {
  const { store, notify, run } = setup({ noticesTo: ['vendor'] })
  notify(stormNotice(storm))
  notify(stoppedNotice(storm, 1, 'orders/broker/1', 'exit 1'))
  notify(stormOverNotice(storm, [], 0, NOW))
  notify(stormNotice({ ...storm, beganAt: T0 + 1 }))
  await run()
  const [begin, stopped, over, other] = store.mails
  expect(new Set([begin, stopped, over].map((one) => one?.thread)).size).toBe(1)
  expect(new Set([begin, stopped, over].map((one) => one?.references.join())).size).toBe(1)
  expect(other?.thread).not.toBe(begin?.thread)
  expect(other?.references).not.toEqual(begin?.references)
  expect(new Set(store.mails.map((one) => one.messageId)).size).toBe(4)
})

test('S-5.9 the mail of a storm names what is bad, what goes on and what has stopped, as text and HTML', async () => {
  const { store, notify, run } = setup()
  notify(stormNotice({ ...storm, bad: ['broker 1', 'controller <3>'] }))
  await run()
  const [mail] = store.mails
  expect(mail?.text).toContain('under revision c0ffee1')
  expect(mail?.html).toContain('under revision c0ffee1')
  expect(mail?.subject).toBe('[orders] storm: 2 of 4 brokers and controllers are down')
  for (const words of ['broker 1', 'controller <3>', 'one at a time', 'Everything disruptive'])
    expect(mail?.text).toContain(words)
  expect(mail?.html).toContain('controller &lt;3&gt;')
})

test('S-5.11 the mail of a demotion names what failed and how to resume', async () => {
  const { store, notify, run } = setup()
  const failed = [{ incident: 7, target: 'orders/broker/1', at: T0 }]
  const about = { id: 1, rule: 'broker-down', cluster: 'orders', reason: '3 targets failed in 24 h', at: T0, failed }
  notify(demotionNotice({ ...about, target: null }))
  notify(demotionNotice({ ...about, id: 2, target: 'orders/broker/1' }))
  await run()
  const texts = store.mails.filter((one) => one.recipient === 'a@example.org').map((one) => one.text)
  expect(texts[0]).toContain('#7 on orders/broker/1')
  expect(texts[0]).toContain('{"scope": "rule:broker-down"')
  expect(texts[1]).toContain('{"scope": "target:orders/broker/1"')
})

test('a storm over a thousand incidents is a mail of bounded size', () => {
  const incidents = Array.from({ length: 1_000 }, (_, id) => ({
    id,
    rule: 'broker-down',
    subject: `orders/broker/${id}`,
    state: id === 0 ? 'escalated' : 'waiting',
    reason: 'onHold',
    detail: 'ä'.repeat(5_000),
  }))
  const { document } = stormOverNotice(storm, incidents, 1_000, NOW)
  expect(JSON.stringify(document).length).toBeLessThan(40_000)
  expect(document).toMatchObject({ tone: 'bad', subject: '[orders] storm is over, 1000 incidents open' })
  expect(document.lead).toContain('1 incident waits for a person')
})

test('without a receiver of that name the first one that has an address gets it, and is told why', async () => {
  const { store, notify, run } = setup({ noticesTo: ['gone'] })
  notify(stormNotice(storm))
  await run()
  expect(store.mails.map((one) => one.recipient)).toEqual(['a@example.org', 'b@example.org'])
  expect(store.mails[0]?.text).toContain('came to oncall')
  const nobody = setup({ receivers: new Map() })
  nobody.notify(stormNotice(storm))
  expect(await nobody.run()).toBe(0)
  expect(nobody.store.notices[0]?.told).toBe(0)
})

test('S-5.9 in a storm only what asks for a person has mails of its own', async () => {
  const { store, making } = setup()
  const kinds = ['told', 'refused', 'recovered', 'escalated', 'digest'] as const
  for (const [index, kind] of kinds.entries()) store.tell(rowOf({ id: index + 1, incident: index + 1, kind }), 3)
  store.tell(rowOf({ id: 6, incident: 6, kind: 'told', reason: 'approval' }), 3)
  store.tell(rowOf({ id: 7, incident: 7, kind: 'told' }), null)
  store.tell(rowOf({ id: 8, incident: 8, kind: 'told', to: ['oncall', 'vendor'] }), 3)
  expect(await makeMails(store, making, NOW)).toBe(8)
  expect(store.rows.every((row) => row.told === NOW)).toBe(true)
  expect(new Set(store.mails.flatMap((one) => [...one.incidents]))).toEqual(new Set([4, 5, 6, 7, 8]))
})
