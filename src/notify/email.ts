import { readFileSync } from 'node:fs'
import { createTransport } from 'nodemailer'
import type { Secret } from '../secret.ts'
import { isAddress, parseSender } from './addresses.ts'
import { defineNotifier, type Message, type Notifier, type SendOptions, type Sent } from './notifier.ts'
import { type Classified, classify, type SmtpError } from './smtp-outcome.ts'

/** A mail server as the configuration names it. */
export interface SmtpServer {
  readonly host: string
  readonly port: number
  /** `starttls` is required, never opportunistic; `tls` from the first byte; `none` neither asks nor upgrades. */
  readonly encryption: 'starttls' | 'tls' | 'none'
  readonly user: string | null
  readonly password: Secret | null
  /** PEM file of the authority that signed the server's certificate; null: the system's own authorities. */
  readonly caFile: string | null
  /** Name in the certificate where it differs from `host`. */
  readonly serverName: string | null
}

export interface EmailSettings {
  readonly server: SmtpServer
  readonly from: string
  readonly timeouts?: Partial<EmailTimeouts>
}

/** Milliseconds. nodemailer's own (2 min, 30 s, 10 min) are too long to find out that somebody must be told another way. */
export interface EmailTimeouts {
  readonly connect: number
  readonly greeting: number
  /** Silence on an open connection. */
  readonly socket: number
  /** The whole of one try, however slowly the server drips. */
  readonly whole: number
}

const TIMEOUTS: EmailTimeouts = { connect: 10_000, greeting: 15_000, socket: 30_000, whole: 120_000 }

/** Connections kept open at once. */
export const CONNECTIONS = 3

export const email = defineNotifier<EmailSettings>({
  type: 'email',
  summary: 'SMTP with STARTTLS, TLS or neither, over a few kept connections',
  open,
})

function open({ server, from, timeouts }: EmailSettings): Notifier {
  const sender = parseSender(from)
  if (!sender) throw new Error(`not a sender address: ${JSON.stringify(from)}`)
  const limits = { ...TIMEOUTS, ...timeouts }
  const transport = createTransport({
    pool: true,
    maxConnections: CONNECTIONS,
    maxMessages: 100,
    host: server.host,
    port: server.port,
    secure: server.encryption === 'tls',
    requireTLS: server.encryption === 'starttls',
    ignoreTLS: server.encryption === 'none',
    ...(server.user !== null && { auth: { user: server.user, pass: server.password?.reveal() ?? '' } }),
    tls: {
      minVersion: 'TLSv1.2',
      ...(server.caFile !== null && { ca: readFileSync(server.caFile) }),
      ...(server.serverName !== null && { servername: server.serverName }),
    },
    connectionTimeout: limits.connect,
    dnsTimeout: limits.connect,
    greetingTimeout: limits.greeting,
    socketTimeout: limits.socket,
    disableFileAccess: true,
    disableUrlAccess: true,
  })

  let closed = false

  async function send(message: Message, { signal }: SendOptions): Promise<Sent> {
    // A pool that is closed never answers.
    if (closed) return { outcome: 'retry', error: 'the settings have changed meanwhile', code: null, scope: 'message' }
    if (!isAddress(message.recipient))
      return { outcome: 'reject', error: `not an address: ${JSON.stringify(message.recipient)}`, code: null }
    if (signal.aborted) return { outcome: 'retry', error: 'stopping', code: null, scope: 'server' }
    const sending = transport
      .sendMail({
        from: { name: sender?.name ?? '', address: sender?.address ?? '' },
        to: { name: '', address: message.recipient },
        envelope: { from: sender?.address ?? '', to: [message.recipient] },
        messageId: message.messageId,
        ...(message.references.length > 0 && {
          references: [...message.references],
          inReplyTo: message.references.at(-1) ?? '',
        }),
        subject: message.subject,
        text: message.text,
        ...(message.html !== null && { html: message.html }),
        // No out-of-office notes, no loops (RFC 3834).
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      })
      .then(
        (info) => single(classify({ info })),
        (error: unknown) => single(classify({ error: error as SmtpError })),
      )
    return within(sending, limits.whole, signal)
  }

  async function check({ signal }: SendOptions): Promise<string | null> {
    const asked = transport.verify().then(
      (): Sent => ({ outcome: 'sent', response: '' }),
      (error: unknown) => single(classify({ error: error as SmtpError })),
    )
    const ended = await within(asked, limits.whole, signal)
    return ended.outcome === 'sent' ? null : `${ended.outcome}: ${ended.error}`
  }

  function close(): void {
    closed = true
    transport.close()
  }

  return { type: 'email', send, check, close }
}

/** One recipient per message: what is refused for some is refused for this one. */
function single(classified: Classified): Sent {
  if (classified.outcome !== 'partly') return classified
  const { error } = classified
  if (classified.retry.length > 0) return { outcome: 'retry', error, code: null, scope: 'message' }
  return { outcome: 'reject', error, code: null }
}

/** The try itself cannot be called back; after the bound or the abort nobody waits for it any more. */
async function within(sending: Promise<Sent>, ms: number, signal: AbortSignal): Promise<Sent> {
  const bound = AbortSignal.any([signal, AbortSignal.timeout(ms)])
  const { promise, resolve } = Promise.withResolvers<Sent>()
  const abandon = () => {
    const error = signal.aborted ? 'abandoned while stopping' : `not over within ${ms} ms`
    resolve({ outcome: 'retry', error, code: null, scope: 'server' })
  }
  if (bound.aborted) abandon()
  bound.addEventListener('abort', abandon, { once: true })
  try {
    return await Promise.race([sending, promise])
  } finally {
    bound.removeEventListener('abort', abandon)
  }
}
