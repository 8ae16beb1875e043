import {
  type ColumnDefinitionBuilder,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import type { Tables } from './tables.ts'
import { fixed, one, type Queries, type Unit } from './unit.ts'

/** What differs between the databases; all statements else are the same. */
export interface Dialect {
  /** Compiles, never executes: nothing reaches the database but through a unit. */
  readonly queries: Queries
  /** Ids that order or page: never given twice, not even after a delete. */
  readonly id: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
  /** One process owns the database, so what another boot id left behind is over (design 4.3). */
  readonly exclusive: boolean
  /** Bytes in use, without what deleted rows left free. */
  usedBytes(): Unit<number>
}

export const sqliteDialect: Dialect = {
  queries: new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  }),
  id: (column) => column.primaryKey().autoIncrement(),
  exclusive: true,
  *usedBytes() {
    return (yield* one(pages({})))?.bytes ?? 0
  },
}

const pages = fixed((db) =>
  db.selectNoFrom(
    sql<number>`(select (page_count - freelist_count) * page_size from pragma_page_count, pragma_freelist_count, pragma_page_size)`.as(
      'bytes',
    ),
  ),
)
