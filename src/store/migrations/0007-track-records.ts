import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** What each incident says of its rule, in few words and narrow rows: a report reads all of a month's. */
export function trackRecords(_dialect: Dialect): readonly Query<unknown>[] {
  return [
    fixed((db) =>
      db.schema
        .createTable('track_records')
        .addColumn('incident', 'integer', (c) => c.primaryKey().references('incidents.id'))
        .addColumn('rule', 'text', (c) => c.notNull())
        .addColumn('cluster', 'text')
        .addColumn('opened_at', 'bigint', (c) => c.notNull())
        .addColumn('facts', 'text', (c) => c.notNull())
        .addColumn('alerts', 'integer', (c) => c.notNull())
        .addColumn('attempt_at', 'bigint')
        .addColumn('healed_at', 'bigint'),
    )({}),
  ]
}
