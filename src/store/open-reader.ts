import { unavailable } from './errors.ts'
import { PostgresDriver, type PostgresOptions } from './postgres.ts'
import type { Reader } from './recorded.ts'
import { Connection } from './sqlite.ts'

/**
 * Only reads a database that a service may be working on: takes no lock, migrates nothing. Throws StoreUnavailableError when
 * it cannot be opened.
 */
export function openSqliteReader(path: string): Reader {
  let connection: Connection
  try {
    connection = new Connection(path, true)
  } catch (error) {
    throw unavailable(error) ?? error
  }
  return {
    read: async (unit) => {
      try {
        return connection.transaction(unit, 'begin')
      } catch (error) {
        throw unavailable(error) ?? error
      }
    },
    close: async () => connection.close(),
  }
}

/** The same on PostgreSQL, over one connection; it is made by the first look. */
export function openPostgresReader(options: Omit<PostgresOptions, 'pool'>): Reader {
  return new PostgresDriver({ ...options, pool: 1 })
}
