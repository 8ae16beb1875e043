import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** Maintenance windows, what the configuration plans as far ahead as was looked; and the daily mails of pauses. */
export function windows(_dialect: Dialect): readonly Query<unknown>[] {
  return [
    fixed((db) =>
      db.schema
        .createTable('windows')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('covers', 'text', (c) => c.notNull())
        .addColumn('starts_at', 'bigint', (c) => c.notNull())
        .addColumn('ends_at', 'bigint', (c) => c.notNull())
        .addColumn('comment', 'text', (c) => c.notNull())
        .addColumn('applied', 'text', (c) => c.notNull()),
    )({}),
    // Pauses are told each day (S-3.5).
    fixed((db) => db.schema.alterTable('pauses').addColumn('tell_at', 'bigint'))({}),
  ]
}
