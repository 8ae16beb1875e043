import { DatabaseError } from 'pg'
import { StaleIncidentError } from './errors.ts'
import { StoreUnavailableError } from './store.ts'

/** Another try of the whole unit may do: a deadlock, a serialization failure, an incident that moved on meanwhile. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof StaleIncidentError) return true
  const code = codeOf(error)
  return code === '40P01' || code === '40001'
}

/** A table got a column (a newer build migrated) since the statement was prepared on this connection. */
export function isStalePlan(error: unknown): boolean {
  return codeOf(error) === '0A000' && error instanceof Error && error.message.includes('cached plan')
}

const BY_CODE: Readonly<Record<string, StoreUnavailableError['reason']>> = {
  // read_only_sql_transaction: a standby, or a server that was made one; insufficient_privilege
  '25006': 'readonly',
  '42501': 'readonly',
  // idle_in_transaction_session_timeout, query_canceled (statement_timeout), lock_not_available, too_many_connections
  '25P03': 'busy',
  '57014': 'busy',
  '55P03': 'busy',
  '53300': 'busy',
  '40P01': 'busy',
  '40001': 'busy',
  // disk_full, out_of_memory
  '53100': 'full',
  '53200': 'full',
  // io_error
  '58030': 'io',
  // invalid_catalog_name: it was dropped, or is being restored
  '3D000': 'io',
}

/** Connections, authorization, resources, intervention of an operator, trouble of the server's own system. */
const AWAY = /^(?:08|28|53|57P|58)/
/** Of Node, about a connection that was there. */
const NODE = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])
/** What `pg` says without a code when the connection is gone or gives no answer. */
const SAID = /^(?:Connection terminated|Query read timeout|Client has encountered a connection error|Client was closed)/

/**
 * What an error of PostgreSQL, `pg` or the network means for whoever waits for the commit. Null: it is not about the
 * database being there, and trying again would fail again.
 */
export function postgresUnavailable(error: unknown): StoreUnavailableError | null {
  if (error instanceof StoreUnavailableError) return error
  if (error instanceof StaleIncidentError) return new StoreUnavailableError('busy', error)
  const code = codeOf(error)
  const known = code === null ? undefined : BY_CODE[code]
  if (known !== undefined) return new StoreUnavailableError(known, error)
  return isLost(error) ? new StoreUnavailableError('io', error) : null
}

/** The connection is of no use any more, or nobody can tell. */
export function isLost(error: unknown): boolean {
  const code = codeOf(error)
  if (error instanceof DatabaseError) return code !== null && AWAY.test(code)
  if (code !== null && NODE.has(code)) return true
  return error instanceof Error && SAID.test(error.message)
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}
