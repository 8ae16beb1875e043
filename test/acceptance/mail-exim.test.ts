import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { compose } from '../../src/notify/compose.ts'
import { email, type SmtpServer } from '../../src/notify/email.ts'
import type { Message, Notifier } from '../../src/notify/notifier.ts'
import { Secret } from '../../src/secret.ts'
import { waitFor } from '../lab/wait.ts'
import { type Exim, eximMissing, startExim } from '../support/exim.ts'
import { injections } from '../support/injections.ts'
import { alertOf, rowOf, T0, viewOf } from '../support/story.ts'

describe.skipIf(eximMissing)('a real mail server (Exim)', () => {
  let exim: Exim
  let opened: Notifier[] = []
  beforeAll(async () => {
    exim = await startExim()
  })
  afterEach(() => {
    for (const one of opened) one.close()
    opened = []
  })
  afterAll(() => exim.stop())

  function notifier(change: Partial<SmtpServer> = {}): Notifier {
    const server: SmtpServer = {
      host: 'localhost',
      port: exim.port,
      encryption: 'starttls',
      user: 'healer',
      password: new Secret('right'),
      caFile: exim.certificates.caFile,
      serverName: null,
      ...change,
    }
    const one = email.open({ server, from: 'Kafka healing <healing@example.org>' })
    opened.push(one)
    return one
  }

  const { signal } = new AbortController()
  let serial = 0
  const message = (change: Partial<Message> = {}): Message => ({
    recipient: 'oncall@example.org',
    messageId: `<incident-12.abc.r1.escalated.${++serial}.0123abcd@example.org>`,
    references: ['<incident-12.abc@example.org>'],
    subject: 'a subject',
    text: 'text\n',
    html: null,
    ...change,
  })

  test('takes a mail over STARTTLS with AUTH and delivers it with its thread', async () => {
    const one = notifier()
    expect(await one.check({ signal })).toBeNull()
    const sent = message(compose(viewOf(), rowOf(), {}, [], T0 + 500_000))
    expect(await one.send(sent, { signal })).toMatchObject({ outcome: 'sent' })
    await waitFor('delivered', () => exim.mails('oncall').length === 1)
    const [mail] = exim.mails('oncall')
    expect(mail?.headers.get('message-id')).toBe(sent.messageId)
    expect(mail?.headers.get('in-reply-to')).toBe('<incident-12.abc@example.org>')
    expect(mail?.headers.get('subject')).toBe('[orders] broker 2 down: not healed after 3 attempts')
    expect(mail?.text).toContain('unknown option: nonsense.3')
    expect(mail?.html).toContain('unknown option: nonsense.3')
  })

  test.each<[string, Partial<SmtpServer>, Partial<Message>, object]>([
    ['a wrong password', { password: new Secret('wrong') }, {}, { outcome: 'configuration', code: 535 }],
    ['no password', { user: null, password: null }, {}, { outcome: 'reject', code: 550 }],
    ['an unknown authority', { caFile: null }, {}, { outcome: 'configuration', code: null }],
    ['another name in the certificate', { host: '127.0.0.1' }, {}, { outcome: 'configuration', code: null }],
    ['a greylisted recipient', {}, { recipient: 'grey@example.org' }, { outcome: 'retry', code: 451 }],
    ['an unknown recipient', {}, { recipient: 'nobody@example.org' }, { outcome: 'reject', code: 550 }],
    ['a mail that is too large', {}, { text: 'x'.repeat(2_000_000) }, { outcome: 'reject', code: 552 }],
  ])('%s', async (_name, server, change, expected) => {
    expect(await notifier(server).send(message(change), { signal })).toMatchObject(expected)
  })

  test('values from outside arrive as values: no header, no recipient, no line of the envelope is made of them', async () => {
    const evil = [
      ...injections,
      'x\r\nBcc: lead@example.org\r\n\r\nbody',
      '.\r\nMAIL FROM:<evil@example.org>',
      '\r\n.\r\n',
      '🔥'.repeat(500),
    ]
    const before = exim.mails('oncall').length
    const one = notifier()
    for (const value of evil) {
      const view = viewOf({
        alerts: [alertOf({ labels: { alertname: value, x: value }, annotations: { summary: value } })],
      })
      const poisoned = {
        ...view,
        incident: { ...view.incident, detail: value, plan: { ...view.incident.plan, rule: value } },
      }
      const made = message(compose(poisoned, rowOf({ summary: value }), {}, [], T0 + 500_000))
      expect(await one.send(made, { signal })).toMatchObject({ outcome: 'sent' })
    }
    await waitFor('delivered', () => exim.mails('oncall').length === before + evil.length, 30_000)
    expect(exim.mails('lead')).toEqual([])
    for (const mail of exim.mails('oncall')) {
      const names = mail.rawHeaders.map((one) => one.split(':')[0]?.toLowerCase())
      expect(names).not.toContain('bcc')
      expect(mail.headers.get('to')).toBe('oncall@example.org')
      expect(mail.text).toContain('WHAT BROKE')
      expect(mail.text).toContain('incident 12')
    }
  })
})
