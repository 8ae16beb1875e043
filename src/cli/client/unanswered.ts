import { formatDuration } from '../../duration.ts'
import { reasonOf } from '../../probes/exchange.ts'
import { ClientError } from './error.ts'
import type { Server } from './server.ts'

const NOT_THERE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'])
const NO_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME'])
const CERTIFICATE = /CERT|SIGNATURE|SELF_SIGNED|ISSUER/

/** No answer came: why, and what to do about it. */
export function unanswered({ source, from }: Server, error: unknown): ClientError {
  const { url, timeoutMs, certFile, caFile } = source
  const code = codeOf(error)
  const reason = reasonOf(error)
  const where = `The address is from: ${from}. --url or KAFKA_HEALING_URL name another one.`
  if (isLate(error))
    return new ClientError([
      `kafka-healing at ${url} has not answered within ${formatDuration(timeoutMs)}`,
      'It may be busy, or something in between swallows the connection. --timeout waits longer.',
      where,
    ])
  if (NOT_THERE.has(code))
    return new ClientError([
      `nobody answers at ${url} (${code === 'ECONNREFUSED' ? 'connection refused' : reason})`,
      'Is kafka-healing running? `kafka-healing serve` starts it.',
      where,
    ])
  if (NO_NAME.has(code)) return new ClientError([`there is no host of that name: ${url} (${code})`, where])
  if (CERTIFICATE.test(code))
    return new ClientError([
      `the certificate of ${url} is not believed: ${reason}`,
      caFile === null ? '--ca-file names the authority that signed it.' : `The authorities are those in ${caFile}.`,
    ])
  if (reason.includes('is not the one in'))
    return new ClientError([
      `${url} is not the service of ${from}: ${reason}`,
      `Was ${certFile} renewed after the start? Then restart it, or name its authority with --ca-file.`,
    ])
  const scheme = url.startsWith('https:')
    ? 'Does it speak plain HTTP? Then the address begins with http://.'
    : 'Does it speak TLS? Then the address begins with https://.'
  const confused = code === 'EPROTO' || code.startsWith('HPE_') || code.startsWith('ERR_SSL') || code === 'ECONNRESET'
  return new ClientError([`${url}: ${reason}`, ...(confused ? [scheme] : []), where])
}

function isLate(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || isLate(error.cause))
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
