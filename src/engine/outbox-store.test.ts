import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, expect, test } from 'vitest'
import { waitFor } from '../../test/lab/wait.ts'
import { planOf } from '../../test/support/plan.ts'
import { type MailServer, reply, startMailServer } from '../../test/support/smtp.ts'
import { alertOf, T0 } from '../../test/support/story.ts'
import { type Clock, systemClock } from '../clock.ts'
import { email } from '../notify/email.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { OUTBOX_DEFAULTS, runOutbox } from './outbox.ts'
import { Wake } from './wake.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

const REMINDER_MS = 3_600_000

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'kh-outbox-'))
  endings.push(() => rmSync(made, { recursive: true }))
  return made
}

/** Time that runs, and that a test can move. */
class MovedClock implements Clock {
  offset = T0 - systemClock.now()
  now(): number {
    return systemClock.now() + this.offset
  }
  monotonic(): number {
    return systemClock.monotonic()
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal)
  }
}

async function openStore(path: string): Promise<Store> {
  const store = await openSqliteStore({ path })
  endings.push(() => store.close())
  return store
}

/** Alerts whose labels name nothing: each incident escalates as it opens. */
async function escalate(store: Store, clock: Clock, count: number): Promise<void> {
  const plan = planOf({ escalation: { ...planOf().escalation, repeatMs: REMINDER_MS } })
  const alerts = Array.from({ length: count }, (_, i) =>
    alertOf({ fingerprint: (i + 1).toString(16).padStart(16, '0') }),
  )
  const delivery = {
    receiver: 'r',
    groupKey: 'g',
    status: 'firing',
    externalURL: '',
    truncatedAlerts: 0,
    alerts,
  } as const
  await store.storeDeliveries([{ delivery, rawBody: '', credential: null }], clock.now())
  for (let row = await store.nextInboxRow(); row; row = await store.nextInboxRow()) {
    const key = `unresolved:${row.alert.fingerprint}`
    const subject = { kind: 'unresolved', key, cluster: 'orders', problem: 'no label names a broker' } as const
    await store.admit(row, [{ plan, subject }], clock.now())
    await store.fireDue(clock.now(), () => 0, 10)
  }
}

async function fireTimers(store: Store, clock: Clock): Promise<void> {
  for (let due = await store.nextTimer(clock.now()); due; due = await store.nextTimer(clock.now()))
    await store.fireTimer(due, clock.now())
}

function run(
  store: Store,
  clock: Clock,
  port: number,
  owner: string,
  receivers: readonly (readonly [string, readonly string[]])[],
) {
  const server = {
    host: '127.0.0.1',
    port,
    encryption: 'none',
    user: null,
    password: null,
    caFile: null,
    serverName: null,
  } as const
  const notifier = email.open({
    server,
    from: 'healing@example.org',
    timeouts: { connect: 1_000, greeting: 1_000, socket: 1_000 },
  })
  const stop = new AbortController()
  const wake = new Wake()
  const settings = {
    ...OUTBOX_DEFAULTS,
    receivers: new Map(receivers),
    noticesTo: [...new Map(receivers).keys()],
    revision: 'c0ffee1',
    from: 'healing@example.org',
    externalUrl: 'https://healing.example.org',
    windowMs: 20,
    backoff: { initialMs: 20, multiplier: 2, maxMs: 100 },
  }
  const nothing = () => undefined
  const over = runOutbox({
    store,
    clock,
    owner,
    wake,
    signal: stop.signal,
    graceMs: 100,
    log: pino({ level: 'silent' }),
    route: () => ({ primary: notifier, backup: null }),
    settings: () => settings,
    onMade: nothing,
    onSent: nothing,
    onFailure: nothing,
  })
  const halt = async () => {
    stop.abort()
    await over
    notifier.close()
  }
  endings.push(halt)
  return { wake, halt }
}

const oncall = [['oncall', ['a@example.org', 'b@example.org']]] as const
const sequence = (server: MailServer, incident: number, recipient: string) =>
  server.taken
    .filter((mail) => mail.to[0] === recipient)
    .flatMap(
      (mail) =>
        new RegExp(`^<incident-${incident}\\.\\w+\\.r1\\.escalated\\.(\\d+)\\.`).exec(
          mail.headers.get('message-id') ?? '',
        )?.[1] ?? [],
    )

test('S-6.3 SMTP away through a restart, then back: every row of the database is told exactly once, in order within a thread', async () => {
  const away = await startMailServer()
  await away.stop()
  const path = join(folder(), 'healing.db')
  const clock = new MovedClock()
  const first = await openSqliteStore({ path })
  const before = run(first, clock, away.port, 'boot-1', oncall)
  await escalate(first, clock, 3)
  before.wake.wake()
  await waitFor('mails are made', async () => (await first.gauges(clock.now())).outboxDepth === 6)
  clock.offset += REMINDER_MS
  await fireTimers(first, clock)
  before.wake.wake()
  await waitFor('reminders are made', async () => (await first.gauges(clock.now())).outboxDepth === 12)
  await before.halt()
  await first.close()

  const store = await openStore(path)
  const server = await startMailServer({}, away.port)
  endings.push(() => server.stop())
  run(store, clock, away.port, 'boot-2', oncall)
  clock.offset += 10_000
  await waitFor('all is sent', async () => (await store.gauges(clock.now())).outboxDepth === 0)
  expect(server.taken).toHaveLength(12)
  for (const incident of [1, 2, 3])
    for (const recipient of ['a@example.org', 'b@example.org'])
      expect(sequence(server, incident, recipient)).toEqual(['0', '1000'])
  const view = await store.incidentView(1)
  expect(view?.escalations.every((row) => row.toldAt !== null)).toBe(true)
  expect(view?.mails.map((mail) => mail.state)).toEqual(['sent', 'sent', 'sent', 'sent'])
})

test('S-6.3 a storm of rows in the database is one digest', async () => {
  const server = await startMailServer()
  endings.push(() => server.stop())
  const clock = new MovedClock()
  const store = await openStore(join(folder(), 'healing.db'))
  await escalate(store, clock, 300)
  run(store, clock, server.port, 'boot-1', [['oncall', ['a@example.org']]])
  await waitFor('sent', () => server.taken.length > 0)
  await waitFor('nothing is left', async () => (await store.gauges(clock.now())).outboxDepth === 0)
  expect(server.taken.map((mail) => mail.headers.get('subject'))).toEqual([
    '[kafka-healing] 300 incidents: 300 escalated',
  ])
})

test('a refused recipient hands on to the next, and the link in the mail is a token that works once', async () => {
  const server = await startMailServer({
    onRcptTo: ({ address }, _session, done) => done(address === 'a@example.org' ? reply(550, 'gone') : null),
  })
  endings.push(() => server.stop())
  const clock = new MovedClock()
  const store = await openStore(join(folder(), 'healing.db'))
  await escalate(store, clock, 1)
  run(store, clock, server.port, 'boot-1', [
    ['oncall', ['a@example.org']],
    ['leads', ['lead@example.org']],
  ])
  await waitFor('sent', () => server.taken.length === 1)
  expect(server.taken[0]?.to).toEqual(['lead@example.org'])
  const token = /https:\/\/healing\.example\.org\/link\/(\S+)/.exec(server.taken[0]?.text ?? '')?.[1] ?? ''
  expect(await store.useToken(token, clock.now())).toEqual({
    state: 'valid',
    incident: 1,
    action: 'takeOver',
    request: null,
  })
  expect(await store.useToken(token, clock.now())).toEqual({ state: 'used' })
  await waitFor('counted', async () => (await store.gauges(clock.now())).failedMails === 1)
})

test('S-5.9 a storm is one mail that reaches everybody, and one when it is over, in the same thread', async () => {
  const server = await startMailServer()
  endings.push(() => server.stop())
  const store = await openStore(join(folder(), 'healing.db'))
  const clock = new MovedClock()
  const outbox = run(store, clock, server.port, 'boot', oncall)
  const calm = { bad: [], total: 3, reachesNothing: false, voters: null, leaderless: null }
  await store.clusterSeen('orders', { ...calm, bad: ['broker 1', 'broker 2'] }, clock.now())
  outbox.wake.wake()
  await waitFor('both have the mail of the storm', async () => server.taken.length === 2)
  await store.clusterSeen('orders', calm, clock.now())
  clock.offset += 600_000
  await store.clusterSeen('orders', calm, clock.now())
  outbox.wake.wake()
  await waitFor('both have the mail of its end', async () => server.taken.length === 4)
  const mine = server.taken.filter((mail) => mail.to[0] === 'a@example.org')
  expect(mine.map((mail) => mail.headers.get('subject'))).toEqual([
    '[orders] storm: 2 of 3 brokers and controllers are down',
    '[orders] storm is over, no incident open',
  ])
  expect(new Set(mine.map((mail) => mail.headers.get('references'))).size).toBe(1)
  expect(new Set(server.taken.map((mail) => mail.headers.get('message-id'))).size).toBe(4)
})
