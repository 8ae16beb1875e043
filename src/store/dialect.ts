import {
  type ColumnDefinitionBuilder,
  type DataTypeNode,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type SelectModifierNode,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import type { Instant } from '../clock.ts'
import type { Tables } from './tables.ts'
import { fixed, one, type Queries, type Query, type Unit } from './unit.ts'

/** Bytes of a row beside its values: its header, its pointer, and about two entries of indexes. */
const ROW_OVERHEAD = 100

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
  /** The database's own clock, where several processes with clocks of theirs share it. */
  readonly clock: Query<{ readonly at: number }> | null
}

/** Locks of rows are for databases that several write at once; here one unit runs at a time. */
class SqliteCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (!LOCKS.has(node.modifier ?? '')) super.visitSelectModifier(node)
  }
}
const LOCKS: ReadonlySet<string> = new Set(['ForUpdate', 'SkipLocked'])

/** An integer has 64 bits in both databases: ids refer to ids, and counts go on for years. */
class PostgresCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    if (node.dataType === 'integer') this.append('bigint')
    else super.visitDataType(node)
  }
}

export const sqliteDialect: Dialect = {
  queries: new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteCompiler(),
    },
  }),
  id: (column) => column.primaryKey().autoIncrement(),
  exclusive: true,
  *usedBytes() {
    return (yield* one(pages({})))?.bytes ?? 0
  },
  clock: null,
}

export const postgresDialect: Dialect = {
  queries: new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresCompiler(),
    },
  }),
  id: (column) => column.generatedByDefaultAsIdentity().primaryKey(),
  exclusive: false,
  *usedBytes() {
    return (yield* one(liveBytes({})))?.bytes ?? 0
  },
  get clock() {
    return databaseClock({})
  },
}

const pages = fixed((db) =>
  db.selectNoFrom(
    sql<number>`(select (page_count - freelist_count) * page_size from pragma_page_count, pragma_freelist_count, pragma_page_size)`.as(
      'bytes',
    ),
  ),
)

/**
 * An estimate. A file does not shrink when rows go, so its size says nothing of what is in use: rows that live are taken
 * times their width as last analyzed (with their share of header and indexes), but never for more than the file.
 */
const liveBytes = fixed((db) =>
  db.selectNoFrom(
    sql<number>`(
      select coalesce(sum(case
        when t.live + t.dead = 0 then t.size
        else least(t.size * t.live / (t.live + t.dead), coalesce(t.live * (t.width + ${sql.lit(ROW_OVERHEAD)}), t.size))
      end), 0)::bigint
      from (
        select s.n_live_tup as live, s.n_dead_tup as dead, pg_total_relation_size(s.relid) as size,
          (select sum(avg_width) from pg_stats where schemaname = s.schemaname and tablename = s.relname) as width
        from pg_stat_user_tables s where s.schemaname = current_schema()
      ) t
    )`.as('bytes'),
  ),
)

/** `clock_timestamp`, not `now`: a unit may have waited for its turn since it began. */
const databaseClock = fixed((db) =>
  db.selectNoFrom(sql<number>`(extract(epoch from clock_timestamp()) * 1000)::bigint`.as('at')),
)

/**
 * The time by which leases are set and judged: the database's where several processes share it, for theirs need not agree;
 * where one owns it, the caller's.
 */
export function* leaseClock({ clock }: Dialect, now: Instant): Unit<Instant> {
  return clock === null ? now : ((yield* one(clock))?.at ?? now)
}
