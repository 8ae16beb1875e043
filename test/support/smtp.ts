import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { type ReadMail, readMail } from './mime.ts'

/** A mail as a server took it. */
export interface Taken extends ReadMail {
  readonly from: string
  readonly to: readonly string[]
  readonly raw: string
  readonly secure: boolean
  readonly user: string | null
}

export interface MailServer {
  readonly port: number
  readonly taken: readonly Taken[]
  stop(): Promise<void>
}

/** The reply of a server that does not do as it is asked. */
export function reply(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code })
}

/** A real SMTP server in this process; `options` script its replies. Port 0 is any. */
export async function startMailServer(
  options: SMTPServerOptions & { readonly refuse?: (mail: Taken) => Error | null } = {},
  port = 0,
): Promise<MailServer> {
  const taken: Taken[] = []
  const { refuse, ...rest } = options
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    disabledCommands: options.cert ? [] : ['STARTTLS'],
    closeTimeout: 100,
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString('utf8')
        const from = session.envelope.mailFrom
        const mail: Taken = {
          ...readMail(raw),
          raw,
          from: from === false ? '' : from.address,
          to: session.envelope.rcptTo.map((one) => one.address),
          secure: session.secure,
          user: session.user ?? null,
        }
        const refused = refuse?.(mail) ?? null
        if (refused === null) taken.push(mail)
        done(refused)
      })
    },
    ...rest,
  })
  // A client that goes away is part of the tests.
  server.on('error', () => undefined)
  const listening = server.listen(port, '127.0.0.1')
  await once(listening, 'listening')
  return {
    port: (listening.address() as AddressInfo).port,
    taken,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** Hangs up instead of answering. */
export const DROP = Symbol('drop')

/** A server that answers by script: for what no well-behaved server does. `null` says nothing. */
export async function startRudeServer(
  script: (said: string) => string | typeof DROP | null,
  greeting: string | null = '220 rude ESMTP',
): Promise<{ readonly port: number; readonly said: readonly string[]; stop(): Promise<void> }> {
  const said: string[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    if (greeting !== null) socket.write(`${greeting}\r\n`)
    let rest = ''
    let inData = false
    socket.on('data', (chunk) => {
      rest += chunk.toString('utf8')
      for (;;) {
        const end = rest.indexOf('\r\n')
        if (end < 0) return
        const one = rest.slice(0, end)
        rest = rest.slice(end + 2)
        if (inData && one !== '.') continue
        said.push(one)
        const answer = script(one)
        inData = one.toUpperCase() === 'DATA' && typeof answer === 'string' && answer.startsWith('354')
        if (answer === DROP) {
          socket.destroy()
          return
        }
        if (answer !== null) socket.write(`${answer}\r\n`)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    said,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Answers of a server that takes everything, to be departed from. */
export function polite(said: string): string {
  const verb = said.split(' ')[0]?.toUpperCase() ?? ''
  if (verb === 'EHLO') return '250-rude\r\n250 8BITMIME'
  if (verb === 'DATA') return '354 go on'
  if (verb === 'QUIT') return '221 bye'
  return '250 ok'
}
