import { StoreUnavailableError } from './store.ts'

/** The same database is in use by another process; only one may write it. */
export class StoreInUseError extends Error {
  override name = 'StoreInUseError'
  readonly path: string
  readonly pid: number | null
  constructor(path: string, pid: number | null, cause?: unknown) {
    super(`${path} is in use by ${pid === null ? 'another process' : `process ${pid}`}; stop it first`, { cause })
    this.path = path
    this.pid = pid
  }
}

/** The file was written by a newer build. */
export class SchemaTooNewError extends Error {
  override name = 'SchemaTooNewError'
  readonly found: number
  constructor(found: number, known: number) {
    super(
      `the database has schema ${found}, this build knows up to ${known}: start the newer build, or restore a backup`,
    )
    this.found = found
  }
}

/** The incident moved on between reading and saving. The whole unit is void. */
export class StaleIncidentError extends Error {
  override name = 'StaleIncidentError'
  readonly incident: number
  constructor(incident: number, version: number) {
    super(`incident ${incident} is no longer at version ${version}`)
    this.incident = incident
  }
}

/** Somebody made mails of an escalation since it was read. The whole unit is void, and it is nobody's mistake. */
export class ToldMeanwhileError extends Error {
  override name = 'ToldMeanwhileError'
  constructor(escalation: number) {
    super(`escalation ${escalation} has been told meanwhile`)
  }
}

/**
 * What an error of SQLite or of the file system means for whoever waits for the commit. Null: it is not about the database being there (a broken
 * constraint, a defect of ours), and trying again would fail again.
 */
export function unavailable(error: unknown): StoreUnavailableError | null {
  const code = codeOf(error)
  if (code === null) return null
  if (code === 'EROFS' || code === 'EACCES') return new StoreUnavailableError('readonly', error)
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return new StoreUnavailableError('busy', error)
  if (code === 'SQLITE_FULL') return new StoreUnavailableError('full', error)
  if (code.startsWith('SQLITE_IOERR')) return new StoreUnavailableError('io', error)
  if (code.startsWith('SQLITE_READONLY')) return new StoreUnavailableError('readonly', error)
  if (/^SQLITE_(CANTOPEN|CORRUPT|NOTADB|NOMEM|PERM|AUTH|PROTOCOL)/.test(code))
    return new StoreUnavailableError('other', error)
  return null
}

function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}
