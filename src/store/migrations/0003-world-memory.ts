import type { Dialect } from '../dialect.ts'
import { fixed, type Query } from '../unit.ts'

/** What guards must remember of the world between two looks: our own starts, absences, and how large a cluster was. */
export function worldMemory(_dialect: Dialect): readonly Query<unknown>[] {
  const ddl = (build: Parameters<typeof fixed>[0]): Query<unknown> => fixed(build)({})
  return [
    ddl((db) => db.schema.alterTable('targets').addColumn('invocations', 'text')),
    ddl((db) => db.schema.alterTable('targets').addColumn('missing_since', 'bigint')),
    ddl((db) => db.schema.alterTable('targets').addColumn('missing_at', 'bigint')),
    ddl((db) => db.schema.alterTable('targets').addColumn('in_sync_at', 'bigint')),
    ddl((db) =>
      db.schema
        .createTable('cluster_baselines')
        .ifNotExists()
        .addColumn('cluster', 'text', (c) => c.primaryKey())
        .addColumn('at', 'bigint', (c) => c.notNull())
        .addColumn('topics', 'integer', (c) => c.notNull())
        .addColumn('partitions', 'integer', (c) => c.notNull())
        .addColumn('shrunk_at', 'bigint')
        .addColumn('shrunk_topics', 'integer')
        .addColumn('shrunk_partitions', 'integer'),
    ),
  ]
}
