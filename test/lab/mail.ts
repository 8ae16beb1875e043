import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch, mustRun, program, stop } from './processes.ts'
import { cacheHome, type LabState, type StateFile } from './state.ts'
import { waitFor } from './wait.ts'

/** A mail as the server took it. */
export interface ReceivedMail {
  readonly file: string
  readonly from: string
  readonly to: readonly string[]
  readonly receivedAt: string
  /** Whether it came over STARTTLS. */
  readonly secure: boolean
  /** The whole message, headers first. */
  readonly raw: string
  readonly subject: string
}

/** The certificate of the STARTTLS port; give it as `ca` to a client that verifies. */
export const smtpCertificate = join(cacheHome, 'smtp-cert.pem')
const smtpKey = join(cacheHome, 'smtp-key.pem')

export async function startSmtp(file: StateFile): Promise<void> {
  const state = file.now
  const mails = mailFolder(state)
  mkdirSync(mails, { recursive: true })
  await makeCertificate()
  const script = join(import.meta.dirname, 'smtp.ts')
  const settings = [mails, String(state.ports.smtp), String(state.ports.smtpTls), smtpKey, smtpCertificate]
  file.recordProcess('smtp', launch([process.execPath, script, ...settings], join(state.dir, 'smtp.log')))
  await waitFor(
    'the SMTP server',
    () => listens(state.ports.smtp).then(async (yes) => yes && (await listens(state.ports.smtpTls))),
    20_000,
  )
}

/** Ends the server: connections are refused until {@link startSmtp}. The mails stay. */
export async function stopSmtp(state: LabState): Promise<void> {
  const server = state.processes['smtp']
  if (server !== undefined) await stop(server)
}

/** All mails received so far, in order. */
export function mails(state: LabState): ReceivedMail[] {
  const folder = mailFolder(state)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => {
      const envelope = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Omit<
        ReceivedMail,
        'raw' | 'subject' | 'file'
      >
      const file = join(folder, name.replace(/\.json$/, '.eml'))
      const raw = readFileSync(file, 'utf8')
      return { ...envelope, file, raw, subject: subjectOf(raw) }
    })
}

async function makeCertificate(): Promise<void> {
  if (existsSync(smtpCertificate) && existsSync(smtpKey)) return
  mkdirSync(cacheHome, { recursive: true })
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', smtpKey]
  await mustRun([program('openssl'), 'req', '-x509', '-days', '3650', ...key, '-out', smtpCertificate, ...names])
}

async function listens(port: number): Promise<boolean> {
  const { createConnection } = await import('node:net')
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket
      .once('error', () => resolve(false))
      .once('connect', () => {
        socket.destroy()
        resolve(true)
      })
  })
}

/** Unfolded, with RFC 2047 words decoded as far as UTF-8 base64 and quoted-printable go. */
function subjectOf(raw: string): string {
  const head = raw.slice(0, raw.search(/\r?\n\r?\n/)).replaceAll(/\r?\n[ \t]+/g, ' ')
  const subject = /^subject:\s*(.*)$/im.exec(head)?.[1]?.trim() ?? ''
  return subject
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?b\?([^?]*)\?=/gi, (_, text: string) => Buffer.from(text, 'base64').toString('utf8'))
    .replaceAll(/=\?utf-8\?q\?([^?]*)\?=/gi, (_, text: string) => fromQuoted(text))
}

function fromQuoted(text: string): string {
  const bytes = text
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

function mailFolder(state: LabState): string {
  return join(state.dir, 'mails')
}
