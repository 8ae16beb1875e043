import type { Sent } from './notifier.ts'

/** What nodemailer throws or resolves with, in the fields that a decision can look at. All of them may be absent. */
export interface SmtpError {
  readonly message: string
  readonly code?: string | undefined
  readonly responseCode?: number | undefined
  readonly command?: string | undefined
  readonly syscall?: string | undefined
  readonly originalCode?: string | undefined
  readonly recipient?: string | undefined
  readonly rejectedErrors?: readonly SmtpError[] | undefined
}

export interface SmtpInfo {
  readonly accepted: readonly unknown[]
  readonly rejected: readonly unknown[]
  readonly rejectedErrors?: readonly SmtpError[] | undefined
  readonly response: string
}

export type Classified =
  | Sent
  /** Taken for some recipients: the rest is to be tried again or given up, each by its own reply. */
  | {
      readonly outcome: 'partly'
      readonly response: string
      readonly retry: readonly string[]
      readonly rejected: readonly string[]
      readonly error: string
    }

/** A mail server's answers to MAIL FROM about the size of the message, not about its sender. */
const TOO_LARGE = 552
/** 504 mechanism unknown, 530 authentication required, 535 credentials wrong, 538 encryption required. */
const CONFIGURATION_CODES = new Set([504, 530, 534, 535, 538])

/**
 * Decides what an ended try means. 4xx may work later, 5xx never will; without a reply code it is a matter of the
 * connection, and only TLS and authentication are matters of configuration (table: lab notes on mail).
 */
export function classify(ended: { readonly info: SmtpInfo } | { readonly error: SmtpError }): Classified {
  if ('error' in ended) return ofError(ended.error)
  const { info } = ended
  const errors = info.rejectedErrors ?? []
  if (errors.length === 0) return { outcome: 'sent', response: info.response }
  return { outcome: 'partly', response: info.response, ...split(errors), error: words(errors) }
}

function ofError(error: SmtpError): Sent {
  const { command } = error
  const said = error.message
  const recipients = error.rejectedErrors ?? []
  // nodemailer reports the code of the first refused recipient; one that may work later outweighs it.
  const later = recipients.find((one) => (one.responseCode ?? 0) < 500)
  const code = (later ?? error).responseCode ?? null
  if (error.code === 'EAUTH' || error.code === 'ENOAUTH' || error.code === 'ETLS') {
    // 454 "temporary authentication failure" is the server's trouble, not our password's.
    if (code !== null && code >= 400 && code < 500) return { outcome: 'retry', error: said, code, scope: 'server' }
    return { outcome: 'configuration', error: said, code }
  }
  if (code === null) {
    if (isTls(error)) return { outcome: 'configuration', error: said, code }
    return { outcome: 'retry', error: said, code, scope: 'server' }
  }
  const greeting = command === 'CONN' || command === 'EHLO' || command === 'HELO'
  if (code < 500) return { outcome: 'retry', error: said, code, scope: greeting ? 'server' : 'message' }
  if (CONFIGURATION_CODES.has(code) || greeting) return { outcome: 'configuration', error: said, code }
  // The sender is ours and the same in every mail: refusing it is not about this mail.
  if (command === 'MAIL FROM' && code !== TOO_LARGE) return { outcome: 'configuration', error: said, code }
  return { outcome: 'reject', error: said, code }
}

/** Certificate unknown or of another name, or TLS spoken to a port that does not: same code as "refused", told apart by what is missing. */
function isTls(error: SmtpError): boolean {
  if (error.code !== 'ESOCKET' || error.syscall !== undefined) return false
  return /certificate|altnames|self[- ]signed|wrong version number|tls|ssl/i.test(
    `${error.message} ${error.originalCode ?? ''}`,
  )
}

function split(errors: readonly SmtpError[]): {
  readonly retry: readonly string[]
  readonly rejected: readonly string[]
} {
  const of = (wanted: boolean) =>
    errors.filter((one) => (one.responseCode ?? 0) < 500 === wanted).map((one) => one.recipient ?? '')
  return { retry: of(true), rejected: of(false) }
}

function words(errors: readonly SmtpError[]): string {
  return errors.map((one) => one.message).join('; ')
}
