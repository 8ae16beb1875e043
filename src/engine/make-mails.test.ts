import { expect, test } from 'vitest'
import { MailStore } from '../../test/support/mail-store.ts'
import { rowOf, T0, viewOf } from '../../test/support/story.ts'
import { StoreUnavailableError } from '../store/store.ts'
import { type Made, type MailMaking, makeMails } from './make-mails.ts'

const NOW = T0 + 500_000

function setup(change: Partial<MailMaking> = {}) {
  const made: Made[] = []
  const making: MailMaking = {
    receivers: new Map([
      ['oncall', ['a@example.org', 'b@example.org']],
      ['leads', ['lead@example.org']],
    ]),
    noticesTo: ['oncall', 'leads'],
    domain: 'example.org',
    externalUrl: 'https://healing.example.org',
    digestAbove: 5,
    linkMs: 1_000,
    onMade: (one) => made.push(one),
    ...change,
  }
  const store = new MailStore()
  return { store, making, made, run: () => makeMails(store, making, NOW) }
}

test('S-6.3 a row per recipient, of one thread, each with a Message-ID that never changes', async () => {
  const { store, run } = setup()
  store.tell(rowOf())
  expect(await run()).toBe(1)
  expect(store.mails.map((one) => one.recipient)).toEqual(['a@example.org', 'b@example.org'])
  expect(new Set(store.mails.map((one) => one.thread))).toEqual(new Set(['incident-12']))
  const ids = store.mails.map((one) => one.messageId)
  expect(new Set(ids).size).toBe(2)
  for (const id of ids) expect(id).toMatch(/^<incident-12\.[0-9a-z]+\.r1\.escalated\.0\.[0-9a-f]{8}@example\.org>$/)
  const again = setup()
  again.store.tell(rowOf())
  await again.run()
  expect(again.store.mails.map((one) => one.messageId)).toEqual(ids)
})

test('S-6.3 all mails of an incident refer to the same root, the recovery too', async () => {
  const { store, run } = setup()
  store.tell(rowOf())
  store.tell(rowOf({ id: 2, kind: 'recovered', reason: 'watching' }))
  await run()
  const roots = new Set(store.mails.map((one) => one.references.join()))
  expect(roots.size).toBe(1)
  expect([...roots][0]).toMatch(/^<incident-12\.[0-9a-z]+@example\.org>$/)
  expect(new Set(store.mails.map((one) => one.messageId)).size).toBe(4)
})

test('each row is told once: a second round makes nothing', async () => {
  const { store, run } = setup()
  store.tell(rowOf())
  await run()
  expect(await run()).toBe(0)
  expect(store.mails).toHaveLength(2)
})

test('each recipient gets links of its own; none are made without an external URL', async () => {
  const { store, run } = setup()
  store.tell(rowOf())
  await run()
  expect(store.tokens).toHaveLength(6)
  expect(store.mails[0]?.text).toContain('https://healing.example.org/link/12-takeOver-0')
  expect(store.mails[1]?.text).not.toContain('/link/12-takeOver-0')
  const without = setup({ externalUrl: null })
  without.store.tell(rowOf())
  await without.run()
  expect(without.store.tokens).toEqual([])
  expect(without.store.mails[0]?.text).toContain('external_url is not configured')
})

test('five due rows are five mails, six are one digest', async () => {
  const five = setup()
  for (let id = 1; id <= 5; id++) five.store.tell(rowOf({ id, incident: id, to: ['leads'] }))
  await five.run()
  expect(five.store.mails).toHaveLength(5)
  const six = setup()
  for (let id = 1; id <= 6; id++) six.store.tell(rowOf({ id, incident: id, to: ['leads'] }))
  await six.run()
  expect(six.store.mails).toHaveLength(1)
  expect(six.store.mails[0]?.subject).toBe('[kafka-healing] 6 incidents: 6 escalated')
  for (let id = 1; id <= 6; id++)
    expect(six.store.mails[0]?.text).toContain(`https://healing.example.org/incidents/${id}`)
  expect(six.store.rows.every((row) => row.told === NOW)).toBe(true)
})

test('a digest of 10,000 rows is one mail of bounded size that lists what needs a person first', async () => {
  const { store, run } = setup()
  for (let id = 1; id <= 10_000; id++) {
    const urgent = id === 9_999
    const row = rowOf({ id, incident: id, to: ['leads'], summary: `${'ä'.repeat(5_000)} ${id}` })
    store.tell(urgent ? row : { ...row, kind: 'told', reason: 'backoff' })
  }
  expect(await run()).toBe(10_000)
  expect(store.mails).toHaveLength(1)
  const [mail] = store.mails
  expect(mail?.subject).toBe('[kafka-healing] 10000 incidents: 9999 told, 1 escalated')
  expect(mail?.text.match(/^- #/gm)).toHaveLength(100)
  expect(mail?.text.indexOf('#9999 escalated')).toBeLessThan(mail?.text.indexOf('- #1 told') ?? 0)
  expect(mail?.text).toContain('9900 more, numbers 100–9998, 10000.')
  expect((mail?.text.length ?? 0) + (mail?.html?.length ?? 0)).toBeLessThan(150_000)
  expect(store.rows.every((row) => row.told === NOW)).toBe(true)
})

test('what is only to be read in passing is a digest however few, beside mails that are not', async () => {
  const { store, run } = setup()
  store.tell(rowOf({ to: ['leads'] }))
  store.tell(
    rowOf({
      id: 2,
      incident: 13,
      to: ['leads'],
      kind: 'digest',
      reason: 'informed',
      summary: 'would have run start-broker',
    }),
  )
  await run()
  expect(store.mails.map((one) => one.thread).toSorted()).toEqual(['digest-leads', 'incident-12'])
  const digest = store.mails.find((one) => one.thread === 'digest-leads')
  expect(digest?.text).toContain('would have run start-broker')
  expect(digest?.text).not.toContain('#12 ')
})

test('a row for two receivers is a digest for the busy one and a mail for the other', async () => {
  const { store, run } = setup()
  for (let id = 1; id <= 6; id++)
    store.tell(rowOf({ id, incident: id, to: id === 1 ? ['oncall', 'leads'] : ['leads'] }))
  await run()
  expect(store.mails.map((one) => `${one.recipient} ${one.thread}`).toSorted()).toEqual([
    'a@example.org incident-1',
    'b@example.org incident-1',
    'lead@example.org digest-leads',
  ])
  expect(store.rows.every((row) => row.told === NOW)).toBe(true)
})

test('an unknown receiver falls to the first one, and the mail says so', async () => {
  const { store, made, run } = setup()
  store.tell(rowOf({ to: ['nobody'] }))
  store.tell(rowOf({ id: 2, incident: 13, to: [] }))
  await run()
  expect(store.mails.map((one) => one.receiver)).toEqual(['oncall', 'oncall', 'oncall', 'oncall'])
  expect(store.mails[0]?.text).toContain('receiver "nobody" is not configured')
  expect(store.mails[2]?.text).toContain('The rule names no receiver')
  expect(made.filter((one) => one === 'redirected')).toHaveLength(2)
})

test('an address that could be read as more than one is never written to', async () => {
  const { store, run } = setup({
    receivers: new Map([['oncall', ['x@y\r\nBcc: evil@example.org', 'good@example.org']]]),
  })
  store.tell(rowOf())
  await run()
  expect(store.mails.map((one) => one.recipient)).toEqual(['good@example.org'])
})

test('without a receiver nothing is marked as told', async () => {
  const { store, run } = setup({ receivers: new Map() })
  store.tell(rowOf())
  expect(await run()).toBe(0)
  expect(store.rows[0]?.told).toBe(0)
})

test.each<[string, (store: MailStore) => void]>([
  ['a view that breaks the composer', (store) => (store.view = () => ({ ...viewOf(), alerts: null }) as never)],
  ['a view that is not there', (store) => (store.view = () => null)],
  [
    'a view that cannot be read',
    (store) =>
      (store.view = () => {
        throw new TypeError('column is no JSON')
      }),
  ],
])('%s: a plain mail goes out with the summary', async (_name, breakIt) => {
  const { store, made, run } = setup()
  breakIt(store)
  store.tell(rowOf({ to: ['leads'] }))
  await run()
  expect(made).toEqual(['plain'])
  expect(store.mails).toHaveLength(1)
  expect(store.mails[0]?.text).toContain('3 of 3 attempts spent: broker 2 does not answer')
  expect(store.mails[0]?.subject).toContain('incident 12 escalated')
  expect(store.rows[0]?.told).toBe(NOW)
})

test('a digest lists an incident that cannot be read', async () => {
  const { store, run } = setup()
  store.view = () => null
  for (let id = 1; id <= 6; id++) store.tell(rowOf({ id, incident: id, to: ['leads'] }))
  await run()
  expect(store.mails[0]?.text.match(/^- #/gm)).toHaveLength(6)
})

test('a store that is away while a mail is made tells nothing half: the row stays due', async () => {
  const { store, run } = setup()
  store.tell(rowOf())
  store.view = () => {
    throw new StoreUnavailableError('busy', null)
  }
  await expect(run()).rejects.toThrow(StoreUnavailableError)
  expect(store.rows[0]?.told).toBe(0)
  expect(store.mails).toEqual([])
})
