import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { MailStore } from '../../test/support/mail-store.ts'
import { type MailServer, reply, startMailServer, type Taken } from '../../test/support/smtp.ts'
import { rowOf, T0 } from '../../test/support/story.ts'
import { systemClock } from '../clock.ts'
import { email } from '../notify/email.ts'
import type { Notifier } from '../notify/notifier.ts'
import { Secret } from '../secret.ts'
import { StoreUnavailableError } from '../store/store.ts'
import { type OutboxSettings, runOutbox } from './outbox.ts'
import { delayMs, type MailEnded } from './send-mails.ts'
import { Wake } from './wake.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function serve(options: Parameters<typeof startMailServer>[0] = {}, port = 0): Promise<MailServer> {
  const server = await startMailServer(options, port)
  endings.push(() => server.stop())
  return server
}

function mailer(port: number, password?: string): Notifier {
  const login =
    password === undefined ? { user: null, password: null } : { user: 'healer', password: new Secret(password) }
  const server = { host: '127.0.0.1', port, encryption: 'none', ...login, caFile: null, serverName: null } as const
  const opened = email.open({
    server,
    from: 'healing@example.org',
    timeouts: { connect: 1_000, greeting: 1_000, socket: 1_000 },
  })
  endings.push(() => opened.close())
  return opened
}

function run(
  store: MailStore,
  primary: Notifier,
  backup: Notifier | null = null,
  change: Partial<OutboxSettings> = {},
) {
  const stop = new AbortController()
  const wake = new Wake()
  const ended: MailEnded[] = []
  const settings: OutboxSettings = {
    receivers: new Map([
      ['oncall', ['a@example.org']],
      ['leads', ['lead@example.org']],
    ]),
    noticesTo: ['leads'],
    revision: 'c0ffee1',
    from: 'healing@example.org',
    externalUrl: null,
    windowMs: 20,
    digestAbove: 5,
    linkMs: 1_000,
    backoff: { initialMs: 20, multiplier: 2, maxMs: 100 },
    ...change,
  }
  const over = runOutbox({
    store,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    owner: 'boot-1',
    route: () => ({ primary, backup }),
    settings: () => settings,
    wake,
    signal: stop.signal,
    graceMs: 200,
    onMade: () => undefined,
    onSent: (one) => ended.push(one),
    onFailure: () => undefined,
  })
  const halt = async () => {
    stop.abort()
    await over
  }
  endings.push(halt)
  return { wake, ended, halt }
}

const states = (store: MailStore) => store.mails.map((one) => `${one.recipient} ${one.state}`)
const allSent = (store: MailStore) => () =>
  store.rows.every((row) => row.told > 0) && store.mails.every((one) => one.state === 'sent')
const ids = (mails: readonly Taken[]) => mails.map((one) => one.headers.get('message-id'))

test('S-6.3 a row becomes a mail that arrives', async () => {
  const server = await serve()
  const store = new MailStore()
  const { wake } = run(store, mailer(server.port))
  store.tell(rowOf())
  wake.wake()
  await waitFor('sent', () => store.mails[0]?.state === 'sent')
  expect(server.taken).toHaveLength(1)
  expect(server.taken[0]?.headers.get('subject')).toBe('[orders] broker 2 down: not healed after 3 attempts')
  expect(server.taken[0]?.to).toEqual(['a@example.org'])
})

test('S-6.3 SMTP away, then back: every row is told exactly once, in order within a thread', async () => {
  const away = await startMailServer()
  await away.stop()
  const store = new MailStore()
  const { ended, wake } = run(store, mailer(away.port))
  // Four rows now, more while the server is away: each incident's rows come in three steps.
  const kinds = ['told', 'escalated', 'recovered'] as const
  let id = 0
  for (const kind of kinds) {
    for (const incident of [1, 2]) store.tell(rowOf({ id: ++id, incident, kind, createdAt: T0 + id }))
    wake.wake()
    await waitFor('made', () => store.rows.every((row) => row.told > 0))
  }
  await waitFor('tried in vain', () => ended.some((one) => one.outcome === 'deferred'))
  expect(store.mails.every((one) => one.state === 'queued')).toBe(true)
  const server = await serve({}, away.port)
  await waitFor('all sent', allSent(store))
  expect(server.taken).toHaveLength(6)
  expect(new Set(ids(server.taken)).size).toBe(6)
  for (const incident of [1, 2]) {
    const thread = ids(server.taken).filter((one) => one?.startsWith(`<incident-${incident}.`))
    expect(thread.map((one) => kinds.find((kind) => one?.includes(`.${kind}.`)))).toEqual(kinds)
  }
})

test('a burst is gathered: ten rows that come together are one digest', async () => {
  const server = await serve()
  const store = new MailStore()
  const { wake } = run(store, mailer(server.port), null, { windowMs: 200 })
  store.tell(rowOf())
  const dueEscalations = store.dueEscalations.bind(store)
  let asked = 0
  store.dueEscalations = (now, limit) => {
    asked += 1
    return dueEscalations(now, limit)
  }
  wake.wake()
  await waitFor('the window is open', () => asked > 0)
  for (let id = 2; id <= 10; id++) store.tell(rowOf({ id, incident: id }))
  await waitFor('sent', () => store.mails.length > 0 && allSent(store)())
  expect(server.taken).toHaveLength(1)
  expect(server.taken[0]?.headers.get('subject')).toBe('[kafka-healing] 10 incidents: 10 escalated')
})

test('S-6.3 a storm is one mail: while the core still opens incidents, the digest waits for the rest', async () => {
  const server = await serve()
  const store = new MailStore()
  let asked = 0
  store.inboxDepth = async () => {
    asked += 1
    return asked < 3 ? 10 : 0
  }
  for (let id = 1; id <= 6; id++) store.tell(rowOf({ id, incident: id }))
  run(store, mailer(server.port))
  await waitFor('the storm is seen', () => asked > 0)
  for (let id = 7; id <= 10; id++) store.tell(rowOf({ id, incident: id }))
  await waitFor('sent', () => store.mails.length > 0 && allSent(store)())
  expect(server.taken.map((one) => one.headers.get('subject'))).toEqual(['[kafka-healing] 10 incidents: 10 escalated'])
})

test('S-6.3 a storm is one mail: while looks still end in escalations, the digest waits for the rest', async () => {
  const server = await serve()
  const store = new MailStore()
  const dueEscalationCount = store.dueEscalationCount.bind(store)
  let windows = 0
  // Six when the gathering begins, two more in each of the first windows.
  store.dueEscalationCount = async (now) => {
    windows += 1
    if (windows < 3) for (const id of [windows * 2 + 5, windows * 2 + 6]) store.tell(rowOf({ id, incident: id }))
    return dueEscalationCount(now)
  }
  for (let id = 1; id <= 6; id++) store.tell(rowOf({ id, incident: id }))
  run(store, mailer(server.port))
  await waitFor('sent', () => store.mails.length > 0 && allSent(store)())
  expect(server.taken.map((one) => one.headers.get('subject'))).toEqual(['[kafka-healing] 10 incidents: 10 escalated'])
})

test('a busy inbox holds up no mail of a few rows', async () => {
  const server = await serve()
  const store = new MailStore()
  store.waiting = 1_000
  store.tell(rowOf())
  run(store, mailer(server.port))
  await waitFor('sent', () => store.mails.length > 0 && allSent(store)())
  expect(server.taken).toHaveLength(1)
})

test('451 for one recipient holds up nobody else, and is tried again until it is taken', async () => {
  let refusals = 0
  const server = await serve({
    onRcptTo: ({ address }, _session, done) => {
      if (address !== 'grey@example.org' || refusals === 3) return done()
      refusals += 1
      done(reply(451, 'greylisted'))
    },
  })
  const store = new MailStore()
  store.tell(rowOf())
  run(store, mailer(server.port), null, { receivers: new Map([['oncall', ['grey@example.org', 'b@example.org']]]) })
  await waitFor('all sent', () => store.mails.length === 2 && allSent(store)())
  expect(server.taken.map((one) => one.to.join())).toEqual(['b@example.org', 'grey@example.org'])
  expect(refusals).toBe(3)
})

const unknown: NonNullable<Parameters<typeof startMailServer>[0]> = {
  onRcptTo: ({ address }, _session, done) => (address.startsWith('gone') ? done(reply(550, 'no such user')) : done()),
}

test('550 for the only recipient goes to the backup server', async () => {
  const primary = await serve(unknown)
  const backup = await serve()
  const store = new MailStore()
  store.tell(rowOf())
  const { ended } = run(store, mailer(primary.port), mailer(backup.port), {
    receivers: new Map([['oncall', ['gone@example.org']]]),
  })
  await waitFor('sent', allSent(store))
  expect(primary.taken).toEqual([])
  expect(backup.taken).toHaveLength(1)
  expect(ended).toEqual([{ outcome: 'sent', via: 'backup', trouble: 'none' }])
})

test('550 for the only recipient, with no backup, goes to the next recipient, who reads why', async () => {
  const server = await serve(unknown)
  const store = new MailStore()
  store.tell(rowOf())
  const receivers = new Map([
    ['oncall', ['gone@example.org']],
    ['leads', ['gone-too@example.org', 'lead@example.org']],
  ])
  const { ended } = run(store, mailer(server.port), null, { receivers })
  await waitFor('sent', () => states(store).includes('lead@example.org sent'))
  expect(states(store)).toEqual(['gone@example.org failed', 'gone-too@example.org failed', 'lead@example.org sent'])
  expect(server.taken[0]?.text).toContain('For gone-too@example.org, whose mail server refuses it')
  expect(server.taken[0]?.text).toContain('For gone@example.org, whose mail server refuses it')
  expect(server.taken[0]?.headers.get('references')).toContain('<incident-12.')
  expect(ended.map((one) => one.outcome)).toEqual(['handedOn', 'handedOn', 'sent'])
})

test('550 for one of two recipients is counted; the other has the mail, and nobody else is bothered', async () => {
  const server = await serve(unknown)
  const store = new MailStore()
  store.tell(rowOf())
  const receivers = new Map([
    ['oncall', ['gone@example.org', 'b@example.org']],
    ['leads', ['lead@example.org']],
  ])
  const { ended } = run(store, mailer(server.port), null, { receivers })
  await waitFor('over', () => ended.length === 2)
  expect(states(store).toSorted()).toEqual(['b@example.org sent', 'gone@example.org failed'])
  expect(ended.map((one) => one.outcome).toSorted()).toEqual(['failed', 'sent'])
})

test('refused for everybody, the last mail is kept and goes when the server takes it', async () => {
  let refuses = true
  const server = await serve({
    onRcptTo: (_to, _session, done) => (refuses ? done(reply(550, 'relay denied')) : done()),
  })
  const store = new MailStore()
  store.tell(rowOf())
  const { ended } = run(store, mailer(server.port))
  await waitFor('nobody left', () => ended.filter((one) => one.outcome === 'deferred').length >= 2)
  expect(states(store)).toEqual(['a@example.org failed', 'lead@example.org queued'])
  refuses = false
  await waitFor('sent', () => states(store).includes('lead@example.org sent'))
})

test('a digest whose only recipient is refused goes on to the next', async () => {
  const server = await serve(unknown)
  const store = new MailStore()
  for (let id = 1; id <= 6; id++) store.tell(rowOf({ id, incident: id }))
  const receivers = new Map([
    ['oncall', ['gone@example.org']],
    ['leads', ['lead@example.org']],
  ])
  run(store, mailer(server.port), null, { receivers })
  await waitFor('sent', () => states(store).includes('lead@example.org sent'))
  expect(states(store)).toEqual(['gone@example.org failed', 'lead@example.org sent'])
})

test('a recipient whose mails wait does not keep the others waiting', async () => {
  const server = await serve({
    onMailFrom: (_from, _session, done) => done(),
    onRcptTo: ({ address }, _session, done) => done(address === 'bad@example.org' ? reply(530, 'authenticate') : null),
  })
  const store = new MailStore()
  const { wake } = run(store, mailer(server.port), null, {
    receivers: new Map([['oncall', ['bad@example.org', 'b@example.org']]]),
    digestAbove: 100,
  })
  for (let id = 1; id <= 20; id++) store.tell(rowOf({ id, incident: id }))
  wake.wake()
  await waitFor('the good ones', () => server.taken.length === 20)
  expect(store.mails.filter((one) => one.recipient === 'bad@example.org').every((one) => one.state === 'queued')).toBe(
    true,
  )
})

test('a wrong password loses no mail: it waits, and goes when the password is right', async () => {
  let right = 'other'
  const server = await serve({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: ({ password }, _session, done) =>
      password === right ? done(null, { user: 'healer' }) : done(reply(535, 'wrong')),
  })
  const store = new MailStore()
  store.tell(rowOf())
  const { ended } = run(store, mailer(server.port, 'mine'))
  await waitFor('deferred twice', () => ended.filter((one) => one.trouble === 'configuration').length >= 2)
  right = 'mine'
  await waitFor('sent', allSent(store))
  expect(server.taken).toHaveLength(1)
})

test('a wrong password goes to the backup server at once', async () => {
  const primary = await serve({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) => done(reply(535, 'wrong')),
  })
  const backup = await serve()
  const store = new MailStore()
  store.tell(rowOf())
  const { ended } = run(store, mailer(primary.port, 'mine'), mailer(backup.port))
  await waitFor('sent', allSent(store))
  expect(ended).toEqual([{ outcome: 'sent', via: 'backup', trouble: 'none' }])
})

test('a server that stays away is passed by for the backup', async () => {
  const away = await startMailServer()
  await away.stop()
  const backup = await serve()
  const store = new MailStore()
  store.tell(rowOf())
  const { ended } = run(store, mailer(away.port), mailer(backup.port))
  await waitFor('sent', allSent(store))
  expect(ended.map((one) => one.outcome)).toEqual(['deferred', 'deferred', 'deferred', 'sent'])
})

test('a mail too large for the server goes as short text', async () => {
  const server = await serve({ refuse: (mail) => (mail.html === null ? null : reply(552, 'too large')) })
  const store = new MailStore()
  store.tell(rowOf())
  run(store, mailer(server.port))
  await waitFor('sent', allSent(store))
  expect(server.taken[0]?.html).toBeNull()
  expect(server.taken[0]?.text).toContain('Cut, because the mail server refused the whole mail for its size')
})

test('a store that cannot commit after the mail was sent is asked again, so that the mail is not sent again', async () => {
  const server = await serve()
  const store = new MailStore()
  const sent = store.mailSent.bind(store)
  let failures = 2
  store.mailSent = async (...args) => {
    if (failures-- > 0) throw new StoreUnavailableError('full', null)
    await sent(...args)
  }
  store.tell(rowOf())
  run(store, mailer(server.port))
  await waitFor('sent', allSent(store))
  expect(server.taken).toHaveLength(1)
})

test('a store that is away stops nothing for good', async () => {
  const server = await serve()
  const store = new MailStore()
  store.failures.push(new StoreUnavailableError('busy', null), new TypeError('a defect'))
  store.tell(rowOf())
  run(store, mailer(server.port))
  await waitFor('sent', () => store.mails.length === 1 && allSent(store)())
})

test('a crash between send and commit repeats the mail under the same Message-ID', async () => {
  const server = await serve()
  const store = new MailStore()
  store.tell(rowOf())
  const { halt } = run(store, mailer(server.port))
  await waitFor('sent', allSent(store))
  await halt()
  // As the next process finds it when the commit did not happen.
  Object.assign(store.mails[0] ?? {}, { state: 'queued', owner: 'boot-0', leaseUntil: Number.MAX_SAFE_INTEGER })
  run(store, mailer(server.port))
  await waitFor('sent again', () => server.taken.length === 2)
  expect(new Set(ids(server.taken)).size).toBe(1)
})

test('stopping lets a try end that is under way, and begins no other', async () => {
  let held: ((error?: Error | null) => void) | null = null
  const server = await serve({
    onMailFrom: (_from, _session, done) => {
      held = done
    },
  })
  const store = new MailStore()
  store.tell(rowOf())
  const { halt } = run(store, mailer(server.port))
  await waitFor('under way', () => held !== null)
  const stopping = halt()
  ;(held as ((error?: Error | null) => void) | null)?.()
  await stopping
  expect(states(store)).toEqual(['a@example.org sent'])
  expect(server.taken).toHaveLength(1)
})

test('the wait between tries doubles from 5 s to 5 min', () => {
  const backoff = { initialMs: 5_000, multiplier: 2, maxMs: 300_000 }
  expect([0, 1, 2, 5, 6, 500].map((tries) => delayMs(backoff, tries))).toEqual([
    5_000, 10_000, 20_000, 160_000, 300_000, 300_000,
  ])
})
