import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SMTPServerOptions } from 'smtp-server'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Certificates, makeCertificates } from '../../test/support/certificates.ts'
import { DROP, polite, reply, startMailServer, startRudeServer } from '../../test/support/smtp.ts'
import { Secret } from '../secret.ts'
import { type EmailTimeouts, email, type SmtpServer } from './email.ts'
import type { Message, Sent } from './notifier.ts'
import { classify } from './smtp-outcome.ts'

const folder = mkdtempSync(join(tmpdir(), 'kh-mail-'))
let certificates: Certificates
let other: Certificates
const endings: (() => unknown)[] = []

beforeAll(() => {
  certificates = makeCertificates(folder)
  other = makeCertificates(folder, 'elsewhere.example')
})
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})
afterAll(() => rmSync(folder, { recursive: true }))

const message: Message = {
  recipient: 'oncall@example.org',
  messageId: '<incident-42.abc.r1.escalated.0.0123abcd@example.org>',
  references: ['<incident-42.abc@example.org>'],
  subject: '[orders] broker 2 down: not healed after 3 attempts',
  text: 'It acted: 3 attempts. ünïcode\n',
  html: '<p>It acted: 3 attempts. ünïcode</p>',
}

const QUICK: Partial<EmailTimeouts> = { connect: 1_000, greeting: 400, socket: 400 }

async function serve(options: Parameters<typeof startMailServer>[0] = {}) {
  const server = await startMailServer(options)
  endings.push(() => server.stop())
  return server
}

function notifier(server: Partial<SmtpServer> & { readonly port: number }, timeouts: Partial<EmailTimeouts> = {}) {
  const plain = {
    host: '127.0.0.1',
    encryption: 'none',
    user: null,
    password: null,
    caFile: null,
    serverName: null,
  } as const
  const opened = email.open({ server: { ...plain, ...server }, from: 'Kafka healing <healing@example.org>', timeouts })
  endings.push(() => opened.close())
  return opened
}

function send(one: ReturnType<typeof notifier>, change: Partial<Message> = {}): Promise<Sent> {
  return one.send({ ...message, ...change }, { signal: new AbortController().signal })
}

test('a mail arrives with both parts, its own Message-ID, and its thread', async () => {
  const server = await serve()
  expect(await send(notifier(server))).toMatchObject({ outcome: 'sent' })
  const [mail] = server.taken
  expect(mail?.headers.get('message-id')).toBe(message.messageId)
  expect(mail?.headers.get('references')).toBe('<incident-42.abc@example.org>')
  expect(mail?.headers.get('in-reply-to')).toBe('<incident-42.abc@example.org>')
  expect(mail?.headers.get('subject')).toBe(message.subject)
  expect(mail?.headers.get('from')).toBe('Kafka healing <healing@example.org>')
  expect(mail?.headers.get('auto-submitted')).toBe('auto-generated')
  expect(mail?.text.trim()).toBe(message.text.trim())
  expect(mail?.html).toContain('ünïcode')
})

test('connections are kept: mails one after another share one', async () => {
  let connections = 0
  const server = await serve({
    onConnect: (_session, done) => {
      connections += 1
      done()
    },
  })
  const one = notifier(server)
  for (let i = 0; i < 5; i++) expect((await send(one)).outcome).toBe('sent')
  expect(server.taken).toHaveLength(5)
  expect(connections).toBe(1)
})

const tls = (): SMTPServerOptions => ({ key: certificates.key, cert: certificates.cert })

test('STARTTLS with an authority of its own, and AUTH over it', async () => {
  const server = await serve({
    ...tls(),
    authOptional: false,
    onAuth: ({ username, password }, _session, done) =>
      password === 'right' ? done(null, { user: username }) : done(reply(535, 'wrong')),
  })
  const one = notifier({
    ...server,
    host: 'localhost',
    encryption: 'starttls',
    caFile: certificates.caFile,
    user: 'healer',
    password: new Secret('right'),
  })
  expect(await one.check({ signal: new AbortController().signal })).toBeNull()
  expect(await send(one)).toMatchObject({ outcome: 'sent' })
  expect(server.taken[0]).toMatchObject({ secure: true, user: 'healer' })
})

test('TLS from the first byte', async () => {
  const server = await serve({ ...tls(), secure: true })
  const one = notifier({ ...server, host: 'localhost', encryption: 'tls', caFile: certificates.caFile })
  expect(await send(one)).toMatchObject({ outcome: 'sent' })
  expect(server.taken[0]?.secure).toBe(true)
})

test('the name in the certificate may be told apart from the host', async () => {
  const server = await serve({ key: other.key, cert: other.cert })
  const named = {
    host: 'localhost',
    encryption: 'starttls',
    caFile: other.caFile,
    serverName: 'elsewhere.example',
  } as const
  expect(await send(notifier({ ...server, ...named }))).toMatchObject({ outcome: 'sent' })
})

interface Row {
  readonly name: string
  readonly server?: () => Parameters<typeof startMailServer>[0]
  readonly client?: () => Partial<SmtpServer>
  readonly expected: Partial<Record<'outcome' | 'code' | 'scope', unknown>>
}

const rows: readonly Row[] = [
  {
    name: '451 for the recipient is tried later',
    server: () => ({ onRcptTo: (_to, _session, done) => done(reply(451, 'greylisted')) }),
    expected: { outcome: 'retry', code: 451, scope: 'message' },
  },
  {
    name: '550 for the recipient is given up',
    server: () => ({ onRcptTo: (_to, _session, done) => done(reply(550, 'no such user')) }),
    expected: { outcome: 'reject', code: 550 },
  },
  {
    name: '452 to MAIL FROM is tried later',
    server: () => ({ onMailFrom: (_from, _session, done) => done(reply(452, 'disk')) }),
    expected: { outcome: 'retry', code: 452 },
  },
  {
    name: '550 to MAIL FROM is about our sender, so about every mail',
    server: () => ({ onMailFrom: (_from, _session, done) => done(reply(550, 'who are you')) }),
    expected: { outcome: 'configuration', code: 550 },
  },
  {
    name: '554 after DATA is given up',
    server: () => ({ refuse: () => reply(554, 'spam') }),
    expected: { outcome: 'reject', code: 554 },
  },
  {
    name: '451 after DATA is tried later',
    server: () => ({ refuse: () => reply(451, 'later') }),
    expected: { outcome: 'retry', code: 451 },
  },
  {
    name: '552 after DATA is given up as it is',
    server: () => ({ refuse: () => reply(552, 'too large') }),
    expected: { outcome: 'reject', code: 552 },
  },
  {
    name: 'a wrong password is configuration',
    server: () => ({
      ...tls(),
      authOptional: false,
      onAuth: (_auth, _session, done) => done(reply(535, 'Authentication credentials invalid')),
    }),
    client: () => ({ ...trusted(), user: 'healer', password: new Secret('wrong') }),
    expected: { outcome: 'configuration', code: 535 },
  },
  {
    name: 'a temporary authentication failure is the server’s trouble',
    server: () => ({
      ...tls(),
      authOptional: false,
      onAuth: (_auth, _session, done) => done(reply(454, 'Temporary authentication failure')),
    }),
    client: () => ({ ...trusted(), user: 'healer', password: new Secret('right') }),
    expected: { outcome: 'retry', code: 454, scope: 'server' },
  },
  {
    name: 'authentication needed and none given is configuration',
    server: () => ({ ...tls(), authOptional: false }),
    client: () => trusted(),
    expected: { outcome: 'configuration', code: 530 },
  },
  {
    name: 'a certificate of an unknown authority is configuration',
    server: () => tls(),
    client: () => ({ host: 'localhost', encryption: 'starttls' }),
    expected: { outcome: 'configuration', code: null },
  },
  {
    name: 'a certificate of another name is configuration',
    server: () => ({ key: other.key, cert: other.cert }),
    client: () => ({ host: 'localhost', encryption: 'starttls', caFile: other.caFile }),
    expected: { outcome: 'configuration', code: null },
  },
  {
    name: 'STARTTLS required and not offered is configuration, and nothing is sent in the clear',
    client: () => ({ encryption: 'starttls' }),
    expected: { outcome: 'configuration' },
  },
  {
    name: 'TLS spoken to a port that does not is configuration',
    client: () => ({ encryption: 'tls' }),
    expected: { outcome: 'configuration', code: null },
  },
]

function trusted(): Partial<SmtpServer> {
  return { host: 'localhost', encryption: 'starttls', caFile: certificates.caFile }
}

for (const { name, server: options, client, expected } of rows) {
  test(name, async () => {
    const server = await serve(options?.() ?? {})
    expect(await send(notifier({ ...server, ...client?.() }))).toMatchObject(expected)
    expect(server.taken).toEqual([])
  })
}

test('a refused connection is tried later', async () => {
  const server = await startMailServer()
  await server.stop()
  expect(await send(notifier(server))).toMatchObject({ outcome: 'retry', scope: 'server', code: null })
})

test('an unknown host name is tried later', async () => {
  const one = notifier({ host: 'no-such-host.invalid', port: 25 })
  expect(await send(one)).toMatchObject({ outcome: 'retry', scope: 'server' })
})

test.each([
  ['421 4.3.2 too busy', { outcome: 'retry', code: 421, scope: 'server' }],
  ['554 5.7.1 go away', { outcome: 'configuration', code: 554 }],
])('a greeting of %s', async (greeting, expected) => {
  const server = await startRudeServer(polite, greeting)
  endings.push(() => server.stop())
  expect(await send(notifier(server, QUICK))).toMatchObject(expected)
})

test.each([
  ['says nothing at all', null, () => null],
  ['hangs after DATA', '220 rude', (said: string) => (said === '.' ? null : polite(said))],
  ['drops the connection after the final dot', '220 rude', (said: string) => (said === '.' ? DROP : polite(said))],
  ['drops the connection in the middle', '220 rude', (said: string) => (said.startsWith('RCPT') ? DROP : polite(said))],
])('a server that %s is tried later, because nobody knows what it took', async (_name, greeting, script) => {
  const server = await startRudeServer(script, greeting)
  endings.push(() => server.stop())
  expect(await send(notifier(server, QUICK))).toMatchObject({ outcome: 'retry', scope: 'server', code: null })
})

test('a server that drips forever is left after the bound of the whole try', async () => {
  const server = await startRudeServer((said) => (said === '.' ? null : polite(said)))
  endings.push(() => server.stop())
  const sent = await send(notifier(server, { whole: 300 }))
  expect(sent).toMatchObject({ outcome: 'retry', error: 'not over within 300 ms' })
})

test('an abort ends the try at once', async () => {
  const server = await startRudeServer((said) => (said === '.' ? null : polite(said)))
  endings.push(() => server.stop())
  const stop = new AbortController()
  const sending = notifier(server).send(message, { signal: stop.signal })
  stop.abort()
  expect(await sending).toMatchObject({ outcome: 'retry', error: 'abandoned while stopping' })
})

test.each([
  'oncall@x\r\nRCPT TO:<evil@example.org>',
  'a@example.org, evil@example.org',
  'group: evil@example.org;',
  '',
])('an address that could be read as more than one (%j) reaches no server', async (recipient) => {
  const server = await serve()
  expect(await send(notifier(server), { recipient })).toMatchObject({ outcome: 'reject' })
  expect(server.taken).toEqual([])
})

test('of several recipients each is judged by its own reply', () => {
  const refused = (recipient: string, responseCode: number) => ({ message: `${responseCode}`, recipient, responseCode })
  const info = { accepted: ['a'], rejected: ['b', 'c'], response: '250 ok' }
  expect(classify({ info: { ...info, rejectedErrors: [refused('b', 451), refused('c', 550)] } })).toMatchObject({
    outcome: 'partly',
    retry: ['b'],
    rejected: ['c'],
  })
  // nodemailer reports the first refused recipient's code.
  const all = { message: 'all refused', code: 'EENVELOPE', command: 'RCPT TO', responseCode: 550 }
  const error = { ...all, rejectedErrors: [refused('b', 550), refused('c', 451)] }
  expect(classify({ error })).toMatchObject({ outcome: 'retry', code: 451 })
})

test('a sender that is no address is refused when opened', () => {
  expect(() => notifier({ port: 25 }) && email.open({ server: {} as SmtpServer, from: 'a@b, c@d' })).toThrow(
    'not a sender',
  )
})
