import { existsSync, readFileSync } from 'node:fs'
import type { Config } from '../../config.ts'
import { openPostgresReader, openSqliteReader } from '../../store/open-reader.ts'
import type { Reader } from '../../store/recorded.ts'
import { ClientError } from '../client/error.ts'

/** The database of a configuration, for reading. Throws a sentence when it is not there. */
export function openDatabase({ database }: Pick<Config, 'database'>): Reader {
  if (database.kind === 'postgres') {
    const { caFile, password } = database
    const tls = caFile === null ? database.tls : { ca: readFileSync(caFile, 'utf8') }
    return openPostgresReader({ ...database, password: password?.reveal() ?? null, tls })
  }
  if (!existsSync(database.path)) {
    throw new ClientError([
      `there is no database at ${database.path}, as the configuration names it`,
      'name the configuration of the service with --config, or, for replay, a file of `export alerts` with --alerts',
    ])
  }
  return openSqliteReader(database.path)
}
