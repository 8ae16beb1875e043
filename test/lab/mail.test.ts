import { readFileSync } from 'node:fs'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, startLab } from './lab.ts'
import { smtpCertificate } from './mail.ts'

let lab: Lab

beforeAll(async () => {
  lab = await startLab({ parts: ['mail'] })
}, 60_000)
afterAll(() => lab?.down(), 30_000)

const message = { from: 'a@example.com', to: 'b@example.com', subject: 'Broker 2 – geheilt', text: 'It serves again.' }
const plain = () => createTransport({ host: '127.0.0.1', port: lab.state.ports.smtp })

describe("the lab's SMTP server", () => {
  test('keeps what it takes, in order, also over a verified STARTTLS', async () => {
    await plain().sendMail(message)
    const tls = { ca: readFileSync(smtpCertificate) }
    await createTransport({ host: '127.0.0.1', port: lab.state.ports.smtpTls, requireTLS: true, tls }).sendMail(message)
    expect(lab.mails()).toMatchObject([
      { secure: false, to: ['b@example.com'], subject: message.subject },
      { secure: true, to: ['b@example.com'], subject: message.subject },
    ])
    expect(lab.mails()[0]?.raw).toContain('It serves again.')
  })

  test('refuses a recipient with the reply code that its address begins with', async () => {
    await expect(plain().sendMail({ ...message, to: '451-later@example.com' })).rejects.toMatchObject({
      responseCode: 451,
    })
    await expect(plain().sendMail({ ...message, to: '550-nobody@example.com' })).rejects.toMatchObject({
      responseCode: 550,
    })
  })

  test('goes away and comes back with its mails', async () => {
    const before = lab.mails().length
    await lab.stopSmtp()
    await expect(plain().sendMail(message)).rejects.toThrow('ECONNREFUSED')
    await lab.startSmtp()
    await plain().sendMail(message)
    expect(lab.mails()).toHaveLength(before + 1)
  })
})
